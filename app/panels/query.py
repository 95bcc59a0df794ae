"""Query panel: read-only SQL over the file of the session, its answer as table, plot and CSV."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import ClassVar, Final

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QAction, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QMenu, QPushButton, QSplitter, QToolButton, QVBoxLayout, QWidget

from app.core.engine_sentences import in_window_language
from app.core.query_run import QueryRun
from app.look.theme import GRID, PANEL_PADDING, ROW_GAP
from app.look.units import count, cut, seconds
from app.models.query_result import csv_value, target
from app.panels.base import ROOM_FOR_ROWS, Panel, PanelContext, WayOut
from app.panels.query_answer import AnswerView
from app.panels.query_words import answer_words, chosen_words
from app.widgets.fault_label import FaultLabel
from app.widgets.flow_row import FlowRow
from app.widgets.plain import plain
from app.widgets.segments import Segments
from app.widgets.sql_edit import SqlEdit
from app.widgets.table_list import TableList
from engine.session.asking import Answered, AskedWrongError
from engine.session.format_document import examples
from engine.session.serving import Topic
from engine.session.store import Session

BESIDE: Final = 1.6
"""From this ratio of width to height on, the answer stands beside the query, else below it."""
LIST_FROM: Final = 640
"""Pixels of width from which on the list of tables is shown without being asked for."""
LIST_WIDTH: Final = 180
TITLE: Final = 90
"""Characters of a title in a menu."""
FIRST: Final = 3
"""The question of FORMAT.md that the editor begins with: the slowest steps."""


class QueryPanel(Panel):
    """An editor with the tables, the questions of FORMAT.md and the user's own beside it; and the answer."""

    name: ClassVar[str] = "query"
    wanted_height: ClassVar[int] = ROOM_FOR_ROWS
    of_range: ClassVar[bool] = False
    needs: ClassVar[tuple[Topic, ...]] = ()
    of_runs: ClassVar[bool] = False

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.run = QueryRun(context.jobs, self)
        self.run.changed.connect(self._show_state)
        self.run.ticked.connect(self._show_state)
        self._offset = 0
        """Where the text that was run begins in the editor."""
        self._shown: Answered | AskedWrongError | None = None
        self._chosen: dict[str, object] = {}
        """What the chosen row of the answer has selected in the window."""
        self._asked_list: bool | None = None
        """Whether somebody asked for the list of tables; None while the width decides."""
        self.edit = SqlEdit()
        self.edit.setAccessibleName(self.tr("Query in SQL"))
        self.edit.setPlainText(examples()[FIRST].sql)
        self.edit.setToolTip(self.tr("Ctrl+Return runs the query, or what is selected of it"))
        self.edit.run_asked.connect(self.run_query)
        self.edit.refused.connect(self._say_fault)
        self.fault = FaultLabel()
        self.tables = TableList(self.tr("Tables and columns of a session"))
        self.tables.setToolTip(self.tr("A click inserts the name into the query"))
        self.tables.picked.connect(self.edit.insert)
        self.answer = AnswerView()
        self.answer.row_chosen.connect(self._on_row)
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._build()
        self._show_state()

    def _build(self) -> None:
        self.run_button = QPushButton(self.tr("Run"))
        self.run_button.setToolTip(self.tr("Run the query, or what is selected of it (Ctrl+Return in the editor)"))
        self.run_button.clicked.connect(self.run_query)
        self.cancel_button = QPushButton(self.tr("Cancel"))
        self.cancel_button.setToolTip(self.tr("End the query at once (Esc)"))
        self.cancel_button.clicked.connect(self.run.cancel)
        self.list_button = QToolButton()
        self.list_button.setText(self.tr("Tables"))
        self.list_button.setToolTip(self.tr("Show the tables with their columns and units; a click inserts a name"))
        self.list_button.setCheckable(True)
        self.list_button.setObjectName("log-button")
        self.list_button.clicked.connect(self._on_list_button)
        self.examples_button = self._menu_button(self.tr("Examples"), self._fill_examples)
        self.examples_button.setToolTip(self.tr("The questions of FORMAT.md, the description of the file"))
        self.history_button = self._menu_button(self.tr("History"), self._fill_history)
        self.history_button.setToolTip(self.tr("The queries that were run before"))
        self.page = Segments(("table", "plot"), "table")
        self.page.name(
            self.tr("The answer as"),
            {"table": self.tr("Table"), "plot": self.tr("Plot")},
            {"table": self.tr("Show the rows"), "plot": self.tr("Draw columns of the answer")},
        )
        self.page.pad()
        self.page.picked.connect(self.answer.show_page)
        self.save_button = QPushButton(self.tr("Save as CSV…"))
        self.save_button.setToolTip(self.tr("Write the rows of the answer into a file"))
        self.save_button.clicked.connect(self.csv_asked)
        tools = FlowRow(spacing=GRID)
        for tool in (
            self.run_button, self.cancel_button, self.list_button, self.examples_button, self.history_button,
            self.page, self.save_button,
        ):  # fmt: skip
            tools.add(tool)
        asked = QWidget()
        column = QVBoxLayout(asked)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self.edit, 1)
        column.addWidget(self.fault)
        self.parts = QSplitter(Qt.Orientation.Horizontal)
        self.whole = QSplitter(Qt.Orientation.Horizontal)
        for splitter, widgets in ((self.parts, (asked, self.answer)), (self.whole, (self.tables, self.parts))):
            splitter.setChildrenCollapsible(False)
            for widget in widgets:
                splitter.addWidget(widget)
        self.whole.setStretchFactor(1, 1)
        self.whole.setSizes([LIST_WIDTH, 1000])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, ROW_GAP)
        layout.setSpacing(GRID)
        layout.addWidget(tools)
        layout.addWidget(self.whole, 1)

    def _menu_button(self, text: str, fill: object) -> QToolButton:
        button = QToolButton()
        button.setText(f"{text} ▾")
        button.setAccessibleName(text)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(fill)
        button.setMenu(menu)
        return button

    # --- Panel ------------------------------------------------------------------------------------------------------

    def figures(self) -> str:
        if self.run.busy:
            return self.tr("running for {time}…").format(time=seconds(round(self.run.elapsed_s, 1)))
        outcome = self.run.outcome
        if not isinstance(outcome, Answered):
            return ""
        return " · ".join(filter(None, (answer_words(outcome), chosen_words(self._chosen))))

    def empty_text(self) -> str:
        if self.session is None:
            return self.tr("Open a recording or run a prompt: here its file is asked in SQL.")
        return self.tr("This session is in memory only, and has no file that could be asked in SQL.")

    @property
    def way_out(self) -> WayOut:
        """Nothing where the session has no file: that was decided when it was run."""
        return "run" if self.session is None else ""

    @property
    def is_empty(self) -> bool:
        return self._path() is None

    @property
    def is_behind(self) -> bool:
        return self.run.busy

    def give_up_reading(self) -> None:
        super().give_up_reading()
        self.run.cancel()

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self.run.forget()
        self._shown = None
        self._show_state()

    def refresh(self) -> None:
        """Nothing is drawn of new data: an answer is of the moment when it was asked for."""

    def restyle(self) -> None:
        self.edit.restyle()
        self.tables.restyle()
        self.answer.restyle()

    def show_page(self, page: str) -> None:
        self.page.set_value(page)
        self.answer.show_page(page)

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        outcome = self.run.outcome
        if not isinstance(outcome, Answered):
            return [], []
        return outcome.columns, [tuple(map(csv_value, row)) for row in outcome.rows]

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 152)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside = event.size().width() >= BESIDE * event.size().height()
        orientation = Qt.Orientation.Horizontal if beside else Qt.Orientation.Vertical
        if self.parts.orientation() != orientation:
            self.parts.setOrientation(orientation)
        if not event.oldSize().isValid() or event.oldSize().width() <= 0:
            self.parts.setSizes([500, 500])
        self._show_list()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._cancels(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._cancels(event):
            self.run.cancel()
            return
        super().keyPressEvent(event)

    # --- asking -----------------------------------------------------------------------------------------------------

    def run_query(self) -> None:
        """Run what is selected in the editor, or else all of it."""
        session, path = self.session, self._path()
        if session is None or path is None:
            return
        sql, self._offset = self.edit.sql()
        self._remember(sql)
        self._say_fault("")  # it was of the query before
        self.run.start(session, path, sql, self._values(session))

    def _path(self) -> Path | None:
        """The file of the session; None where it is in memory only."""
        path = getattr(None if self.session is None else self.session.source, "path", None)
        return path if isinstance(path, Path) else None

    def _values(self, session: Session) -> dict[str, int | None]:
        """What the names stand for that a query may leave open: the selected steps, or all, and what is selected."""
        now = self.context.selection.now
        first, last = now.steps if now.steps is not None else (0, max(0, len(session.steps) - 1))
        token = now.token if now.token is not None and now.token < len(session.tokens) else None
        return {
            "first": first,
            "last": last,
            "step": now.step,
            "request": now.request,
            "token": None if token is None else int(session.tokens["id"][token]),
        }

    def _remember(self, sql: str) -> None:
        kept = self.context.preferences
        if kept is not None and sql.strip():
            kept.queries = [sql.strip(), *kept.queries]

    def _cancels(self, event: QKeyEvent) -> bool:
        return self.run.busy and event.key() == Qt.Key.Key_Escape and not event.modifiers()

    # --- what is shown ----------------------------------------------------------------------------------------------

    def _show_state(self) -> None:
        """Show what the question that runs, or that ran last, has come to."""
        busy, outcome = self.run.busy, self.run.outcome
        self.cancel_button.setEnabled(busy)
        self.save_button.setEnabled(isinstance(outcome, Answered) and bool(outcome.columns))
        self.page.setEnabled(isinstance(outcome, Answered))
        self.figures_changed.emit()
        if busy or (outcome is not None and outcome is self._shown):
            return
        self._shown, self._chosen = outcome, {}
        self._say_fault("")
        if isinstance(outcome, Answered):
            if outcome.columns:
                self.answer.show_answer(outcome)
            else:
                self.answer.say(self.tr("The statement gives no rows."))
        elif outcome is not None:
            self._say_fault(in_window_language(str(outcome)))
            if outcome.at is not None:
                self.edit.mark_wrong(*(self._offset + place for place in outcome.at))
            self.answer.say("")
        else:
            self.answer.say(
                self.tr(
                    "The answer appears here. Nothing can be changed by a query. :first and :last stand for the "
                    "selected steps (or all), :step, :request and :token for what is selected."
                )
            )

    def _say_fault(self, sentence: str) -> None:
        self.fault.show_fault(sentence)
        self.fault.setToolTip(plain(sentence))

    def _on_row(self, row: int) -> None:
        """Select what a row is about, in the whole window."""
        outcome = self.run.outcome
        if self.session is None or not isinstance(outcome, Answered):
            return
        self._chosen = target(outcome, row, self.session)
        if self._chosen:
            self.context.selection.change(**self._chosen)
        self.figures_changed.emit()

    def _on_list_button(self, checked: bool) -> None:
        self._asked_list = checked
        self._show_list()

    def _show_list(self) -> None:
        shown = self.width() >= LIST_FROM if self._asked_list is None else self._asked_list
        self.tables.setVisible(shown)
        self.list_button.setChecked(shown)

    # --- menus ------------------------------------------------------------------------------------------------------

    def _fill_examples(self) -> None:
        menu = self.examples_button.menu()
        menu.clear()
        for example in examples():
            self._add(menu, in_window_language(example.title), example.sql)

    def _fill_history(self) -> None:
        menu = self.history_button.menu()
        menu.clear()
        kept = self.context.preferences
        queries = [] if kept is None else kept.queries
        for sql in queries:
            self._add(menu, " ".join(sql.split()), sql)
        if not queries:
            menu.addAction(self.tr("No query was run yet")).setEnabled(False)
            return
        menu.addSeparator()
        menu.addAction(self.tr("Forget all {n}").format(n=count(len(queries))), self._forget_history)

    def _add(self, menu: QMenu, title: str, sql: str) -> None:
        action = QAction(cut(title, TITLE).replace("&", "&&"), menu)
        action.setToolTip(plain(sql, wrap=False))
        action.triggered.connect(partial(self._take, sql))
        menu.addAction(action)

    def _take(self, sql: str, *_: object) -> None:
        self.edit.replace_all(sql)
        self.edit.setFocus()

    def _forget_history(self) -> None:
        if self.context.preferences is not None:
            self.context.preferences.queries = []
