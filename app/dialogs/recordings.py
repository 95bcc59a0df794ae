"""The dialog of all recordings: a list to search, sort, open, rename and delete from; it stays beside the window."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QComboBox, QDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.look.theme import GRID, GROUP_GAP, PANEL_PADDING, ROW_GAP
from app.look.units import count, memory
from app.models.recording_list import COLUMNS, RecordingList
from app.widgets.plain import PlainLabel, plain
from app.widgets.recordings_table import RecordingRows, RecordingsTable
from app.widgets.segments import Segments
from app.widgets.themed_label import ThemedLabel

WIDTH, HEIGHT = 270 * GRID, 160 * GRID
"""Pixels, where the screen has so much room."""
UP, DOWN = "up", "down"


class RecordingsDialog(QDialog):
    """Shows a RecordingList. It reads and changes no file: its signals ask for that."""

    opened = Signal(object)
    """The path, as a Python object: a Qt string cannot hold a name that is not UTF-8."""
    renamed = Signal(object, str)
    """(path, the new name)."""
    deleted = Signal(list)
    folder_wanted = Signal(object)
    """The path of the recording whose folder is to be shown."""
    keep_chosen = Signal(str)
    undo_wanted = Signal()
    redo_wanted = Signal()
    reload_wanted = Signal()

    def __init__(self, recordings: RecordingList, keep_choices: tuple[int, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("recordings-dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setSizeGripEnabled(True)
        self.recordings = recordings
        self._keep_choices = keep_choices
        self.search = QLineEdit()
        self.search.setClearButtonEnabled(True)
        self.found = ThemedLabel()
        self.rows = RecordingRows(recordings)
        self.table = RecordingsTable(self.rows)
        self.order_label, self.order = PlainLabel(), QComboBox()
        self.order_label.setBuddy(self.order)
        self.direction = Segments((UP, DOWN), DOWN)
        self.total = ThemedLabel(muted=False)
        self.keep_label, self.keep = PlainLabel(), QComboBox()
        self.keep_label.setBuddy(self.keep)
        self.said = ThemedLabel(wrap=True)
        self.open_button, self.rename_button, self.delete_button = QPushButton(), QPushButton(), QPushButton()
        self.folder_button, self.undo_button, self.close_button = QPushButton(), QPushButton(), QPushButton()
        self._fitted = False
        self._place = 0
        """The row that is selected, or was last."""
        self._build()
        self.retranslate()
        self._connect()
        self._follow_selection()
        self.show_history("", "")
        self.say("")
        self.search.setFocus()

    # --- what it shows ----------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """The list has changed."""
        chosen = self.table.chosen()
        if chosen:
            self._place = self.rows.place_of(chosen[0])
        self.rows.follow()
        unread = len(self.recordings.unread)
        if not self._fitted or not unread:
            self.table.fit()
            self._fitted = bool(self.recordings.count)
        shown, there = len(self.recordings.shown), self.recordings.count
        parts = [self.tr("{} recordings").format(count(there)) if there != 1 else self.tr("1 recording")]
        parts.append(memory(self.recordings.size_bytes))
        self.total.setText(" · ".join(parts))
        words = []
        if self.search.text().strip():
            words.append(self.tr("{} match").format(count(shown)))
        if unread:
            words.append(self.tr("reading {} more").format(count(unread)))
        self.found.setText(" · ".join(words))
        if shown and not self.table.chosen():
            self.table.choose_row(min(self._place, shown - 1))  # beside what is gone
        self._follow_selection()

    def show_keep(self, keep: int | None) -> None:
        """Show how many of the newest recordings are kept; None where the user has not chosen yet."""
        with QSignalBlocker(self.keep):
            self.keep.setCurrentIndex(-1 if keep is None else self.keep.findData(str(keep)))

    def show_history(self, undo: str, redo: str) -> None:
        """Name what can be taken back and done again; "" where there is nothing."""
        self._undo_words, self._redo_words = undo, redo
        self.undo_button.setEnabled(bool(undo))
        tip = self.tr("Take back: {}").format(undo) if undo else self.tr("There is nothing to take back")
        self.undo_button.setToolTip(plain(f"{tip} ({QKeySequence(QKeySequence.StandardKey.Undo).toString()})"))

    def say(self, sentence: str) -> None:
        """Say what was done, or why it was not."""
        self.said.setText(sentence)
        self.said.setVisible(bool(sentence))

    def restyle(self) -> None:
        """Take the theme's colours and fonts again."""
        self.table.restyle()

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        self.setWindowTitle(self.tr("Recordings"))
        self.search.setPlaceholderText(self.tr("Search in names, notes, models, prompts and files"))
        self.search.setAccessibleName(self.tr("Search"))
        self.table.setAccessibleName(self.tr("Recordings"))
        self.order_label.setText(self.tr("&Sort by"))
        self.order.setAccessibleName(self.tr("Sort by"))
        with QSignalBlocker(self.order):
            self.order.clear()
            self.order.addItems(self.rows.heads())
            self.order.setCurrentIndex(COLUMNS.index(self.recordings.column))
        self.direction.name(
            self.tr("Direction"), {UP: "↑", DOWN: "↓"},
            {UP: self.tr("The smallest first"), DOWN: self.tr("The largest first")},
        )  # fmt: skip
        self.keep_label.setText(self.tr("&Keep"))
        self.keep.setAccessibleName(self.tr("Recordings that are kept"))
        self.keep.setToolTip(
            plain(self.tr("Older ones go to the trash after each run, but none that was named, saved or is shown"))
        )
        self.keep.setPlaceholderText(self.tr("ask me"))
        with QSignalBlocker(self.keep):
            chosen = self.keep.currentData()
            self.keep.clear()
            for number in self._keep_choices:
                words = self.tr("The newest {}").format(count(number)) if number else self.tr("All")
                self.keep.addItem(words, str(number))
            self.keep.setCurrentIndex(-1 if chosen is None else self.keep.findData(chosen))
        for button, text, tip in (
            (self.open_button, self.tr("&Open"), self.tr("Show this recording in the window (Return)")),
            (self.rename_button, self.tr("&Rename"), self.tr("Give this recording another name; its file stays (F2)")),
            (self.delete_button, self.tr("&Delete"), self.tr("Move the chosen recordings to the trash (Delete)")),
            (self.folder_button, self.tr("Show &folder"), self.tr("Show its folder in the file manager")),
            (self.undo_button, self.tr("&Undo"), ""),
            (self.close_button, self.tr("Close"), self.tr("Close this list (Esc)")),
        ):  # fmt: skip
            button.setText(text)
            button.setToolTip(plain(tip))
        if self._fitted:
            self.follow()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.search.hasFocus():
            self.table.setFocus()  # Return in the search goes to what was found, and opens nothing yet
            event.accept()
            return
        super().keyPressEvent(event)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        above = QHBoxLayout()
        above.setSpacing(ROW_GAP)
        above.addWidget(self.search, 1)
        above.addWidget(self.found)
        above.addWidget(self.order_label)
        above.addWidget(self.order)
        above.addWidget(self.direction)
        counted = QHBoxLayout()
        counted.setSpacing(ROW_GAP)
        counted.addWidget(self.total, 1)
        counted.addWidget(self.keep_label)
        counted.addWidget(self.keep)
        below = QHBoxLayout()
        below.setSpacing(ROW_GAP)
        for button in (self.open_button, self.rename_button, self.delete_button, self.folder_button, self.undo_button):
            below.addWidget(button)
        below.addStretch()
        below.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GROUP_GAP, GROUP_GAP, GROUP_GAP, PANEL_PADDING)
        layout.setSpacing(ROW_GAP)
        layout.addLayout(above)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.said)
        layout.addLayout(counted)
        layout.addLayout(below)
        room = self.screen().availableSize() * 0.9
        self.resize(min(WIDTH, room.width()), min(HEIGHT, room.height()))
        self.setMinimumSize(140 * GRID, 80 * GRID)

    def _connect(self) -> None:
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)  # Enter is for the table
        self.search.textChanged.connect(self._look)
        self.order.activated.connect(self._sort)
        self.direction.picked.connect(self._sort)
        self.table.horizontalHeader().sortIndicatorChanged.connect(self._on_sorted)
        self.table.opened.connect(self.opened)
        self.table.deleted.connect(self.deleted)
        self.rows.renamed.connect(self.renamed)
        self.table.selectionModel().selectionChanged.connect(self._follow_selection)
        self.open_button.clicked.connect(lambda: self.opened.emit(self.table.chosen()[0]))
        self.rename_button.clicked.connect(self.table.rename)
        self.delete_button.clicked.connect(lambda: self.deleted.emit(self.table.chosen()))
        self.folder_button.clicked.connect(lambda: self.folder_wanted.emit(self.table.chosen()[0]))
        self.undo_button.clicked.connect(self.undo_wanted)
        self.close_button.clicked.connect(self.reject)
        self.keep.activated.connect(lambda: self.keep_chosen.emit(str(self.keep.currentData())))
        for key, signal in (
            (QKeySequence.StandardKey.Undo, self.undo_wanted), (QKeySequence.StandardKey.Redo, self.redo_wanted),
            (QKeySequence.StandardKey.Refresh, self.reload_wanted),
        ):  # fmt: skip
            QShortcut(QKeySequence(key), self).activated.connect(signal)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self).activated.connect(self._to_search)

    def _to_search(self) -> None:
        self.search.setFocus()
        self.search.selectAll()

    def _look(self, text: str) -> None:
        self.recordings.look_for(text)
        self.follow()

    def _sort(self) -> None:
        order = Qt.SortOrder.DescendingOrder if self.direction.value == DOWN else Qt.SortOrder.AscendingOrder
        self.table.sortByColumn(self.order.currentIndex(), order)

    def _on_sorted(self, column: int, order: Qt.SortOrder) -> None:
        """A click on a head sorted: the controls say so."""
        with QSignalBlocker(self.order):
            self.order.setCurrentIndex(column)
        self.direction.set_value(DOWN if order == Qt.SortOrder.DescendingOrder else UP)

    def _follow_selection(self) -> None:
        chosen = self.table.chosen()
        for button in (self.open_button, self.folder_button):
            button.setEnabled(len(chosen) == 1)
        index = self.rows.index(self.rows.place_of(chosen[0]), 0) if len(chosen) == 1 else None
        editable = index is not None and bool(self.rows.flags(index) & Qt.ItemFlag.ItemIsEditable)
        self.rename_button.setEnabled(editable)
        self.delete_button.setEnabled(bool(chosen))
