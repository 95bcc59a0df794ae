"""Names, notes and marks survive a kill -9 of the program that wrote them, at whatever moment it comes."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from engine.session.file import open_session
from engine.session.writer import SessionWriter
from tests.engine.session.synthetic import synthetic_events

CLOSED = """
import sys
from engine.session.edits import edit_file
from engine.session.schema import FactsSet, Mark, MarkChanged
for number in range(1_000_000):
    edit_file(sys.argv[1], [
        FactsSet({"name": f"name {number}", "notes": str(number) * 1000}),
        MarkChanged(None, Mark(number, "user", f"mark {number}")),
    ])
    print(number, flush=True)
"""
LIVE = """
import sys
from engine.session.schema import FactsSet, Mark, MarkChanged
from engine.session.writer import SessionWriter
from tests.engine.session.synthetic import synthetic_events
writer = SessionWriter(sys.argv[1])
for number, batch in enumerate(synthetic_events(1_000_000)):
    writer.append(batch)
    writer.append([
        FactsSet({"name": f"name {number}", "notes": str(number) * 1000}),
        MarkChanged(None, Mark(number, "user", f"mark {number}")),
    ])
    writer.commit()
    print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("program", [CLOSED, LIVE], ids=["closed", "live"])
def test_what_was_kept_is_there_whole(tmp_path: Path, program: str, seed: int) -> None:
    path = tmp_path / "run.dscope"
    if program is CLOSED:
        with SessionWriter(path) as writer:
            for batch in synthetic_events(10):
                writer.append(batch)
    wanted = random.Random(seed).randrange(1, 60)
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(wanted)]
        process.kill()
        told += [int(line) for line in process.stdout.read().split()]
    session = open_session(path)
    kept = int(session.meta["name"].split()[1])
    assert kept in (told[-1], told[-1] + 1)  # the last was written and perhaps not told any more
    assert session.meta["notes"] == str(kept) * 1000
    assert [mark.label for mark in session.marks if mark.kind == "user"] == [f"mark {n}" for n in range(kept + 1)]
    session.source.close()  # type: ignore[union-attr]
