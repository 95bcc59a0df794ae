"""The table of all recordings: sorted by a click on a head, names edited in place, cells made when in sight."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QItemSelectionModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QLineEdit, QTableView, QWidget

from app.core.engine_sentences import in_window_language
from app.look.theme import GRID, theme, ui_font
from app.look.units import NOT_APPLICABLE, count, cut, memory, name_of, seconds
from app.models.recording_list import COLUMNS, Listed, RecordingList
from app.models.recording_words import date_and_time
from app.widgets.plain import plain
from app.widgets.row_table import choose_whole_rows
from app.widgets.sorted_table import with_arrow
from app.widgets.themed_table import selection_rules, table_rules
from app.widgets.whole_figures import WholeFigures
from engine.session.edits import MOST_OF_NAME
from engine.session.naming import one_line

Index = QModelIndex | QPersistentModelIndex
NO_INDEX: Final = QModelIndex()
ROLE: Final = Qt.ItemDataRole
FIGURES: Final = frozenset({"tokens", "steps", "length", "size"})
"""Columns that are aligned to the right."""
OF_CONTENT: Final = frozenset({"model", "tokens", "steps", "length"})
"""Columns that are known only once a file was read."""
MEASURED_ROWS: Final = 60
WIDEST: Final = 60 * GRID
"""Pixels of the widest column but for the name, which takes the width that is left."""
MOST_OF_NOTES: Final = 600
"""Characters of notes in a tool tip."""


class RecordingRows(QAbstractTableModel):
    """The rows of a RecordingList; a name that was edited is carried by `renamed`, with the file's path."""

    renamed = Signal(object, str)

    def __init__(self, recordings: RecordingList) -> None:
        super().__init__()
        self.recordings = recordings
        self._rows: list[Listed] = []

    def follow(self) -> None:
        """The list has changed: keep what is selected on its recordings."""
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()
        paths = [self._rows[index.row()].path for index in kept]
        self._rows = self.recordings.shown
        places = {one.path: place for place, one in enumerate(self._rows)}
        moved = [
            self.index(places[path], index.column()) if path in places else QModelIndex()
            for path, index in zip(paths, kept, strict=True)
        ]
        self.changePersistentIndexList(kept, moved)
        self.layoutChanged.emit()

    def at(self, place: int) -> Listed:
        """The recording in a row."""
        return self._rows[place]

    def place_of(self, path: str) -> int:
        """The row of a recording; -1 where it is not shown."""
        return next((place for place, one in enumerate(self._rows) if one.path == path), -1)

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        listed = self._rows[index.row()]
        if index.column() == 0 and listed.read and not listed.known.fault:
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def data(self, index: Index, role: int = ROLE.DisplayRole) -> Any:
        listed, column = self._rows[index.row()], COLUMNS[index.column()]
        match role:
            case ROLE.DisplayRole | ROLE.AccessibleTextRole:
                return self._text(listed, column)
            case ROLE.EditRole:
                return listed.known.name
            case ROLE.ToolTipRole:
                return plain(self._tip(listed, column))
            case ROLE.ForegroundRole:
                return QColor(self._colour(listed, column))
            case ROLE.TextAlignmentRole:
                side = Qt.AlignmentFlag.AlignRight if column in FIGURES else Qt.AlignmentFlag.AlignLeft
                return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def setData(self, index: Index, value: Any, role: int = ROLE.EditRole) -> bool:
        listed = self._rows[index.row()]
        name = one_line(str(value))
        if role != ROLE.EditRole or name == listed.known.name:
            return False
        self.renamed.emit(listed.path, name)
        return True

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = ROLE.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == ROLE.DisplayRole:
            sorted_by = COLUMNS[section] == self.recordings.column
            return with_arrow(self.heads()[section], self._order if sorted_by else None)
        if role == ROLE.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if COLUMNS[section] in FIGURES else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def heads(self) -> list[str]:
        """The names of the columns."""
        return [
            self.tr("Name"), self.tr("Model"), self.tr("Tokens"), self.tr("Steps"), self.tr("Length"), self.tr("Size"),
            self.tr("Recorded"), self.tr("File"),
        ]  # fmt: skip

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if 0 <= column < len(COLUMNS):
            self.recordings.sort(COLUMNS[column], order == Qt.SortOrder.DescendingOrder)
            self.follow()
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(COLUMNS) - 1)

    @property
    def _order(self) -> Qt.SortOrder:
        order = Qt.SortOrder
        return order.DescendingOrder if self.recordings.descending else order.AscendingOrder

    def _text(self, listed: Listed, column: str) -> str:
        known = listed.known
        if column not in OF_CONTENT:
            return {
                "name": listed.title, "size": memory(listed.size_bytes), "file": cut(listed.file),
                "date": " ".join(date_and_time(known.began_s)),
            }[column]  # fmt: skip
        if known.fault:
            return self.tr("damaged") if column == "model" else NOT_APPLICABLE
        if not listed.read:
            return "…"
        return {
            "model": name_of(known.model) or NOT_APPLICABLE, "tokens": count(known.tokens), "steps": count(known.steps),
            "length": seconds(known.length_s),
        }[column]  # fmt: skip

    def _tip(self, listed: Listed, column: str) -> str:
        known = listed.known
        if known.fault:
            return in_window_language(known.fault)
        if column == "name":
            notes = cut(known.notes, MOST_OF_NOTES)
            return "\n\n".join(part for part in (known.name or listed.title, notes, listed.path) if part)
        if column == "file":
            return listed.path
        if column == "size":
            return self.tr("{} bytes").format(count(listed.size_bytes))
        return self._text(listed, column)

    def _colour(self, listed: Listed, column: str) -> str:
        if listed.known.fault:
            return theme().error if column == "model" else theme().muted
        named = column == "name" and (listed.known.name or listed.read)
        return theme().text if named or column in FIGURES else theme().muted


