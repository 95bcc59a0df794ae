"""A file is there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.errors import SessionFileError
from engine.export import chrome, tables
from engine.export.content import Content
from engine.export.whole import filling, replacing
from engine.session.file import SessionWriter
from tests.engine.session.synthetic import synthetic_session


def test_it_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with replacing(target) as file:
        file.write(b"new")
        file.flush()
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
    before = os.stat("/dev/null")
    with replacing("/dev/null") as file:
        assert os.path.samestat(os.fstat(file.fileno()), before)
    assert os.path.samestat(os.stat("/dev/null"), before)


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
        yield Content("meta", {"key": "text"}, [("a",)])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables, "contents", broken)
    with pytest.raises(SessionFileError, match="No space left"):
        tables.write_tables(synthetic_session(3), tmp_path / "out")
    assert os.listdir(tmp_path) == []


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    kept, missing = tmp_path / "kept", tmp_path / "missing"
    kept.mkdir()
    (kept / "old.json").write_text("old")
    for name, target in (("a", kept / "old.json"), ("b", kept / "new.json"), ("c", Path("a"))):
        (tmp_path / name).symlink_to(target)
        with replacing(tmp_path / name) as file:
            file.write(name.encode())
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / name).read_text() == name
    assert sorted(os.listdir(kept)) == ["new.json", "old.json"]
    (tmp_path / "d").symlink_to(missing / "file")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("d", "loop"):
        with pytest.raises(OSError, match=r"No such file|levels of symbolic"), replacing(tmp_path / name):
            pass
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "c", "d", "kept", "loop"]


def test_what_is_open_already_is_written_where_it_stands(tmp_path: Path) -> None:
    """A shell's `{ echo first; decodescope export -o /dev/stdout; echo last; } > file`, by any name of the file."""
    target = tmp_path / "file"
    link = tmp_path / "link"
    with target.open("wb", buffering=0) as opened:
        number = opened.fileno()
        link.symlink_to(f"/dev/fd/{number}")
        for name in (f"/dev/fd/{number}", f"/proc/self/fd/{number}", f"/proc/{os.getpid()}/fd/{number}", link):
            opened.write(b"<")
            with replacing(name) as file:
                file.write(b"text")
            opened.write(b">")
    assert target.read_bytes() == b"<text>" * 4
    assert sorted(os.listdir(tmp_path)) == ["file", "link"]
    read, write = os.pipe()
    with replacing(f"/dev/fd/{write}") as file:
        file.write(b"through")
    os.close(write)
    assert os.read(read, 99) == b"through"
    os.close(read)
    with pytest.raises(OSError, match="Bad file descriptor"), replacing("/dev/fd/987654"):
        pass


def test_rights_stay_and_what_must_not_be_written_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.json"
    target.write_text("old")
    target.chmod(0o640)
    with replacing(target) as file:
        file.write(b"new")
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("new", 0o640)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anything
    with pytest.raises(PermissionError), replacing(target):
        pass
    assert target.read_text() == "new"


def test_a_file_whose_folder_takes_no_other_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.json"
    target.write_text("a longer old text")
    inode = target.stat().st_ino

    def busy(self: Path, to: Path) -> Path:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", busy)
    with replacing(target) as file:
        file.write(b"new")
        assert target.read_text() == "a longer old text"
    assert (target.read_text(), target.stat().st_ino) == ("new", inode)
    assert os.listdir(tmp_path) == ["a.json"]


def test_tables_follow_links_and_are_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "folder" / "marks.csv").symlink_to(tmp_path / "elsewhere.csv")
    tables.write_tables(synthetic_session(3), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert "t_ns" in (tmp_path / "elsewhere.csv").read_text()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SessionFileError, match="Not a directory"):
        tables.write_tables(synthetic_session(3), tmp_path / "file")
    with pytest.raises(SessionFileError, match="Not a directory"):
        tables.write_tables(synthetic_session(3), "/dev/null")
