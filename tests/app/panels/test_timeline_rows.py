"""Many requests on the timeline: groups that fold, the order of lanes, and lanes that run stay in view."""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.models.request_lanes import LaneChoice
from app.panels.timeline import TimelinePanel
from engine.session import schema
from tests.app.figures.shown import listening
from tests.app.panels.helpers import click, show
from tests.app.panels.sessions import MS, Recorder

REQUESTS = 40
AT_ONCE = 4


class Queue:
    """Forty requests that came at once, four of which run at a time; each takes five steps."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.recorder.switches(kv="paged")
        for one in range(REQUESTS):
            self.recorder.request(one, ["<s>"], scheduled_ns=0 if one < AT_ONCE else None)
        self._begun = AT_ONCE
        self._known = dict.fromkeys(range(AT_ONCE), 0)

    def steps(self, count: int) -> None:
        for _ in range(count):
            running = list(self._known)
            work = [(one, self._known[one], self._known[one], self._known[one] + 1, 0, 0) for one in running]
            self.recorder.step(work, [(one, f" {one}", "target") for one in running])
            for one in running:
                self._known[one] += 1
                if self._known[one] < 5 + one % 3:
                    continue
                self.recorder.finish(one)
                del self._known[one]
                if self._begun < REQUESTS:
                    self.recorder.session.apply([schema.RequestScheduled(self._begun, self.recorder.now_ns)])
                    self._known[self._begun] = 0
                    self._begun += 1

    @property
    def running(self) -> list[int]:
        return list(self._known)


def shown(qtbot: QtBot, queue: Queue) -> TimelinePanel:
    return cast(TimelinePanel, show(qtbot, TimelinePanel, queue.recorder.session, 1000, 420))


def in_view(panel: TimelinePanel) -> list[int]:
    """The requests whose lanes are wholly in view, from the top."""
    canvas = panel.canvas
    area = canvas.lanes().requests
    boxes = ((row.request, canvas.request_box(index)) for index, row in enumerate(canvas.rows.shown.rows))
    return [
        request
        for request, box in boxes
        if request is not None and box.top() >= area.top() - 1 and box.bottom() <= area.bottom() + 1
    ]


def head(panel: TimelinePanel, group: str) -> QPointF:
    canvas = panel.canvas
    return canvas.request_box([row.group for row in canvas.rows.shown.rows].index(group)).center()


def wheel_beside(panel: TimelinePanel, notches: int) -> None:
    """Turn the wheel over the names of the lanes."""
    at = QPointF(20, panel.canvas.lanes().requests.center().y())
    event = QWheelEvent(
        at, panel.canvas.mapToGlobal(at), QPoint(), QPoint(0, 120 * notches), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(panel.canvas, event)


def test_the_requests_that_run_stay_in_view_and_the_others_are_folded(qtbot: QtBot) -> None:
    queue = Queue()
    queue.steps(3)
    panel = shown(qtbot, queue)
    for _ in range(8):
        queue.steps(3)
        panel.refresh()
        assert in_view(panel) == sorted(queue.running)
    finished = REQUESTS - len(queue.running) - len(panel.canvas.rows.shown.members["waiting"])
    with listening() as heard:
        panel.grab()
    texts = [one.text for one in heard.painted]
    assert f"{finished} finished, folded" in texts
    waiting = REQUESTS - 4 - finished
    words = f"40 requests · 4 running · {waiting} waiting · {finished} finished · lanes in view: 4 · folded: 36"
    assert words in texts


def test_a_run_that_is_over_has_a_lane_for_each_request(qtbot: QtBot) -> None:
    queue = Queue()
    queue.steps(100)
    assert not queue.running
    panel = shown(qtbot, queue)
    assert panel.canvas.rows.shown.shown == tuple(range(REQUESTS))
    lanes = in_view(panel)
    with listening() as heard:
        panel.grab()
    texts = [one.text for one in heard.painted]
    assert any(text.startswith("40 requests · 40 finished · lanes in view: ") and "below: " in text for text in texts)
    assert lanes == list(range(len(lanes)))


def test_at_its_end_a_run_that_was_followed_shows_who_ran_last(qtbot: QtBot) -> None:
    queue = Queue()
    queue.steps(3)
    panel = shown(qtbot, queue)
    last: list[int] = []
    while queue.running:
        last = queue.running
        queue.steps(1)
        panel.refresh()
    assert set(last) <= set(in_view(panel))
    wheel_beside(panel, 40)
    assert 0 in in_view(panel)
    panel.resize(panel.width() - 40, panel.height())
    assert 0 in in_view(panel), "who scrolls away stays there"


def test_a_click_unfolds_a_group_and_folds_it_again(qtbot: QtBot) -> None:
    queue = Queue()
    queue.steps(20)
    panel = shown(qtbot, queue)
    at = head(panel, "finished")
    assert "ran at this time" in panel.canvas.tooltip(at)
    click(panel.canvas, at.x(), at.y())
    finished = panel.canvas.rows.shown.members["finished"]
    assert set(finished) < set(panel.canvas.rows.shown.shown)
    at = head(panel, "finished")
    panel.canvas.rows.scroll_by(int(at.y() - panel.canvas.lanes().requests.center().y()))
    at = head(panel, "finished")
    click(panel.canvas, at.x(), at.y())
    assert panel.canvas.rows.shown.shown == tuple(sorted(queue.running))


def test_a_token_of_a_folded_request_shows_its_lane(qtbot: QtBot) -> None:
    queue = Queue()
    queue.steps(20)
    panel = shown(qtbot, queue)
    assert 1 not in in_view(panel)
    token = queue.recorder.session.requests[1].token_rows[2]
    panel.context.selection.change(token=token, request=1, step=2)
    assert 1 in in_view(panel)
    assert "finished" in panel.canvas.rows.shown.folded, "the others stay folded"
    panel.context.selection.change(request=3)
    assert 1 not in panel.canvas.rows.shown.shown
    assert 3 in in_view(panel)


def test_who_scrolls_away_is_left_alone_and_has_a_way_back(qtbot: QtBot) -> None:
    queue = Queue()
    queue.steps(20)
    panel = shown(qtbot, queue)
    at = head(panel, "waiting")
    click(panel.canvas, at.x(), at.y())
    panel.canvas.follow()
    assert panel.follow_button.isHidden()
    wheel_beside(panel, -6)
    assert panel.follow_button.isVisible()
    there = in_view(panel)
    assert not set(there) & set(queue.running)
    queue.steps(4)
    panel.refresh()
    assert in_view(panel) == [one for one in there if one not in queue.running]
    qtbot.mouseClick(panel.follow_button, Qt.MouseButton.LeftButton)
    assert in_view(panel)[:AT_ONCE] == sorted(queue.running)
    assert panel.follow_button.isHidden()
    wheel_beside(panel, -20)
    wheel_beside(panel, 30)
    assert panel.follow_button.isHidden(), "back at the lanes that run"


def test_without_groups_the_lanes_that_run_are_scrolled_to(qtbot: QtBot) -> None:
    queue = Queue()
    queue.steps(3)
    panel = shown(qtbot, queue)
    panel.canvas.choose_lanes(LaneChoice("arrival", "never"))
    for _ in range(8):
        queue.steps(3)
        panel.refresh()
        assert set(queue.running) <= set(in_view(panel))
        assert panel.canvas.rows.shown.shown == tuple(range(REQUESTS))


def test_the_menu_orders_and_groups_the_lanes(qtbot: QtBot) -> None:
    queue = Queue()
    queue.steps(20)
    panel = shown(qtbot, queue)
    menu = panel.lane_menu
    assert menu.isVisible()
    menu.groupings["never"].trigger()
    menu.orders["running"].trigger()
    running = sorted(queue.running)
    assert panel.canvas.rows.shown.shown[: len(running)] == tuple(running)
    assert not panel.canvas.rows.shown.grouped
    menu.orders["tokens"].trigger()
    counts = [len(queue.recorder.session.requests[one].token_rows) for one in panel.canvas.rows.shown.shown]
    assert counts == sorted(counts, reverse=True)
    menu.groupings["always"].trigger()
    assert panel.canvas.rows.shown.grouped
    menu.choices.aboutToShow.emit()
    assert menu.folds["finished"].isChecked()
    menu.folds["finished"].trigger()
    assert panel.canvas.rows.shown.folded == {"waiting"}


def test_the_keys_walk_the_lanes_as_they_stand(qtbot: QtBot) -> None:
    queue = Queue()
    queue.steps(20)
    panel = shown(qtbot, queue)
    running = sorted(queue.running)
    panel.context.selection.change(request=running[1])
    qtbot.keyClick(panel.canvas, Qt.Key.Key_Down)
    assert panel.context.selection.now.request == running[2]
    qtbot.keyClick(panel.canvas, Qt.Key.Key_Up)
    qtbot.keyClick(panel.canvas, Qt.Key.Key_Up)
    assert panel.context.selection.now.request == running[0]


def test_a_folded_group_counts_who_ran_on_either_axis(qtbot: QtBot) -> None:
    queue = Queue()
    queue.steps(20)
    panel = shown(qtbot, queue)
    canvas = panel.canvas
    for axis, at in (("time", 15.0 * MS), ("steps", 1.5)):
        canvas.set_axis("steps" if axis == "steps" else "time")
        canvas.view.fit()
        scene = canvas.scene()
        assert scene is not None
        words = canvas.tooltip(QPointF(scene.x(at), head(panel, "finished").y()))
        assert "4 of them ran at this time" in words