class RecordingsTable(QTableView):
    """Shows RecordingRows; `opened` and `deleted` carry the paths of the chosen recordings."""

    opened = Signal(object)
    deleted = Signal(list)

    def __init__(self, rows: RecordingRows, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = rows
        rows.setParent(self)
        self.setModel(rows)
        self.setItemDelegate(NameDelegate(self))
        choose_whole_rows(self)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().setMinimumSectionSize(4 * GRID)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setMinimumSectionSize(8 * GRID)
        head.setMaximumSectionSize(400 * GRID)
        head.setSortIndicator(COLUMNS.index(rows.recordings.column), Qt.SortOrder.DescendingOrder)
        self.setSortingEnabled(True)
        head.setSortIndicatorShown(False)  # the head's text has the arrow
        self.doubleClicked.connect(lambda index: self.opened.emit(self.rows.at(index.row()).path))
        self.restyle()

    def chosen(self) -> list[str]:
        """The paths of the selected recordings, in their order."""
        return [self.rows.at(index.row()).path for index in sorted(self.selectionModel().selectedRows())]

    def choose(self, path: str) -> None:
        """Select this recording alone, and scroll to it; does nothing where it is not shown."""
        place = self.rows.place_of(path)
        if place >= 0:
            self.choose_row(place)
            self.scrollTo(self.rows.index(place, 0))

    def choose_row(self, place: int) -> None:
        """Select this row alone, whichever keys are held down: `selectRow` follows Ctrl."""
        index, flags = self.rows.index(place, 0), QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)

    def rename(self) -> None:
        """Edit the name of the current recording in place."""
        index = self.rows.index(self.currentIndex().row(), 0)
        if index.isValid() and self.rows.flags(index) & Qt.ItemFlag.ItemIsEditable:
            self.setCurrentIndex(index)
            self.edit(index)

    def fit(self) -> None:
        """Give each column the width of what it shows, and the names the rest."""
        metrics = QFontMetrics(ui_font())
        heads = self.rows.heads()
        rows = range(min(self.rows.rowCount(), MEASURED_ROWS))
        used = 0
        for column in range(1, len(COLUMNS)):
            texts = [
                with_arrow(heads[column], Qt.SortOrder.DescendingOrder),
                *(str(self.rows.data(self.rows.index(row, column))) for row in rows),
            ]
            width = min(max(map(metrics.horizontalAdvance, texts)) + 4 * GRID, WIDEST)
            self.setColumnWidth(column, width)
            used += width
        self.setColumnWidth(0, max(self.viewport().width() - used, 50 * GRID))

    def restyle(self) -> None:
        """Take the theme's colours and fonts again."""
        self.setFont(ui_font())
        self.setStyleSheet(table_rules(f"padding: 0 {GRID}px", f"padding: 0 {GRID}px") + selection_rules())
        self.verticalHeader().setDefaultSectionSize(QFontMetrics(ui_font()).height() + 2 * GRID)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.state() != self.State.EditingState and self.currentIndex().isValid():
            match event.key():
                case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                    self.opened.emit(self.rows.at(self.currentIndex().row()).path)
                case Qt.Key.Key_F2:
                    self.rename()
                case Qt.Key.Key_Delete | Qt.Key.Key_Backspace:
                    self.deleted.emit(self.chosen())
                case _:
                    super().keyPressEvent(event)
                    return
            event.accept()
            return
        super().keyPressEvent(event)


class NameDelegate(WholeFigures):
    """Edits a name in a field of the length that a session keeps."""

    def createEditor(self, parent: QWidget, option: Any, index: Any) -> QWidget:
        editor = QLineEdit(parent)
        editor.setMaxLength(MOST_OF_NAME)
        return editor
