"""What every case of a storm needs: a folder, a session, the program as a process of its own, and who is left of it."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psutil

from engine.errors import SessionFileError
from engine.session.file import SessionFile, SessionWriter, open_session
from engine.session.store import Session
from tests.engine.session.synthetic import synthetic_events

ROOT: Final = Path(__file__).parents[2]
OF_CASE: Final = "DECODESCOPE_STORM"
"""The variable by which the processes of a case are known, however they were started."""
GONE_WITHIN_S: Final = 5.0
"""How long what the program started may outlive it, on a machine that is busy with many storms."""
PATIENCE_S: Final = 240.0


@dataclass(slots=True)
class Outcome:
    """What became of a case."""

    faults: list[str] = field(default_factory=list)
    """Sentences; none where all went well."""
    kind: str = ""
    """What happened, for the counts."""
    figure: float = 0.0
    """What the worst is sought of: seconds to the end, or milliseconds lost."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A folder with `old.dscope`, and the environment of the processes."""

    folder: Path
    environment: dict[str, str]


@contextmanager
def setting(steps: int = 400, cache: str | None = None) -> Iterator[Setting]:
    """A folder of an hour, with a session of so many steps and without a user's own files.

    `cache` is a cache folder to use; by default an empty one, in which the C kernels are compiled first.
    """
    with TemporaryDirectory(prefix="storm-") as name:
        folder = Path(name)
        with SessionWriter(folder / "old.dscope") as writer:
            for batch in synthetic_events(steps, attention_rows=4):
                writer.append(batch)
        own = {"PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1"}
        own |= {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CACHE", "DATA", "CONFIG")}
        own |= {} if cache is None else {"XDG_CACHE_HOME": cache}
        yield Setting(folder, {**os.environ, **own})


def start(place: Setting, case: str, arguments: list[str]) -> subprocess.Popen[str]:
    """`decodescope ARGUMENTS...` in a folder of the case's own, in a process group of its own."""
    folder = place.folder / case
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "app.main", *arguments], cwd=folder, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0,
        env={**place.environment, OF_CASE: f"{os.getpid()}-{case}", "TMPDIR": str(folder / "tmp")},
    )  # fmt: skip


def processes_of(case: str) -> list[psutil.Process]:
    """Every process of a case that is alive."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            mine = process.environ().get(OF_CASE) == f"{os.getpid()}-{case}"
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def orphans(case: str) -> list[str]:
    """What the program left behind; it is ended here, so that no other case suffers from it."""
    _, alive = psutil.wait_procs(processes_of(case), GONE_WITHIN_S)
    named = []
    for process in alive:
        with suppress(psutil.Error):
            named.append(" ".join(process.cmdline()[:6]))
            process.kill()
    return named


def recording(rng: random.Random, folder: Path, output: str, tokens: int) -> list[str]:
    """A `record` of the demo model: one request or a batch, with switches on the way."""
    words = ["record", "--ignore-eos", "--max-new-tokens", str(tokens), "-o", output]
    words += ["--kv", rng.choice(("none", "contiguous", "paged")), "--detail", rng.choice(("off", "phase", "layer"))]
    if rng.random() < 0.5:
        lines = [json.dumps({"prompt": "The cat", "arrival_s": round(rng.random() / 5, 3)}) for _ in range(6)]
        (folder / "requests.jsonl").write_text("\n".join(lines))
        batching = rng.choice(("single", "static", "continuous"))
        words += ["--requests", "requests.jsonl", "--batching", batching, "--max-batch", "4"]
    if rng.random() < 0.5:
        words += ["--attention-layer", "0"]
    for step in sorted(rng.sample(range(2, 60), 3)):
        words += ["--switch-at", f"{step}:kv={rng.choice(('none', 'contiguous', 'paged'))}"]
    return words


def steps_committed(path: Path) -> int:
    """How many steps a file holds that is being written; 0 where it cannot be asked yet."""
    with suppress(SessionFileError), closing(SessionFile(path)) as file:
        return int(file.query("SELECT count(*) FROM steps")[0][0])
    return 0


def whole(path: Path) -> tuple[Session | None, list[str]]:
    """The session that a file holds, and what is wrong with it: SQLite's own check, packs against rows, ids."""
    faults: list[str] = []
    try:
        session = open_session(path)
    except SessionFileError as error:
        return None, [f"{path.name} cannot be opened: {error}"]
    with closing(sqlite3.connect(path)) as database:
        if (said := database.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
            faults.append(f"{path.name}: quick_check says {said}")
        for table in ("steps", "tokens"):
            count, first, last = database.execute(f"SELECT count(*), min(id), max(id) FROM {table}").fetchone()
            if count and (first, last) != (0, count - 1):
                faults.append(f"{path.name}: {count} {table}, numbered {first} to {last}")
            if len(getattr(session, table)) != count:
                faults.append(f"{path.name}: {count} {table}, of which {len(getattr(session, table))} are read")
    if isinstance(session.source, SessionFile):
        session.source.close()
    return session, faults


def reference_s() -> float:
    """How long a process that does nothing takes here and now: some hundredths of a second on a quiet machine."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-I", "-S", "-c", ""], check=True)
    return time.monotonic() - begun
