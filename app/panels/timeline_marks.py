"""Marks on the timeline: a line each, and labels that never cover one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from app.look.theme import CAPTION_SCALE, GRID, ui_font
from app.look.units import MOST_OF_TOKEN, cut, name_of, seconds
from app.models.mark_words import mark_words
from app.panels.timeline_paint import Scene
from app.widgets.painted import caption_height
from engine.session.schema import Mark

MOST_NAMED: Final = 12
"""Most marks at one point that are listed by name."""
LEAST: Final = 48.0
"""Least pixels of a label that is cut short; a mark with less room is counted in the label before."""
ROOM_OF_COUNT: Final = 36.0
"""Pixels kept beside a label for the number of marks that it stands for as well."""


@dataclass(slots=True)
class Label:
    """The label of a mark at `left`, in a line of text, `width` pixels wide; it stands for the marks `indices`."""

    line: int
    left: float
    width: float
    indices: list[int] = field(default_factory=list)

    @property
    def right(self) -> float:
        return self.left + self.width


def place_labels(places: Sequence[float], widths: Sequence[float], limit: float, lines: int) -> list[Label]:
    """Where the labels of marks at `places` (ascending pixels) stand, up to `limit`, in so many lines of text.

    A label is to the right of its mark, in the first line with room for all of it, else cut in the line with most room.
    One that has less than LEAST is not written: the label before stands for its mark too.
    """
    found: list[Label] = []
    edges = [float("-inf")] * lines
    for index, (x, width) in enumerate(zip(places, widths, strict=True)):
        left = x + GRID
        free = [line for line in range(lines) if edges[line] <= left]
        room = limit - left
        if not free or room < min(LEAST, width):
            before = left - 2 * GRID - width  # at the right edge a label may be left of its mark
            fits = [line for line in range(lines) if edges[line] <= before]
            if room < min(LEAST, width) and fits and before >= 0:
                found.append(Label(fits[0], before, width, [index]))
                edges[fits[0]] = limit
            elif found:
                found[-1].indices.append(index)
            continue
        next_x = places[index + 1] if index + 1 < len(places) else limit
        wanted = width + (ROOM_OF_COUNT if next_x < left + width else 0.0)
        found.append(Label(free[0], left, min(wanted, room), [index]))
        edges[free[0]] = found[-1].right + 2 * GRID
    return found


def draw_marks(painter: QPainter, scene: Scene, row: QRectF, bottom: float) -> None:
    """Draw a line per mark, at most one per pixel column, and the labels in the lane `row`.

    A label that stands for several marks has the number of the others.
    """
    painter.setFont(ui_font(CAPTION_SCALE))
    metrics = QFontMetricsF(painter.font())
    seen = _in_view(scene)
    painter.setPen(QPen(QColor(scene.colours.warn), 1, Qt.PenStyle.DashLine))
    for x in sorted({round(x) for _, x, _ in seen}):
        painter.drawLine(QPointF(x, row.top()), QPointF(x, bottom))
    painter.setPen(QColor(scene.colours.warn))
    for label in _labels(scene, row, seen):
        text = seen[label.indices[0]][2]
        more = f" (+{len(label.indices) - 1})" if len(label.indices) > 1 else ""
        room = label.width - metrics.horizontalAdvance(more)
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room) + more
        area = _area(row, label)
        painter.fillRect(area, QColor(scene.colours.panel))
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)


def marked_near(scene: Scene, row: QRectF, place: QPointF, near: float) -> list[Mark]:
    """The marks within `near` pixels of a place, and those that the label there stands for, from left to right."""
    seen = _in_view(scene)
    wanted = {index for index, (_, x, _) in enumerate(seen) if abs(x - place.x()) <= near}
    for label in _labels(scene, row, seen):
        if _area(row, label).contains(place):
            wanted.update(label.indices)
    return [seen[index][0] for index in sorted(wanted)]


def marks_near(scene: Scene, row: QRectF, place: QPointF, near: float) -> list[str]:
    """Time and label of each mark of `marked_near`; after MOST_NAMED of them, how many more there are."""
    found = marked_near(scene, row, place, near)
    lines = [f"{seconds(mark.t_ns / 1e9)}: {cut(mark_words(mark), MOST_OF_TOKEN)}" for mark in found[:MOST_NAMED]]
    return lines if len(found) <= MOST_NAMED else [*lines, f"… +{len(found) - MOST_NAMED}"]


def _in_view(scene: Scene) -> list[tuple[Mark, float, str]]:
    """(mark, x, words) of each mark in view, from left to right."""
    placed = [(mark, scene.time_x(mark.t_ns)) for mark in list(scene.model.session.marks)]
    right = scene.left + scene.width
    seen = [(mark, x, name_of(mark_words(mark))) for mark, x in placed if scene.left <= x <= right]
    return sorted(seen, key=lambda one: one[1])


def _labels(scene: Scene, row: QRectF, seen: list[tuple[Mark, float, str]]) -> list[Label]:
    """The labels of the marks in view, in the lines of text that the lane has."""
    metrics = QFontMetricsF(ui_font(CAPTION_SCALE))
    lines = max(1, round(row.height() / caption_height()))
    widths = {words: metrics.horizontalAdvance(words) + 1 for _, _, words in seen}
    places = [x for _, x, _ in seen]
    return place_labels(places, [widths[words] for _, _, words in seen], scene.left + scene.width, lines)


def _area(row: QRectF, label: Label) -> QRectF:
    line = caption_height()
    return QRectF(label.left, row.top() + label.line * line, label.width, line)
