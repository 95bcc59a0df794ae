"""What lies in a session's file is read beside the window, which goes on meanwhile; what is not wanted is given up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.core.jobs import READERS_WITHIN_S
from app.models.attention_feed import AttentionFeed
from app.models.attention_rows import PIECE_ROWS, AttentionRows, ExactRow, RowCache
from app.panels.attention import AttentionPanel
from app.panels.inspector import InspectorPanel
from app.panels.kv_memory import KvMemoryPanel
from app.panels.latency import LatencyPanel
from app.window.main_window import MainWindow
from engine.errors import SessionFileError
from engine.session.file import SessionFile, SessionWriter, open_session
from engine.session.patience import Patience
from engine.session.store import Session
from tests.app.panels.acting import shown
from tests.engine.session.synthetic import PROMPT, synthetic_events

STEPS = 100
LONG = "SELECT count(*) FROM steps, steps AS a, steps AS b, steps AS c, steps AS d"


class SlowFile:
    """A session file that answers nothing before it is released, as one on a drive that has gone to sleep.

    Whoever asks on the window's own thread would stop the window: that is an error.
    """

    def __init__(self, file: SessionFile) -> None:
        self.path = file.path
        self.released = threading.Event()
        self.asked: list[tuple[str, tuple[Any, ...], Patience]] = []
        self._file = file

    def _ask(self, name: str, *asked: Any, patience: Patience | None) -> Any:
        assert threading.current_thread() is not threading.main_thread(), f"{name} would stop the window"
        assert patience is not None
        self.asked.append((name, asked, patience))
        while not self.released.wait(0.01):
            if patience.over:
                raise SessionFileError("Reading was given up.")
        return getattr(self._file, name)(*asked, patience=patience)

    def step_blobs(self, step_id: int, patience: Patience | None = None) -> Any:
        return self._ask("step_blobs", step_id, patience=patience)

    def attention_rows(
        self,
        request_id: int,
        layer: int,
        head: int,
        first: int = 0,
        most: int | None = None,
        patience: Patience | None = None,
    ) -> Any:
        return self._ask("attention_rows", request_id, layer, head, first, most, patience=patience)

    def attention_row(
        self, request_id: int, layer: int, head: int, position: int, patience: Patience | None = None
    ) -> Any:
        return self._ask("attention_row", request_id, layer, head, position, patience=patience)

    def alternatives(self, token_id: int, patience: Patience | None = None) -> Any:
        return self._ask("alternatives", token_id, patience=patience)

    def close(self) -> None:
        self._file.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A session of 100 steps, with the attention of one head."""
    path = tmp_path / "slow.dscope"
    with SessionWriter(path) as writer:
        for batch in synthetic_events(STEPS, attention_rows=STEPS):
            writer.append(batch)
    return path


@pytest.fixture
def slow(path: Path) -> Iterator[tuple[Session, SlowFile]]:
    session = open_session(path)
    assert isinstance(session.source, SessionFile)
    file = SlowFile(session.source)
    session.source = file
    yield session, file
    file.released.set()
    file.close()


@pytest.fixture
def whole(path: Path) -> Iterator[Session]:
    """The same session, whose file answers at once."""
    session = open_session(path)
    yield session
    assert isinstance(session.source, SessionFile)
    session.source.close()


def look_at(window: MainWindow, session: Session, *names: str) -> None:
    """Show a session in these panels alone, side by side."""
    window.start.leave()
    for name, dock in window.docks.items():
        dock.setVisible(name in names)
    for name in names:
        window.panels.bring_up(name)
    QApplication.processEvents()
    window.shown.show(session, str(session.source.path))  # type: ignore[union-attr]
    QApplication.processEvents()
    assert all(window.docks[name].is_seen for name in names)


