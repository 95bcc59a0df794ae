"""The window: run panel, step strip, panels and status bar, connected to one Selection and the shown session."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QEvent, QMargins, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent, QPaintEvent
from PySide6.QtWidgets import QApplication, QDockWidget, QToolBar, QVBoxLayout, QWidget

from app.core.activity import Activity
from app.core.drawing_share import SHARE, DrawingShare
from app.core.engine_sentences import in_window_language
from app.core.jobs import Jobs
from app.core.local_models import is_model_file
from app.core.preferences import Preferences
from app.core.selection import Selection
from app.core.translation import Translation
from app.dialogs.error import show_error
from app.dialogs.waiting import Waiting
from app.panels.base import PanelContext
from app.panels.frame import PanelDock
from app.widgets.focus import leave_focus_on_click
from app.window.activity_control import ActivityControl
from app.window.attach_control import AttachControl
from app.window.choices import Choices
from app.window.commands import commands
from app.window.compare_control import CompareControl
from app.window.documents import Documents, droppable
from app.window.drawn_parts import DrawnParts
from app.window.edits import Edits
from app.window.exports import Exports
from app.window.feed import Feed
from app.window.find_control import FindControl
from app.window.keep_control import KeepControl
from app.window.keyboard import Keyboard
from app.window.mark_control import MarkControl
from app.window.menus import Menus
from app.window.model_control import ModelControl
from app.window.panels import Panels
from app.window.panels_ahead import PanelsAhead
from app.window.parts import WindowParts
from app.window.precision_control import PrecisionControl
from app.window.recordings_browser import RecordingsBrowser
from app.window.recordings_control import RecordingsControl
from app.window.refresher import Refresher
from app.window.replay_control import ReplayControl
from app.window.request_list_control import RequestListControl
from app.window.room_note import RoomNote
from app.window.run_control import RunControl
from app.window.run_output import RunActions
from app.window.run_panel import WIDTH, RunPanel
from app.window.scenario_control import ScenarioControl
from app.window.shown_session import ShownSession
from app.window.side_width import SideWidth
from app.window.start_control import StartControl
from app.window.status_bar import StatusBar
from app.window.status_control import StatusControl
from app.window.step_strip import StepStrip
from app.window.take_over import TakeOver
from app.window.watch_control import WatchControl

DEFAULT_SIZE = QSize(1600, 1000)
LEAST_SIZE = QSize(900, 600)
"""The window can be made as small as this, whatever it shows; panels scroll then."""
SETTINGS_SHOWN_MS = 15_000
ROOM_FOR_FRAME = QMargins(2, 16, 2, 16)
"""Pixels that a window manager adds around the window."""
LONG = 100_000
"""Steps and tokens from which a session is drawn panel by panel."""
TEXT_WEIGHT = 4
"""Parts of the share of drawing that the generated text gets, where a panel gets one: it is read as it comes."""


class MainWindow(WindowParts):
    """One window on one session, live or recorded. It makes its parts and connects them; the parts are public.

    `shown` owns the session that is shown, `control` the run, `documents` and `exports` the files, `panels` the docks,
    `selection` what is selected in all of them, `jobs` the work in the background.
    """

    first_painted = Signal()

    def __init__(self, feed: Feed, preferences: Preferences, translation: Translation) -> None:
        super().__init__()
        self.feed = feed
        self.preferences = preferences
        self._closing = False
        self.unattended = False
        """Whether the system closes the window, so that no dialog can be answered."""
        self._prepare()

        self.selection = Selection(self)
        self.jobs = Jobs(lambda failure: self.show_error(failure.sentence, failure.details), self)
        self.shown = ShownSession(feed, self.jobs, self)
        self.edits = Edits(feed, self.shown, self.jobs, self)
        self.menus = Menus(self)
        self.documents = Documents(self, self.shown, self.jobs, self.menus, preferences)
        self.exports = Exports(self, self.shown, self.selection, self.jobs, preferences)
        self.comparing = CompareControl(self, self.shown, self.selection, self.jobs, preferences)
        self.choices = Choices(self.menus, preferences, translation, self)
        actions = self.menus.actions
        buttons = RunActions(actions["run"], actions["step"], actions["stop"])
        self.run_panel = RunPanel(preferences, self.selection, buttons)
        self.model = ModelControl(feed, self.run_panel, self.jobs, self)
        self.control = RunControl(feed, self.shown, self.model, self.menus, self.run_panel, buttons, self.jobs, self)
        self.marks = MarkControl(self, self.shown, self.selection, self.control, self.edits)
        self.take_over = TakeOver(
            self.shown, self.run_panel, self.selection, self.jobs, feed.recordings.folder.parent, self
        )
        self.requests = RequestListControl(self.run_panel, self.jobs, self)
        self.server = AttachControl(self, feed, self.run_panel, self.model, self.jobs, preferences)
        self.precision = PrecisionControl(self, feed, self.shown, self.model, self.jobs, preferences)
        self.strip = StepStrip(self.selection)
        self.status = StatusBar()
        self.setStatusBar(self.status)
        self.status_control = StatusControl(self, self.status, self.shown, self.control, self.server, feed, self.jobs)
        self.replay = ReplayControl(self.shown, self.control, self.menus, self.jobs, self.strip, parent=self)
        self._build_side()
        activity = Activity(self)
        self.finding = FindControl(self, self.shown, self.selection, self.jobs, self.run_panel.text)
        self.panels = Panels(
            self, self.side,
            PanelContext(
                self.selection, feed, self.jobs, activity, self.edits, self.marks, self.finding.found, preferences,
                self.comparing.comparing,
            ),
            self.exports, self.control.run_prompt, self.documents.ask_open,
        )  # fmt: skip
        self.room = RoomNote(feed, self.control, self.run_panel, self)
        self.activity = ActivityControl(feed, self.control, self.run_panel, self.status, activity, parent=self)
        self.docks: dict[str, PanelDock] = self.panels.docks
        self.keyboard = Keyboard(self, self.shown, self.selection, self.menus, self.panels, self.strip)
        self.scenarios = ScenarioControl(
            self, self.menus, self.run_panel, feed, preferences, self.selection, self.shown, self.docks,
            self.panels.arrange, self.show_error,
        )  # fmt: skip
        self.start = StartControl(
            self, self.panels, self._strip_bar, self.shown, self.control, self.scenarios, self.menus, self.jobs,
            preferences,
        )  # fmt: skip
        self.ahead = PanelsAhead(self.docks, self.control, self.shown, self)
        self.kept, self.browser = self._build_recordings()
        self._parts = DrawnParts(self.shown)
        self._share = DrawingShare()
        self.refresher = self._build_refresher()
        self._connect()
        self._begin()

    # --- building ---------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self.setObjectName("main-window")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)

    def _begin(self) -> None:
        """Show what there is before the first session."""
        self.retranslate()
        self.choices.show()
        self._place()
        leave_focus_on_click(self)
        self.run_panel.run_button.setFocus()
        self.shown.changed.emit()  # no session yet

    def _build_side(self) -> None:
        self.side = QDockWidget()
        self.side.setObjectName("run-panel")
        self.side.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        self.side.setTitleBarWidget(QWidget())  # no title bar: the panel has its own heading
        self.side.setWidget(self.run_panel)
        self._strip_bar = QToolBar()
        self._strip_bar.setObjectName("step-strip-bar")
        self._strip_bar.setMovable(False)
        self._strip_bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        above = QWidget()
        column = QVBoxLayout(above)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.strip)
        column.addWidget(self.replay.bar)
        self._strip_bar.addWidget(above)
        self.addToolBar(self._strip_bar)
        self._side_width = SideWidth(self, self.side, WIDTH)
        for corner in (Qt.Corner.TopLeftCorner, Qt.Corner.BottomLeftCorner):
            self.setCorner(corner, Qt.DockWidgetArea.LeftDockWidgetArea)

    def _build_recordings(self) -> tuple[RecordingsControl, RecordingsBrowser]:
        kept = RecordingsControl(self, self.feed.recordings, self.preferences, self.jobs, self.shown.files)
        self.watching = WatchControl(
            self.feed, self.shown, self.selection, self.preferences, self.jobs, kept.in_use, self
        )  # fmt: skip
        self.keeping = KeepControl(self.shown, self.feed.recordings, self.watching.before, self.jobs, self)
        self.addToolBarBreak()
        self.addToolBar(kept.note)
        kept.note.hide()
        browser = RecordingsBrowser(
            self, self.feed.recordings, self.shown, kept, self.edits, self.jobs, self.preferences
        )  # fmt: skip
        return kept, browser

    def _build_refresher(self) -> Refresher:
        parts = [
            self._parts.part("strip", self.strip.refresh),
            self._parts.part("text", self.run_panel.refresh, weight=TEXT_WEIGHT),
            self._parts.part("status", self.status_control.refresh, lambda: self.feed.overhead),
            self._parts.part("find", self.finding.refresh),
            *(self._parts.panel(name, dock) for name, dock in self.docks.items()),
        ]
        return Refresher(parts, self, self._drawing_share)

    def _connect(self) -> None:
        shown, control = self.shown, self.control
        self.menus.connect_actions(commands(self))
        self.menus.chosen.connect(self.choices.choose)
        self.menus.panel_wanted.connect(self.panels.bring_up)
        shown.changed.connect(self._on_shown)
        shown.part_changed.connect(self._on_part)
        shown.live_changed.connect(self._on_next_part)
        self.server.watch_wanted.connect(control.run_prompt)
        self.replay.moved.connect(self.follow_news)
        shown.recorded.connect(lambda _: self.kept.look())
        shown.recorded.connect(lambda _: self.docks["session"].look_again())  # its file has its size now
        shown.saved.connect(lambda _, copy: self.kept.remember_saved(Path(copy)))
        self.edits.changed.connect(self._show_history)
        self.edits.edited.connect(self.replay.take_edits)
        self.edits.edited.connect(self.follow_news)
        self.edits.edited.connect(self.status_control.show_file)
        self.browser.changed.connect(self.start.look_again)
        for part in (shown, control, self.edits, self.documents, self.exports, self.keeping):
            part.failed.connect(self.show_error)
        self.run_panel.prompt.refused.connect(self.show_error)
        self.comparing.comparing.read.connect(self.documents.remember)
        self.comparing.panel_wanted.connect(self.panels.bring_up)
        self.precision.panel_wanted.connect(self.panels.bring_up)
        self.keeping.kept.connect(self.documents.remember)
        for speaker in (
            control, self.marks, self.take_over, self.documents, self.exports, self.watching, self.keeping, self.kept,
        ):  # fmt: skip
            speaker.said.connect(self.status_control.say)
        control.state_changed.connect(self.follow_news)
        control.run_ended.connect(self.follow_news)
        control.said.connect(self.follow_news)  # the measured ceilings are in the session
        self.jobs.changed.connect(self.kept.tell_what_is_shown)
        self.status.give_up.connect(self.documents.give_up)
        self.documents.model_chosen.connect(self.model.load)
        self.kept.changed.connect(self.choices.show)
        self.choices.restyled.connect(self.restyle)
        self.choices.keep_chosen.connect(self.kept.choose)
        self.strip.follow_changed.connect(lambda on: self.menus.actions["follow"].setEnabled(not on))

    @Slot()
    def _show_history(self) -> None:
        stack = self.edits.stack
        self.menus.show_history(
            stack.undoText() if stack.canUndo() else None, stack.redoText() if stack.canRedo() else None
        )

    # --- the session that is shown ----------------------------------------------------------------------------------

    @Slot()
    def _on_shown(self) -> None:
        session, is_live = self.shown.session, self.shown.is_live
        self._show_session(self._is_long)
        self.run_panel.show_beside(session is not None and not is_live)
        self.menus.actions["take_over"].setEnabled(session is not None)
        self.menus.actions["show_live"].setEnabled(self.shown.live is not None and not is_live)
        for name in ("compare", "find", "find_next", "find_previous"):
            self.menus.actions[name].setEnabled(session is not None)
        self.start.follow()
        self.follow_news()
        self.kept.tell_what_is_shown()

    @Slot()
    def _on_part(self) -> None:
        """A replay went back, or is over: the same recording is shown, and what is selected and zoomed to stays."""
        before, session = self.selection.now, self.shown.session
        self._show_session(in_turn=False)  # what was drawn before stays until there is more
        if session is not None:
            self.selection.take_over(session, before)
        self.follow_news()

    @Slot()
    def _on_next_part(self) -> None:
        """A watch goes on in another recording; the part before, or whatever is looked at, stays as it is."""
        self.run_panel.show_beside(recorded=True)
        self.menus.actions["show_live"].setEnabled(True)
        self.follow_news()
        self.status_control.show_state()
        self.kept.tell_what_is_shown()

    def _show_session(self, in_turn: bool) -> None:
        """Show what is shown now in all parts of the window, in panels when they are drawn next or at once."""
        session = self.shown.session
        self.selection.reset(session)
        self.strip.show_session(session)
        self.run_panel.show_session(session)
        self.panels.show_session(session, in_turn)
        self._parts.forget()

    @Slot()
    def follow_news(self) -> None:
        """Draw the shown session: a run as it grows, a recorded session once."""
        # A new session is shown before the engine says that it runs: `draw_all` would draw every empty panel.
        runs = self.shown.is_live and (self.control.active or self.feed.now.active)
        self.refresher.follow(runs or self.replay.moves, in_turn=self._is_long)
        if self._nothing_computes:
            self.refresher.catch_up()

    @property
    def _nothing_computes(self) -> bool:
        """Whether drawing takes no time from what is shown: a run that is paused, or a replay."""
        return self.control.state == "paused" or (self.replay.on and not self.control.active)

    @property
    def _is_long(self) -> bool:
        """Whether the shown session is so long that drawing all of it at once would be noticed."""
        session = self.shown.session
        return session is not None and len(session.steps) + len(session.tokens) > LONG

    def _drawing_share(self) -> float:
        if self._nothing_computes:
            return 1.0
        session = self.shown.session
        return SHARE if session is None else self._share.of(session.meta)

    # --- theme, language, what is said ------------------------------------------------------------------------------

    @Slot()
    def restyle(self) -> None:
        """Take the theme's colours everywhere."""
        self.run_panel.restyle()
        self.scenarios.note.restyle()
        self.start.page.restyle()
        self.kept.note.restyle()
        self.status_control.show_state()
        self.strip.refresh()
        self.replay.bar.restyle()
        self.panels.restyle()
        self.browser.restyle()
        self.finding.restyle()

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        self.menus.retranslate(self.control.state, self.control.queued)
        self.model.retranslate()
        self.scenarios.retranslate()
        self.start.retranslate()
        self.documents.show_recent()
        self._strip_bar.setWindowTitle(self.tr("Step strip"))
        self.side.setWindowTitle(self.tr("Run"))
        self.status_control.show_state()
        self.status_control.refresh()
        self.activity.look()
        self.room.look()
        self.panels.rebuild()
        self.browser.retranslate()
        self.finding.retranslate()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    @Slot(str, str)
    def show_error(self, sentence: str, details: str = "") -> None:
        """Say in a dialog what went wrong."""
        if self._closing and self.unattended:
            print(f"decodescope: {sentence}", file=sys.stderr)
            return
        box = show_error(self, "\n\n".join(map(in_window_language, sentence.split("\n\n"))), details)
        if self._closing:
            box.exec()  # the window stays open until the user has read this

    def tell_of_settings(self) -> None:
        """Tell the user if the settings cannot be stored, or could not be read completely."""
        if not self.preferences.usable:
            words = self.tr("The settings in {} cannot be read or written: what is chosen now is not remembered.")
            self.status.say(words.format(self.preferences.path), SETTINGS_SHOWN_MS)

    # --- the window's life ------------------------------------------------------------------------------------------

    def _place(self) -> None:
        """Restore the size and arrangement of last time, or else set the default."""
        self.setMinimumSize(LEAST_SIZE.boundedTo(self.screen().availableSize().shrunkBy(ROOM_FOR_FRAME)))
        geometry = self.preferences.geometry
        if geometry is None or not self.restoreGeometry(geometry):
            room = self.screen().availableSize().shrunkBy(ROOM_FOR_FRAME)
            self.resize(DEFAULT_SIZE.expandedTo(room * 0.9).boundedTo(room))
        self.panels.place(self.preferences)
        self.scenarios.note.hide()  # the note is about a run that is over
        self.kept.note.hide()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self.keyboard.takes(event):
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._parts.painted:
            self._parts.painted = True
            QTimer.singleShot(0, self._after_first_paint)

    def _after_first_paint(self) -> None:
        self.panels.share_out()
        self.start.begin()
        self.first_painted.emit()
        self.panels.seen.connect(self.refresher.draw_all)
        self.panels.came_back.connect(self.follow_news)
        self.refresher.draw_all()

    def createPopupMenu(self) -> None:
        """No menu of docks on the right button: the View menu shows panels."""

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(droppable(url.toLocalFile()) for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        for url in event.mimeData().urls():
            if droppable(url.toLocalFile()):
                self.open_path(url.toLocalFile())
                event.acceptProposedAction()
                return

    def open_path(self, path: str) -> None:
        """Open a path: a model folder, a GGUF file, a request list or a session file."""
        if Path(path).is_dir() or is_model_file(path):
            self.model.load(path)
        elif path.endswith(".jsonl"):
            self.run_panel.set_requests_file(Path(path))
        else:
            self.shown.open(path)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._closing:  # a signal asked again while the window waits for files
            event.ignore()
            return
        self.setFocus()  # a field that is left hands over what is typed in it
        self.preferences.geometry = self.saveGeometry()
        self.panels.keep(self.preferences)
        self.preferences.sync()
        self.replay.end()
        self.refresher.follow(False)
        self._closing = True
        self.feed.close()
        for part in (self.shown, self.model, self.control):
            QApplication.sendPostedEvents(part, QEvent.Type.MetaCall)  # the feed's last events
        self._wait_for_files()
        self.finding.close()
        self.activity.end()
        self.ahead.end()
        self.kept.close()
        self._closing = False
        super().closeEvent(event)

    @property
    def left_something_behind(self) -> bool:
        """Whether a thread of the closed window still runs."""
        return self.feed.isRunning() or any(not task.over for task in self.jobs.left_behind)

    def _wait_for_files(self) -> None:
        waiting = Waiting(self, lambda: self.unattended)
        unwritten: list[Path] = []

        def go_on(written: list[Path]) -> bool:
            unwritten[:] = written
            return waiting.go_on(written)

        self.shown.close(go_on)
        waiting.close()
        if waiting.enough and self.unattended:
            for path in unwritten:
                self.show_error(self.tr("{} was not written to its end before the program ended.").format(path))
