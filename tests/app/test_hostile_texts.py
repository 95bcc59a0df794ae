"""What a session says is shown as it stands, also where it was written to be taken for something else."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import QBuffer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from app.panels.registry import PANELS
from app.window.main_window import MainWindow
from engine.plain_text import TURNING
from tests.app.reading import Held, everything, hover, inside, tips
from tests.engine.session.hostile import write_hostile

MARKER = re.compile(r"<img|<b>|<table>")
STEPS = 24
IN_OPEN = 0x20
"""inotify: a file was opened."""


class Markers:
    """Gives each place a text of its own that is HTML with a picture to load, and knows which it gave."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.given: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        number = len(self.given)
        picture = f"{self.folder.as_uri()}/picture.png"
        return self.given.setdefault(
            place, f'<b>{place}</b><img src="{picture}">\n<table>{number} &amp; &x [*] \\n\u202e\u2067'
        )


@contextmanager
def opened_in(folder: Path) -> Iterator[list[str]]:
    """The names of what any part of this process opened in a folder meanwhile, known when this ends."""
    names: list[str] = []
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    assert watch >= 0
    assert libc.inotify_add_watch(watch, os.fsencode(folder), IN_OPEN) >= 0
    try:
        yield names
        try:
            data = os.read(watch, 65536)
        except BlockingIOError:
            data = b""
        while data:
            length = int.from_bytes(data[12:16], sys.byteorder)
            names.append(os.fsdecode(data[16 : 16 + length].rstrip(b"\0")))
            data = data[16 + length :]
    finally:
        os.close(watch)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with a picture that nobody may load."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    image.fill(0xFF00FF)
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    (folder / "picture.png").write_bytes(bytes(buffer.data().data()))
    return folder


def read_as_html(held: list[Held]) -> list[str]:
    return sorted({f"{one.where}: {one.text[:200]!r}" for one in held if one.rich and MARKER.search(one.text)})


def test_nothing_that_a_session_says_is_read_as_html_or_turns_the_writing_around(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, pictures: Path
) -> None:
    mark = Markers(pictures)
    path = write_hostile(tmp_path / "R&D <b>bold<b> [*] \u202e.dscope", mark, STEPS)
    held: list[Held] = []
    window.resize(1600, 1000)
    with opened_in(pictures) as opened, tips() as said:
        with qtbot.waitSignal(window.shown.opened):
            window.open_path(str(path))
        for entry in PANELS:
            dock = window.docks[entry.name]
            window.panels.bring_up(entry.name)
            dock.setFloating(True)
            dock.resize(1100, 800)
            for change in (
                {"step": 3, "token": 6, "request": 0, "layer": 0, "head": 0}, {"steps": (2, 9)},
                {"steps": None, "step": STEPS - 1, "token": 2 * STEPS - 1, "request": 1},
                {"step": None, "token": None, "request": None},
            ):  # fmt: skip
                window.selection.change(**change)
                QApplication.processEvents()
                window.refresher.draw_all()
                held += inside(dock)
            hover(dock)
            dock.close()
        for part in (window.strip, window.status, window.run_panel):
            hover(part)
        window.menus.actions["palette"].trigger()
        window.menus.actions["keys"].trigger()
        window.show_error(f"{mark('an error')} cannot be read.", mark("details"))
        window.documents.said.emit(mark("a message"))
        held += everything()
        window.grab()
        QApplication.processEvents()
    assert read_as_html(held + said) == []
    assert sorted({one.where for one in held + said if re.search(f"[{TURNING}]", one.text)}) == []
    shown = "\n".join(one.text for one in held + said)
    for place in ("device_name", "model", "finish reason", "kernel 0", "an error", "token 6"):
        assert place in shown, place  # the walk came by where these are shown
    assert opened == []
    for box in (one for one in QApplication.topLevelWidgets() if one is not window and one.isVisible()):
        box.close()


def test_the_watch_sees_a_picture_that_is_loaded(qtbot: QtBot, pictures: Path) -> None:
    with opened_in(pictures) as opened:
        label = QLabel(f'<img src="{pictures.as_uri()}/picture.png">')
        qtbot.addWidget(label)
        label.grab()
    assert "picture.png" in opened
