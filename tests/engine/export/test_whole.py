"""A file is there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.errors import SessionFileError
from engine.export import chrome, tables
from engine.export.whole import filling, replacing
from engine.session.file import SessionWriter
from tests.engine.session.synthetic import synthetic_session


def test_it_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with replacing(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_export_that_breaks_off_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "trace.json"
    target.write_text("old")

    def broken(session: object) -> object:
        yield {"ph": "M"}
        raise KeyboardInterrupt

    monkeypatch.setattr(chrome, "events", broken)
    with pytest.raises(KeyboardInterrupt):
        chrome.write_chrome(synthetic_session(3), target)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["trace.json"]


def test_no_export_takes_the_place_of_a_recording(tmp_path: Path) -> None:
    target = tmp_path / "run.dscope"
    SessionWriter(target).close()
    before = target.read_bytes()
    with pytest.raises(SessionFileError, match="is a session file and was left as it is"):
        chrome.write_chrome(synthetic_session(3), target)
    assert target.read_bytes() == before
    assert os.listdir(tmp_path) == ["run.dscope"]


def test_a_device_is_written_directly() -> None:
    with replacing("/dev/null") as partial:
        assert partial == Path("/dev/null")


def test_a_full_disk_is_an_error_of_the_file() -> None:
    with pytest.raises(SessionFileError, match="No space left"):
        chrome.write_chrome(synthetic_session(3), "/dev/full")


def fill_and_break_off(target: Path, error: BaseException) -> None:
    with filling(target) as partial:
        (partial / "steps.csv").write_text("some")
        raise error


def test_a_folder_is_filled_whole_or_not_at_all(tmp_path: Path) -> None:
    """What breaks off leaves neither its files nor its folder; what is there beside stays."""
    target = tmp_path / "new" / "tables"
    with pytest.raises(OSError, match="full"):
        fill_and_break_off(target, OSError(28, "full"))
    assert os.listdir(tmp_path / "new") == []
    target.mkdir()
    (target / "notes.txt").write_text("mine")
    (target / "steps.csv").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        fill_and_break_off(target, KeyboardInterrupt())
    assert (target / "steps.csv").read_text() == "old"
    with filling(target) as partial:
        (partial / "steps.csv").write_text("all")
    assert {file.name: file.read_text() for file in target.iterdir()} == {"notes.txt": "mine", "steps.csv": "all"}
    assert os.listdir(tmp_path / "new") == ["tables"]


def test_tables_that_break_off_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(session: object) -> object:
        yield "meta", ("key",), [("a",)]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables, "_tables", broken)
    with pytest.raises(SessionFileError, match="No space left"):
        tables.write_tables(synthetic_session(3), tmp_path / "out")
    assert os.listdir(tmp_path) == []
