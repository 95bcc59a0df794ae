"""A session's file that goes, shrinks or is written over while it is shown: panels say what they cannot show."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from app.panels.frame import EmptyPage
from app.start.unforeseen import told
from app.window.main_window import MainWindow
from tests.app.test_window import a_recording, error_text

READ_ON_DEMAND = ("attention", "inspector")
"""Panels that ask the file itself for what they show of a step."""


def shrink(path: Path) -> None:
    os.truncate(path, 3 * 4096)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def overwrite(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


def open_(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    with qtbot.waitSignal(window.shown.opened):
        window.shown.open(str(path))
    qtbot.waitUntil(lambda: not window.jobs.busy)


@pytest.mark.parametrize("harm", [shrink, empty, overwrite])
def test_panels_say_that_they_cannot_be_shown_and_no_dialog_comes(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    path = a_recording(tmp_path / "a.dscope", 1500)
    open_(qtbot, window, path)
    harm(path)
    unforeseen: list[str] = []
    with told(lambda sentence, _: unforeseen.append(sentence)):
        for step in range(0, 1500, 250):
            window.selection.change(step=step, request=0, layer=2, head=1)
        for name in window.docks:
            window.panels.bring_up(name)
            window.docks[name].refresh()
            qtbot.waitUntil(lambda: not window.jobs.busy)
        pages = [window.docks[name].findChild(EmptyPage) for name in READ_ON_DEMAND]
        said = [page.sentence.text() for page in pages if page is not None]
    assert unforeseen == []
    assert not window.findChildren(QMessageBox, "error-dialog")
    assert any(text.startswith(f"This cannot be shown: {path} is damaged or cut short") for text in said)
    open_(qtbot, window, a_recording(tmp_path / "b.dscope"))
    for name in READ_ON_DEMAND:
        dock = window.docks[name]
        window.panels.bring_up(name)
        dock.refresh()
        assert not dock._unreadable
    assert window.close()


def test_a_name_that_is_no_text_is_opened_like_any_other(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff\xfe.dscope")
    try:
        a_recording(tmp_path / "a.dscope").rename(path)
    except OSError:
        pytest.skip("this file system takes no such name")
    open_(qtbot, window, path)
    assert window.shown.path == str(path)
    window.shown.save_as(tmp_path / "copy.dscope")
    qtbot.waitUntil((tmp_path / "copy.dscope").exists)
    qtbot.waitUntil(lambda: not window.jobs.busy)


@pytest.mark.parametrize(
    "url",
    [
        "file:///dev/zero",
        "file:///",
        "http://x.invalid/a.dscope",
        "file:///proc/self/mem.jsonl",
        "",
        "data:text/plain,x",
    ],
)
def test_what_is_dropped_is_refused_or_passed_over(qtbot: QtBot, window: MainWindow, url: str) -> None:
    data = QMimeData()
    data.setUrls([QUrl(url)])
    button, modifier = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    event = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, button, modifier)
    unforeseen: list[str] = []
    with told(lambda sentence, _: unforeseen.append(sentence)):
        window.dropEvent(event)
        qtbot.waitUntil(lambda: not window.jobs.busy)
    assert unforeseen == []
    if window.findChildren(QMessageBox, "error-dialog"):
        assert "There is no file" in error_text(window)
