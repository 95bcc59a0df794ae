"""Marks on the timeline: labels never cover one another, and none is lost."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QFontMetricsF
from pytestqt.qtbot import QtBot

from app.look.theme import CAPTION_SCALE, GRID, ui_font
from app.panels.timeline import TimelinePanel
from app.panels.timeline_marks import place_labels
from engine.session.schema import Mark, MarkChanged
from tests.app.figures.shown import listening
from tests.app.panels.helpers import show
from tests.app.panels.sessions import Recorder


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(10, 300)), max_size=60), st.integers(1, 2))
def test_labels_never_overlap_and_stand_for_every_mark(marks: list[tuple[int, int]], lines: int) -> None:
    marks.sort(key=lambda one: one[0])
    labels = place_labels([float(x) for x, _ in marks], [float(width) for _, width in marks], 900.0, lines)
    for line in range(lines):
        there = sorted((one for one in labels if one.line == line), key=lambda one: one.left)
        assert all(one.right <= after.left for one, after in pairwise(there))
    assert all(one.right <= 900 for one in labels)
    stood_for = sorted(index for one in labels for index in one.indices)
    assert len(stood_for) == len(set(stood_for))
    if labels:
        assert stood_for == list(range(labels[0].indices[0], len(marks)))


def test_near_marks_use_the_second_line_and_then_a_number() -> None:
    one, two = place_labels([100.0, 110.0, 120.0, 130.0], [80.0] * 4, 900.0, 2)
    assert (one.line, one.indices, two.line, two.indices) == (0, [0], 1, [1, 2, 3])
    (alone,) = place_labels([100.0, 110.0, 120.0], [80.0] * 3, 900.0, 1)
    assert alone.indices == [0, 1, 2]
    (left,) = place_labels([890.0], [80.0], 900.0, 1)
    assert left.right <= 890, "at the right edge the label is left of its mark"


def switched(times: int, apart: int) -> Recorder:
    """Marks every `apart` steps of 10 ms, then twenty steps."""
    recorder = Recorder()
    recorder.switches(kv="contiguous")
    recorder.request(0, ["<s>"])
    for step in range(20):
        if step % apart == 0 and step < times * apart:
            recorder.mark("switch", f"kv: contiguous → number {step // apart}")
        recorder.step([(0, step, step, step + 1, 0, step)], [(0, "x", "target")])
    return recorder


def test_no_line_of_a_mark_crosses_a_text(qtbot: QtBot) -> None:
    canvas = cast(TimelinePanel, show(qtbot, TimelinePanel, switched(19, 1).session, 1000, 420)).canvas
    with listening() as heard:
        picture = canvas.grab().toImage()
    [text] = [one.text for one in heard.painted if one.text == "not reported by this device"]
    scene, lane = canvas.scene(), canvas.lanes().device
    assert scene is not None
    half = QFontMetricsF(ui_font(CAPTION_SCALE)).horizontalAdvance(text) / 2
    middle = QRectF(scene.left, lane.top(), scene.width, lane.height()).center()
    marked = [round(scene.time_x(mark.t_ns)) for mark in scene.model.session.marks]
    inside = [x for x in marked if abs(x - middle.x()) < half]
    beside = [x for x in marked if abs(x - middle.x()) > half + 2 * GRID]
    assert inside
    assert beside

    def has_line(x: int) -> bool:
        colours = {picture.pixelColor(x + dx, y).name() for dx in (-1, 0) for y in rows}
        return QColor(scene.colours.warn).name() in colours

    rows = range(round(middle.y()) - 5, round(middle.y()) + 5)  # the height of the text
    assert not any(map(has_line, inside))
    assert all(map(has_line, beside))


@pytest.mark.parametrize(("width", "apart"), [(1000, 1), (1000, 2), (500, 1)])
def test_the_tool_tip_of_a_label_lists_the_marks_that_it_stands_for(qtbot: QtBot, width: int, apart: int) -> None:
    panel = cast(TimelinePanel, show(qtbot, TimelinePanel, switched(8, apart).session, width, 420))
    canvas = panel.canvas
    marks = canvas.lanes().marks
    with listening() as heard:
        panel.grab()
    painted = [one for one in heard.painted if one.place == "draw_marks"]
    assert any("(+" in one.text for one in painted) == (apart == 1)
    named = set()
    for one in painted:
        named.update(canvas.tooltip(QPointF(one.x + 12, one.y + 4)).splitlines())
    assert {line.split(": ", 1)[1] for line in named} == {f"kv: contiguous → number {n}" for n in range(8)}
    assert marks.height() > 20, "two lines"


def test_a_mark_that_is_put_or_renamed_is_drawn_at_once(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorded session gets no more steps, only other marks."""
    session = switched(2, 3).session
    canvas = cast(TimelinePanel, show(qtbot, TimelinePanel, session, 1000, 420)).canvas
    drawn: list[int] = []
    monkeypatch.setattr(canvas, "update", lambda: drawn.append(len(session.marks)))
    canvas.advance()
    assert not drawn
    before = Mark(int(session.steps["start_ns"][5]), "user", "before")
    after = Mark(before.t_ns, "user", "after")
    for change in (MarkChanged(None, before), MarkChanged(before, after), MarkChanged(after, None)):
        drawn.clear()
        session.apply([change])
        canvas.advance()
        assert drawn
