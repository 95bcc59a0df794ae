"""The Find dialog: what is looked for, how much of it there is, and a list of it with the text around."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFontMetrics, QHideEvent, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.look.icons import icon
from app.look.theme import GRID, PANEL_PADDING, ROW_GAP, theme, ui_font
from app.look.units import count
from app.models.found import Found, Row
from app.widgets.plain import plain
from app.widgets.themed_label import ThemedLabel
from app.widgets.themed_table import selection_rules, table_rules

SIZE: Final = QSize(165 * GRID, 64 * GRID)
KIND, WHERE, AROUND = range(3)
BEFORE: Final = 0.4
"""Share of the column of texts that what stands before a hit gets at most."""
Index = QModelIndex | QPersistentModelIndex
NO_INDEX: Final = QModelIndex()
ROW: Final = Qt.ItemDataRole.UserRole


class FoundRows(QAbstractTableModel):
    """The hits as rows of three columns; a row is made when it comes into sight."""

    def __init__(self, found: Found, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._found = found
        self._length = 0
        self._made: tuple[int, Row] = (-1, Row("", ""))
        found.changed.connect(self._follow)

    def _follow(self) -> None:
        """Add the rows that came; another search begins anew."""
        length = len(self._found)
        if length < self._length or length == 0:
            self.beginResetModel()
            self._length, self._made = length, (-1, Row("", ""))
            self.endResetModel()
        elif length > self._length:
            self.beginInsertRows(QModelIndex(), self._length, length - 1)
            self._length = length
            self.endInsertRows()

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else self._length

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else 3

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role not in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.ToolTipRole,
            Qt.ItemDataRole.AccessibleTextRole,
            ROW,
        ):
            return None
        row = self.row(index.row())
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain(row.text)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return row.text
        return (row.kind, row.where, f"{row.before}{row.match}{row.after}")[index.column()]

    def row(self, place: int) -> Row:
        if self._made[0] != place:
            self._made = (place, self._found.row(place))
        return self._made[1]


class AroundTheHit(QStyledItemDelegate):
    """Draws a hit in bold between what stands before and behind it, of which the ends next to it are kept."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        option.text = ""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        row = index.data(ROW)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        usual, strong = ui_font(), ui_font(bold=True)
        metrics, bold = QFontMetrics(usual), QFontMetrics(strong)
        area = option.rect.adjusted(GRID, 0, -GRID, 0)
        match = bold.elidedText(row.match, Qt.TextElideMode.ElideRight, area.width())
        left = min(round(BEFORE * area.width()), max(area.width() - bold.horizontalAdvance(match), 0))
        before = metrics.elidedText(row.before, Qt.TextElideMode.ElideLeft, left)
        painter.save()
        for text, font, colour in (
            (before, usual, theme().muted), (match, strong, theme().text if chosen else theme().accent),
            (row.after, usual, theme().muted if row.match else theme().text),
        ):  # fmt: skip
            painter.setFont(font)
            painter.setPen(QColor(colour))
            measure = QFontMetrics(font)
            shown = text if text is match else measure.elidedText(text, Qt.TextElideMode.ElideRight, area.width())
            painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
            area.setLeft(min(area.left() + measure.horizontalAdvance(shown), area.right()))
        painter.restore()


def state_words(found: Found) -> str:
    """How many hits there are, and which one is the present one."""
    translate, number = QCoreApplication.translate, len(found)
    if found.pattern is None:
        return ""
    if not number:
        return translate("Find", "nothing found") if found.over else translate("Find", "searching…")
    words = translate("Find", "{} found").format(count(number))
    if found.at is not None:
        words = translate("Find", "{at} of {all}").format(at=count(found.at + 1), all=count(number))
    return words if found.over else translate("Find", "{} so far, searching…").format(words)


