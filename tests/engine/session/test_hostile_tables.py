"""What is read of a session file are ordinary tables: a view, a virtual table or a trigger in it never runs."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from engine.errors import SessionFileError
from engine.figures.json_figures import json_figures
from engine.session.connecting import SUPER_JOURNAL_MARK, TABLES
from engine.session.destination import check_destination
from engine.session.edits import edit_file
from engine.session.file import SessionFile, SessionWriter, open_session
from engine.session.schema import FactsSet
from tests.engine.session.editing import edited, written
from tests.engine.session.synthetic import synthetic_events

FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {} FROM n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("whole") / "run.dscope", synthetic_events(20, layers=2))


def columns_of(whole: Path, table: str) -> list[str]:
    db = sqlite3.connect(whole)
    names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    db.close()
    return names


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_view_in_place_of_a_table_is_refused_and_never_asked(whole: Path, tmp_path: Path, table: str) -> None:
    listed = ", ".join(f'i AS "{name}"' for name in columns_of(whole, table))
    view = f"CREATE VIEW {table} AS {FOR_EVER.format(listed)}"
    path = edited(whole, tmp_path, f"DROP TABLE {table}", view)
    with pytest.raises(SessionFileError, match=f"its {table} is no ordinary table"):
        open_session(path)


OTHERS = {
    "computed": (
        "DROP TABLE marks",
        "CREATE TABLE marks (t_ns INTEGER, kind TEXT AS (hex(zeroblob(900000000))), label TEXT)",
    ),
    "virtual": ("DROP TABLE marks", "CREATE VIRTUAL TABLE marks USING fts4(t_ns, kind, label)"),
    "without numbers": (
        "DROP TABLE marks",
        "CREATE TABLE marks (t_ns INTEGER PRIMARY KEY, kind TEXT, label TEXT) WITHOUT ROWID",
    ),
    "hidden numbers": ("DROP TABLE marks", "CREATE TABLE marks (t_ns INTEGER, kind TEXT, label TEXT, rowid TEXT)"),
    "the schema itself": (
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET rootpage = 1 WHERE name = 'marks'",
    ),
}
WORDS = {
    "computed": "a column of its marks is computed",
    "virtual": "its marks is no ordinary table",
    "without numbers": "its marks has no numbers of rows",
    "hidden numbers": "its marks hides the numbers of its rows",
    "the schema itself": "its marks is no ordinary table|malformed",
}


@pytest.mark.parametrize("kind", OTHERS)
def test_no_other_kind_of_table_is_read(whole: Path, tmp_path: Path, kind: str) -> None:
    with pytest.raises(SessionFileError, match=WORDS[kind]):
        open_session(edited(whole, tmp_path, *OTHERS[kind]))


def test_what_somebody_added_for_himself_does_not_matter(whole: Path, tmp_path: Path) -> None:
    path = edited(whole, tmp_path, "CREATE VIEW mine AS SELECT * FROM steps", "CREATE TABLE notes (text)")
    session = open_session(path)
    assert len(session.steps) == 20
    assert json_figures(session)["tokens"] == 20
    assert isinstance(session.source, SessionFile)
    session.source.close()


def test_a_trigger_of_a_file_does_not_run_when_a_fact_is_put_into_it(whole: Path, tmp_path: Path) -> None:
    path = edited(
        whole, tmp_path, "CREATE TRIGGER t AFTER INSERT ON meta BEGIN UPDATE requests SET prompt = 'changed'; END"
    )
    with pytest.raises(SessionFileError, match="cannot be written"):
        edit_file(path, [FactsSet({"ceilings": ""})])
    db = sqlite3.connect(path)
    assert db.execute("SELECT count(*) FROM requests WHERE prompt = 'changed'").fetchone() == (0,)
    db.close()


def test_a_journal_that_names_another_file_deletes_nothing(whole: Path, tmp_path: Path) -> None:
    """SQLite deletes the file that a journal's last bytes name, when it rolls the journal back."""
    path = tmp_path / "x.dscope"
    shutil.copy(whole, path)
    other = tmp_path / "precious"
    other.write_text("precious")
    name = str(other).encode()
    size = path.stat().st_size // 4096
    head = bytes((0xD9, 0xD5, 0x05, 0xF9, 0x20, 0xA1, 0x63, 0xD7)) + b"".join(
        value.to_bytes(4, "big") for value in (0, 0, size, 512, 4096)
    )
    tail = (2**31).to_bytes(4, "big") + name
    tail += len(name).to_bytes(4, "big") + (sum(name) & 0xFFFFFFFF).to_bytes(4, "big") + SUPER_JOURNAL_MARK
    Path(f"{path}-journal").write_bytes(head.ljust(512, b"\0") + tail)
    with pytest.raises(SessionFileError, match="names another file"):
        open_session(path)
    with pytest.raises(SessionFileError, match="names another file"):
        check_destination(path)
    with pytest.raises(SessionFileError, match="names another file"):
        edit_file(path, [FactsSet({"ceilings": ""})])
    assert other.read_text() == "precious"


