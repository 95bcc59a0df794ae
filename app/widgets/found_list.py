"""The list of what a search found: what each hit is, where, and the text around it."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app.look.theme import GRID, ROW_GAP, theme, ui_font
from app.look.units import count
from app.models.found import Found, Row, kind_words, widest_where
from app.widgets.plain import plain
from app.widgets.row_table import choose_whole_rows
from app.widgets.themed_table import selection_rules, table_rules

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


class FoundList(QTableView):
    """Shows what `found` holds and which hit is the present one; a hit that the user goes to is `chosen`."""

    chosen = Signal(int)

    def __init__(self, found: Found, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.found = found
        self.rows = FoundRows(found, self)
        self._marking = False
        self.setModel(self.rows)
        self.setItemDelegateForColumn(AROUND, AroundTheHit(self))
        choose_whole_rows(self)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.horizontalHeader().hide()
        self.horizontalHeader().setStretchLastSection(True)
        self.selectionModel().selectionChanged.connect(self._on_selected)
        self.clicked.connect(lambda index: self.chosen.emit(index.row()))
        found.went.connect(self._on_went)
        self.restyle()

    def restyle(self) -> None:
        """Take the theme's colours and fonts again."""
        self.setFont(ui_font())
        self.setStyleSheet(table_rules(f"padding: 0 {GRID}px", f"padding: 0 {GRID}px") + selection_rules())
        self.verticalHeader().setDefaultSectionSize(QFontMetrics(ui_font()).height() + ROW_GAP)
        head, metrics = self.horizontalHeader(), QFontMetrics(ui_font())
        head.resizeSection(KIND, max(map(metrics.horizontalAdvance, kind_words().values())) + 4 * GRID)
        widest = widest_where()
        head.resizeSection(WHERE, metrics.horizontalAdvance(widest) + 3 * GRID)

    def _on_selected(self) -> None:
        rows = self.selectionModel().selectedRows()
        if rows and not self._marking:
            self.chosen.emit(rows[0].row())

    def _on_went(self) -> None:
        at = self.found.at
        self._marking = True
        if at is None:
            self.clearSelection()
        elif at < self.rows.rowCount():
            self.selectRow(at)
            self.scrollTo(self.rows.index(at, 0))
        self._marking = False
