"""Every wrong input ends in one sentence on standard error and exit status 2, without a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.session.file import SessionWriter
from tests.app.cli.conftest import ROOT, Run

DEMO = ROOT / "assets" / "demo" / "target"


def broken_model(folder: Path, kind: str) -> None:
    folder.mkdir()
    for name in ("tokenizer.json", "generation_config.json"):
        (folder / name).write_bytes((DEMO / name).read_bytes())
    config = json.loads((DEMO / "config.json").read_text())
    weights = (DEMO / "model.safetensors").read_bytes()
    if kind == "architecture":
        config["architectures"], config["model_type"] = ["MambaForCausalLM"], "mamba"
    if kind == "truncated":
        weights = weights[: len(weights) // 2]
    if kind == "tokenizer":
        (folder / "tokenizer.json").unlink()
    if kind == "surrogate":
        config["architectures"] = ["Half\ud800ForCausalLM"]
    if kind == "template":
        loop = "{% for i in range(100000) %}{% for j in range(100000) %}{{ '' }}{% endfor %}{% endfor %}"
        (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": loop}))
    if kind != "config":
        (folder / "config.json").write_text(json.dumps(config))
    if kind != "weights":
        (folder / "model.safetensors").write_bytes(weights)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["record", "--model", "no/such/folder"], "no/such/folder"),
        (["record", "--model", "config"], "config.json"),
        (["record", "--model", "architecture"], "MambaForCausalLM"),
        (["record", "--model", "surrogate"], "Half\ufffdForCausalLM"),
        (["record", "--model", "truncated"], "safetensors"),
        (["record", "--model", "weights"], "safetensors"),
        (["record", "--model", "tokenizer"], "tokenizer.json"),
        (["record", "--max-new-tokens", "-3"], "max_new_tokens must be between"),
        (["record", "--max-new-tokens", "many"], "'many' is not a whole number"),
        (["record", "--attention-layer", "9" * 26], "is too large"),
        (["record", "--kv-memory", "9" * 26], "is not a size"),
        (["record", "--kv-memory", "9" * 18 + "G"], "kv_memory must be between 1 and"),
        (["record", "--stop", ""], "A stop text must not be empty"),
        (["record", "--kv", "magic"], "--kv: invalid choice: 'magic'"),
        (["record", "--temperature", "-1"], "temperature must be between"),
        (["record", "--top-p", "1.5"], "top_p must be above 0"),
        (["record", "--switch-at", "5:kv=magic"], "kv must be one of none, contiguous, paged"),
        (["record", "--switch-at", "5:nothing=1"], "There is no switch 'nothing'"),
        (["record", "--switch-at", "now"], "is not STEP:NAME=VALUE"),
        (["record", "--switch-at", "9" * 23 + ":kv=none"], "is not STEP:NAME=VALUE"),
        (["record", "--switch-at", "9" * 18 + ":kv=none"], "the step of a switch must be between 0 and"),
        (["record", "--switch-at", "5:kv=none,k=2,kv=paged"], "gives kv twice"),
        (["record", "--device", "cuda"], "cuda"),
        (["record", "--device", "abacus"], "abacus"),
        (
            ["record", "--dtype", "float16", "--graphs", "on"],
            "graphs=on cannot run here: A step cannot be compiled here:",
        ),
        (["record", "--switch-at", "3:kv=paged", "--switch-at", "3:kv=none"], "switch kv to both paged and none"),
        (["record", "--kv-memory", "1"], "Request 0 may come to"),
        (["record", "--kv", "paged", "--kv-memory", "100k"], "bytes of KV memory, and the limit is 100000"),
        (["record", "--attention-layer", "99"], "layer"),
        (["record", "--prompt", "a", "--prompt", "word " * 3000], "The prompt of request 1 has 3"),
        (["record", "--prompt", "word " * 3000], "1024"),
        (["record", "-o", "no/where/run.dscope"], "no/where"),
        (["record", "-o", "/proc/run.dscope"], "/proc"),
        (["record", "-o", "notes.txt"], "left as it is"),
        (["record", "--requests", "absent.jsonl"], "absent.jsonl"),
        (["record", "--chat"], "has no chat template"),
        (["record", "--model", "template", "--chat"], "Request 0: The chat template was stopped: it took more than"),
        (["record", "--model", "template", "--requests", "chat.jsonl"], "Request 1: The chat template was stopped"),
        (["record", "--requests", "bad.jsonl"], "Line 2 of bad.jsonl"),
        (["record", "--requests", "bad.jsonl", "--prompt", "x"], "either --prompt or --requests"),
        (["record", "--requests", ""], "The requests file  cannot be read"),
        (["record", "--requests", "half.jsonl"], 'Line 1 of half.jsonl is wrong: "prompt" is not valid Unicode'),
        (["record", "--prompt", "\udcff"], "is not valid Unicode"),
        (["export", "run.dscope", "--to", "chrome", "-o", "no/t.json"], "cannot be written"),
        (["export", "run.dscope", "--to", "csv", "-o", "notes.txt"], "cannot be written"),
        (["export", "run.dscope", "--to", "pdf", "-o", "x"], "invalid choice: 'pdf'"),
        (["export", "run.dscope", "--to", "chrome", "-o", "run.dscope"], "is a session file and was left as it is"),
        (["export", "run.dscope", "--to", "html", "-o", "run.dscope"], "is a session file and was left as it is"),
        (["export", "run.dscope", "--to", "png", "-o", "run.dscope"], "is a session file and was left as it is"),
        (["export", "run.dscope", "--to", "svg", "-o", "/dev/full"], "/dev/full cannot be written: No space left"),
        (["export", "run.dscope", "--to", "png", "-o", "/dev/full"], "/dev/full cannot be written: No space left"),
        (["export", "run.dscope", "--to", "csv", "-o", "x", "--panel", "latency"], "--panel is for png and svg"),
        (["compare", "run.dscope", "absent.dscope"], "There is no file absent.dscope"),
        (["info", "absent.dscope"], "There is no file absent.dscope"),
        (["info", "notes.txt"], "not an SQLite database"),
        (["info", "run.dscope", "--steps", "0:3"], "--steps 0:3 reaches beyond the session, which has no steps"),
        (["info", "run.dscope", "--steps", "3"], "'3' is not FIRST:LAST"),
        (["info", "run.dscope", "--steps", "-1:3"], "--steps"),
        (["info", "run.dscope", "--steps", "5:3"], "'5:3' ends before it begins"),
        (["export", "notes.txt", "--to", "chrome", "-o", "x.json"], "not an SQLite database"),
        (["export", "notes.txt", "--to", "gif", "-o", "x.gif"], "invalid choice"),
        (["bench", "--suite", "nothing"], "--suite: invalid choice: 'nothing'"),
        (["screenshot", "notes.txt", "-o", "x.bmp"], ".png or .svg"),
        (["absent.dscope"], "There is no file or folder absent.dscope"),
    ],
)
def test_wrong_input(prepared: Run, tmp_path: Path, arguments: list[str], words: str) -> None:
    assert_refused(prepared, tmp_path, arguments, words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["record", "--model", "truncated"], "safetensors"),
        (["record", "--kv-memory", "1"], "Request 0 may come to"),
        (["record", "--model", "template", "--chat"], "Request 0: The chat template was stopped: it took more than"),
        (["info", "notes.txt"], "not an SQLite database"),
        (["absent.dscope"], "There is no file or folder absent.dscope"),
    ],
)
def test_wrong_input_of_a_process_of_its_own(
    decodescope: Run, tmp_path: Path, arguments: list[str], words: str
) -> None:
    assert_refused(decodescope, tmp_path, arguments, words)


def assert_refused(run: Run, tmp_path: Path, arguments: list[str], words: str) -> None:
    """One sentence with these words, and nothing written or left behind."""
    (tmp_path / "notes.txt").write_text("these are not yours\n")
    (tmp_path / "bad.jsonl").write_text('{"prompt": "fine"}\n{"prompt": 5}\n')
    (tmp_path / "half.jsonl").write_text('{"prompt": "half of a pair: \\ud800"}\n')
    chat = '{"prompt": "plain", "max_new_tokens": 2}\n{"messages": [{"role": "user", "content": "hello"}]}\n'
    (tmp_path / "chat.jsonl").write_text(chat)
    if "run.dscope" in arguments:
        SessionWriter(tmp_path / "run.dscope").close()
    if "--model" in arguments and "/" not in arguments[2]:
        broken_model(tmp_path / arguments[2], arguments[2])
    done = run(*arguments)
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.strip().splitlines() if not line.startswith("loading: ")]  # where it is slow
    assert len(said) == 1, done.stderr
    assert (tmp_path / "notes.txt").read_text() == "these are not yours\n"
    assert {path.name for path in tmp_path.glob("*.dscope")} <= {"run.dscope"} & set(arguments)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_behind_the_output_is_one_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    with SessionWriter(tmp_path / "run.dscope"):
        pass
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "app.main", "info", "run.dscope"], stdout=full, stderr=subprocess.PIPE, text=True,
            env={**environment, "PYTHONPATH": str(ROOT)}, cwd=tmp_path, check=False,
        )  # fmt: skip
    assert done.stderr == "decodescope: The output cannot be written: the disk is full.\n"
    assert done.returncode == 1


@pytest.mark.skipif(sys.platform == "win32", reason="pipes have no paths there")
@pytest.mark.parametrize(
    "arguments",
    [
        ["info", "pipe.dscope"],
        ["export", "pipe.dscope", "--to", "html", "-o", "a.html"],
        ["screenshot", "pipe.dscope", "-o", "a.png"],
        ["compare", "pipe.dscope", "pipe.dscope"],
        ["pipe.dscope"],
    ],
)
def test_a_pipe_in_place_of_a_session_is_never_waited_for(
    tmp_path: Path, environment: dict[str, str], arguments: list[str]
) -> None:
    os.mkfifo(tmp_path / "pipe.dscope")
    done = subprocess.run(
        [sys.executable, "-m", "app.main", *arguments],
        capture_output=True, text=True, cwd=tmp_path, env={**environment, "PYTHONPATH": str(ROOT)}, check=False,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    (sentence,) = done.stderr.splitlines()
    assert "it is a pipe, a socket or a device" in sentence
