"""Timeline, Inspector and Latency of a server that tells no steps, and what is not told of one with a recorder."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.look import theme
from app.panels.base import Panel
from app.panels.inspector import InspectorPanel
from app.panels.latency import LatencyPanel
from app.panels.timeline import TimelinePanel
from app.panels.timeline_chunks import chunk_cells, is_dense, token_box
from app.window.navigation import walk_requests, walk_steps
from app.window.step_strip import StepStrip
from engine.session import schema
from engine.session.store import Session
from tests.app.figures.shown import listening
from tests.app.panels import acting
from tests.app.panels.helpers import click, show
from tests.app.pictures import check_panel
from tests.engine.figures.chunks import CHUNKS, TOKENS, chunked, many
from tests.engine.figures.served import MS, WITH_RECORDER, recorded, session_of

NOT_TOLD = "not told by this server"


def timeline(qtbot: QtBot, session: Session, width: int = 1000, height: int = 420) -> TimelinePanel:
    return cast(TimelinePanel, show(qtbot, TimelinePanel, session, width, height))


def inspector(qtbot: QtBot, session: Session, token: int) -> InspectorPanel:
    panel = cast(InspectorPanel, show(qtbot, InspectorPanel, session))
    panel.context.selection.change(token=token)
    return panel


def latency(qtbot: QtBot, session: Session, width: int = 1100, height: int = 700) -> LatencyPanel:
    return cast(LatencyPanel, show(qtbot, LatencyPanel, session, width, height))


def row_of(session: Session, text: str) -> int:
    found: int = session.tokens["text"].tolist().index(text)
    return found


def place(panel: TimelinePanel, token: int) -> QPointF:
    """Where the timeline draws a token: beside the mark of its chunk."""
    scene, session = panel.canvas.scene(), panel.session
    assert scene is not None
    assert session is not None
    request = int(session.tokens["request_id"][token])
    cell = next(one for one in chunk_cells(scene, request) if token in one.rows)
    box = panel.canvas.request_box(list(session.requests).index(request)).adjusted(0, 0, 0, -3)
    return QPointF(cell.left + 1, token_box(box, cell, cell.rows.index(token)).center().y())


def plain(text: str) -> str:
    return text.replace("\u2009", " ")


# --- the timeline ---------------------------------------------------------------------------------------------------


def test_a_mark_stands_at_the_moment_of_each_chunk(qtbot: QtBot) -> None:
    panel = timeline(qtbot, chunked())
    scene = panel.canvas.scene()
    assert scene is not None
    found = [cell.left for request in (0, 1) for cell in chunk_cells(scene, request)]
    assert found == pytest.approx([scene.x(t_ms * MS) for _, t_ms, _ in sorted(CHUNKS)])
    assert not panel.is_empty
    assert plain(panel.figures()) == f"3 requests · {TOKENS} tokens · 83.0 ms ●"


def test_the_lane_of_the_steps_says_that_they_are_not_told(qtbot: QtBot) -> None:
    panel = timeline(qtbot, chunked())
    with listening() as heard:
        panel.canvas.grab()
    texts = [one.text for one in heard.painted]
    assert {"steps", NOT_TOLD} <= set(texts)
    assert not {"host", "device"} & set(texts)
    assert panel.canvas.tooltip(panel.canvas.lanes().host.center()) == WITH_RECORDER
    assert panel.axis_button.isHidden()
    panel.canvas.set_axis("steps")
    assert panel.canvas.axis == "time"


def test_the_wait_for_the_first_token_is_hatched_and_named(qtbot: QtBot) -> None:
    panel = timeline(qtbot, chunked())
    with listening() as heard:
        panel.canvas.grab()
    assert "first token after 38.0 ms" in [plain(one.text) for one in heard.painted]
    scene, box = panel.canvas.scene(), panel.canvas.request_box(0)
    assert scene is not None
    picture = panel.canvas.grab().toImage()
    left = round(scene.x(5 * MS))
    seen = {picture.pixelColor(x, round(box.top()) + 4).name() for x in range(left, left + 16)}
    assert seen == {theme.theme().muted, theme.theme().panel}


def test_the_tip_of_a_token_says_how_many_came_with_it(qtbot: QtBot) -> None:
    session = chunked()
    panel = timeline(qtbot, session)
    text = plain(panel.canvas.tooltip(place(panel, row_of(session, " and the cats"))))
    assert "3 tokens in one chunk; nothing is known about the times within it" in text
    assert "12.0 ms after the chunk before ●" in text
    assert f"log-probability and entropy: {NOT_TOLD}" in text
    assert "step" not in text
    alone = plain(panel.canvas.tooltip(place(panel, row_of(session, " sat"))))
    assert "in one chunk" not in alone
    assert "8.00 ms after the chunk before ●" in alone


def test_an_id_that_was_not_told_is_no_number_and_a_logprob_that_was_told_is_shown(qtbot: QtBot) -> None:
    session = chunked(logprobs=True, ids=False)
    panel = timeline(qtbot, session)
    text = plain(panel.canvas.tooltip(place(panel, 0)))
    assert f"token ({NOT_TOLD}), position 3 of request 0" in text
    assert f"log-probability −0.500 ●   entropy: {NOT_TOLD}" in text


def test_a_click_selects_a_token_without_a_step(qtbot: QtBot) -> None:
    session = chunked()
    panel = timeline(qtbot, session)
    for token in range(2):  # two tokens of one chunk, below each other
        at = place(panel, token)
        click(panel.canvas, at.x(), at.y())
        now = panel.context.selection.now
        assert (now.token, now.request, now.step) == (token, 0, None)
    scene = panel.canvas.scene()
    assert scene is not None
    click(panel.canvas, scene.x(20 * MS), panel.canvas.request_box(1).center().y())
    assert (panel.context.selection.now.token, panel.context.selection.now.request) == (None, 1)


def test_arrows_walk_tokens_and_requests(qtbot: QtBot) -> None:
    session = chunked()
    panel = timeline(qtbot, session)
    selection = panel.context.selection
    seen = []
    keys = Qt.Key
    for key in (keys.Key_Home, keys.Key_Right, keys.Key_Right, keys.Key_Left, keys.Key_Down, keys.Key_Right,
                keys.Key_Up, keys.Key_End):  # fmt: skip
        qtbot.keyClick(panel.canvas, key)
        now = selection.now
        assert now.step is None
        seen.append((now.request, session.tokens["text"][now.token] if now.token is not None else None))
    assert seen == [
        (0, " the"), (0, " table"), (0, ","), (0, " table"),
        (1, " there"), (1, " was"),  # the first ones of request 1 after 40 ms
        (0, " and the cats"), (0, " sat"),  # the first one of request 0 after 55 ms
    ]  # fmt: skip


def test_a_request_without_a_token_can_be_selected(qtbot: QtBot) -> None:
    panel = timeline(qtbot, chunked())
    for _ in range(3):
        qtbot.keyClick(panel.canvas, Qt.Key.Key_Down)
    assert (panel.context.selection.now.request, panel.context.selection.now.token) == (2, None)


def test_zooming_follows_the_selected_token_and_f_frames_it(qtbot: QtBot) -> None:
    session = many()
    panel = timeline(qtbot, session)
    view = panel.canvas.view
    assert view.mode == "fit"
    qtbot.keyClick(panel.canvas, Qt.Key.Key_W)
    view.show(100 * MS, 200 * MS)
    panel.context.selection.change(token=1000)
    assert view.lo <= 1001 * MS <= view.hi
    qtbot.keyClick(panel.canvas, Qt.Key.Key_F)
    before, at = session.tokens["emitted_ns"][999:1001].tolist()
    assert (view.lo, view.hi) == pytest.approx((before - (at - before), at + (at - before)))
    qtbot.keyClick(panel.canvas, Qt.Key.Key_F)
    assert view.mode == "fit"


def test_too_many_chunks_are_a_density_in_which_tokens_can_be_pointed_at(qtbot: QtBot) -> None:
    session = many()
    panel = timeline(qtbot, session)
    scene = panel.canvas.scene()
    assert scene is not None
    assert is_dense(scene, 0)
    assert int(scene.model.chunks[0].counts(scene.edges()).sum()) == len(session.tokens)
    at = QPointF(scene.x(2000 * MS), panel.canvas.request_box(0).center().y())
    token = panel.canvas.hit(at).token
    assert token is not None
    assert abs(int(session.tokens["emitted_ns"][token]) - 2000 * MS) < 10 * MS
    panel.context.selection.change(token=token)
    panel.canvas.grab()


def test_the_newest_tokens_of_a_live_session_stay_in_view(qtbot: QtBot) -> None:
    session = many(10)
    panel = timeline(qtbot, session)
    assert panel.canvas.view.mode == "follow"
    for n in range(10, 80):
        session.apply([schema.Token(n, 0, -1, n, n, " w", 0.0, 0.0, "target", (n + 1) * MS, b"", -1, "probe")])
    panel.refresh()
    assert panel.canvas.view.lo < 80 * MS <= panel.canvas.view.hi


def test_csv_has_a_row_a_token_in_view(qtbot: QtBot) -> None:
    panel = timeline(qtbot, chunked(ids=False))
    names, rows = panel.rows()
    assert len(rows) == TOKENS
    first = dict(zip(names, rows[0], strict=True))
    assert (first["step"], first["step_start_ns"], first["token_id"]) == (None, None, None)
    assert (first["text"], first["emitted_ns"]) == (" the", 40 * MS)
    panel.canvas.view.show(60 * MS, 72 * MS)
    assert [row[6] for row in panel.rows()[1]] == [" and the cats", "", "", " sat"]


def test_a_session_whose_requests_wait_shows_them(qtbot: QtBot) -> None:
    session = chunked()
    waiting = Session()
    waiting.apply([schema.SessionStarted(session.meta)])
    panel = timeline(qtbot, waiting)
    assert panel.is_empty
    waiting.apply([schema.RequestArrived(0, "a", [], [], "{}", 0, "probe")])
    panel.refresh()
    assert not panel.is_empty
    panel.canvas.grab()


# --- the inspector --------------------------------------------------------------------------------------------------


def test_the_inspector_of_a_token_without_a_step(qtbot: QtBot) -> None:
    session = chunked()
    panel = inspector(qtbot, session, row_of(session, " and the cats"))
    assert plain(panel.figures()) == "request 0 · position 6 · “⋅and⋅the⋅cats” · 12.0 ms after the chunk before ●"
    facts = {name: plain(label.text()) for name, label in panel.fact_labels.items()}
    assert facts["token"] == (
        "id 12 · position 6 · 12.0 ms after the chunk before ● · "
        "3 tokens in one chunk; nothing is known about the times within it"
    )
    assert facts["step"] == WITH_RECORDER
    assert panel.phases.isHidden()
    assert panel.positions.isHidden()
    assert NOT_TOLD in panel.row_label.text()
    assert NOT_TOLD in panel.chance_label.text()
    assert ("chunk", "tokens", 3) in panel.rows()[1]
    assert panel.late.members.text() == NOT_TOLD


def test_the_inspector_walks_the_tokens_of_a_prompt_whose_tokens_are_only_counted(qtbot: QtBot) -> None:
    session = chunked()
    panel = inspector(qtbot, session, row_of(session, " there"))
    qtbot.keyClick(panel, Qt.Key.Key_Right)
    assert panel.context.selection.now.token == row_of(session, " was")
    assert panel.flow.texts[:3] == ["∅"] * 3


def test_a_logprob_of_a_server_is_shown(qtbot: QtBot) -> None:
    panel = inspector(qtbot, chunked(logprobs=True), 0)
    assert plain(panel.chance_label.text()).startswith("probability 60.7 % ● · logprob -0.500 nats")


# --- latency --------------------------------------------------------------------------------------------------------


def test_latency_has_the_times_of_requests_and_the_gaps(qtbot: QtBot) -> None:
    panel = latency(qtbot, chunked())
    assert not panel.is_empty
    table = panel.streams.table
    cells = [[plain(table.cell(row, column)) for column in range(5)] for row in range(table.rowCount())]
    assert cells[0][:2] == ["First token (TTFT)", "36.5 ms"]
    assert cells[1][:3] == ["Chunk to chunk (ITL)", "14.0 ms", "10.0 ms"]
    assert cells[2][:2] == ["A later token (TPOT)", "12.5 ms"]
    assert cells[3][:2] == ["Whole request", "71.5 ms"]
    found = panel.streams.histogram.histogram
    assert found is not None
    assert int(found.counts.sum()) == 5
    assert panel.table.isHidden()
    assert panel.chart.isHidden()
    assert WITH_RECORDER in panel.streams.untold.text()
    assert "first token p50 36.5 ms ●" in plain(panel.figures())
    assert [row[0] for row in panel.rows()[1]] == ["ttft", "itl", "tpot", "latency"]


def test_n_goes_to_the_token_after_an_outlying_gap(qtbot: QtBot) -> None:
    session = many(40)
    session.apply([schema.Token(40, 0, -1, 40, 1, " late", 0.0, 0.0, "target", 90 * MS, b"", -1, "probe")])
    panel = latency(qtbot, session)
    assert plain(panel.streams.outliers.text()) == "1 outlier ƒ"
    panel.streams.go_to_next(1)
    assert panel.context.selection.now.token == 40
    panel.context.selection.filter((900.0, 1000.0))
    short = 1 + np.flatnonzero(np.diff(session.tokens["emitted_ns"]) < MS)
    assert plain(panel.streams.outliers.text()) == f"{len(short)} selected"
    panel.streams.go_to_next(1)
    assert panel.context.selection.now.token == short[0]


def test_the_panel_shows_steps_again_for_a_session_that_has_them(qtbot: QtBot) -> None:
    panel = latency(qtbot, chunked())
    panel.show_session(session_of(recorded()))
    QApplication.processEvents()
    assert panel.streams.isHidden()
    assert panel.table.isVisible()
    panel.show_session(chunked())
    assert panel.streams.isVisible()


@pytest.mark.parametrize(("width", "height"), [(340, 220), (420, 640), (900, 300), (1100, 700)])
def test_latency_fits_any_size(qtbot: QtBot, width: int, height: int) -> None:
    panel = latency(qtbot, chunked(), width, height)
    assert panel.rect().contains(panel.streams.geometry())
    assert panel.streams.histogram.height() >= panel.streams.histogram.minimumHeight()


# --- a server with a recorder ---------------------------------------------------------------------------------------


def test_what_a_recorder_does_not_tell_says_so_on_the_timeline(qtbot: QtBot) -> None:
    panel = timeline(qtbot, session_of(recorded()))
    with listening() as heard:
        panel.canvas.grab()
    texts = [one.text for one in heard.painted]
    assert NOT_TOLD in texts  # the device
    assert f"phases: {NOT_TOLD}" in texts
    text = plain(panel.canvas.tooltip(QPointF(place_of_step(panel, 3), panel.canvas.lanes().host.center().y())))
    assert f"phases: {NOT_TOLD}" in text
    assert f"padding {NOT_TOLD}" in text
    assert f"kernel {NOT_TOLD}" in text
    assert "other" not in text
    token = panel.canvas.tooltip(QPointF(place_of_step(panel, 3), panel.canvas.request_box(0).center().y()))
    assert "received 1.00 ms later ●" in plain(token)


def place_of_step(panel: TimelinePanel, step: int) -> float:
    scene, session = panel.canvas.scene(), panel.session
    assert scene is not None
    assert session is not None
    return scene.x(float(session.steps["start_ns"][step]) + MS)


def test_what_a_recorder_does_not_tell_says_so_in_the_inspector(qtbot: QtBot) -> None:
    panel = inspector(qtbot, session_of(recorded()), 4)
    assert "received 1.00 ms later ●" in plain(panel.fact_labels["step"].text())
    assert panel.phases.note == NOT_TOLD
    assert panel.alternatives.note == NOT_TOLD
    numbers = {bar.name: bar.number for bar in panel.positions.bars}
    assert numbers["padding"] == "not told"
    assert numbers["recomputed"] == "0"
    assert NOT_TOLD in panel.row_label.text()


def test_latency_of_a_recorded_server_has_a_total_and_no_other(qtbot: QtBot) -> None:
    panel = latency(qtbot, session_of(recorded()))
    assert plain(panel.table.cell("total", "mean")) == "8.00 ms"
    assert panel.table.cell("other", "mean") == "—"
    assert panel.table.cell("other", "share") == "—"
    assert f"phases: {NOT_TOLD}" in panel.range_line.text()
    assert f"device time: {NOT_TOLD}" in panel.range_line.text()
    assert panel.describe_step(3).endswith(f"phases: {NOT_TOLD}")


# --- the window -----------------------------------------------------------------------------------------------------


def test_the_strip_says_that_the_server_tells_no_steps(qtbot: QtBot) -> None:
    selection = Selection()
    strip = StepStrip(selection)
    qtbot.addWidget(strip)
    strip.resize(1000, strip.sizeHint().height())
    strip.show_session(chunked())
    with listening() as heard:
        strip.grab()
    [text] = [one.text for one in heard.painted]
    assert plain(text) == f"This server tells no steps · {TOKENS} tokens from 2.00 ms to 85.0 ms · 120 tokens/s"
    click(strip, 500, 40)
    assert selection.now.step is None


def test_the_windows_arrows_walk_tokens_and_requests() -> None:
    session, selection = chunked(), Selection()
    selection.reset(session)
    walk_steps(selection, session, -1)
    assert selection.now.token == len(session.tokens) - 1
    walk_steps(selection, session, -1)
    assert (selection.now.request, session.tokens["text"][selection.now.token]) == (1, " was")
    walk_requests(selection, session, -1)
    assert selection.now.request == 0
    assert selection.now.token is None


PICTURES: dict[str, Callable[[], Panel]] = {
    "timeline-chunks": lambda: acting.shown(TimelinePanel, chunked(), 1000, 400),
    "timeline-chunks-dense": lambda: acting.shown(TimelinePanel, many(), 1000, 300),
    "inspector-chunks": lambda: acting.shown(InspectorPanel, chunked(), 900, 500),
    "latency-chunks": lambda: acting.shown(LatencyPanel, chunked(), 1000, 500),
}


@pytest.mark.parametrize("name", sorted(PICTURES))
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_looks_as_it_did(qtbot: QtBot, name: str, scheme: theme.Scheme) -> None:
    check_panel(qtbot, PICTURES[name], name, scheme)
