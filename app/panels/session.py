"""Session panel: what the recording that is shown is. Its name and notes can be edited; the rest is as recorded."""

from __future__ import annotations

from typing import ClassVar, Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QWidget

from app.core.selection import Selected
from app.look.theme import PANEL_PADDING, ROW_GAP
from app.look.units import name_of
from app.models.info_row import InfoRow
from app.models.session_info import SessionInfo, file_of
from app.panels.base import Panel, PanelContext
from app.panels.session_words import SessionWords
from app.widgets.fact_table import Fact, FactTable
from engine.session.edits import NAME, NOTES
from engine.session.naming import name_in
from engine.session.serving import Topic
from engine.session.store import Session

WIDE: Final = 760
"""Panel width in pixels from which the fields stand beside the facts, which in a low panel would have little room."""


class SessionPanel(Panel):
    """Two fields, and below or beside them the facts of the recording in groups."""

    name: ClassVar[str] = "session"
    of_range: ClassVar[bool] = False
    needs: ClassVar[tuple[Topic, ...]] = ()
    of_runs: ClassVar[bool] = False

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self._info: SessionInfo | None = None
        self._rows: list[InfoRow] = []
        self.words = SessionWords()
        self.words.given.connect(self._on_given)
        self.words.lock(context.edits is None)
        self.table = FactTable(self.tr("Facts of this recording"))
        self.table.chosen.connect(self._on_chosen)
        self._layout = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._layout.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, ROW_GAP)
        self._layout.setSpacing(ROW_GAP)
        self._layout.addWidget(self.words)
        self._layout.addWidget(self.table, 2)
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)

    # --- Panel ------------------------------------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        return self.session is None or not self.session.meta

    def empty_text(self) -> str:
        return self.tr(
            "Run a prompt or open a recording, and what it is appears here: its model, machine and switches."
        )

    def figures(self) -> str:
        session = self.session
        if session is None:
            return ""
        device = session.meta.get("device_name") or session.meta.get("device", "")
        parts = (session.meta.get("model", ""), device, session.meta.get("dtype", ""))
        return " · ".join(name_of(part) for part in parts if part)

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self._info = None if session is None else SessionInfo(session)
        self._rows = []
        self.words.forget()
        if session is not None:
            self.refresh()

    def refresh(self) -> None:
        session, info = self.session, self._info
        if session is None or info is None:
            return
        file = file_of(session)
        instead = file.stem if file is not None else self.tr("in memory only")
        self.words.show_words(name_in(session.meta), session.meta.get(NOTES, ""), name_of(instead))
        rows = info.rows()
        if rows != self._rows:
            self._rows = rows
            self.table.show_facts(
                [Fact(one.group, one.name, one.value, one.tip, one.untold, one.step is not None) for one in rows],
                (self.tr("Fact"), self.tr("Value")),
            )

    def select(self, selected: Selected) -> None:
        """The facts are of the whole recording, whatever is selected."""

    def restyle(self) -> None:
        self.words.restyle()
        self.table.restyle()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = self.width() >= WIDE
        self._layout.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)
        self._layout.setStretch(0, 1 if wide else 0)
        self.words.let_grow(wide)

    def minimumSizeHint(self) -> QSize:
        return QSize(280, 200)

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        session = self.session
        own: list[tuple[object, ...]] = []
        if session is not None:
            own = [(self.tr("Recording"), key, session.meta.get(key, ""), None) for key in (NAME, NOTES)]
        return ["group", "name", "value", "step"], own + [
            (one.group, one.name, one.value, one.step) for one in (self._info.every_row() if self._info else [])
        ]

    # --- inside -----------------------------------------------------------------------------------------------------

    def _on_given(self, key: str, text: str) -> None:
        """Keep a name or notes that were typed; where that fails, the edits say so, and the field goes back."""
        if self.context.edits is not None and self.session is not None:
            words = self.tr("Name the recording") if key == NAME else self.tr("Change the notes")
            self.context.edits.set_fact(key, text, words)
            self.refresh()

    def _on_chosen(self, place: int) -> None:
        step = self._rows[place].step
        if step is not None:
            self.context.selection.change(step=step, token=None)
