"""The rows of the timeline's requests: which there are, how far they are scrolled, and which stay in view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from PySide6.QtCore import QRectF, Qt
from PySide6.QtWidgets import QScrollBar, QWidget

from app.models.request_lanes import Group, LaneChoice, RequestLanes, arrange
from app.models.timeline import TimelineModel
from app.panels.timeline_lanes import Lanes

SLACK: Final = 2.0
"""Pixels by which a lane may be cut and still be in view."""


class RequestRows:
    """Arranges the requests of a model in rows that scroll. `changed` is called when other rows are in view.

    While `following`, the lanes of requests that run are scrolled into view as they begin. Scrolling by hand to where
    they are not all in view ends that; scrolling back to them, and `follow`, begin it again.
    """

    def __init__(self, parent: QWidget, changed: Callable[[], None]) -> None:
        self.choice = LaneChoice()
        self.shown = RequestLanes()
        self.following = True
        self.scroll = QScrollBar(Qt.Orientation.Vertical, parent)
        self.scroll.valueChanged.connect(lambda _: changed())
        self.scroll.actionTriggered.connect(lambda _: self._by_hand())
        self.scroll.hide()
        self._changed = changed
        self._lanes: Lanes | None = None
        self._anchor: tuple[int, float] | None = None
        self._ended: tuple[int, ...] = ()
        """The requests that ran until the newest data, where none runs any more."""
        self._most = 0
        """The most lanes that were shown at once while requests were grouped, so that their height does not flicker."""

    @property
    def at_once(self) -> int:
        """How many lanes share the height."""
        return max(len(self.shown.shown), self._most)

    @property
    def scrolled(self) -> int:
        return self.scroll.value()

    @property
    def is_live(self) -> bool:
        """Whether a request runs."""
        return bool(self.shown.members.get("running"))

    @property
    def is_away(self) -> bool:
        """Whether the user has scrolled away from the requests that run."""
        return self.is_live and not self.following

    def forget(self) -> None:
        """Another session is shown: follow its requests; the choice of lanes stays, but for groups folded by hand."""
        self.choice = replace(self.choice, folded={})
        self.shown, self.following, self._most = RequestLanes(), True, 0
        self.scroll.setValue(0)

    def arrange(self, model: TimelineModel, fits: int, revealed: int | None) -> None:
        """Take the requests of the model as they are now."""
        requests = list(model.session.requests.values())
        self._anchor = None if self.following else self._top()
        ran = self.shown.members.get("running", ())
        self.shown = arrange(requests, self.choice, fits, revealed, int(model.extent("time")[1]))
        self._ended = () if self.is_live else ran
        self._most = min(max(self._most, len(self.shown.shown)), max(fits, 1)) if self.shown.grouped else 0

    def place(self, lanes: Lanes) -> None:
        """Place the scroll bar beside the rows, and follow those that run."""
        self._lanes = lanes
        hidden = int(lanes.rows_height(self.shown) - lanes.requests.height())
        self.scroll.setVisible(hidden > 0)
        if hidden > 0:
            area, width = lanes.requests, self.scroll.sizeHint().width()
            self.scroll.setGeometry(int(area.right()) - width, int(area.top()), width, int(area.height()))
            self.scroll.setPageStep(int(area.height()))
            self.scroll.setSingleStep(int(lanes.request_height))
        self.scroll.setMaximum(max(hidden, 0))
        if self.following:
            self._to_running(lanes)
            if self._ended:  # the run is over: stay where it ended
                self._bring(lanes, self._boxes(lanes, self._ended))
        elif self._anchor is not None:
            request, offset = self._anchor
            index = self.shown.row_of(request)
            if index is not None:
                self.scroll.setValue(round(lanes.row_box(self.shown.rows[index], 0).top() + offset))

    def _top(self) -> tuple[int, float] | None:
        """The uppermost request in view, and how far its lane is scrolled; it stays there when others come and go."""
        lanes = self._lanes
        if lanes is None:
            return None
        for row in self.shown.rows:
            box = lanes.row_box(row, self.scrolled)
            if row.request is not None and box.bottom() > lanes.requests.top():
                return row.request, self.scrolled - lanes.row_box(row, 0).top()
        return None

    def follow(self) -> None:
        """Scroll the requests that run into view from now on."""
        self.following = True
        if self._lanes is not None:
            self._to_running(self._lanes)

    def reveal(self, request: int) -> None:
        """Scroll to the lane of a request, as an action of the user."""
        index, lanes = self.shown.row_of(request), self._lanes
        if index is not None and lanes is not None:
            self._show(lanes, lanes.row_box(self.shown.rows[index], self.scrolled))
            self._by_hand()

    def scroll_by(self, pixels: int) -> None:
        """Scroll by hand."""
        self.scroll.setValue(self.scrolled + pixels)
        self._by_hand()

    def choose(self, choice: LaneChoice) -> None:
        """Another order or grouping; the lanes begin again from the top."""
        self.choice, self.following, self._most = choice, True, 0
        self.scroll.setValue(0)

    def fold(self, group: Group) -> None:
        """Fold a group, or unfold it."""
        folded = {**self.choice.folded, group: not self.choice.is_folded(group)}
        self.choice, self._most = replace(self.choice, folded=folded), 0

    def _by_hand(self) -> None:
        before = self.following
        lanes = self._lanes
        self.following = lanes is None or not self.is_live or self._runs_in_view(lanes)
        if self.following != before:
            self._changed()

    def _running_boxes(self, lanes: Lanes) -> list[QRectF]:
        return self._boxes(lanes, self.shown.members.get("running", ()))

    def _boxes(self, lanes: Lanes, requests: tuple[int, ...]) -> list[QRectF]:
        wanted = set(requests)
        return [lanes.row_box(row, self.scrolled) for row in self.shown.rows if row.request in wanted]

    def _runs_in_view(self, lanes: Lanes) -> bool:
        """Whether every lane that runs is in view, or as many of them as fit."""
        boxes, area = self._running_boxes(lanes), lanes.requests
        seen = sum(box.top() >= area.top() - SLACK and box.bottom() <= area.bottom() + SLACK for box in boxes)
        return seen >= min(len(boxes), int(area.height() // lanes.request_height))

    def _to_running(self, lanes: Lanes) -> None:
        """Scroll to the requests that run: to the first of them if they do not fit together, as little as needed."""
        if self.shown.grouped and self.is_live:
            self.scroll.setValue(0)
            return
        boxes = self._running_boxes(lanes)
        if not self._runs_in_view(lanes):
            self._bring(lanes, boxes)

    def _bring(self, lanes: Lanes, boxes: list[QRectF]) -> None:
        """Scroll to lanes: to the first of them if they do not fit together, as little as needed."""
        if not boxes:
            return
        around = boxes[0].united(boxes[-1])
        self._show(lanes, around if around.height() <= lanes.requests.height() else boxes[0])

    def _show(self, lanes: Lanes, box: QRectF) -> None:
        area = lanes.requests
        if box.top() < area.top():
            self.scroll.setValue(self.scrolled - int(area.top() - box.top()))
        elif box.bottom() > area.bottom():
            self.scroll.setValue(self.scrolled + int(box.bottom() - area.bottom()) + 1)
