"""Smaller parts of the shell: preferences, recordings, pace, navigation, local models, default layouts."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from app.core.layout import LARGE, MEDIUM, SMALL, rows_for
from app.core.local_models import cached_models
from app.core.preferences import RECENT, Preferences
from app.core.selection import Selection
from app.panels.registry import PANELS, entry
from app.window.navigation import needs_key, walk_requests, walk_steps
from app.window.status_bar import StatusBar
from engine.client.recordings import RecordedDetail
from engine.errors import InputError
from engine.session import schema
from engine.session.store import Session
from engine.session.writer import SessionWriter
from tests.engine.session.synthetic import synthetic_events, synthetic_session


def test_preferences_survive_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / "s.ini")
    one = Preferences(QSettings(path, QSettings.Format.IniFormat))
    one.scheme, one.language = "dark", "zh_CN"
    for number in range(RECENT + 3):
        one.remember_session(f"/{number}.dscope")
    one.remember_session("/5.dscope")
    one.sync()
    two = Preferences(QSettings(path, QSettings.Format.IniFormat))
    assert (two.scheme, two.language) == ("dark", "zh_CN")
    assert two.recent_sessions[:2] == ["/5.dscope", f"/{RECENT + 2}.dscope"]
    assert len(two.recent_sessions) == RECENT


def test_nonsense_in_the_settings_file_counts_as_never_set(tmp_path: Path) -> None:
    (tmp_path / "s.ini").write_text("[view]\nscheme=purple\nlanguage=7\n[window]\nlayout=text\n")
    kept = Preferences(QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat))
    assert (kept.scheme, kept.language, kept.layout) == ("system", "system", None)


def test_detail_of_a_recording_is_read_without_keeping_it_open(tmp_path: Path) -> None:
    path = tmp_path / "a.dscope"
    detail = RecordedDetail(path)
    assert detail.step_blobs(0) is None
    with SessionWriter(path) as writer:
        for batch in synthetic_events(20, attention_rows=5):
            writer.append(batch)
        writer.commit()
        assert detail.step_blobs(3) is not None
        assert len(detail.attention_rows(0, 0, 0)) > 0
        assert len(detail.alternatives(3)) > 0
    assert [one.name for one in tmp_path.iterdir()] == ["a.dscope"]  # no reader kept its companions alive


def key(which: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> QKeyEvent:
    return QKeyEvent(QKeyEvent.Type.ShortcutOverride, which, modifier)


def test_no_menu_key_is_taken_from_a_widget_that_works_by_it(qtbot: QtBot) -> None:
    button, line = QPushButton(), QLineEdit()
    qtbot.addWidget(button)
    qtbot.addWidget(line)
    assert needs_key(button, key(Qt.Key.Key_Space))
    assert not needs_key(button, key(Qt.Key.Key_W))
    assert needs_key(line, key(Qt.Key.Key_W))
    assert not needs_key(line, key(Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier))
    assert not needs_key(None, key(Qt.Key.Key_Space))


def test_arrows_walk_steps_and_requests_within_the_session() -> None:
    selection, session = Selection(), synthetic_session(10, requests=3, attention_rows=0)
    walk_steps(selection, session, -1)
    assert selection.now.step == 9
    walk_steps(selection, session, -1)
    walk_steps(selection, session, 5)
    assert selection.now.step == 9
    walk_requests(selection, session, 1)
    walk_requests(selection, session, 1)
    assert selection.now.request == 1
    alone = synthetic_session(3, requests=1, attention_rows=0)
    selection.reset()
    walk_requests(selection, alone, 1)
    assert selection.now.layer == 1


def test_the_hugging_face_cache_is_listed_by_name(tmp_path: Path) -> None:
    good = tmp_path / "models--org--good" / "snapshots" / "abc"
    good.mkdir(parents=True)
    (good / "config.json").touch()
    (good / "model.safetensors").touch()
    (tmp_path / "models--org--empty" / "snapshots" / "abc").mkdir(parents=True)
    assert [(one.name, one.path) for one in cached_models(tmp_path)] == [("org/good", str(good))]
    assert cached_models(tmp_path / "nowhere") == []


def test_the_default_layout_goes_by_the_room_there_is() -> None:
    assert rows_for(QSize(1280, 800)) is SMALL
    assert rows_for(QSize(1600, 1000)) is MEDIUM
    assert rows_for(QSize(2560, 1440)) is LARGE
    for rows in (SMALL, MEDIUM, LARGE):
        names = [name for row in rows for cell in row for name in cell]
        assert len(names) == len(set(names))


def test_the_registry_knows_each_panel_once_and_refuses_others() -> None:
    names = [one.name for one in PANELS]
    assert len(names) == len(set(names))
    assert entry("timeline").name == "timeline"
    with pytest.raises(InputError, match="no panel 'x'; the panels are timeline"):
        entry("x")


def test_one_thread_is_one(qtbot: QtBot) -> None:
    status = StatusBar()
    qtbot.addWidget(status)
    for threads, words in (("1", "cpu · float32 · 1 thread"), ("2", "cpu · float32 · 2 threads")):
        session = Session()
        session.apply([schema.SessionStarted({"device": "cpu", "dtype": "float32", "threads": threads})])
        status.refresh(session, False, None)
        assert status.device.text() == words
