"""The shortcut sheet: every key of the menus, by menu, in columns."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from app.look.theme import GROUP_GAP, PANEL_PADDING, ROW_GAP
from app.widgets.kept_look import keep_look
from app.widgets.plain import PlainLabel, without_keys

COLUMNS = 2


class ShortcutSheet(QDialog):
    """Lists what the menus offer and by which key."""

    def __init__(self, menus: list[QMenu], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("shortcut-sheet")
        self.setWindowTitle(self.tr("Keys"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        columns = [QVBoxLayout() for _ in range(COLUMNS)]
        heights = [0] * COLUMNS
        for menu in menus:
            actions = [action for action in all_actions(menu) if action.shortcuts()]
            if actions:
                column = heights.index(min(heights))
                columns[column].addLayout(_section(without_keys(menu.title()), actions))
                heights[column] += len(actions) + 2
        side_by_side = QHBoxLayout()
        side_by_side.setSpacing(2 * GROUP_GAP)
        for column_layout in columns:
            column_layout.setSpacing(GROUP_GAP)
            column_layout.addStretch()
            side_by_side.addLayout(column_layout)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GROUP_GAP, GROUP_GAP, GROUP_GAP, PANEL_PADDING)
        layout.addLayout(side_by_side)
        note = PlainLabel(
            self.tr(
                "On a keyboard with another layout W A S D and 1 to 9 work by their place, and W A S D by their letter "
                "too. F, L, M and N work by their letter; where the layout has no Latin letters, by their place."
            )
        )
        note.setWordWrap(True)
        keep_look(note, muted=True)
        layout.addWidget(note)
        layout.addWidget(buttons)


def all_actions(menu: QMenu) -> list[QAction]:
    """The entries of a menu and of the menus in it, separators left out."""
    found: list[QAction] = []
    for action in menu.actions():
        inner = action.menu()
        if isinstance(inner, QMenu):
            found += all_actions(inner)
        elif not action.isSeparator():
            found.append(action)
    return found


def keys_text(action: QAction) -> str:
    """The keys of an action as the platform writes them."""
    native = QKeySequence.SequenceFormat.NativeText
    return "  ".join(keys.toString(native) for keys in action.shortcuts())


def _section(title: str, actions: list[QAction]) -> QGridLayout:
    grid = QGridLayout()
    grid.setVerticalSpacing(ROW_GAP // 2)
    grid.setHorizontalSpacing(GROUP_GAP)
    heading = PlainLabel(title)
    keep_look(heading, bold=True)
    grid.addWidget(heading, 0, 0, 1, 2)
    for row, action in enumerate(actions, 1):
        keys = PlainLabel(keys_text(action))
        keep_look(keys, code=True)
        grid.addWidget(keys, row, 0)
        grid.addWidget(PlainLabel(without_keys(action.text()).rstrip("…")), row, 1)
    grid.setColumnStretch(1, 1)
    grid.setRowStretch(len(actions) + 1, 1)
    return grid
