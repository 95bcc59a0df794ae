"""The list of all recordings in the window: five hundred files, search, rename, delete, and taking it back."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from app.dialogs.recordings import RecordingsDialog
from app.models.recording_list import COLUMNS
from app.window import trash
from app.window.main_window import MainWindow
from app.window.recordings_browser import DELETED
from engine.client.recordings import Recordings
from engine.errors import SessionFileError
from engine.session.edits import edit_file
from engine.session.schema import FactsSet
from tests.app.conftest import Engines
from tests.app.test_recordings import fill
from tests.app.test_window import a_recording, press

NAME, MODEL, SIZE = COLUMNS.index("name"), COLUMNS.index("model"), COLUMNS.index("size")


@pytest.fixture(autouse=True)
def trash_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trash for the tests, as a desktop has it."""
    folder = tmp_path / "trash" / "files"
    folder.mkdir(parents=True)
    (folder.parent / "info").mkdir()

    def move(path: Path) -> tuple[bool, Path | None]:
        there = folder / f"{len(list(folder.iterdir()))}-{path.name}"
        shutil.move(path, there)
        (folder.parent / "info" / f"{there.name}.trashinfo").write_text("[Trash Info]")
        return True, there

    monkeypatch.setattr(trash, "_moved", move)
    return folder


def make(folder: Path, count: int, start: int = 0) -> list[Path]:
    """Recordings with one step each, oldest first."""
    folder.mkdir(parents=True, exist_ok=True)
    first = a_recording(folder / "2026-01-01_00-00-00_demo.dscope", 1)
    made = [first]
    for number in range(1, count):
        path = folder / f"2026-01-01_00-{number // 60:02}-{number % 60:02}_demo.dscope"
        shutil.copyfile(first, path)
        with sqlite3.connect(path) as file:
            file.execute("UPDATE meta SET value = ? WHERE key = 'epoch_ns'", (str((1_790_000_000 + number) * 10**9),))
            file.execute("UPDATE requests SET prompt = ?", (f"Prompt number {number} of them",))
        file.close()
        made.append(path)
    return made


def shown(qtbot: QtBot, window: MainWindow) -> RecordingsDialog:
    window.menus.actions["recordings"].trigger()
    settle(qtbot, window)
    dialog = window.browser.dialog
    assert dialog is not None
    return dialog


def settle(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.jobs.busy, timeout=60_000)


def names(dialog: RecordingsDialog) -> list[str]:
    return [str(dialog.rows.data(dialog.rows.index(row, NAME))) for row in range(dialog.rows.rowCount())]


def name_in_file(path: Path) -> str:
    with sqlite3.connect(path) as file:
        found = file.execute("SELECT value FROM meta WHERE key = 'name'").fetchone()
    file.close()
    return str(found[0]) if found else ""


def test_five_hundred_files_are_listed_at_once_and_read_in_the_background(
    qtbot: QtBot, window: MainWindow, recordings: Recordings
) -> None:
    made = make(recordings.folder, 500)
    listed: list[tuple[int, int]] = []
    follow = window.browser._follow

    def counted() -> None:
        listed.append((window.browser.list.count, len(window.browser.list.unread)))
        follow()

    window.browser._follow = counted  # type: ignore[method-assign]
    dialog = shown(qtbot, window)
    assert listed[0] == (500, 500)
    assert listed[-1] == (500, 0)
    assert len(listed) > 2
    assert dialog.total.text().startswith("500 recordings · ")
    assert names(dialog)[0] == "“Prompt number 499 of them”"
    dialog.search.setText("PROMPT 499")
    assert names(dialog) == ["“Prompt number 499 of them”"]
    assert dialog.found.text() == "1 match"
    dialog.search.clear()
    dialog.table.sortByColumn(COLUMNS.index("date"), Qt.SortOrder.AscendingOrder)
    assert dialog.rows.at(0).path == str(made[0])
    assert (dialog.order.currentText(), dialog.direction.value) == ("Recorded", "up")
    heads = [dialog.rows.headerData(column, Qt.Orientation.Horizontal) for column in range(len(COLUMNS))]
    assert [one for one in heads if one.endswith(("↑", "↓"))] == ["Recorded ↑"]
    shown(qtbot, window)
    assert window.browser.list.unread == []


