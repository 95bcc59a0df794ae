"""Changes that a person makes in a session: the same in the Session, in a recording that goes on and in a file."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.errors import SessionFileError
from engine.session.edits import Edit, edit_file
from engine.session.file import SessionWriter, open_session
from engine.session.schema import FactsSet, Mark, MarkChanged, decode, encode
from engine.session.store import Session
from tests.engine.session.synthetic import synthetic_events

FIRST, SECOND = Mark(5, "user", "first"), Mark(1, "user", "second")
NAMED = Mark(5, "user", "a name")
EDITS: list[Edit] = [
    MarkChanged(None, FIRST),
    MarkChanged(None, SECOND),
    MarkChanged(None, FIRST),  # equal to another one
    FactsSet({"name": "before", "notes": "line\nline"}),
    MarkChanged(FIRST, NAMED),
    MarkChanged(SECOND, None),
    MarkChanged(Mark(9, "user", "never there"), None),
    MarkChanged(Mark(9, "user", "never there"), Mark(9, "user", "nor now")),
    FactsSet({"name": "after"}),
]


def described(session: Session) -> tuple[list[Mark], dict[str, str]]:
    return [mark for mark in session.marks if mark.kind == "user"], {
        key: session.meta[key] for key in ("name", "notes")
    }


def test_session_recording_and_file_take_the_same_changes(tmp_path: Path) -> None:
    live = Session()
    with SessionWriter(tmp_path / "live.dscope") as writer, SessionWriter(tmp_path / "later.dscope") as later:
        for batch in synthetic_events(4):
            live.apply(batch)
            writer.append(batch)
            later.append(batch)
        before = live.marks_state
        for edit in EDITS:
            live.apply([edit])
            writer.append([edit])
            assert live.marks_state != before or isinstance(edit, FactsSet)
            before = live.marks_state
    edit_file(tmp_path / "later.dscope", EDITS)
    expected = [NAMED, FIRST], {"name": "after", "notes": "line\nline"}
    assert described(live) == expected
    for name in ("live", "later"):
        session = open_session(tmp_path / f"{name}.dscope")
        assert described(session) == expected
        session.source.close()  # type: ignore[union-attr]


def test_changes_cross_the_boundary_of_processes() -> None:
    assert decode(encode(EDITS)) == EDITS


def test_all_changes_or_none(tmp_path: Path) -> None:
    path = tmp_path / "x.dscope"
    with SessionWriter(path) as writer:
        for batch in synthetic_events(2):
            writer.append(batch)
    with pytest.raises(SessionFileError, match="cannot be written"):
        edit_file(path, [MarkChanged(None, FIRST), FactsSet({"name": None})])  # type: ignore[dict-item]
    session = open_session(path)
    assert FIRST not in session.marks
    session.source.close()  # type: ignore[union-attr]


EDIT_UNTIL_KILLED = """
import sys
from engine.session.edits import edit_file
from engine.session.schema import FactsSet, Mark, MarkChanged
number = 0
while True:
    before = None if number == 0 else Mark(number - 1, "user", f"mark {number - 1}")
    after = Mark(number, "user", f"mark {number}")
    edit_file(sys.argv[1], [FactsSet({"name": f"name {number}", "notes": "x" * number}), MarkChanged(before, after)])
    print(number, flush=True)
    number += 1
"""


@pytest.mark.parametrize("seed", range(8))
def test_what_was_changed_survives_a_kill_at_a_random_moment(
    recorded: Path, spawn: Callable[[str, Path], subprocess.Popen[str]], seed: int
) -> None:
    """After SIGKILL the last change that was told is in the file, or the one after it, whole."""
    rng = random.Random(seed)
    process = spawn(EDIT_UNTIL_KILLED, recorded)
    assert process.stdout is not None
    told = 0
    for _ in range(rng.randint(1, 40)):
        told = int(process.stdout.readline())
    for _ in range(rng.randint(0, 30_000)):  # somewhere within the next change
        pass
    process.kill()
    process.wait()
    told = max([told, *map(int, process.stdout.read().split())])
    session = open_session(recorded)
    session.source.close()  # type: ignore[union-attr]
    (mark,) = (mark for mark in session.marks if mark.kind == "user")
    assert mark == Mark(mark.t_ns, "user", f"mark {mark.t_ns}")
    assert mark.t_ns in (told, told + 1)
    assert (session.meta["name"], session.meta["notes"]) == (f"name {mark.t_ns}", "x" * mark.t_ns)
    assert len(session.steps) == 30
    edit_file(recorded, [FactsSet({"name": "after"})])  # nothing is left that is in the way


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "kept.dscope"
    with SessionWriter(path) as writer:
        for batch in synthetic_events(30):
            writer.append(batch)
    return path


@pytest.fixture
def spawn() -> Iterator[Callable[[str, Path], subprocess.Popen[str]]]:
    """Starts Python with a program and a path; ends it after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, path: Path) -> subprocess.Popen[str]:
        words = [sys.executable, "-c", program, str(path)]
        started.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