def test_a_companion_that_is_a_link_is_neither_read_nor_written(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.dscope"
    shutil.copy(whole, path)
    other = tmp_path / "precious"
    other.write_text("precious")
    Path(f"{path}-wal").symlink_to(other)
    with pytest.raises(SessionFileError, match="no ordinary file"):
        open_session(path)
    assert other.read_text() == "precious"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "x.dscope"
    os.mkfifo(path)
    with pytest.raises(SessionFileError, match="it is a pipe, a socket or a device"):
        open_session(path)


def test_a_pipe_beside_a_session_is_not_waited_for(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.dscope"
    shutil.copy(whole, path)
    os.mkfifo(f"{path}-journal")
    with pytest.raises(SessionFileError, match="it is a pipe, a socket or a device"):
        open_session(path)


def test_a_page_that_hands_itself_out_again_and_again_ends(tmp_path: Path) -> None:
    """Ten pages that each name the next one four hundred times make a table of 400 to the power of ten pages."""
    path = tmp_path / "x.dscope"
    with SessionWriter(path) as writer:
        for batch in synthetic_events(1000, layers=1, attention_rows=0, alternatives=1):
            writer.append(batch)
    db = sqlite3.connect(path)
    (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'tokens'").fetchone()
    (page_bytes,) = db.execute("PRAGMA page_size").fetchone()
    db.close()
    content = bytearray(path.read_bytes())
    pages = [content[at : at + page_bytes] for at in range(0, len(content), page_bytes)]
    assert pages[root - 1][0] == 5  # an inner page of a table

    def inner(child: int, cells: int = 400) -> bytes:
        """A page with so many cells, all with the same child and rising keys."""
        made = bytearray(page_bytes)
        where = page_bytes
        places = []
        for key in range(1, cells + 1):
            cell = child.to_bytes(4, "big") + bytes((0x80 | key >> 7, key & 0x7F))
            where -= len(cell)
            made[where : where + len(cell)] = cell
            places.append(where)
        made[0:1] = b"\x05"
        made[3:5], made[5:7], made[8:12] = cells.to_bytes(2, "big"), where.to_bytes(2, "big"), child.to_bytes(4, "big")
        for index, place in enumerate(places):
            made[12 + 2 * index : 14 + 2 * index] = place.to_bytes(2, "big")
        return bytes(made)

    below = int.from_bytes(pages[root - 1][int.from_bytes(pages[root - 1][12:14], "big") :][:4], "big")
    free = list(range(len(pages) + 1, len(pages) + 9))
    made = [inner(below if index == len(free) - 1 else free[index + 1]) for index in range(len(free))]
    pages[root - 1] = bytearray(inner(free[0]))
    head = bytearray(pages[0])
    head[28:32] = (len(pages) + len(free)).to_bytes(4, "big")
    pages[0] = head
    path.write_bytes(b"".join(bytes(page) for page in pages) + b"".join(made))
    with pytest.raises(SessionFileError, match="damaged or cut short"):
        open_session(path)
