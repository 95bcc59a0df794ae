"""The dock around a panel: a header of one line, and below it the panel, or a sentence while it has no data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.core.engine_sentences import in_window_language
from app.core.selection import Selected
from app.look.icons import icon
from app.look.theme import CAPTION_SCALE, GRID, PANEL_PADDING, ROW_GAP, theme
from app.look.units import count
from app.panels.base import Panel, PanelContext, WayOut
from app.panels.panel_scroll import PanelScroll
from app.panels.registry import PanelEntry
from app.widgets.elided_label import ElidedLabel
from app.widgets.focus import leave_focus_on_click
from app.widgets.kept_look import keep_look
from app.widgets.plain import PlainLabel, plain
from app.widgets.share_bar import ShareBar
from app.widgets.whole_parts import WholeParts
from engine.errors import SessionFileError
from engine.session.store import Session

LEAST_BODY: Final = QSize(180, 84)
"""Limit of a panel's minimum size in pixels, so that three rows or columns of docks fit a window of 900 × 600."""
MOST_WANTED: Final = 260
"""Limit of the height in pixels that a panel asks for when it comes up."""


class PanelDock(QDockWidget):
    """Holds one panel, builds it when it is first visible, and keeps its header up to date.

    The window calls `show_session`, `refresh`, `select` and `restyle` on the dock. A hidden panel gets the session and
    the selection that it missed when it appears. `needs_refresh` says whether there is anything to draw.
    """

    wants_run = Signal()
    wants_open = Signal()
    wants_picture = Signal(object)
    wants_csv = Signal(object)
    wants_export = Signal(object)
    wants_csv_file = Signal(object)
    wants_help = Signal(object)
    seen = Signal()
    came_up = Signal()
    """The panel is drawn on the screen after it was hidden, so that its least size is known."""

    def __init__(self, entry: PanelEntry, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entry = entry
        self.panel: Panel | None = None
        self._scroll: PanelScroll | None = None
        """What holds the panel in the dock."""
        self._context = context
        self._session: Session | None = None
        self._drawn_revision, self._has_drawn = -1, False
        self._selection_due = False
        self._unreadable = ""
        """Why the session's file could not be read for the panel; "" where reading worked."""
        self._inside = False
        """Whether a `_reading` block is running."""
        self._session_due = self._in_turn = False
        self._came_up = False
        """Whether the panel has become visible and was not drawn since."""
        self.setObjectName(f"panel-{entry.name}")
        self.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetClosable
            | QDockWidget.DockWidgetFeature.DockWidgetMovable
            | QDockWidget.DockWidgetFeature.DockWidgetFloatable
        )
        self.header = PanelHeader(self)
        self.setTitleBarWidget(self.header)
        self._body = PanelBody()
        self._empty = EmptyPage()
        self._empty.run_button.clicked.connect(self.wants_run)
        self._empty.open_button.clicked.connect(self.wants_open)
        self._body.addWidget(self._empty)
        self.setWidget(self._body)
        self.visibilityChanged.connect(self._on_visibility)
        if context.activity is not None:
            context.activity.changed.connect(self._on_activity)
        self.retranslate()
        self.restyle()

    # --- what the window calls --------------------------------------------------------------------------------------

    def show_session(self, session: Session | None, in_turn: bool = False) -> None:
        """Show another session. A hidden panel drops the session before, and gets the new one when it appears.

        So does a visible one `in_turn`: at the next `refresh`, and until then it says that it will be there soon.
        """
        self._session, self._in_turn = session, in_turn
        self._drawn_revision, self._has_drawn = -1, False
        self._session_due = self.panel is not None and (in_turn or not self.is_seen)
        with self._reading():
            if self.panel is not None:
                self.panel.show_session(None if self._session_due else session)
        self._show_what_there_is()
        self.header.show_figures("")  # remove the figures of the session before; `refresh` writes the new ones

    @property
    def is_seen(self) -> bool:
        """Whether the panel is visible on the screen: not closed, not behind another tab, not minimised."""
        return self.isVisible() and not self.visibleRegion().isEmpty()

    def missing_height(self) -> int:
        """Pixels by which the dock is lower than its panel should be; 0 where that is enough, or not known yet."""
        if self._scroll is None or self._body.currentWidget() is not self._scroll:
            return 0
        wanted = max(self._scroll.minimumSizeHint().height(), 0 if self.panel is None else self.panel.wanted_height)
        return max(0, min(wanted, MOST_WANTED) - self._body.height())

    @property
    def needs_refresh(self) -> bool:
        """Whether there is anything to draw: new data, a selection that the panel missed, or a panel not built yet."""
        if self.panel is None or self._selection_due:
            return True
        return self._session is not None and self._session.revision != self._drawn_revision

    def refresh(self) -> None:
        """Draw the data that is new since the last call."""
        if self._session is not None:
            self._drawn_revision = self._session.revision
        with self._reading():
            panel = self.build()
            if self._selection_due:
                self._selection_due = False
                panel.select(self._context.selection.now)
            self._has_drawn = self._has_begun
            self._show_what_there_is()
            if not self._unreadable and not panel.is_empty:
                panel.refresh()
        self._show_what_there_is()
        self._show_figures()
        if self._came_up:
            self._came_up = False
            self.came_up.emit()

    def select(self, selected: Selected) -> None:
        """Follow the selection; a hidden panel follows when it appears."""
        self.header.show_range(selected)
        self._selection_due = self.panel is not None and not self.is_seen
        if self.panel is not None and not self._selection_due:
            with self._reading():
                self.panel.select(selected)
            self._show_what_there_is()
            self._show_figures()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self.header.restyle()
        if self.panel is not None:
            self.panel.restyle()

    def build(self) -> Panel:
        """The panel; built now if needed, and given the session that it missed while hidden."""
        panel = self.panel
        if panel is None:
            panel = self._make()
            with self._reading():
                panel.show_session(self._session)
                panel.select(self._context.selection.now)
            self._show_what_there_is()
        elif self._session_due:
            self._session_due = False
            self._selection_due = True
            with self._reading():
                panel.show_session(self._session)
        self._session_due = False
        return panel

    def build_ahead(self) -> None:
        """Build the panel, if it is not there yet; it gets the session when it appears, as a hidden one does."""
        if self.panel is None:
            self._make()
            self._session_due = self._session is not None
            self._show_what_there_is()

    def _make(self) -> Panel:
        panel = self.panel = self.entry.make(self._context)
        panel.setAccessibleName(self.entry.title())
        self.header.limit_to_range(panel.of_range)
        self._scroll = PanelScroll(panel)
        self._body.addWidget(self._scroll)
        leave_focus_on_click(self)
        panel.figures_changed.connect(self._show_figures)
        panel.answered.connect(self.look_again)
        panel.csv_asked.connect(lambda: self.wants_csv_file.emit(self))
        return panel

    def rebuild(self) -> None:
        """Build the panel again: the language has changed, and a panel takes its texts when it is built."""
        if self.panel is not None:
            self.panel.give_up_reading()
            if self._scroll is not None:
                self._body.removeWidget(self._scroll)
                self._scroll.deleteLater()
            self.panel = self._scroll = None
            self._drawn_revision = -1
            if self.is_seen:
                self.refresh()

    def retranslate(self) -> None:
        """Take the texts of the current language."""
        self.setWindowTitle(self.entry.title())
        self.toggleViewAction().setText(self.entry.title())
        self.header.retranslate()
        self._empty.retranslate()

    # --- inside -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Context for calls that may read the session's file: if the file can no longer be read, the dock says why.

        The contexts may nest: a panel that follows the selection may itself change it.
        """
        outermost, self._inside = not self._inside, True
        try:
            if outermost:
                self._unreadable = ""
            yield
        except SessionFileError as error:
            self._unreadable = in_window_language(str(error))
        finally:
            if outermost:
                self._inside = False

    def _show_figures(self) -> None:
        """Write the panel's figures into the header; "" where the panel is empty or its file cannot be read."""
        shown = self.panel is not None and not self._unreadable and not self.panel.is_empty
        self.header.show_figures(self.panel.figures() if self.panel is not None and shown else "")

    def _show_what_there_is(self) -> None:
        panel = self.panel
        if panel is None:
            return
        empty = bool(self._unreadable) or panel.is_empty or self._waits_for_its_turn
        if self._unreadable:
            self._empty.say(self.tr("This cannot be shown: {}").format(self._unreadable))
        elif empty:
            self._show_why_empty(panel)
        self._body.setCurrentWidget(self._empty if empty or self._scroll is None else self._scroll)

    @property
    def _is_served(self) -> bool:
        """Whether the session is of a server, of which no run of our own engine would show more."""
        return self._session is not None and self._session.serving is not None

    @property
    def _is_no_run(self) -> bool:
        """Whether the session is a comparison of precisions, which only its own panel shows."""
        return self._session is not None and bool(self._session.meta.get("precision"))

    @property
    def _has_begun(self) -> bool:
        """Whether there is something that a panel draws: a step, or a comparison of precisions, which has none."""
        return self._is_no_run or (self._session is not None and len(self._session.steps) > 0)

    @property
    def _runs(self) -> bool:
        return self._context.activity is not None and self._context.activity.runs

    @property
    def _waits_for_its_turn(self) -> bool:
        """Whether this panel has not drawn the shown session yet: panels draw a run and a long session in turn."""
        return (self._runs or (self._in_turn and self._has_begun)) and not self._has_drawn

    def _show_why_empty(self, panel: Panel) -> None:
        """Say what goes on where the shown run has no step yet, else what will appear here."""
        activity = self._context.activity
        if activity is not None and activity.text and not self._has_begun:
            self._empty.say(activity.text, share=activity.share)
        elif self._session is not None and self._session.is_part and not self._has_begun and not panel.untold_text():
            self._empty.say(self.tr("At this moment of the replay nothing of this had happened yet."))
        elif self._waits_for_its_turn and self._session is not None and not panel.untold_text():
            words = self.tr("Running: it appears here in a moment.")
            self._empty.say(words if self._runs else self.tr("It appears here in a moment."))
        else:
            self._empty.say(self._why_empty(panel), self._way_out(panel))

    def _on_activity(self) -> None:
        shows_why = self._body.currentWidget() is self._empty
        if self.is_seen and self.panel is not None and (shows_why or self._waits_for_its_turn):
            self._show_what_there_is()

    def _way_out(self, panel: Panel) -> WayOut:
        """What the empty panel offers: no run while one goes on, nor where no run would show more."""
        if panel.way_out == "run" and (self._is_served or self._is_no_run or self._runs):
            return ""
        return panel.way_out

    def _why_empty(self, panel: Panel) -> str:
        if self._is_no_run and (words := panel.untold_text()):
            return words
        if not self._is_served or not panel.needs:
            return panel.empty_text()
        return panel.untold_text() or self.tr("The server has told nothing yet that appears here.")

    def look_again(self) -> None:
        """Draw the panel again: what it shows from outside of the Session is another now."""
        if self.is_seen:
            self.refresh()
        else:
            self._drawn_revision = -1

    def _on_visibility(self, visible: bool) -> None:
        if visible:
            self._came_up = True
            self.seen.emit()
        elif self.panel is not None and self.panel.is_behind:
            self.panel.give_up_reading()
            self._drawn_revision = -1  # so that the panel asks again when it appears

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.seen.emit()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)