def test_closing_the_list_ends_the_reading(qtbot: QtBot, window: MainWindow, recordings: Recordings) -> None:
    make(recordings.folder, 40)
    window.browser.show()
    assert window.browser.dialog is not None
    window.browser.dialog.reject()
    settle(qtbot, window)
    assert window.browser.dialog is None


def test_a_recording_is_opened_by_return_and_by_a_double_click(
    qtbot: QtBot, window: MainWindow, recordings: Recordings
) -> None:
    made = make(recordings.folder, 3)
    dialog = shown(qtbot, window)
    dialog.table.choose(str(made[1]))
    with qtbot.waitSignal(window.shown.opened):
        qtbot.keyClick(dialog.table, Qt.Key.Key_Return)
    assert window.shown.path == str(made[1])
    with qtbot.waitSignal(window.shown.opened):
        dialog.table.doubleClicked.emit(dialog.rows.index(dialog.rows.place_of(str(made[2])), 0))
    assert window.shown.path == str(made[2])


def test_a_name_is_edited_in_place_kept_in_the_file_and_taken_back(
    qtbot: QtBot, window: MainWindow, recordings: Recordings
) -> None:
    made = make(recordings.folder, 3)
    dialog = shown(qtbot, window)
    dialog.table.choose(str(made[1]))
    qtbot.keyClick(dialog.table, Qt.Key.Key_F2)
    editor = dialog.table.findChild(QLineEdit)
    assert editor is not None
    editor.setText("  my  run ")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: name_in_file(made[1]) == "my run")
    settle(qtbot, window)
    assert "my run" in names(dialog)
    assert made[1].exists()
    dialog.undo_button.click()
    settle(qtbot, window)
    assert name_in_file(made[1]) == ""
    assert "my run" not in names(dialog)
    window.browser.stack.redo()
    settle(qtbot, window)
    assert name_in_file(made[1]) == "my run"


def test_the_shown_recording_takes_its_name_in_the_window_too(
    qtbot: QtBot, window: MainWindow, recordings: Recordings
) -> None:
    made = make(recordings.folder, 2)
    with qtbot.waitSignal(window.shown.opened):
        window.open_path(str(made[0]))
    dialog = shown(qtbot, window)
    dialog.rows.renamed.emit(str(made[0]), "seen")
    settle(qtbot, window)
    assert window.windowTitle().startswith("seen")
    assert name_in_file(made[0]) == "seen"
    window.browser.stack.undo()
    settle(qtbot, window)
    assert not window.windowTitle().startswith("seen")


def test_a_name_given_in_the_window_stands_in_the_list(
    qtbot: QtBot, window: MainWindow, recordings: Recordings
) -> None:
    made = make(recordings.folder, 2)
    with qtbot.waitSignal(window.shown.opened):
        window.open_path(str(made[0]))
    dialog = shown(qtbot, window)
    window.edits.set_fact("name", "elsewhere", "Name")
    settle(qtbot, window)
    assert "elsewhere" in names(dialog)


