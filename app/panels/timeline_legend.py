"""The legend of the timeline: what its colours and textures are, in as many lines as it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter

from app.look.theme import CAPTION_SCALE, GRID, theme, ui_font
from app.models.step_words import band_name
from app.models.timeline import TimelineModel
from app.widgets.painted import caption_height
from engine.figures.told import told

BUTTON: Final = 24 * GRID
"""Pixels kept at the right end of a line for the Follow button."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample with its words; no sample without a colour. A `bar` is as narrow as the mark of a chunk."""

    words: str
    colour: str = ""
    pattern: Qt.BrushStyle = Qt.BrushStyle.SolidPattern
    bar: bool = False


def legend_entries(model: TimelineModel, layers: bool) -> list[Entry]:
    """What the lanes of a session need explained; `layers` says whether there is a lane of layers."""
    translate = QCoreApplication.translate
    colours = theme()
    if model.trace is not None:
        entries = [Entry(band_name(band), colours.groups[band]) for band in model.trace.bands]
        words = translate(
            "Timeline", "colours by the names of kernels and ranges; where too narrow to draw: shares of time"
        )
        return [*entries, Entry(words)]
    if not model.stepped:
        words = translate("TimelineCanvas", "a mark: tokens that our client received at one moment")
        return [Entry(words, colours.muted, bar=True)]
    bands = model.bands_present(0, model.n)
    if bands == ["other"]:
        untimed = translate("TimelineCanvas", "phases not timed; detail “phase” does")
        if not told(model.session, "phases"):
            untimed = translate("TimelineCanvas", "phases: not told by this server")
        entries = [Entry(untimed, colours.groups["other"])]
    else:
        entries = [Entry(band_name(band), colours.groups[band]) for band in bands]
        entries.append(Entry(translate("TimelineCanvas", "host: shares of each step’s time, not their order")))
    if layers:
        entries.append(Entry(translate("TimelineCanvas", "layers: measured times ● in the model’s order ƒ")))
    if model.speculates:
        pattern = Qt.BrushStyle.DiagCrossPattern
        entries.append(Entry(translate("Timeline", "draft accepted"), colours.positions["new"]))
        entries.append(Entry(translate("Timeline", "draft rejected"), colours.positions["rejected"], pattern))
    return entries


def places(entries: Sequence[Entry], width: float) -> list[tuple[int, float, Entry]]:
    """(line, x from the left edge, entry) of each entry, where lines are `width` pixels long."""
    metrics = QFontMetricsF(ui_font(CAPTION_SCALE))
    found: list[tuple[int, float, Entry]] = []
    line, x = 0, 0.0
    for entry in entries:
        wide = metrics.horizontalAdvance(entry.words) + (_sample(entry) if entry.colour else 0.0)
        if x > 0 and x + wide > width - BUTTON:
            line, x = line + 1, 0.0
        found.append((line, x, entry))
        x += wide + 4 * GRID
    return found


def lines_of(entries: Sequence[Entry], width: float) -> int:
    """How many lines the legend takes, at least one."""
    placed = places(entries, width)
    return placed[-1][0] + 1 if placed else 1


def draw_legend(painter: QPainter, entries: Sequence[Entry], left: float, width: float, box: QRectF) -> None:
    """Draw the entries from `left` on, `width` pixels wide. Lines without room are left out; "…" says so."""
    painter.setFont(ui_font(CAPTION_SCALE))
    metrics = QFontMetricsF(painter.font())
    line = caption_height()
    room = max(1, int((box.height() - 2 * GRID + 1) // line))
    end = left
    cut = False
    for row, x, entry in places(entries, width):
        if row >= room:
            cut = True
            break
        top = box.top() + GRID + row * line
        end = left + x
        if entry.colour:
            _draw_sample(painter, entry, QPointF(end, top + line / 2))
            end += _sample(entry)
        painter.setPen(QColor(theme().muted))
        shown = metrics.elidedText(entry.words, Qt.TextElideMode.ElideRight, left + width - BUTTON - end)
        painter.drawText(QPointF(end, top + metrics.ascent()), shown)
        end += metrics.horizontalAdvance(shown)
    if cut:
        painter.drawText(QPointF(end + 2 * GRID, box.top() + GRID + (room - 1) * line + metrics.ascent()), "…")


def _side() -> float:
    return caption_height() - 4


def _sample(entry: Entry) -> float:
    """Pixels of the sample before an entry's words."""
    return (3.0 if entry.bar else _side()) + GRID


def _draw_sample(painter: QPainter, entry: Entry, middle_left: QPointF) -> None:
    side = _side()
    area = QRectF(middle_left.x(), middle_left.y() - side / 2, _sample(entry) - GRID, side)
    painter.fillRect(area, QBrush(QColor(entry.colour), entry.pattern))
    if entry.pattern != Qt.BrushStyle.SolidPattern:
        painter.setPen(QColor(entry.colour))
        painter.drawRect(area.adjusted(0, 0, -1, -1))
