"""Changes that a person makes in a session: the same in the Session, in a recording that goes on and in a file."""

from __future__ import annotations

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
