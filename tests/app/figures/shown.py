"""Every text that a panel shows: in its header, labels and tables, painted, and said where the pointer is.

Nothing is asked of the panels: what `QPainter` draws and `QToolTip` shows is written down as it happens, with the
method that did it, so that a figure cannot be shown without being seen here.
"""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QHelpEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QComboBox,
    QLabel,
    QTableWidget,
    QToolTip,
    QTreeWidget,
    QTreeWidgetItemIterator,
    QWidget,
)
from shiboken6 import isValid

from app.look.units import THIN_SPACE
from app.panels.base import Panel
from app.widgets.marked_lines import draw_marked_lines
from app.widgets.painted import draw_whole
from app.widgets.sorted_table import SortedTable

HELPERS: Final = frozenset({draw_whole.__code__, draw_marked_lines.__code__})
"""Functions that paint a text for the method that calls them."""
LABELS: Final = frozenset({"ThemedLabel.paintEvent", "ElidedLabel.paintEvent"})
"""Labels that paint their own text shortened; the whole of it is read from the label."""
ROWS: Final = frozenset({"LayerBars._draw_row", "BarList.paint"})
"""Methods whose texts at one height are one line: they are read together, from left to right."""
TIP: Final = Qt.ItemDataRole.ToolTipRole
NOTCH: Final = 12
"""Pixels between two places of the pointer, at least."""
COLUMNS: Final = 48
ROWS_OF_PLACES: Final = 60
PROBES: Final = 4
"""How many places of the pointer a widget has side by side and above each other, and by how many a row is known."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text, and where it was: `header`, `label`, `table CLASS`, `tip CLASS`, or the method that painted it."""

    place: str
    text: str


@dataclass(slots=True)
class _Painted:
    place: str
    widget: int
    x: float
    y: float
    text: str


@dataclass(slots=True)
class Listener:
    """What was painted and said since it was made."""

    painted: list[_Painted] = field(default_factory=list)
    said: list[Text] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Listener]:
    """Write down what is painted and what tool tips say."""
    heard = Listener()
    draw, say = QPainter.drawText, QToolTip.showText

    def draw_text(painter: QPainter, *arguments: Any) -> Any:
        text = next(one for one in reversed(arguments) if isinstance(one, str))
        frame = sys._getframe(2 if sys._getframe(1).f_code in HELPERS else 1)  # who has something to say
        x, y = _place(arguments[0])
        at = painter.transform().map(QPointF(x, y))
        heard.painted.append(_Painted(_method(frame), id(frame.f_locals.get("self")), at.x(), at.y(), text))
        return draw(painter, *arguments)

    def show_text(place: QPoint, text: str, widget: QWidget | None = None, *_: Any) -> None:
        if text:
            heard.said.append(Text(f"tip {type(widget).__name__}", _plain(text)))

    QPainter.drawText = draw_text  # type: ignore[method-assign, assignment]
    QToolTip.showText = staticmethod(show_text)  # type: ignore[method-assign, assignment]
    try:
        yield heard
    finally:
        QPainter.drawText = draw  # type: ignore[method-assign]
        QToolTip.showText = say  # type: ignore[method-assign]


def texts_of(panel: Panel, pointed: bool = True) -> list[Text]:
    """Everything that a panel shows as it stands, each text once; with `pointed` also what it says to the pointer."""
    with listening() as heard:
        QApplication.processEvents()
        panel.grab()
        heard.painted.clear()  # what was painted on the way
        panel.grab()
        for widget in (panel, *panel.findChildren(QWidget)) if pointed else ():
            if isValid(widget) and widget.isVisible():
                _hover(widget, heard)
    found = [
        Text("header", panel.figures()),
        *_labels(panel),
        *_controls(panel),
        *_cells(panel),
        *_views(panel),
        *_tree(panel),
        *_tips(panel),
        *_painted(heard),
        *heard.said,
    ]
    return list(dict.fromkeys(Text(one.place, _thin(one.text)) for one in found if one.text))


def _thin(text: str) -> str:
    """A text with thin spaces in place of those at which a line must not wrap."""
    return text.replace("\u202f", THIN_SPACE)


def _plain(text: str) -> str:
    """The lines of a text that may be marked up."""
    if not text.startswith("<p"):
        return text
    return html.unescape(re.sub(r"<[^>]*>", "", text.replace("<br>", "\n")))


def _labels(panel: Panel) -> Iterator[Text]:
    for label in panel.findChildren(QLabel):
        if label.isVisibleTo(panel):
            yield Text("label", label.text())


def _controls(panel: Panel) -> Iterator[Text]:
    """What stands on buttons and in pickers."""
    for button in panel.findChildren(QAbstractButton):
        if button.isVisibleTo(panel):
            yield Text("button", button.text())
    for picker in panel.findChildren(QComboBox):
        if picker.isVisibleTo(panel):
            yield Text("picker", picker.currentText())


