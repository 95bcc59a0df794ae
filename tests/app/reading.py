"""Every text that Qt holds or says anywhere in the program, and whether Qt would read it as HTML there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PySide6 import QtGui
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QPointF, Qt
from PySide6.QtGui import QAction, QHelpEvent, QMouseEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractScrollArea,
    QApplication,
    QGraphicsTextItem,
    QGraphicsView,
    QLabel,
    QLineEdit,
    QListView,
    QMessageBox,
    QPlainTextEdit,
    QTabBar,
    QTextEdit,
    QToolTip,
    QWidget,
)
from shiboken6 import isValid

NOTCH = 40
"""Pixels between two places of the pointer."""
ROLES = (
    Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.StatusTipRole,
    Qt.ItemDataRole.WhatsThisRole, Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.AccessibleDescriptionRole,
)  # fmt: skip
PLAIN_ROLES = (Qt.ItemDataRole.DisplayRole, *ROLES[4:])
"""What a delegate draws as it stands, and what a screen reader reads."""


@dataclass(frozen=True, slots=True)
class Held:
    """A text, where it is held, and whether Qt reads it as HTML."""

    where: str
    text: str
    rich: bool


def everything() -> list[Held]:
    """What every widget there is holds now: labels, tips, items, actions, titles, texts in graphics scenes."""
    return _all_of(QApplication.allWidgets())


def inside(widget: QWidget) -> list[Held]:
    """The same of one widget and all that is in it."""
    return _all_of([widget, *widget.findChildren(QWidget)])


def _all_of(widgets: Iterable[QWidget]) -> list[Held]:
    return [one for widget in widgets if isValid(widget) for one in _of(widget) if one.text]


@contextmanager
def tips() -> Iterator[list[Held]]:
    """What tool tips say meanwhile, as Qt is given it."""
    said: list[Held] = []
    show = QToolTip.showText

    def show_text(place: QPoint, text: str, widget: QWidget | None = None, *_: object) -> None:
        said.append(Held(f"tip shown by {type(widget).__name__}", text, _may_be_rich(text)))

    QToolTip.showText = staticmethod(show_text)  # type: ignore[method-assign, assignment]
    try:
        yield said
    finally:
        QToolTip.showText = show  # type: ignore[method-assign]


def hover(widget: QWidget) -> None:
    """Move the pointer over a widget and all that is in it, and let it rest everywhere."""
    for one in (widget, *widget.findChildren(QWidget)):
        if not (isValid(one) and one.isVisible()):
            continue
        target = one.viewport() if isinstance(one, QAbstractScrollArea) else one
        for y in range(2, target.height(), NOTCH):
            for x in range(2, target.width(), NOTCH):
                at, everywhere = QPointF(x, y), target.mapToGlobal(QPointF(x, y))
                none = Qt.MouseButton.NoButton
                move = QMouseEvent(
                    QMouseEvent.Type.MouseMove, at, everywhere, none, none, Qt.KeyboardModifier.NoModifier
                )
                QApplication.sendEvent(target, move)
                QApplication.sendEvent(target, QHelpEvent(QHelpEvent.Type.ToolTip, at.toPoint(), everywhere.toPoint()))


def _of(widget: QWidget) -> Iterator[Held]:
    name = f"{type(widget).__name__} {widget.objectName()}".strip()
    for kind, text in (("tool tip", widget.toolTip()), ("what's this", widget.whatsThis())):
        yield Held(f"{kind} of {name}", text, _may_be_rich(text))
    for kind, text in (
        ("status tip", widget.statusTip()), ("title", widget.windowTitle()), ("name", widget.accessibleName()),
        ("description", widget.accessibleDescription()),
    ):  # fmt: skip
        yield Held(f"{kind} of {name}", text, False)
    for action in widget.actions():
        yield from _of_action(action, name)
    yield from _of_labels(widget, name)
    yield from _of_fields(widget, name)
    if isinstance(widget, QAbstractItemView):
        yield from _of_items(widget, name)
    if isinstance(widget, QGraphicsView) and widget.scene() is not None:
        for item in widget.scene().items():
            if isinstance(item, QGraphicsTextItem):  # pyqtgraph gives these HTML, so what came in must be in the text
                yield Held(f"text in the scene of {name}", item.toHtml(), "<img" in item.toHtml())
            yield Held(f"tip in the scene of {name}", item.toolTip(), _may_be_rich(item.toolTip()))


def _of_labels(widget: QWidget, name: str) -> Iterator[Held]:
    if isinstance(widget, QLabel):
        yield Held(name, widget.text(), _is_rich(widget.textFormat(), widget.text()))
    if isinstance(widget, QMessageBox):
        for text in (widget.text(), widget.informativeText()):
            yield Held(name, text, _is_rich(widget.textFormat(), text))
    if isinstance(widget, QTabBar):
        for index in range(widget.count()):
            yield Held(f"tab of {name}", widget.tabText(index), False)
            yield Held(f"tip of a tab of {name}", widget.tabToolTip(index), _may_be_rich(widget.tabToolTip(index)))


def _of_fields(widget: QWidget, name: str) -> Iterator[Held]:
    if isinstance(widget, QTextEdit):
        yield Held(name, widget.toPlainText(), "<img" in widget.toHtml() or "<table" in widget.toHtml())
    if isinstance(widget, QPlainTextEdit | QLineEdit):
        text = widget.text() if isinstance(widget, QLineEdit) else widget.toPlainText()
        yield Held(name, text, False)
        yield Held(f"placeholder of {name}", widget.placeholderText(), False)


def _of_action(action: QAction, name: str) -> Iterator[Held]:
    yield Held(f"action of {name}", action.text(), False)
    yield Held(f"tip of an action of {name}", action.toolTip(), _may_be_rich(action.toolTip()))
    yield Held(f"tip of an action of {name}", action.whatsThis(), _may_be_rich(action.whatsThis()))


def _of_items(view: QAbstractItemView, name: str) -> Iterator[Held]:
    model = view.model()
    if model is None:
        return
    for orientation, number in (
        (Qt.Orientation.Horizontal, _columns(view, view.rootIndex())),
        (Qt.Orientation.Vertical, model.rowCount(view.rootIndex())),
    ):  # fmt: skip
        for section in range(number):
            for role in ROLES:
                text = model.headerData(section, orientation, role)
                if isinstance(text, str):
                    yield Held(f"head of {name}", text, role not in PLAIN_ROLES and _may_be_rich(text))
    parents = [view.rootIndex()]
    while parents:
        parent = parents.pop()
        for row in range(model.rowCount(parent)):
            for column in range(_columns(view, parent)):
                index = model.index(row, column, parent)
                for role in ROLES:
                    text = model.data(index, role)
                    if isinstance(text, str):
                        yield Held(f"item of {name}", text, role not in PLAIN_ROLES and _may_be_rich(text))
            parents.append(model.index(row, 0, parent))


def _columns(view: QAbstractItemView, parent: QModelIndex | QPersistentModelIndex) -> int:
    return 1 if isinstance(view, QListView) else view.model().columnCount(parent)  # a list's model hides its own


def _may_be_rich(text: str) -> bool:
    return QtGui.Qt.mightBeRichText(text)


def _is_rich(form: Qt.TextFormat, text: str) -> bool:
    return form != Qt.TextFormat.PlainText and (form != Qt.TextFormat.AutoText or _may_be_rich(text))
