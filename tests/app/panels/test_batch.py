"""The batch panel: its counts, its marks, its pixels; static beside continuous; the run that makes both."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.look.theme import theme
from app.models.batch import lane_columns, shown_parts, waiting_columns
from app.panels.base import PanelContext
from app.panels.batch import BatchPanel
from app.panels.batch_lanes import lane_pixels
from app.widgets.pixels import argb
from engine.client.suite import Suite
from engine.client.suites import batch_runs
from engine.figures.json_figures import json_figures
from engine.figures.preemptions import Preemption
from engine.figures.slot_runs import IDLE, PADDING, SlotRuns
from engine.figures.slots import BatchPart, batch_parts, slot_figures
from engine.session import schema
from engine.session.store import Session
from tests.app.panels.helpers import click, show
from tests.app.panels.sessions import Recorder
from tests.app.panels.test_before_after import MeasuringControl

LENGTHS = (20, 10, 24, 7)


class Batches(Recorder):
    """Records steps whose rows name their slot, their kind and who waits."""

    def row_step(self, rows: list[tuple[int, ...]], waiting: int = 0, kind: str = "decode") -> None:
        """`rows`: (slot, request, first, new_from, end, reused)."""
        id = len(self.session.steps)
        start, self.now_ns = self.now_ns, self.now_ns + 10_000_000
        padding = sum(end - first for _, request, first, _, end, _ in rows if request < 0)
        again = sum(new_from - first for _, request, first, new_from, _, _ in rows if request >= 0)
        new = sum(end - new_from for _, request, _, new_from, end, _ in rows if request >= 0)
        events: list[Any] = [schema.Work(id, r[1], r[0], r[2], r[3], r[4], 0, r[5]) for r in rows]
        events.append(
            schema.Step(
                id, max(self._configs - 1, 0), kind, start, self.now_ns, -1, new + again + padding, new, again,  # type: ignore[arg-type]
                padding, 0, 0, 0, 1000, 0, 0, 0, 0, len(rows), waiting, "sdpa", b"", b"",
            )
        )  # fmt: skip
        self.session.apply(events)

    def batch(self, policy: str, first_request: int = 0) -> None:
        """The example batch: prompts of 3 positions, lengths 20, 10, 24 and 7, one token a step."""
        self.switches(batching=policy, kv="contiguous")
        for index in range(len(LENGTHS)):
            self.request(first_request + index, ["a", "b", "c"], arrived_ns=self.now_ns, scheduled_ns=self.now_ns)
        for step in range(max(LENGTHS)):
            rows = []
            for slot, length in enumerate(LENGTHS):
                if step < length:
                    known = 3 + step
                    first = known - 1 if step else 0
                    rows.append((slot, first_request + slot, first, first, known, first))
                elif policy == "static":
                    rows.append((slot, -1, 0, 0, 1, 0))
            self.row_step(rows)
        for index in range(len(LENGTHS)):
            self.finish(first_request + index)


def both() -> Session:
    recorder = Batches()
    recorder.batch("static")
    recorder.batch("continuous", 4)
    return recorder.session


def panel_of(qtbot: QtBot, session: Session, width: int = 1000, height: int = 600) -> BatchPanel:
    return cast(BatchPanel, show(qtbot, BatchPanel, session, width, height))


def plain(text: str) -> str:
    return text.replace("\u2009", " ")


def words_of(panel: BatchPanel, chart: int) -> list[str]:
    return [plain(words) for _, words in panel.charts[chart].legend()]


def test_the_example_batch_static(qtbot: QtBot) -> None:
    recorder = Batches()
    recorder.batch("static")
    panel = panel_of(qtbot, recorder.session)
    assert plain(panel.figures()) == "static: 61 of 96 slot-steps useful ●, 36.5 % wasted ƒ"
    assert words_of(panel, 0) == [
        "static, steps 0–23", "useful 61 (63.5 %) ●", "padding 35 (36.5 %) ●", "idle 0 (0 %) ●",
        "96 slot-steps computed, 36.5 % wasted ƒ", "nobody waited",
    ]  # fmt: skip
    assert not panel.charts[1].isVisible()
    figures = slot_figures(recorder.session)
    assert (figures.lanes, figures.steps, figures.useful, figures.padding, figures.idle) == (4, 24, 61, 35, 0)
    assert figures.waste == 35 / 96
    assert figures.positions_padding == 35
    said = json_figures(recorder.session)["slots"]
    assert (said["computed"], said["useful"], said["idle"], said["waste"]) == (96, 61, 0, 35 / 96)


def test_static_beside_continuous(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, both())
    assert [(part.batching, part.first, part.last) for part in panel.parts()] == [
        ("static", 0, 23), ("continuous", 24, 47),
    ]  # fmt: skip
    assert plain(panel.figures()) == (
        "static: 61 of 96 slot-steps useful ●, 36.5 % wasted ƒ · continuous: 61 of 61 slot-steps useful ●, 0 % wasted ƒ"
    )
    assert words_of(panel, 1)[1:5] == [
        "useful 61 (63.5 %) ●", "padding 0 (0 %) ●", "idle 35 (36.5 %) ●", "61 slot-steps computed, 0 % wasted ƒ",
    ]  # fmt: skip
    assert panel.charts[0].view is panel.charts[1].view


def test_every_slot_step_is_drawn_as_what_it_was(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, both())
    colours = theme()
    for index, chart in enumerate(panel.charts):
        scene = chart.scene()
        assert scene is not None
        pixels, box = lane_pixels(scene), scene.box
        for slot, length in enumerate(LENGTHS):
            for step in (0, length - 1, *range(length, 24, 3)):
                at = chart.place(24 * index + step, slot)
                x, y = int(at.x() - box.left()), int(at.y() - box.top())
                patch = set(pixels[y - 3 : y + 4, x - 3 : x + 4].ravel().tolist())
                if step < length:
                    assert patch == {argb(colours.request(slot))}  # the same colour in both
                elif index == 0:
                    assert argb(colours.positions["padding"]) in patch
                    assert len(patch) == 2  # hatched
                else:
                    assert patch == {argb(colours.panel), argb(colours.line)}


def test_a_request_that_fills_its_row_only_in_part_is_useful() -> None:
    recorder = Batches()
    recorder.switches(batching="static")
    recorder.request(0, ["a", "b"])
    recorder.row_step([(0, 0, 0, 0, 2, 0), (0, -1, 0, 0, 3, 0)], kind="prefill")
    figures = slot_figures(recorder.session)
    assert (figures.useful, figures.padding, figures.positions_padding) == (1, 0, 3)
    runs = SlotRuns(recorder.session)
    runs.update()
    assert runs.lane(0).owner_at(0) == 0
    assert runs.lane(0).owner_at(1) == IDLE
    assert runs.lane(5).owner_at(0) == IDLE


def queued() -> Batches:
    """Two slots, three requests; request 1 is pushed out after step 1 and comes back in step 4."""
    recorder = Batches()
    recorder.switches(batching="continuous", kv="paged")
    for request in range(3):
        recorder.request(request, ["a"])
    recorder.row_step([(0, 0, 0, 0, 1, 0), (1, 1, 0, 0, 1, 0)], waiting=1)
    recorder.row_step([(0, 0, 1, 1, 2, 1), (1, 1, 1, 1, 2, 1)], waiting=1)
    recorder.row_step([(0, 0, 2, 2, 3, 2)], waiting=2)
    recorder.row_step([(0, 0, 3, 3, 4, 3)], waiting=2)
    recorder.finish(0)
    recorder.row_step([(0, 1, 0, 2, 3, 0), (1, 2, 0, 0, 1, 0)])
    return recorder


def test_preemptions_and_the_queue(qtbot: QtBot) -> None:
    session = queued().session
    panel = panel_of(qtbot, session)
    assert panel.runs is not None
    assert panel.runs.preemptions == [Preemption(request=1, slot=1, step=1, back=4)]
    assert "preempted 1×" in words_of(panel, 0)
    assert "preempted after this step; it came back in step 4" in panel.cell_text(1, 1)
    assert "request 0: position 1 · 1 new, 1 reused ●" in panel.cell_text(1, 0)
    assert plain(panel.cell_text(2, -1)) == "step 2: 2 waiting ●\nrequests 1, 2"
    assert "request 1: positions 0–2 · 1 new, 2 recomputed ●" in panel.cell_text(4, 0)
    chart = panel.charts[0]
    corner = chart.place(1, 1)
    step = chart.plot_box().width() / chart.view.span
    lane = chart.plot_box().height() / 2
    picture = chart.grab().toImage()
    seen = picture.pixelColor(round(corner.x() + step / 2), round(corner.y() + lane / 2 - 4)).name()
    assert seen == theme().error
    queue = chart.queue_box()

    def high(step: int) -> bool:
        return picture.pixelColor(int(chart.place(step, 0).x()), int(queue.top() + 2)).name() == theme().warn

    assert [high(step) for step in range(5)] == [False, False, True, True, False]


def test_a_request_that_only_sat_out_a_step_was_not_preempted() -> None:
    recorder = Batches()
    recorder.switches(batching="continuous")
    recorder.request(0, ["a"])
    recorder.row_step([(0, 0, 0, 0, 1, 0)])
    recorder.row_step([])
    recorder.row_step([(0, 0, 1, 1, 2, 1)])
    runs = SlotRuns(recorder.session)
    runs.update()
    assert runs.preemptions == []


def test_growing_gives_what_reading_at_once_gives() -> None:
    whole = SlotRuns(both())
    whole.update()
    recorder = Batches()
    grown = SlotRuns(recorder.session)
    row_step = recorder.row_step

    def stepping(*args: Any, **named: Any) -> None:
        row_step(*args, **named)
        grown.update()

    recorder.row_step = stepping  # type: ignore[method-assign]
    recorder.batch("static")
    recorder.batch("continuous", 4)
    for slot in range(4):
        for mine, its in zip(
            (grown.lane(slot).start, grown.lane(slot).end, grown.lane(slot).owner),
            (whole.lane(slot).start, whole.lane(slot).end, whole.lane(slot).owner),
            strict=True,
        ):
            assert mine.tolist() == its.tolist()


def test_preemptions_are_found_across_updates() -> None:
    recorder = Batches()
    grown = SlotRuns(recorder.session)
    row_step = recorder.row_step
    recorder.switches(batching="continuous")
    recorder.request(0, ["a"])
    for rows in ([(0, 0, 0, 0, 1, 0)], [], [(1, 0, 0, 1, 2, 0)]):
        row_step(cast(Any, rows))
        grown.update()
    assert grown.preemptions == [Preemption(0, 0, 0, 2)]


def test_narrow_steps_become_shares() -> None:
    recorder = Batches()
    recorder.batch("static")
    runs = SlotRuns(recorder.session)
    runs.update()
    useful, padding, owner = lane_columns(runs.lane(3), np.linspace(0.0, 24.0, 4))  # 8 steps a column
    assert useful.tolist() == [7 / 8, 0.0, 0.0]
    assert padding.tolist() == [1 / 8, 1.0, 1.0]
    assert owner.tolist() == [3, IDLE, IDLE]
    useful, padding, owner = lane_columns(runs.lane(3), np.linspace(0.0, 24.0, 49))  # half a step a column
    assert useful.tolist() == [1.0] * 14 + [0.0] * 34
    assert padding.tolist() == [0.0] * 14 + [1.0] * 34
    assert waiting_columns(np.array([0, 3, 1, 0]), np.array([0.0, 2.0, 4.0, 6.0])).tolist() == [3, 1, 0]


def test_a_range_limits_figures_and_parts(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, both())
    panel.context.selection.change(steps=(20, 23))
    assert plain(panel.figures()) == "static: 4 of 16 slot-steps useful ●, 75.0 % wasted ƒ"
    assert words_of(panel, 0)[0] == "static, steps 20–23"
    panel.context.selection.change(steps=(20, 24))
    assert [(part.first, part.last) for part in panel.parts()] == [(20, 23), (24, 24)]


def test_teacher_forced_passes_are_left_out() -> None:
    recorder = Batches()
    recorder.batch("static")
    recorder.row_step([(0, 0, 0, 22, 22, 0)], kind="teacher")
    assert slot_figures(recorder.session).computed == 96
    assert batch_parts(recorder.session) == [BatchPart(0, 23, "static")]


def test_parts_that_are_drawn() -> None:
    static, single, other = BatchPart(0, 3, "static"), BatchPart(4, 5, "single"), BatchPart(6, 9, "static")
    assert shown_parts([static, single]) == [BatchPart(0, 5, "static → single")]
    assert shown_parts([static, BatchPart(4, 5, "continuous"), other]) == [other, BatchPart(4, 5, "continuous")]
    assert shown_parts([]) == []


def test_a_click_selects_step_request_and_token_and_keys_walk(qtbot: QtBot) -> None:
    recorder = Batches()
    recorder.batch("static")
    session = recorder.session
    session.apply([schema.Token(0, 2, 5, 3, 9, " x", 0.0, 0.0, "target", 60_000_000, b"")])
    panel = panel_of(qtbot, session)
    chart = panel.charts[0]
    at = chart.place(5, 2)
    assert chart.place_at(at) == (5, 2)
    click(chart, at.x(), at.y())
    now = panel.context.selection.now
    assert (now.step, now.request, now.token) == (5, 2, 0)
    panel.setFocus()
    qtbot.keyClick(panel, Qt.Key.Key_Right)
    qtbot.keyClick(panel, Qt.Key.Key_Down)
    assert (panel.context.selection.now.step, panel.context.selection.now.request) == (6, 3)
    whole = panel.view.span
    qtbot.keyClick(panel, Qt.Key.Key_W)
    assert panel.view.span == pytest.approx(0.8 * whole)
    qtbot.keyClick(panel, Qt.Key.Key_F)
    assert panel.view.span == pytest.approx(whole)


def test_run_both_starts_static_and_then_continuous(qtbot: QtBot) -> None:
    control = MeasuringControl()
    panel = BatchPanel(PanelContext(Selection(), control))
    qtbot.addWidget(panel)
    panel.show_session(None)
    assert "Run both" in panel.words.text()
    panel.run_button.click()
    (suite,) = control.suites
    runs = batch_runs()
    assert isinstance(suite, Suite)
    assert [(run.run.switches.batching, run.run.switches.max_batch) for run in runs] == [
        ("static", 4), ("continuous", 4),
    ]  # fmt: skip
    assert [one.max_new_tokens for one in runs[0].run.requests][:4] == list(LENGTHS)
    assert len(runs[0].run.requests) > 2 * 4
    assert runs[0].run.requests == runs[1].run.requests
    assert all(one.ignore_eos for one in runs[0].run.requests)
    assert suite.now == runs[0]
    assert suite.advance()
    assert suite.now == runs[1]
    control.suite_progress = (1, 2)
    panel.refresh()
    assert not panel.run_button.isEnabled()
    assert panel.progress.value() == 1
    panel.cancel_button.click()
    assert control.stopped == 1


def test_two_charts_fit_the_least_height_of_the_panel(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, both(), 500, 200)
    assert panel.height() == 200
    assert panel.charts[0].geometry().bottom() < panel.charts[1].geometry().top()
    assert panel.charts[1].geometry().bottom() <= panel.height()
    for chart in panel.charts:
        assert chart.plot_box().height() >= 8


def test_rows_for_other_programs(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, both())
    header, rows = panel.rows()
    assert header == ["slot", "first_step", "last_step", "owner"]
    assert rows[:2] == [(0, 0, 19, "request 0"), (0, 20, 23, "padding")]
    assert (3, 24, 30, "request 7") in rows
    assert PADDING == -1


def test_names_and_definitions(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, both())
    for widget in (*panel.charts, panel.progress):
        assert widget.accessibleName()
    for button in (panel.run_button, panel.cancel_button):
        assert button.toolTip().endswith(".")
    assert panel.cell_text(23, 3).startswith("step 23, slot 3\npadding: ")
    assert panel.cell_text(47, 0) == "step 47, slot 0\nidle: nothing was computed in this slot"