def _cells(panel: Panel) -> Iterator[Text]:
    """Cells as `row head / column head: text`, and what their tool tips say."""
    for table in panel.findChildren(QTableWidget):
        if not table.isVisibleTo(panel):
            continue
        place = f"table {type(table).__name__}"
        heads = [_text(table.horizontalHeaderItem(column)) for column in range(table.columnCount())]
        for row in range(table.rowCount()):
            name = _text(table.item(row, 0))
            for column in range(1, table.columnCount()):
                item = table.item(row, column)
                if item is None or not item.text():
                    continue
                yield Text(place, f"{name} / {heads[column]}: {item.text()}")
                if _thin(item.toolTip()) != _thin(item.text()):
                    yield Text(f"tip {type(table).__name__}", item.toolTip())


def _views(panel: Panel) -> Iterator[Text]:
    """Cells of tables that are made as they come into sight; all of them, in sight or not."""
    for view in panel.findChildren(SortedTable):
        if not view.isVisibleTo(panel):
            continue
        model, place = view.rows, type(view).__name__
        heads = [str(model.headerData(c, Qt.Orientation.Horizontal)) for c in range(model.columnCount())]
        for column in range(len(heads)):
            yield Text(f"tip {place}", _plain(str(model.headerData(column, Qt.Orientation.Horizontal, TIP))))
        for row in range(model.rowCount()):
            for column in range(1, len(heads)):
                if view.isColumnHidden(column):
                    continue
                yield Text(f"table {place}", f"{view.cell(row, 0)} / {heads[column]}: {view.cell(row, column)}")
                tip = _plain(str(model.data(model.index(row, column), TIP)))
                if _thin(tip) != _thin(view.cell(row, column)):
                    yield Text(f"tip {place}", tip)


def _tree(panel: Panel) -> Iterator[Text]:
    """Items of trees, as cells are."""
    for tree in panel.findChildren(QTreeWidget):
        if not tree.isVisibleTo(panel):
            continue
        heads = [tree.headerItem().text(column) for column in range(tree.columnCount())]
        items = QTreeWidgetItemIterator(tree)
        while items.value():
            item = items.value()
            for column in range(1, tree.columnCount()):
                yield Text("tree", f"{item.text(0)} / {heads[column]}: {item.text(column)}")
            items += 1


def _tips(panel: Panel) -> Iterator[Text]:
    """Tool tips that do not depend on the place of the pointer."""
    for widget in (panel, *panel.findChildren(QWidget)):
        if isValid(widget) and widget.isVisibleTo(panel) and widget.toolTip() and _is_new(widget):
            yield Text(f"tip of {type(widget).__name__}", _plain(widget.toolTip()))


def _is_new(widget: QWidget) -> bool:
    """Whether the tip says something that the widget does not."""
    return not (isinstance(widget, QLabel) and widget.toolTip() == widget.text())


def _text(item: Any) -> str:
    return item.text() if item is not None else ""


def _painted(heard: Listener) -> Iterator[Text]:
    lines: dict[tuple[str, int, int], list[_Painted]] = {}
    for one in heard.painted:
        if one.place in ROWS:
            lines.setdefault((one.place, one.widget, round(one.y)), []).append(one)
        elif one.place not in LABELS:
            yield Text(one.place, one.text)
    for (place, _, _), parts in lines.items():
        yield Text(place, " | ".join(part.text for part in sorted(parts, key=lambda part: part.x)))


def _hover(widget: QWidget, heard: Listener) -> None:
    """Move the pointer over all of a widget that has something to say about where it is.

    A row of places where the tips at a few of them are those of the row above says nothing new and is passed over.
    """
    target = widget.viewport() if isinstance(widget, QAbstractScrollArea) else widget
    if not (hasattr(widget, "describe") or _is_ours(widget)):
        return
    columns = range(2, target.width(), max(NOTCH, target.width() // COLUMNS))
    probes, above = columns[:: max(1, len(columns) // PROBES)], None
    for y in range(2, target.height(), max(NOTCH, target.height() // ROWS_OF_PLACES)):
        tips = [_tip_at(target, x, y, heard) for x in probes]
        if tips != above:
            for x in columns:
                _tip_at(target, x, y, heard)
        above = tips


def _tip_at(target: QWidget, x: int, y: int, heard: Listener) -> tuple[Text, ...]:
    """What is said while the pointer moves to a place and rests there."""
    before, place = len(heard.said), QPointF(x, y)
    everywhere = target.mapToGlobal(place)
    move = QMouseEvent(
        QEvent.Type.MouseMove, place, everywhere, Qt.MouseButton.NoButton, Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(target, move)
    QApplication.sendEvent(target, QHelpEvent(QEvent.Type.ToolTip, place.toPoint(), everywhere.toPoint()))
    return tuple(heard.said[before:])


def _is_ours(widget: QWidget) -> bool:
    ours = [kind for kind in type(widget).__mro__ if kind.__module__.startswith("app.")]
    return any("mouseMoveEvent" in vars(kind) for kind in ours)


def _method(frame: FrameType) -> str:
    return frame.f_code.co_qualname


def _place(first: Any) -> tuple[float, float]:
    if isinstance(first, QRect | QRectF):
        return float(first.x()), float(first.y())
    return float(first.x()), float(first.y())