def hover(widget: QWidget) -> None:
    """Move the pointer over a grid of places."""
    for x in range(0, widget.width(), max(1, widget.width() // 8)):
        for y in range(0, widget.height(), max(1, widget.height() // 8)):
            at = QPointF(x, y)
            event = QMouseEvent(
                QMouseEvent.Type.MouseMove, at, widget.mapToGlobal(at), Qt.MouseButton.NoButton,
                Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
            )  # fmt: skip
            QApplication.sendEvent(widget, event)


def of_inspector(panel: InspectorPanel) -> object:
    return panel.token_label.text(), panel.row_label.text(), panel.alternatives.bars, panel.flow.weights.tolist()


def of_attention(panel: AttentionPanel) -> object:
    return panel.map.shades.tolist(), panel.row_label.text(), panel.flow.weights.tolist(), panel.figures()


def of_latency(panel: LatencyPanel) -> object:
    return panel.strip.title, panel.strip.message


def of_kv(panel: KvMemoryPanel) -> object:
    return panel.bars.layers, panel.bars.sentence, panel.layer_text(1), panel.rows()


@pytest.mark.parametrize(
    ("name", "cls", "said"),
    [
        ("inspector", InspectorPanel, of_inspector),
        ("attention", AttentionPanel, of_attention),
        ("latency", LatencyPanel, of_latency),
        ("kv-memory", KvMemoryPanel, of_kv),
    ],
)
def test_the_window_goes_on_while_a_file_is_read_and_shows_what_comes(
    qtbot: QtBot,
    window: MainWindow,
    slow: tuple[Session, SlowFile],
    whole: Session,
    name: str,
    cls: Any,
    said: Callable[[Any], object],
) -> None:
    session, file = slow
    look_at(window, session, name)
    dock = window.docks[name]
    panel = dock.panel
    assert isinstance(panel, cls)
    for token in (30, 31, 32):
        window.selection.change(token=token)
        dock.refresh()
        dock.grab()
        for child in (panel, *panel.findChildren(QWidget)):
            if child.isVisible():
                hover(child)
        panel.rows()
    assert window.selection.now.step == 32
    assert panel.is_behind
    qtbot.waitUntil(lambda: bool(file.asked))
    file.released.set()
    qtbot.waitUntil(lambda: not panel.is_behind)
    window.selection.blockSignals(True)
    alone = shown(cls, whole, panel.width(), panel.height())
    qtbot.addWidget(alone)
    alone.context.selection.reset(whole)
    alone.context.selection.change(token=32)
    assert said(panel) == said(alone)
    window.selection.blockSignals(False)


def test_what_takes_a_while_says_that_it_is_read(
    qtbot: QtBot, window: MainWindow, slow: tuple[Session, SlowFile]
) -> None:
    session, file = slow
    look_at(window, session, "inspector", "attention")
    window.selection.change(token=40)
    inspector, attention = window.docks["inspector"].panel, window.docks["attention"].panel
    assert isinstance(inspector, InspectorPanel)
    assert isinstance(attention, AttentionPanel)
    qtbot.waitUntil(lambda: inspector.alternatives.note == "reading…" and inspector.row_label.text() == "reading…")
    qtbot.waitUntil(lambda: attention.map.message.text() == "reading…")
    assert f"position {PROMPT + 40}" in inspector.fact_labels["token"].text()  # what is in memory is there at once
    file.released.set()
    qtbot.waitUntil(lambda: not inspector.is_behind and not attention.is_behind)
    assert len(inspector.alternatives.bars) == 8
    assert attention.map.message.isHidden()


def test_another_question_gives_up_the_one_before(
    qtbot: QtBot, window: MainWindow, slow: tuple[Session, SlowFile], whole: Session
) -> None:
    session, file = slow
    look_at(window, session, "inspector")
    for token in (10, 11):
        window.selection.change(token=token)
        qtbot.waitUntil(lambda token=token: ("alternatives", (token,)) in [(n, a) for n, a, _ in file.asked])
    given_up = {asked[0]: patience.over for name, asked, patience in file.asked if name == "alternatives"}
    assert given_up[10]
    assert not given_up[11]
    file.released.set()
    panel = window.docks["inspector"].panel
    assert isinstance(panel, InspectorPanel)
    qtbot.waitUntil(lambda: not panel.is_behind)
    assert panel.facts is not None
    ids, _ = whole.details.alternatives(11)
    assert [one.token_id for one in panel.facts.alternatives] == ids.tolist()


def test_a_panel_that_is_closed_reads_nothing_more_and_asks_again_when_it_is_opened(
    qtbot: QtBot, window: MainWindow, slow: tuple[Session, SlowFile]
) -> None:
    session, file = slow
    look_at(window, session, "attention")
    dock = window.docks["attention"]
    qtbot.waitUntil(lambda: bool(file.asked))
    dock.close()
    qtbot.waitUntil(lambda: not window.jobs.busy)
    assert all(patience.over for _, _, patience in file.asked)
    file.released.set()
    window.panels.bring_up("attention")
    panel = dock.panel
    assert isinstance(panel, AttentionPanel)
    qtbot.waitUntil(lambda: panel.map.shades.shape == (STEPS, STEPS))


def test_a_window_that_reads_can_be_closed(window: MainWindow, slow: tuple[Session, SlowFile]) -> None:
    session, file = slow
    look_at(window, session, "attention", "inspector")
    window.selection.change(token=20)
    assert window.jobs.busy
    begun = time.monotonic()
    assert window.close()
    assert time.monotonic() - begun < 4 * READERS_WITHIN_S
    assert not window.left_something_behind
    assert all(patience.over for _, _, patience in file.asked)


def test_one_query_is_given_up_and_the_file_goes_on(path: Path) -> None:
    file, patience = SessionFile(path), Patience()
    said: list[str] = []

    def ask() -> None:
        try:
            file.query(LONG, patience=patience)
        except SessionFileError as error:
            said.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    patience.give_up()
    thread.join()
    assert said == [f"Reading {path} was given up."]
    assert file.step_blobs(3) is not None
    file.close()


def test_who_waits_for_another_query_can_give_up(path: Path) -> None:
    file, patience = SessionFile(path), Patience()
    others = file.columns("steps", file.packs("steps"))
    next(others)  # nobody else can ask before it has ended
    said: list[str] = []

    def ask() -> None:
        try:
            file.step_blobs(3, patience)
        except SessionFileError as error:
            said.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    patience.give_up()
    thread.join()
    assert said == [f"Reading {path} was given up."]
    others.close()
    assert file.step_blobs(3) is not None
    file.close()


# --- rows -------------------------------------------------------------------------------------------------------------


def test_rows_of_a_file_come_in_pieces_of_what_memory_gives_at_once(whole: Session) -> None:
    live = Session()
    for batch in synthetic_events(STEPS, attention_rows=STEPS):
        live.apply(batch)
    fed, read = AttentionFeed(AttentionRows(live), 0, 0, 0), AttentionFeed(AttentionRows(whole), 0, 0, 0)
    assert fed.update() == read.update()
    np.testing.assert_array_equal(fed.grid.cells, read.grid.cells)
    assert (fed.rows, fed.newest, fed.within((3, 40))) == (read.rows, read.newest, read.within((3, 40)))
    for position in (PROMPT - 1, 50):
        expected = ExactRow(live).read(0, 0, 0, position)
        assert expected is not None
        assert len(expected) == position + 1
        np.testing.assert_array_equal(ExactRow(whole).read(0, 0, 0, position), expected)


def test_rows_are_kept_in_a_bounded_memory(whole: Session) -> None:
    cache = RowCache(limit_bytes=20_000)
    rows = AttentionRows(whole, cache=cache)
    feed = AttentionFeed(rows, 0, 0, 0)
    feed.update()
    AttentionFeed(AttentionRows(whole, cache=cache), 0, 0, None).update()
    cache.drop_beyond_limit()
    assert cache.bytes <= 20_000
    assert rows.after((0, 0, 0), STEPS - PROMPT + 1) in ([], None)
    assert PIECE_ROWS < STEPS


def test_a_second_head_of_the_same_map_is_not_read_again(whole: Session) -> None:
    cache = RowCache()
    AttentionFeed(AttentionRows(whole, cache=cache), 0, 0, 0).update()
    source, whole.source = whole.source, None
    try:
        again = AttentionFeed(AttentionRows(whole, cache=cache), 0, 0, 0)
        assert again.update() is not None
    finally:
        whole.source = source
