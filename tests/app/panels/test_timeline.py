"""The timeline: what it draws where, what it says, and what pointer and keys do."""

from __future__ import annotations

from typing import cast

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.look.theme import theme
from app.look.units import seconds
from app.panels.timeline import TimelinePanel
from app.panels.timeline_requests import token_cells
from app.widgets.pixels import blend
from engine.figures.metrics import summarise
from engine.session.store import Session
from tests.app.figures.shown import listening
from tests.app.panels.helpers import click, colour_at, show
from tests.app.panels.sessions import MS, Recorder, busy_run, decode_run
from tests.engine.figures.test_comparison import taught
from tests.engine.figures.test_pauses import held


def shown(qtbot: QtBot, session: Session, width: int = 1000, height: int = 420) -> TimelinePanel:
    return cast(TimelinePanel, show(qtbot, TimelinePanel, session, width, height))


def place(panel: TimelinePanel, t_ms: float) -> float:
    scene = panel.canvas.scene()
    assert scene is not None
    return scene.time_x(t_ms * MS)


def wheel(panel: TimelinePanel, x: float, notches: int) -> None:
    event = QWheelEvent(
        QPointF(x, 60), panel.canvas.mapToGlobal(QPointF(x, 60)), QPoint(), QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(panel.canvas, event)


def test_the_header_counts_steps_tokens_and_idle_time(qtbot: QtBot) -> None:
    panel = shown(qtbot, busy_run().session)
    assert panel.figures().replace("\u2009", " ") == "3 steps · 8 tokens · 51.0 ms ● · idle 21.0 ms ●"
    panel.context.selection.change(steps=(1, 2))
    assert panel.figures().replace("\u2009", " ") == "2 steps · 6 tokens · 21.0 ms ● · idle 1.00 ms ●"


def test_the_header_counts_teacher_forced_passes_apart_as_every_figure_of_steps_does(qtbot: QtBot) -> None:
    session = taught()
    panel = shown(qtbot, session)
    assert panel.figures().startswith(f"{summarise(session).steps} steps · 20 tokens")
    assert panel.figures().endswith(" · 1 teacher-forced pass")
    panel.context.selection.change(steps=(0, 9))
    assert panel.figures().startswith("10 steps")
    assert "teacher" not in panel.figures()


def test_the_host_lane_shows_phases_in_their_colours_and_gaps_empty(qtbot: QtBot) -> None:
    panel = shown(qtbot, busy_run().session)
    host = panel.canvas.lanes().host
    y = host.top() + 4
    groups = theme().groups
    wanted = [(0.5, "prepare"), (1.5, "norm"), (2.3, "attention"), (5.3, "ffn"), (8.7, "draft"), (9.75, "other")]
    assert [colour_at(panel.canvas, place(panel, t), y) for t, _ in wanted] == [groups[name] for _, name in wanted]
    assert colour_at(panel.canvas, place(panel, 13), y) == theme().window


def test_the_host_lane_says_that_its_colours_are_shares(qtbot: QtBot) -> None:
    panel = shown(qtbot, busy_run().session)
    lanes = panel.canvas.lanes()
    with listening() as heard:
        panel.grab()
    texts = [one.text for one in heard.painted]
    assert "host\n(shares)" in texts
    assert "host: shares of each step’s time, not their order" in texts
    words = "Colours: each group’s share of the step’s time over all layers, not the order in which it ran."
    assert panel.canvas.tooltip(QPointF(place(panel, 5), lanes.host.center().y())).splitlines()[-1] == words
    assert panel.canvas.tooltip(QPointF(20, lanes.host.center().y())) == words


@pytest.mark.parametrize("width", [500, 700, 940, 1600])
def test_the_legend_wraps_instead_of_losing_entries(qtbot: QtBot, width: int) -> None:
    panel = shown(qtbot, busy_run().session, width)
    with listening() as heard:
        panel.grab()
    texts = [one.text for one in heard.painted]
    legend = ["prepare", "attention", "ffn", "norm", "sampling", "draft", "other",
              "host: shares of each step’s time, not their order", "draft accepted", "draft rejected"]  # fmt: skip
    assert [text for text in texts if text in legend][-len(legend) :] == legend
    lanes = panel.canvas.lanes()
    assert panel.canvas.tooltip(QPointF(300, lanes.legend.center().y())).splitlines() == legend


def test_panning_stops_at_the_sessions_begin(qtbot: QtBot) -> None:
    panel = shown(qtbot, busy_run().session)
    qtbot.keyClick(panel.canvas, Qt.Key.Key_W)
    for _ in range(20):
        qtbot.keyClick(panel.canvas, Qt.Key.Key_A)
    assert panel.canvas.view.lo == 0
    for _ in range(40):
        qtbot.keyClick(panel.canvas, Qt.Key.Key_D)
    view = panel.canvas.view
    assert view.hi == pytest.approx(51 * MS + 0.02 * view.span)


def test_the_device_lane_is_as_high_as_the_device_was_busy(qtbot: QtBot) -> None:
    panel = shown(qtbot, busy_run().session)
    lane = panel.canvas.lanes().device
    x = place(panel, 1)
    groups = theme().groups
    # 60 % busy; of the device's 8.5 ms of phases 3 are attention, 2.5 FFN, 1 norm, 0.5 sampling and 1.5 drafting
    shares = {"attention": 3, "ffn": 2.5, "norm": 1, "sampling": 0.5, "draft": 1.5}
    below = 0.0
    for band, ms in shares.items():
        middle = below + 0.6 * ms / 8.5 / 2
        below += 0.6 * ms / 8.5
        if band not in ("sampling", "norm"):  # a pixel or two high
            assert colour_at(panel.canvas, x, lane.bottom() - middle * lane.height()) == groups[band]
    track = blend(groups["other"], theme().panel, 0.18)
    assert colour_at(panel.canvas, x, lane.bottom() - 0.7 * lane.height()) == track


def test_a_device_that_says_nothing_is_not_drawn_as_idle(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(4, "contiguous").session)
    lane = panel.canvas.lanes().device
    assert panel.canvas.model is not None
    assert not panel.canvas.model.device_reported
    assert colour_at(panel.canvas, place(panel, 6.3), lane.bottom() - 2) == theme().window


def test_waiting_is_hatched_until_the_request_is_scheduled(qtbot: QtBot) -> None:
    panel = shown(qtbot, busy_run().session)
    box = panel.canvas.request_box(2)
    picture = panel.canvas.grab().toImage()
    x0 = round(place(panel, 16))
    area = {
        picture.pixelColor(x, y).name()
        for x in range(x0, x0 + 12)
        for y in range(round(box.top()) + 2, round(box.top()) + 14)
    }
    assert area == {theme().muted, theme().panel}
    assert picture.pixelColor(round(place(panel, 12)), round(box.center().y())).name() == theme().panel


def test_drafts_share_the_step_and_rejected_ones_follow(qtbot: QtBot) -> None:
    panel = shown(qtbot, busy_run().session)
    scene = panel.canvas.scene()
    assert scene is not None
    cells = token_cells(scene, 0, 1, 2)
    assert [row for row, _, _ in cells] == [2, 3, -1]  # one accepted draft, the target's own token, one rejected
    width = scene.x(40 * MS) - scene.x(30 * MS)
    assert [right - left for _, left, right in cells] == pytest.approx([width / 3] * 3)
    assert [row for row, _, _ in token_cells(scene, 1, 1, 2)] == [4, -1, -1]


def test_hovering_a_token_tells_what_it_is_and_what_it_cost(qtbot: QtBot) -> None:
    panel = shown(qtbot, busy_run().session)
    box = panel.canvas.request_box(0)
    text = panel.canvas.tooltip(QPointF(place(panel, 31), box.center().y())).replace("\u2009", " ")
    assert "“⋅on”  token 100, position 3 of request 0" in text
    assert "30.0 ms after the token before ●" in text
    assert "▲ proposed by the draft and accepted" in text
    assert "this step accepted 1 of 2 drafts ●" in text
    assert "step 1 (decode, sdpa): 10.0 ms ●" in text
    assert "attention 3.00 ms" in text
    assert "positions: 3 new · 3 rejected · 3 reused ●" in text
    assert "device busy 9.00 ms (90.0 %) ●" in text
    assert "20.0 ms idle before it ●" in text


def test_a_click_selects_token_step_and_request(qtbot: QtBot) -> None:
    panel = shown(qtbot, busy_run().session)
    box = panel.canvas.request_box(2)
    click(panel.canvas, place(panel, 45), box.center().y())
    now = panel.context.selection.now
    assert (now.token, now.step, now.request) == (7, 2, 2)
    click(panel.canvas, place(panel, 35), panel.canvas.lanes().host.center().y())
    now = panel.context.selection.now
    assert (now.token, now.step) == (None, 1)


def test_arrows_walk_tokens_and_requests(qtbot: QtBot) -> None:
    panel = shown(qtbot, busy_run().session)
    selection = panel.context.selection
    seen = []
    for key in (Qt.Key.Key_Home, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Down, Qt.Key.Key_Down):
        qtbot.keyClick(panel.canvas, key)
        seen.append((selection.now.request, selection.now.token))
    assert seen == [(0, 0), (0, 2), (0, 3), (0, 2), (1, 4), (2, 7)]


def test_zooming_and_panning_end_following_and_the_button_brings_it_back(qtbot: QtBot) -> None:
    recorder = decode_run(100, "contiguous")
    panel = shown(qtbot, recorder.session)
    view = panel.canvas.view
    assert view.mode == "fit"  # a long session is first seen whole
    assert panel.follow_button.isHidden()
    at = place(panel, 500)
    before = panel.canvas.scene().value(at)  # type: ignore[union-attr]
    wheel(panel, at, 3)
    assert panel.canvas.scene().value(at) == pytest.approx(before)  # type: ignore[union-attr]
    assert view.mode == "free"
    assert panel.follow_button.isVisible()
    qtbot.mouseClick(panel.follow_button, Qt.MouseButton.LeftButton)
    assert view.mode == "follow"
    assert panel.follow_button.isHidden()
    span = view.span
    for step in range(100, 110):
        recorder.step([(0, step, step, step + 1, 0, step)], [(0, "x", "target")])
    panel.refresh()
    assert view.span == pytest.approx(span)
    assert view.lo < 1100 * MS <= view.hi
    qtbot.keyClick(panel.canvas, Qt.Key.Key_A)
    assert panel.follow_button.isVisible()


def test_f_frames_the_selection_then_everything(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(100, "contiguous").session)
    panel.context.selection.change(steps=(40, 49))
    qtbot.keyClick(panel.canvas, Qt.Key.Key_F)
    view = panel.canvas.view
    assert (view.lo / MS, view.hi / MS) == pytest.approx((398, 502))
    qtbot.keyClick(panel.canvas, Qt.Key.Key_F)
    assert view.lo == 0
    assert view.hi >= 1000 * MS


def test_the_axis_changes_to_steps_and_shows_the_same_ones(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(100, "contiguous").session)
    panel.canvas.view.show(200 * MS, 300 * MS)
    panel.axis_button.click()
    assert (panel.canvas.view.lo, panel.canvas.view.hi) == pytest.approx((20, 30))
    assert panel.axis_button.text() == "steps"
    assert len(panel.rows()[1]) == 10
    panel.axis_button.click()
    assert (panel.canvas.view.lo / MS, panel.canvas.view.hi / MS) == pytest.approx((200, 300))


def test_a_switch_is_a_line_with_its_label(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(20, "none", switch_at=8).session)
    lanes = panel.canvas.lanes()
    x = round(place(panel, 80))
    picture = panel.canvas.grab().toImage()
    column = [picture.pixelColor(x, y).name() for y in range(round(lanes.marks.top()), round(lanes.requests.top()))]
    assert column.count(theme().warn) > len(column) // 3
    label = {
        picture.pixelColor(x + dx, y).name()
        for dx in range(4, 60)
        for y in range(round(lanes.marks.top()), round(lanes.marks.bottom()))
    }
    assert len(label - {theme().panel}) > 10  # written, with its edges smoothed


def test_an_empty_session_says_what_will_come(qtbot: QtBot) -> None:
    panel = shown(qtbot, Session())
    assert panel.is_empty
    assert panel.empty_text().endswith(".")
    assert panel.figures() == ""
    assert panel.rows()[1] == []


def test_csv_has_a_row_a_token(qtbot: QtBot) -> None:
    names, rows = shown(qtbot, busy_run().session).rows()
    assert len(rows) == 8
    assert dict(zip(names, rows[2], strict=True)) | {"token_id": 0} == {
        "token": 2, "request": 0, "step": 1, "step_kind": "decode", "position": 3, "token_id": 0, "text": " on",
        "source": "draft", "emitted_ns": 40 * MS, "step_start_ns": 30 * MS, "step_end_ns": 40 * MS,
    }  # fmt: skip


def test_the_lane_of_drafts_is_there_only_with_drafts(qtbot: QtBot) -> None:
    assert shown(qtbot, decode_run(6, "contiguous").session).canvas.lanes().drafts.height() == 0
    assert shown(qtbot, busy_run().session).canvas.lanes().drafts.height() > 0


def test_the_lane_of_drafts_shows_accepted_ones_below_rejected_ones(qtbot: QtBot) -> None:
    panel = shown(qtbot, busy_run().session)
    lane = panel.canvas.lanes().drafts
    blue, purple = theme().positions["new"], theme().positions["rejected"]
    x = round(place(panel, 32))  # step 1 verified four drafts and accepted one
    assert colour_at(panel.canvas, x, lane.bottom() - 0.1 * lane.height()) == blue
    column = {colour_at(panel.canvas, x + dx, lane.top() + 3 + dy) for dx in range(8) for dy in range(6)}
    assert purple in column
    assert blue not in column
    text = panel.canvas.tooltip(QPointF(x, lane.center().y())).replace("\u2009", " ")
    assert "4 drafts proposed" in text
    assert "1 accepted (25.0 % ƒ), 3 rejected" in text


def test_too_many_drafts_to_draw_one_by_one_are_a_density(qtbot: QtBot) -> None:
    recorder = Recorder()
    recorder.switches(kv="contiguous", speculate="draft")
    recorder.request(0, ["<s>"])
    for step in range(900):
        drafted = 300 <= step < 600
        known = 1 + step
        recorder.step([(0, known - 1, known - 1, known + (2 if drafted else 0), 2 if drafted else 0, 0)],
                      [(0, "a", "target")], proposals=[(0, 4, 2)] if drafted else [])  # fmt: skip
    panel = shown(qtbot, recorder.session)
    scene = panel.canvas.scene()
    assert scene is not None
    assert scene.dense
    lane = panel.canvas.lanes().drafts
    bottom = lane.bottom() - 3
    assert colour_at(panel.canvas, place(panel, 4500), bottom) == theme().positions["new"]
    assert colour_at(panel.canvas, place(panel, 1500), bottom) == theme().window
    upper = {
        colour_at(panel.canvas, place(panel, 4500) + dx, lane.top() + 2 + dy) for dx in range(9) for dy in range(4)
    }
    assert theme().positions["rejected"] in upper
    assert theme().positions["new"] not in upper


def test_a_mark_says_what_it_is_and_when(qtbot: QtBot) -> None:
    panel = shown(qtbot, busy_run().session)
    marks = panel.canvas.lanes().marks
    at = QPointF(place(panel, 40) + 2, marks.center().y())
    assert panel.canvas.tooltip(at).replace("\u2009", " ") == "40.0 ms: attention: sdpa → reference"
    assert panel.canvas.tooltip(at + QPointF(40, 0)) == panel.canvas.tooltip(at), "its label says it as well"
    assert panel.canvas.tooltip(at - QPointF(40, 0)) == ""


def test_a_pause_is_drawn_and_said_and_is_not_idle(qtbot: QtBot) -> None:
    panel = shown(qtbot, held())
    assert f"idle {seconds(2e-3)} ●" in panel.figures()
    assert f"paused {seconds(20 - 19e-3)} ●" in panel.figures()
    panel.canvas.view.fit()
    scene = panel.canvas.scene()
    assert scene is not None
    at = QPointF(scene.time_x(5e9), panel.canvas.lanes().host.center().y())
    assert panel.canvas.tooltip(at) == f"paused {seconds(9.989)}"
    with listening() as heard:
        panel.grab()
    texts = [one.text for one in heard.painted]
    assert f"paused {seconds(9.989)}" in texts
    assert not any(text.startswith("idle") for text in texts)
    assert panel.canvas.model is not None
    assert [panel.canvas.model.idle_before(step) for step in range(3)] == [0, MS, MS]


def test_a_followed_view_that_steps_have_outgrown_shows_the_newest_ones_again(qtbot: QtBot) -> None:
    """After a switch to `kv=none`, or a jump of a replay, a step may take longer than all that was in view."""
    recorder = Recorder()
    recorder.switches(kv="contiguous")
    recorder.request(0, ["<s>"])
    for step in range(200):
        recorder.step([(0, step, step, step + 1, 0, step)], [(0, "x", "target")])
    panel = cast(TimelinePanel, show(qtbot, TimelinePanel, recorder.session, 1000, 420))
    canvas = panel.canvas
    canvas.follow()
    before = canvas.view.span
    longer = int(3 * before)
    for step in (200, 201):
        recorder.step([(0, step, step, step + 1, 0, step)], [(0, "x", "target")], ns=longer)
    panel.refresh()
    assert canvas.view.mode == "follow"
    assert canvas.view.span > longer
