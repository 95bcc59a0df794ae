"""What can be read of a file is read, whatever happened to it; what cannot is refused in one sentence."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import SessionFileError
from engine.figures.json_figures import json_figures
from engine.figures.metrics import launch_counts
from engine.session import database
from engine.session.checking_facts import MOST_LAYERS
from engine.session.connecting import connect
from engine.session.file import SessionFile, SessionWriter, open_session
from engine.session.packs import columns_of, pack
from engine.session.patience import Watch
from engine.session.store import Session
from engine.session.tables import COLUMNS
from tests.engine.session.synthetic import synthetic_events, synthetic_session

STATEMENTS = {
    "newer": "PRAGMA user_version = 7",
    "older": "PRAGMA user_version = 0",
    "nonsense": "UPDATE steps SET kind = 'sideways' WHERE id = 3",
    "lost table": "DROP TABLE tokens",
    "lost request": "DELETE FROM requests",
}


def record(path: Path, steps: int) -> None:
    with SessionWriter(path) as writer:
        for batch in synthetic_events(steps):
            writer.append(batch)


def edit(path: Path, statement: str) -> None:
    db = sqlite3.connect(path)
    with db:
        db.execute(statement)
    db.close()


def close(session: Session) -> None:
    assert isinstance(session.source, SessionFile)
    session.source.close()


def broken(kind: str, path: Path) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("hello\n" * 100)
    elif kind == "empty":
        path.touch()
    elif kind == "other database":
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE t (x)")
        db.close()
    elif kind != "absent":
        record(path, 400)
        if kind == "truncated":
            with path.open("r+b") as file:
                file.truncate(path.stat().st_size // 2)
        elif kind == "overwritten":
            size = path.stat().st_size
            with path.open("r+b") as file:
                file.seek(4096)
                file.write(b"\xff" * (size - 4096))
        else:
            edit(path, STATEMENTS[kind])


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("absent", "There is no file"),
        ("folder", "is a folder"),
        ("text", "not an SQLite database"),
        ("empty", "not an SQLite database"),
        ("other database", "not a session of DecodeScope"),
        ("newer", "format version 7; this DecodeScope reads up to version 1"),
        ("older", "format version 0, which never was"),
        ("nonsense", "damaged or cut short and cannot be read to the end: .*sideways"),
        ("lost table", "damaged or cut short .* no such table: tokens"),
        ("lost request", "its tokens belong to request 0, which is not there"),
        ("overwritten", "damaged or cut short"),
        ("truncated", "of its [0-9]+ bytes are missing"),
    ],
)
def test_what_is_no_session_is_refused_in_one_sentence(tmp_path: Path, kind: str, words: str) -> None:
    path = tmp_path / "x.dscope"
    broken(kind, path)
    with pytest.raises(SessionFileError, match=words) as caught:
        open_session(path)
    assert "\n" not in str(caught.value)


def test_rows_that_were_edited_are_what_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "run.dscope"
    record(path, 50)
    edit(path, "UPDATE steps SET flops = 7 WHERE id = 30")
    edit(path, "DELETE FROM work WHERE step_id = 4")
    session = open_session(path)
    expected = synthetic_session(50)
    flops = expected.steps["flops"].copy()
    flops[30] = 7
    np.testing.assert_array_equal(session.steps["flops"], flops)
    assert 4 not in session.work["step_id"]
    assert len(session.work) == len(expected.work) - 1
    close(session)


def test_a_file_without_packs_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "run.dscope"
    record(path, 50)
    db = sqlite3.connect(path)
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")
    db.execute("DROP TABLE packs")
    db.close()
    session, expected = open_session(path), synthetic_session(50)
    for column in expected.steps.names:
        np.testing.assert_array_equal(session.steps[column], expected.steps[column])
    np.testing.assert_array_equal(session.phases["us"], expected.phases["us"])
    assert session.tokens["text"].tolist() == expected.tokens["text"].tolist()
    assert session.requests == expected.requests
    close(session)


def crashed(folder: Path, steps: int) -> Path:
    """A session whose writer is gone, everything still in the write-ahead log, its shared memory lost."""
    writer = SessionWriter(folder / "live.dscope")
    for batch in synthetic_events(steps):
        writer.append(batch)
    writer.commit()
    for suffix in ("", "-wal"):
        shutil.copyfile(folder / f"live.dscope{suffix}", folder / f"crashed.dscope{suffix}")
    writer.close()
    return folder / "crashed.dscope"


def test_a_log_left_by_a_crash_is_replayed_in_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = crashed(tmp_path, 60)
    before = {name: Path(f"{path}{name}").read_bytes() for name in ("", "-wal")}
    (copies := tmp_path / "copies").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))

    def refuse_beside(at: Path, mode: str, watch: Watch) -> sqlite3.Connection:
        if at == path and mode == "mode=ro":
            raise sqlite3.OperationalError("unable to open database file")
        return connect(at, mode, watch)

    monkeypatch.setattr(database, "connect", refuse_beside)
    session = open_session(path)
    assert len(session.steps) == 60
    assert session.details.step(59) is not None
    (copy,) = copies.iterdir()
    close(session)
    assert not copy.exists()
    assert before == {name: Path(f"{path}{name}").read_bytes() for name in ("", "-wal")}


def test_a_session_in_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    record(tmp_path / "there" / "run.dscope", 20)
    (tmp_path / "there" / "run.dscope").chmod(0o444)
    (tmp_path / "there").chmod(0o555)
    session = open_session(tmp_path / "there" / "run.dscope")
    assert len(session.steps) == 20
    close(session)
    (tmp_path / "there").chmod(0o755)


def test_an_older_version_is_brought_up_to_date_on_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.dscope"
    record(path, 5)
    before = path.read_bytes()
    monkeypatch.setattr(database, "VERSION", 2)
    monkeypatch.setattr(database, "MIGRATIONS", {1: ("UPDATE meta SET value = 'two' WHERE key = 'model'",)})
    session = open_session(path)
    assert session.meta["model"] == "two"
    assert len(session.steps) == 5
    close(session)
    assert path.read_bytes() == before


def test_every_map_is_found_in_the_index(tmp_path: Path) -> None:
    path = tmp_path / "run.dscope"
    record(path, 3)
    db = sqlite3.connect(path)
    maps = [(r, layer, head) for r in range(3) for layer in (0, 5) for head in (-1, 0, 7)]
    with db:
        row: Any
        for row in [*maps, *maps[::2]]:
            db.execute("INSERT INTO attention VALUES (0, ?, ?, ?, 9, x'0000')", row)
    db.close()
    file = SessionFile(path)
    assert file.attention_maps() == sorted({*maps, (0, 0, 0)})
    file.close()


def record_before(path: Path, lacking: tuple[str, ...], packed: bool) -> None:
    """A session as it was recorded when its steps lacked these columns, with and without packs."""
    record(path, 40)
    db = sqlite3.connect(path)
    if packed:
        names = tuple(name for name in COLUMNS["steps"] if name not in lacking)
        listed = ", ".join(f'"{name}"' for name in names)
        columns = columns_of("steps", names, db.execute(f"SELECT {listed} FROM steps ORDER BY id").fetchall())
        db.execute("UPDATE packs SET columns = ? WHERE of = 'steps'", (pack(columns),))
    else:
        db.execute("DELETE FROM packs")
    for name in lacking:
        db.execute(f"ALTER TABLE steps DROP COLUMN {name}")
    db.execute("DELETE FROM meta WHERE key = 'draft_config'")
    db.commit()
    db.close()


OF_THE_DRAFT = ("draft_kv_used_bytes", "draft_kv_reserved_bytes")


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("lacking", [("launch", *OF_THE_DRAFT), OF_THE_DRAFT], ids=["graphs", "draft"])
def test_a_file_from_before_there_was_a_column_opens(tmp_path: Path, lacking: tuple[str, ...], packed: bool) -> None:
    """Version 1 has got columns since; a file of that version without them is a session all the same.

    Its steps are eager ones, and of a draft model nothing is known.
    """
    path = tmp_path / "before.dscope"
    record_before(path, lacking, packed)
    session, expected = open_session(path), synthetic_session(40)
    for column in expected.steps.names:
        np.testing.assert_array_equal(session.steps[column], expected.steps[column])
    assert launch_counts(session) == {"eager": 40}
    assert not session.steps["draft_kv_used_bytes"].any()
    assert session.draft_config == {}
    assert "draft" not in json_figures(session)["memory"]
    close(session)


@pytest.mark.parametrize("packed", [True, False])
def test_a_file_from_before_classes_of_kv_memory_does_not_say_them(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "before.dscope"
    record_before(path, ("kv_held_bytes", "kv_kept_bytes"), packed)
    session = open_session(path)
    assert set(session.steps["kv_held_bytes"].tolist()) == set(session.steps["kv_kept_bytes"].tolist()) == {-1}
    told = json_figures(session)
    assert (told["kv_end"]["held_bytes"], told["kv_end"]["fragmentation"], told["memory"]["free"]) == (None, None, None)
    assert told["kv"]["held_peak_bytes"] is None
    assert told["kv_end"]["used_bytes"] > 0
    close(session)


def test_the_deepest_model_that_is_allowed_can_be_read_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "deep.dscope"
    with SessionWriter(path) as writer:
        for batch in synthetic_events(2, layers=MOST_LAYERS):
            writer.append(batch)
    edit(path, "DELETE FROM packs")
    session = open_session(path)
    assert session.layers == MOST_LAYERS
    np.testing.assert_allclose(session.phases["us"].sum(axis=1), [wall_us(session, 0), wall_us(session, 1)], rtol=1e-3)
    close(session)


def wall_us(session: Session, step: int) -> float:
    return float(session.steps["end_ns"][step] - session.steps["start_ns"][step]) / 1000