def test_what_cannot_be_renamed_says_so_and_keeps_its_name(
    qtbot: QtBot, window: MainWindow, recordings: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(recordings.folder, 2)
    dialog = shown(qtbot, window)

    def refuse(*_: object) -> None:
        raise SessionFileError(f"The session file {made[0]} cannot be written: attempt to write a readonly database.")

    monkeypatch.setattr("app.window.recordings_browser.edit_file", refuse)
    dialog.rows.renamed.emit(str(made[0]), "new")
    settle(qtbot, window)
    assert "readonly" in dialog.said.text()
    assert "new" not in names(dialog)
    assert not dialog.undo_button.isEnabled()


def test_deleted_recordings_are_in_the_trash_and_come_back(
    qtbot: QtBot, window: MainWindow, recordings: Recordings, trash_folder: Path
) -> None:
    made = make(recordings.folder, 5)
    content = {path: path.read_bytes() for path in made}
    Path(f"{made[1]}-wal").write_bytes(b"log")
    dialog = shown(qtbot, window)
    dialog.deleted.emit([str(made[1]), str(made[3])])
    settle(qtbot, window)
    assert {path.name for path in recordings.folder.iterdir()} == {made[number].name for number in (0, 2, 4)}
    assert len(list(trash_folder.iterdir())) == 3
    assert dialog.rows.rowCount() == 3
    assert "trash" in dialog.said.text()
    dialog.undo_button.click()
    settle(qtbot, window)
    assert {path: path.read_bytes() for path in made} == content
    assert Path(f"{made[1]}-wal").read_bytes() == b"log"
    assert list(trash_folder.iterdir()) == []
    assert list((trash_folder.parent / "info").iterdir()) == []
    assert dialog.rows.rowCount() == 5
    window.browser.stack.redo()
    settle(qtbot, window)
    assert not made[1].exists()
    window.browser.stack.undo()
    settle(qtbot, window)
    assert made[1].exists()
    assert made[3].exists()


def test_where_there_is_no_trash_deleted_recordings_stay_for_a_month(
    qtbot: QtBot, window: MainWindow, recordings: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(recordings.folder, 2)
    monkeypatch.setattr(trash, "_moved", lambda path: (False, None))
    dialog = shown(qtbot, window)
    dialog.deleted.emit([str(made[0])])
    settle(qtbot, window)
    kept = recordings.folder.parent / DELETED
    assert [one.name for one in kept.glob("*/*")] == [made[0].name]
    assert str(kept) in dialog.said.text()
    window.browser.stack.undo()
    settle(qtbot, window)
    assert made[0].exists()
    assert list(kept.iterdir()) == []


def test_what_was_kept_for_more_than_a_month_is_deleted_for_good(tmp_path: Path) -> None:
    old, new, other = (tmp_path / "kept" / name for name in ("deleted-old", "deleted-new", "mine"))
    for folder in (old, new, other):
        folder.mkdir(parents=True)
        (folder / "a.dscope").write_bytes(b"x")
    now = 100 * 86_400.0
    os.utime(old, (1, now - 31 * 86_400))
    os.utime(new, (1, now - 29 * 86_400))
    os.utime(other, (1, 1))
    trash.forget_deleted(tmp_path / "kept", now)
    assert sorted(one.name for one in (tmp_path / "kept").iterdir()) == ["deleted-new", "mine"]


def test_a_recording_does_not_come_back_over_another_file(tmp_path: Path) -> None:
    path = a_recording(tmp_path / "a.dscope", 1)
    gone = trash.delete(path, tmp_path / "kept")
    path.write_text("another")
    with pytest.raises(SessionFileError, match="another file"):
        trash.bring_back(gone)
    assert path.read_text() == "another"


def test_what_a_window_shows_or_records_stays(
    qtbot: QtBot, window: MainWindow, recordings: Recordings, engines: Engines
) -> None:
    made = make(recordings.folder, 3)
    with qtbot.waitSignal(window.shown.opened):
        window.open_path(str(made[0]))
    dialog = shown(qtbot, window)
    dialog.deleted.emit([str(made[0]), str(made[1])])
    settle(qtbot, window)
    assert made[0].exists()
    assert not made[1].exists()
    dialog.deleted.emit([str(made[0])])
    assert "A window shows 1" in dialog.said.text()
    settle(qtbot, window)
    assert made[0].exists()


def test_a_run_that_ends_appears_in_the_list(qtbot: QtBot, window: MainWindow) -> None:
    dialog = shown(qtbot, window)
    assert dialog.rows.rowCount() == 0
    with qtbot.waitSignal(window.feed.run_ended):
        press(window, "Run")
    qtbot.waitUntil(lambda: dialog.rows.rowCount() == 1)
    settle(qtbot, window)


def test_damaged_files_are_listed_with_their_fault(qtbot: QtBot, window: MainWindow, recordings: Recordings) -> None:
    fill(recordings.folder, 2)
    (recordings.folder / "named.dscope").write_text("no session")
    dialog = shown(qtbot, window)
    assert dialog.rows.rowCount() == 3
    for row in range(3):
        assert dialog.rows.data(dialog.rows.index(row, MODEL)) == "damaged"
        assert "not a session file" in dialog.rows.data(dialog.rows.index(row, NAME), Qt.ItemDataRole.ToolTipRole)
        assert not dialog.rows.flags(dialog.rows.index(row, NAME)) & Qt.ItemFlag.ItemIsEditable


def test_recent_recordings_elsewhere_are_listed_too(
    qtbot: QtBot, window: MainWindow, recordings: Recordings, tmp_path: Path
) -> None:
    make(recordings.folder, 1)
    (tmp_path / "elsewhere").mkdir()
    window.preferences.remember_session(str(a_recording(tmp_path / "elsewhere" / "mine.dscope", 2)))
    window.preferences.remember_session(str(tmp_path / "gone.dscope"))
    assert len(found := names(shown(qtbot, window))) == 2
    assert "mine" in found


def test_how_many_are_kept_is_chosen_there_as_in_the_menu(
    qtbot: QtBot, window: MainWindow, recordings: Recordings
) -> None:
    make(recordings.folder, 2)
    dialog = shown(qtbot, window)
    assert dialog.keep.currentIndex() == -1
    dialog.keep.setCurrentIndex(dialog.keep.findData("200"))
    dialog.keep.activated.emit(dialog.keep.currentIndex())
    settle(qtbot, window)
    assert window.preferences.kept_recordings == 200
    assert window.menus.choices["kept"]["200"].isChecked()
    window.menus.chosen.emit("kept", "0")
    assert dialog.keep.currentText() == "All"


def test_the_selection_stays_on_its_recording_while_files_are_read(
    qtbot: QtBot, window: MainWindow, recordings: Recordings
) -> None:
    made = make(recordings.folder, 6)
    dialog = shown(qtbot, window)
    dialog.table.choose(str(made[2]))
    dialog.table.sortByColumn(SIZE, Qt.SortOrder.AscendingOrder)
    assert dialog.table.chosen() == [str(made[2])]
    place = dialog.rows.place_of(str(made[2]))
    dialog.deleted.emit([str(made[2])])
    settle(qtbot, window)
    assert dialog.table.chosen() == [dialog.rows.at(min(place, 4)).path]


@pytest.fixture
def chinese(window: MainWindow) -> Iterator[None]:
    yield
    window.choices.choose("language", "en")


def test_the_list_follows_language_and_theme(
    qtbot: QtBot, window: MainWindow, recordings: Recordings, chinese: None
) -> None:
    make(recordings.folder, 2)
    dialog = shown(qtbot, window)
    window.choices.choose("theme", "light")
    window.choices.choose("language", "zh_CN")
    QApplication.processEvents()
    assert dialog.rows.rowCount() == 2
    assert dialog.order.count() == len(COLUMNS)


def test_what_has_a_name_or_notes_is_not_among_those_beyond_the_newest(
    qtbot: QtBot, window: MainWindow, recordings: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[Path] = []
    monkeypatch.setattr(recordings, "_discard", lambda path: gone.append(path) or True)
    made = make(recordings.folder, 54)
    edit_file(made[0], [FactsSet({"name": "kept"})])
    edit_file(made[1], [FactsSet({"notes": "kept too"})])
    for number, path in enumerate(made):
        os.utime(path, (1_000_000 + number, 1_000_000 + number))
    window.preferences.kept_recordings = 50
    window.kept.begin()
    settle(qtbot, window)
    assert gone == [made[3], made[2]]
