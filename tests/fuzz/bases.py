"""The unharmed inputs that cases are made from: sessions that the program recorded, and small model folders."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from tests.fuzz.cases import Case
from tests.fuzz.running import run_command

PROMPT: Final = "Once upon a time"
RUNS: Final[dict[str, tuple[str, ...]]] = {
    "plain": ("--prompt", PROMPT, "--max-new-tokens", "10", "--detail", "layer"),
    "paged": (
        "--prompt", PROMPT, "--prompt", "A dog", "--prompt", PROMPT, "--max-new-tokens", "8", "--ignore-eos",
        "--kv", "paged", "--block-size", "4", "--batching", "continuous", "--max-batch", "2", "--attention-layer", "0",
        "--switch-at", "5:kv=contiguous",
    ),
    "drafted": ("--prompt", "a a a a a a a a", "--max-new-tokens", "12", "--speculate", "ngram", "--k", "3"),
    "static": (
        "--prompt", PROMPT, "--prompt", "The cat", "--max-new-tokens", "6", "--batching", "static", "--max-batch", "2",
        "--kv", "none", "--temperature", "1", "--seed", "3",
    ),
}  # fmt: skip
"""Sessions by name, and how `record` is told to make them."""


def make_sessions(folder: Path) -> None:
    """Record the sessions of RUNS on the demo model, and one as a killed writer leaves it; those there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, options in RUNS.items():
        path = folder / f"{name}.dscope"
        if not path.exists():
            _run(folder, "record", *options, "-o", str(path), "--json")
            _settle_times(path)
    if not (folder / "killed.dscope").exists():
        _leave_log(folder / "plain.dscope", folder / "killed.dscope")


def make_models(folder: Path) -> None:
    """Model folders of three families and GGUF files, with tokenizers and chat templates; those there are kept."""
    from tests.engine.gguf.models import save_models
    from tests.engine.model.checkpoints import save_checkpoint

    for kind in ("llama", "gemma3", "gpt2"):
        target = folder / kind
        if not target.exists():
            save_checkpoint(target, kind, max_shard_size="60KB" if kind == "llama" else "1GB")
            (target / "tokenizer_config.json").write_text(json.dumps({
                "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "t1", "eos_token": "t2", "pad_token": "t0",
                "chat_template": "{% for one in messages %}{{ one['role'] }} {{ one['content'] }}{% endfor %}",
            }))  # fmt: skip
    save_models(folder)
    # Where the C kernels are not compiled yet, the first cases would do it, and be found to take too long.
    _run(folder, "record", "--model", str(folder / "llama"), "--prompt", "t3", "--max-new-tokens", "1", "--json")


def _run(folder: Path, *command: str) -> None:
    """Run a command in a child of this process, as cases are; raises RuntimeError where it did not do as it should."""
    pid = os.fork()
    if pid == 0:
        try:
            found = list(run_command(Case("", folder, ()), command, folder / "base"))
        except BaseException:
            os._exit(3)
        os._exit(1 if found else 0)
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError((folder / "base.err").read_text())


def _settle_times(path: Path) -> None:
    """Times of a session that do not depend on when and where it was made, so that a case is the same everywhere."""
    db = sqlite3.connect(path)
    shift = "id * 1000000"
    db.execute(f"UPDATE steps SET start_ns = {shift}, end_ns = {shift} + 900000, device_ns = 800000")
    db.execute("UPDATE tokens SET emitted_ns = (step_id + 1) * 1000000 - 100000")
    db.execute("UPDATE requests SET arrived_ns = 0, scheduled_ns = 0, first_token_ns = 900000")
    db.execute("UPDATE requests SET finished_ns = (SELECT max(end_ns) FROM steps) WHERE finished_ns IS NOT NULL")
    db.commit()
    db.close()


def _leave_log(source: Path, target: Path) -> None:
    """A copy whose last writes lie in the write-ahead log beside it."""
    beside = target.with_suffix(".open")
    shutil.copyfile(source, beside)
    db = sqlite3.connect(beside)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("INSERT INTO marks VALUES (5, 'user', 'note')")
    db.commit()
    for end in ("", "-wal"):
        shutil.copyfile(f"{beside}{end}", f"{target}{end}")
    db.close()
    beside.unlink()
