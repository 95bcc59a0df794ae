"""The command palette: every menu entry, and what else is offered, by name; found by typing parts of it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QAction, QColor, QKeyEvent, QPainter, QTextDocumentFragment
from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from app.dialogs.shortcuts import all_actions, keys_text
from app.look.theme import GRID, GROUP_GAP, ROW_GAP, theme
from app.widgets.plain import plain, without_keys

KEYS = Qt.ItemDataRole.UserRole
"""What stands at the right: the keys of an entry, that it is the value in force, or why it cannot be used."""


class KeysAtTheRight(QStyledItemDelegate):
    """Draws an entry with its keys at the right edge, so that the keys of all entries form a column.

    A text that does not fit beside the entry is elided.
    """

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, super().sizeHint(option, index).height() + ROW_GAP)  # as wide as the list, not as the text

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().paint(painter, option, index)
        chosen = option.state & QStyle.StateFlag.State_Selected
        painter.save()
        painter.setPen(QColor(theme().on_accent if chosen else theme().muted))
        area = option.rect.adjusted(0, 0, -ROW_GAP, 0)
        room = area.width() - option.fontMetrics.horizontalAdvance(index.data() or "") - 2 * GROUP_GAP
        words = option.fontMetrics.elidedText(index.data(KEYS) or "", Qt.TextElideMode.ElideRight, max(room, 0))
        painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
        painter.restore()


class CommandPalette(QDialog):
    """Runs the entry that is picked. Menu entries that cannot be used now are left out; others are greyed out."""

    def __init__(self, menus: list[QMenu], parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("command-palette")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.entries = [
            (without_keys(f"{menu.title()}: {action.text()}").rstrip("…"), action)
            for menu in menus
            for action in all_actions(menu)
            if action.isEnabled()
        ]
        self._listed: list[QAction] = []
        """The action of each row; a row itself must not hold it, as it may be gone when it is asked for."""
        self._typed = QLineEdit()
        self._typed.setPlaceholderText(self.tr("Type a command"))
        self._typed.setAccessibleName(self.tr("Command"))
        self._typed.textChanged.connect(self._fill)
        self._typed.installEventFilter(self)
        self._list = QListWidget()
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._list.setItemDelegate(KeysAtTheRight(self._list))
        self._list.setAccessibleName(self.tr("Commands"))
        self._list.itemClicked.connect(lambda _item: self._run())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(ROW_GAP, ROW_GAP, ROW_GAP, ROW_GAP)
        layout.setSpacing(ROW_GAP)
        layout.addWidget(self._typed)
        layout.addWidget(self._list)
        self.resize(120 * GRID, 90 * GRID)
        if parent is not None:
            corner = parent.mapToGlobal(parent.rect().topLeft())
            self.move(corner.x() + (parent.width() - self.width()) // 2, corner.y() + 20 * GRID)
        self._fill("")
        self._typed.setFocus()

    def offer(self, entries: list[tuple[str, QAction]]) -> None:
        """Offer these, too, after the menus' entries; the tool tip of one that is disabled says why."""
        self.entries += entries
        self._fill(self._typed.text())

    def _fill(self, typed: str) -> None:
        words = typed.casefold().split()
        self.entries = [entry for entry in self.entries if isValid(entry[1])]  # a list of recent files is made anew
        found = [entry for entry in self.entries if all(word in entry[0].casefold() for word in words)]
        self._list.clear()
        self._listed = []
        for text, action in sorted(found, key=lambda entry: closeness(entry[0], typed)):
            item = QListWidgetItem(text)
            self._listed.append(action)
            item.setData(KEYS, self._at_the_right(action))
            if not action.isEnabled():
                item.setFlags(Qt.ItemFlag.NoItemFlags)
                item.setToolTip(plain(action.toolTip()))
            self._list.addItem(item)
        if not self._list.count():
            nothing = QListWidgetItem(self.tr("No command has these words."))
            nothing.setFlags(Qt.ItemFlag.NoItemFlags)
            self._list.addItem(nothing)
        self._list.setCurrentRow(0)

    def _at_the_right(self, action: QAction) -> str:
        if not action.isEnabled():
            return QTextDocumentFragment.fromHtml(action.toolTip()).toPlainText()
        return self.tr("✓ now") if action.isCheckable() and action.isChecked() else keys_text(action)

    def _run(self) -> None:
        row = self._list.currentRow()
        action = self._listed[row] if 0 <= row < len(self._listed) else None
        there = action is not None and isValid(action)
        if action is not None and there and not action.isEnabled():
            return  # its reason stands beside it
        self.close()
        if action is not None and there:
            action.trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            row = self._list.currentRow()
            match event.key():
                case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                    self._run()
                    return True
                case Qt.Key.Key_Down:
                    self._list.setCurrentRow(min(row + 1, self._list.count() - 1))
                    return True
                case Qt.Key.Key_Up:
                    self._list.setCurrentRow(max(row - 1, 0))
                    return True
        return super().eventFilter(watched, event)


def closeness(entry: str, typed: str) -> int:
    """The rank of an entry `menu: name` for the typed text: 0 its name, 1 its beginning, 2 a part of it, 3 words of it.

    Lower ranks come first, so that a panel's name finds the panel before a scenario with the same words.
    """
    name, wanted = entry.partition(": ")[2].casefold(), " ".join(typed.casefold().split())
    if not wanted or name == wanted:
        return 0
    return 1 if name.startswith(wanted) else 2 if wanted in name else 3