def focused_dock(docks: Iterable[PanelDock]) -> PanelDock | None:
    """The dock that has the keyboard focus, else the first visible one of `docks`; None without any."""
    widget = QApplication.focusWidget()
    while widget is not None:
        if isinstance(widget, PanelDock):
            return widget
        widget = widget.parentWidget()
    return next((dock for dock in docks if dock.is_seen), None)


class PanelHeader(QWidget):
    """The title bar by which the dock is moved: title, shown range, main figures, menu and close button."""

    def __init__(self, dock: PanelDock) -> None:
        super().__init__(dock)
        self._dock = dock
        self.title = ElidedLabel()
        self.range = ElidedLabel()
        self.figures = WholeParts()
        self.figures.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        keep_look(self.title, bold=True)
        keep_look(self.range, self.figures, scale=CAPTION_SCALE, muted=True)
        self.menu_button = QToolButton()
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.close_button = QToolButton()
        self.close_button.clicked.connect(dock.close)
        self._menu = QMenu(self)
        self._copy_picture = self._menu.addAction("", lambda: dock.wants_picture.emit(dock))
        self._copy_csv = self._menu.addAction("", lambda: dock.wants_csv.emit(dock))
        self._export = self._menu.addAction("", lambda: dock.wants_export.emit(dock))
        self._menu.addSeparator()
        self._float = self._menu.addAction("", lambda: dock.setFloating(not dock.isFloating()))
        self._menu.addSeparator()
        self._help = self._menu.addAction("", lambda: dock.wants_help.emit(dock))
        self.menu_button.setMenu(self._menu)
        for button in (self.menu_button, self.close_button):
            button.setAutoRaise(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(PANEL_PADDING, GRID, GRID, GRID)
        layout.setSpacing(ROW_GAP)
        layout.addWidget(self.title)
        layout.addWidget(self.range)  # before the figures: the steps that they are about
        layout.addWidget(self.figures, 1)
        layout.addWidget(self.menu_button)
        layout.addWidget(self.close_button)
        self._selected = Selected()
        self._of_range = True
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setObjectName("panel-header")

    def show_figures(self, text: str) -> None:
        if text != self.figures.text():
            self.figures.setText(text)
            self.figures.setToolTip(plain(text))

    def limit_to_range(self, limited: bool) -> None:
        """Set whether the panel follows a selected range, so that the header names the range."""
        self._of_range = limited
        self.show_range(self._selected)

    def show_range(self, selected: Selected) -> None:
        self._selected = selected
        if selected.steps is None or not self._of_range:
            text = ""
        elif selected.steps[0] == selected.steps[1]:
            text = self.tr("step {}").format(count(selected.steps[0]))
        else:
            text = self.tr("steps {}–{}").format(count(selected.steps[0]), count(selected.steps[1]))
        self.range.setText(text)
        self.range.setVisible(bool(text))
        self.range.setToolTip(plain(text))

    def retranslate(self) -> None:
        title = self._dock.entry.title()
        self.title.setText(title)
        self.title.setToolTip(plain(self._dock.entry.help()))
        self._copy_picture.setText(self.tr("Copy as picture"))
        self._copy_csv.setText(self.tr("Copy as CSV"))
        self._export.setText(self.tr("Export picture…"))
        self._float.setText(self.tr("Float or dock"))
        self._help.setText(self.tr("What does this show?"))
        for button, text in (
            (self.menu_button, self.tr("Menu of {}").format(title)),
            (self.close_button, self.tr("Close {}").format(title)),
        ):
            button.setToolTip(plain(text))
            button.setAccessibleName(text)
        self.show_range(self._selected)

    def restyle(self) -> None:
        colours = theme()
        self.menu_button.setIcon(icon("menu", colours.muted))
        self.close_button.setIcon(icon("close", colours.muted))


class PanelBody(QStackedWidget):
    """The area that holds the panel; its minimum size is at most LEAST_BODY.

    The height that a panel needs may depend on its width. While docks are arranged, a cell is narrow for a moment. A
    window that grows for such a cell would stay large.
    """

    def minimumSizeHint(self) -> QSize:
        return super().minimumSizeHint().boundedTo(LEAST_BODY)


class EmptyPage(QWidget):
    """The page of an empty panel: a sentence that says what will appear here, and the button that makes it appear,
    where a button can.

    While the engine works towards it, the sentence says how far it is, and a bar shows it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sentence = PlainLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        keep_look(self.sentence, muted=True)
        self.run_button, self.open_button = QPushButton(), QPushButton()
        for button in (self.run_button, self.open_button):
            button.hide()  # until something is said
        self.bar = ShareBar()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PANEL_PADDING, PANEL_PADDING, PANEL_PADDING, PANEL_PADDING)
        layout.addStretch()
        layout.addWidget(self.sentence)
        layout.addSpacing(ROW_GAP)
        layout.addWidget(self.run_button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self.open_button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self.bar, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch()
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)

    def say(self, sentence: str, way_out: WayOut = "", share: float | None = None) -> None:
        """Show this sentence, the button of the way out, and how far the work is where that is known."""
        self.sentence.setText(sentence)
        self.run_button.setVisible(way_out == "run")
        self.open_button.setVisible(way_out == "open")
        self.bar.show_share(share)

    def retranslate(self) -> None:
        self.run_button.setText(self.tr("Run the prompt"))
        self.run_button.setToolTip(self.tr("Generate text from the prompt and record every step (Ctrl+Return)"))
        self.open_button.setText(self.tr("Open a file…"))
        self.open_button.setToolTip(self.tr("Open a recording, or a trace of PyTorch's profiler (Ctrl+O)"))