class FindDialog(QDialog):
    """Shows what `Found` holds, and asks by its signals for searches and for the hits to go to."""

    typed = Signal(str)
    """Another text is looked for."""
    again = Signal()
    """The same is to be searched anew."""
    stepped = Signal(int)
    """The next (1) or the previous (−1) hit is wanted."""
    chosen = Signal(int)
    """The user went to a hit in the list."""
    hidden = Signal()

    def __init__(self, found: Found, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("find-dialog")
        self.setSizeGripEnabled(True)
        self._found = found
        self.field = QLineEdit()
        self.field.setClearButtonEnabled(True)
        self.field.textChanged.connect(self.typed)
        self.field.installEventFilter(self)
        self.said = ThemedLabel()
        self.previous, self.next = QToolButton(), QToolButton()
        self.previous.clicked.connect(lambda: self.stepped.emit(-1))
        self.next.clicked.connect(lambda: self.stepped.emit(1))
        self.anew = QPushButton()
        self.anew.setAutoDefault(False)
        self.anew.clicked.connect(self.again)
        self.rows = FoundRows(found, self)
        self.list = self._build_list()
        asked = QHBoxLayout()
        asked.setSpacing(GRID)
        asked.addWidget(self.field, 1)
        asked.addWidget(self.previous)
        asked.addWidget(self.next)
        below = QHBoxLayout()
        below.setSpacing(ROW_GAP)
        below.addWidget(self.said, 1)
        below.addWidget(self.anew)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PANEL_PADDING, PANEL_PADDING, PANEL_PADDING, PANEL_PADDING)
        layout.setSpacing(ROW_GAP)
        layout.addLayout(asked)
        layout.addLayout(below)
        layout.addWidget(self.list, 1)
        found.changed.connect(self.show_state)
        found.went.connect(self._on_went)
        self._marking = False
        self.retranslate()
        self.restyle()
        self.resize(SIZE)

    def ask(self) -> None:
        """Come up, ready to type."""
        self.show()
        self.raise_()
        self.activateWindow()
        self.field.setFocus()
        self.field.selectAll()

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        self.setWindowTitle(self.tr("Find"))
        self.field.setPlaceholderText(self.tr("Text, “step 120”, “request 3”, or the label of a mark"))
        self.field.setAccessibleName(self.tr("Find"))
        self.field.setToolTip(
            plain(self.tr("Small letters find capitals too. Return goes to the next, Shift+Return to the one before."))
        )
        self.list.setAccessibleName(self.tr("What was found"))
        for button, text in (
            (self.previous, self.tr("Previous (Shift+F3)")), (self.next, self.tr("Next (F3)")),
        ):  # fmt: skip
            button.setToolTip(plain(text))
            button.setAccessibleName(text)
        self.anew.setText(self.tr("Search &again"))
        self.anew.setToolTip(plain(self.tr("The run has gone on since: search what came, too")))
        self.show_state()

    def restyle(self) -> None:
        """Take the theme's colours and fonts again."""
        self.previous.setIcon(icon("left"))
        self.next.setIcon(icon("right"))
        self.list.setFont(ui_font())
        self.list.setStyleSheet(table_rules(f"padding: 0 {GRID}px", f"padding: 0 {GRID}px") + selection_rules())
        self.list.verticalHeader().setDefaultSectionSize(QFontMetrics(ui_font()).height() + ROW_GAP)
        head, metrics = self.list.horizontalHeader(), QFontMetrics(ui_font())
        head.resizeSection(KIND, metrics.horizontalAdvance("Request") + 5 * GRID)
        head.resizeSection(WHERE, metrics.horizontalAdvance("request 999 · step 99 999 · 99.9 ms") + 3 * GRID)

    def show_state(self) -> None:
        """Say how many there are and which one is the present one."""
        found = self._found
        self.said.setText(state_words(found))
        for button in (self.previous, self.next):
            button.setEnabled(len(found) > 0)
        self.anew.setVisible(found.over and found.grown)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.hidden.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Some keys go from hit to hit, in the field as in the list."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and self._take(event):
            return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._take(event):
            super().keyPressEvent(event)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _build_list(self) -> QTableView:
        table = QTableView()
        table.setModel(self.rows)
        table.setItemDelegateForColumn(AROUND, AroundTheHit(table))
        table.setFrameShape(table.Shape.NoFrame)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.verticalHeader().hide()
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        table.horizontalHeader().hide()
        table.horizontalHeader().setStretchLastSection(True)
        table.selectionModel().selectionChanged.connect(self._on_selected)
        table.clicked.connect(lambda index: self.chosen.emit(index.row()))
        table.installEventFilter(self)
        return table

    def _take(self, event: QKeyEvent) -> bool:
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter | Qt.Key.Key_F3:
                self.stepped.emit(-1 if shift else 1)
            case Qt.Key.Key_G if control:
                self.stepped.emit(-1 if shift else 1)
            case Qt.Key.Key_Down if self.field.hasFocus():
                self.stepped.emit(1)
            case Qt.Key.Key_Up if self.field.hasFocus():
                self.stepped.emit(-1)
            case Qt.Key.Key_F if control:
                self.ask()
            case _:
                return False
        return True

    def _on_selected(self) -> None:
        rows = self.list.selectionModel().selectedRows()
        if rows and not self._marking:
            self.chosen.emit(rows[0].row())

    def _on_went(self) -> None:
        at = self._found.at
        self.show_state()
        self._marking = True
        if at is None:
            self.list.clearSelection()
        elif at < self.rows.rowCount():
            self.list.selectRow(at)
            self.list.scrollTo(self.rows.index(at, 0))
        self._marking = False
