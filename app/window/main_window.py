"""The window: run panel, step strip, docks and status bar around one Selection and one Session; no panel's logic."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast, get_args

from PySide6.QtCore import QEvent, QMargins, QPoint, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QPaintEvent,
)
from PySide6.QtWidgets import QApplication, QDockWidget, QMainWindow, QToolBar, QToolTip, QWidget

from app.core import layout
from app.core.places import PressInstead, action_of, key_by_place
from app.core.preferences import KEEP_ALL, Language, Preferences
from app.core.selection import Selected, Selection
from app.core.translation import Translation
from app.dialogs.error import show_error
from app.dialogs.waiting import Waiting
from app.look import theme
from app.look.theme import PANEL_PADDING
from app.panels.base import PanelContext
from app.panels.frame import PanelDock, focused_dock
from app.panels.registry import PANELS
from app.widgets.plain import plain, title_text
from app.window.documents import Documents, droppable
from app.window.feed import Feed
from app.window.menus import Menus
from app.window.navigation import needs_key, send_key, walk_requests, walk_steps
from app.window.recordings_control import RecordingsControl
from app.window.refresher import Piece, Refresher
from app.window.run_control import RunControl
from app.window.run_panel import WIDTH, RunActions, RunPanel
from app.window.scenario_control import ScenarioControl
from app.window.status_bar import StatusBar
from app.window.step_strip import StepStrip
from engine.session.schema import Overhead
from engine.session.store import Session

DEFAULT_SIZE = QSize(1600, 1000)
SETTINGS_SHOWN_MS = 15_000
ROOM_FOR_FRAME = QMargins(2, 16, 2, 16)
"""What a window manager adds around the window."""


class MainWindow(QMainWindow):
    """One window on one Session, live or recorded."""

    first_painted = Signal()

    def __init__(self, feed: Feed, preferences: Preferences, translation: Translation) -> None:
        super().__init__()
        self._feed = feed
        self._preferences = preferences
        self._translation = translation
        self._session: Session | None = None
        self._painted = False
        self._giving_key = False
        self._came_back = False
        """Whether a key that was given to a widget came back as a shortcut, as the widget does not work by it."""
        self._press_instead = PressInstead(self)
        self._closing = False
        self.unattended = False
        """Whether the window is closed by the system, with nobody there to answer a dialog."""
        self._drawn: dict[str, tuple[int, Overhead | None]] = {}
        """The revision of the Session that each part of the window shows."""
        self.setObjectName("main-window")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)

        self.selection = Selection(self)
        self.documents = Documents(self, preferences)
        self.control = RunControl(feed, self.documents.jobs, self)
        self.menus = Menus(self, self._slots(), self._choose, self.show_panel)
        actions = self.menus.actions
        buttons = RunActions(actions["run"], actions["step"], actions["stop"])
        self.run_panel = RunPanel(preferences, self.selection, buttons)
        self.control.serve(self.menus, self.run_panel, buttons)
        self.strip = StepStrip(self.selection)
        self.status = StatusBar()
        self.setStatusBar(self.status)
        self._build_side()
        self.docks = self._build_docks()
        self.scenarios = ScenarioControl(
            self, self.menus, self.run_panel, feed, preferences, self.selection, self.arrange, self.show_error
        )  # fmt: skip
        self.kept = RecordingsControl(self, feed.recordings, preferences, self.documents.jobs, self._in_use)
        self.addToolBarBreak()
        self.addToolBar(self.kept.note)
        self.kept.note.hide()
        self.refresher = Refresher(self._pieces(), self)
        self._connect()
        self.retranslate()
        self._show_choices()
        self._place()
        self.run_panel.run_button.setFocus()
        self.run_panel.restyle()  # a style sheet takes fonts back from labels that are moved to another parent
        self._show_session(None, "")

    # --- building ---------------------------------------------------------------------------------------------------

    def _build_side(self) -> None:
        self.side = QDockWidget()
        self.side.setObjectName("run-panel")
        self.side.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        self.side.setTitleBarWidget(QWidget())  # no title bar: the panel says itself what it is
        self.side.setWidget(self.run_panel)
        self._strip_bar = QToolBar()
        self._strip_bar.setObjectName("step-strip-bar")
        self._strip_bar.setMovable(False)
        self._strip_bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self._strip_bar.addWidget(self.strip)
        self.addToolBar(self._strip_bar)
        for corner in (Qt.Corner.TopLeftCorner, Qt.Corner.BottomLeftCorner):
            self.setCorner(corner, Qt.DockWidgetArea.LeftDockWidgetArea)

    def _build_docks(self) -> dict[str, PanelDock]:
        context = PanelContext(self.selection, self._feed, self.documents.jobs)
        docks = {}
        for entry in PANELS:
            dock = docks[entry.name] = PanelDock(entry, context, self)
            dock.seen.connect(self._on_dock_seen)
            dock.wants_run.connect(self.menus.actions["run_prompt"].trigger)
            dock.wants_picture.connect(self.documents.copy_picture)
            dock.wants_csv.connect(self.documents.copy_csv)
            dock.wants_export.connect(lambda dock: self.documents.ask_export(dock, dock.entry.name))
            dock.wants_help.connect(self._on_panel_help)
        return docks

    def _connect(self) -> None:
        control, documents = self.control, self.documents
        control.state_changed.connect(self._on_state)
        control.session_started.connect(self._on_session_started)
        control.run_ended.connect(self._on_run_ended)
        control.recorded.connect(self._on_recorded)
        control.file_lost.connect(self._on_file_lost)
        control.failed.connect(self.show_error)
        self.run_panel.prompt.refused.connect(self.show_error)
        control.said.connect(self._on_said)
        documents.opened.connect(self._on_opened)
        documents.saved.connect(self._on_saved)
        documents.failed.connect(self.show_error)
        documents.said.connect(lambda text: self.status.showMessage(text, 6000))
        documents.busy.connect(self.status.show_busy)
        self.status.give_up.connect(documents.give_up)
        documents.jobs.changed.connect(self.kept.tell_what_is_shown)
        self.kept.changed.connect(self._show_choices)
        self.kept.said.connect(lambda text: self.status.showMessage(text, 6000))
        self.selection.changed.connect(self._on_selected)
        self.strip.follow_changed.connect(lambda on: self.menus.actions["follow"].setEnabled(not on))
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._on_system_scheme)

    def _slots(self) -> dict[str, Any]:
        key = Qt.Key
        return {
            "open": self.documents.ask_open,
            "save": self.documents.ask_save,
            "model_folder": self._choose_model,
            "requests": self._choose_requests,
            "export": lambda: self.documents.ask_export(self, "decodescope"),
            "export_panel": self._export_panel,
            "export_trace": self.documents.ask_export_trace,
            "copy_picture": lambda: self._with_dock(self.documents.copy_picture),
            "copy_csv": lambda: self._with_dock(self.documents.copy_csv),
            "quit": self.close,
            "run": self.control.run_or_pause,
            "run_prompt": self.control.run_prompt,
            "step": self.control.step,
            "stop": self.control.stop,
            "mark": self.control.mark,
            "measure_ceilings": self.control.measure_ceilings,
            "clear": self._clear_or_stop,
            "back": self.selection.back,
            "forward": self.selection.forward,
            "previous": lambda: self._key(key.Key_Left),
            "next": lambda: self._key(key.Key_Right),
            "up": lambda: self._key(key.Key_Up),
            "down": lambda: self._key(key.Key_Down),
            "frame": lambda: self._key(key.Key_F),
            "zoom_in": lambda: self._key(key.Key_W),
            "zoom_out": lambda: self._key(key.Key_S),
            "pan_left": lambda: self._key(key.Key_A),
            "pan_right": lambda: self._key(key.Key_D),
            "follow": self._follow,
            "show_live": self._show_live,
            "restore_layout": self.restore_layout,
            "full_screen": self._full_screen,
            "palette": self._palette,
            "keys": self._shortcut_sheet,
            "about": self._about,
        }

    # --- the run ----------------------------------------------------------------------------------------------------

    def _clear_or_stop(self) -> None:
        now = self.selection.now
        if (now.steps, now.step, now.token, now.band_us) != (None, None, None, None):
            self.selection.change(steps=None, step=None, token=None, band_us=None)
        else:
            self.control.stop()

    @Slot(str)
    def _on_state(self, _state: str) -> None:
        self._show_state()
        self._follow_news()

    @Slot()
    def _on_session_started(self) -> None:
        live = self.control.live
        self.documents.saves.recording_began(live[1] if live is not None else "")
        self._show_live()

    @Slot()
    def _on_run_ended(self) -> None:
        self._follow_news()

    @Slot(str)
    def _on_recorded(self, path: str) -> None:
        self._preferences.remember_session(path)
        self._show_recent()
        self.documents.saves.recording_ended(path)
        self.kept.look()

    @Slot(str)
    def _on_said(self, text: str) -> None:
        self.status.showMessage(text, 6000)
        self._follow_news()  # what was measured is in the session

    @Slot()
    def _on_file_lost(self) -> None:
        if self._session_is_live():
            self.status.show_file("", saved=False)

    def _choose_model(self) -> None:
        self.run_panel.model.choose_folder()

    def _choose_requests(self) -> None:
        self.run_panel.choose_requests()

    # --- the session that is shown ----------------------------------------------------------------------------------

    def _session_is_live(self) -> bool:
        return self.control.live is not None and self._session is self.control.live[0]

    def _show_session(self, session: Session | None, path: str) -> None:
        self._close_source()
        self._session = session
        self.documents.session, self.documents.path = session, path
        self.selection.reset(session)
        self.strip.show_session(session)
        self.run_panel.show_session(session)
        for dock in self.docks.values():
            dock.show_session(session)
        live = self._session_is_live()
        self.status.show_file(path, saved=not live or session is None)
        name = Path(path).name
        self.setWindowTitle(f"{title_text(name)} — DecodeScope" if name else "DecodeScope")
        self.menus.actions["show_live"].setEnabled(self.control.live is not None and not live)
        self._show_state()
        self._drawn.clear()
        self._follow_news()
        self.kept.tell_what_is_shown()

    def _in_use(self) -> set[Path]:
        """The files that this window shows, reads, copies or records."""
        live = self.control.live
        recorded = {Path(live[1]).absolute()} if live is not None and live[1] else set()
        return self.documents.in_use() | recorded

    def _close_source(self) -> None:
        """A recorded session holds its file open; let it go when another one is shown."""
        if self._session is not None and not self._session_is_live():
            self.documents.let_go(self._session)

    def _follow_news(self) -> None:
        self.refresher.follow(self._session_is_live() and self.control.active)

    def _pieces(self) -> list[Piece]:
        """The parts of the window that are drawn by themselves when there is news."""
        parts = {"strip": self.strip.refresh, "text": self.run_panel.refresh, "status": self._refresh_status}
        pieces = [Piece(name, self._when_news(name, refresh)) for name, refresh in parts.items()]
        return pieces + [Piece(name, self._when_seen(dock)) for name, dock in self.docks.items()]

    def _when_news(self, name: str, refresh: Callable[[], None]) -> Callable[[], bool]:
        def draw() -> bool:
            revision = self._session.revision if self._session is not None else -1
            # Not all that the status bar says is in the session: the profiler's own cost comes beside it.
            news = (revision, self._feed.overhead if name == "status" else None)
            if self._drawn.get(name) == news:
                return False
            self._drawn[name] = news
            refresh()
            return True

        return draw

    def _when_seen(self, dock: PanelDock) -> Callable[[], bool]:
        def draw() -> bool:
            if not (self._painted and dock.needs_refresh and dock.is_seen):
                return False
            dock.refresh()
            return True

        return draw

    def _refresh_status(self) -> None:
        live = self._session_is_live()
        self.status.refresh(self._session, live, self._feed.overhead if live else None)

    def _show_state(self) -> None:
        recorded = self._session is not None and not self._session_is_live()
        self.status.show_state(self.control.state, recorded)

    @Slot(object, object)
    def _on_opened(self, session: Session, path: str) -> None:
        self._show_session(session, path)
        self._show_recent()

    @Slot(str, str)
    def _on_saved(self, source: str, copy: str) -> None:
        self.kept.remember_saved(Path(copy))
        if source == self.documents.path:
            self.status.show_file(copy, saved=True)
            self.setWindowTitle(f"{title_text(Path(copy).name)} — DecodeScope")
        self._show_recent()

    def _show_live(self) -> None:
        if self.control.live is not None:
            self._show_session(*self.control.live)

    def _on_selected(self, selected: Selected) -> None:
        for dock in self.docks.values():
            dock.select(selected)

    # --- docks ------------------------------------------------------------------------------------------------------

    def show_panel(self, name: str) -> None:
        """Bring a panel to the front and give it the keyboard."""
        dock = self.docks[name]
        dock.show()
        dock.raise_()
        (dock.panel or dock).setFocus(Qt.FocusReason.ShortcutFocusReason)

    def restore_layout(self) -> None:
        """Put everything back to the default for the size the window has."""
        self.arrange(layout.rows_for(self.size()))

    def arrange(self, rows: Sequence[layout.Row], first_share: float = layout.TIMELINE_SHARE) -> None:
        """Put the panels in these rows, of which the first takes this share of the height."""
        layout.arrange(self, self.side, self.docks, rows)
        share_out = partial(layout.proportion, self, self.side, self.docks, rows, WIDTH, first_share)
        share_out()
        QTimer.singleShot(0, share_out)

    def _place(self) -> None:
        """The size and arrangement of last time, or the default."""
        geometry = self._preferences.geometry
        if geometry is None or not self.restoreGeometry(geometry):
            room = self.screen().availableSize().shrunkBy(ROOM_FOR_FRAME)
            self.resize(DEFAULT_SIZE.expandedTo(room * 0.9).boundedTo(room))
        rows = layout.rows_for(self.size())
        layout.arrange(self, self.side, self.docks, rows)
        kept = self._preferences.layout
        self._default_layout = kept is None or not self.restoreState(kept, layout.version_of(self.docks))
        self.scenarios.note.hide()  # its words are those of a run that is over
        self.kept.note.hide()

    @Slot()
    def _on_dock_seen(self) -> None:
        if self._painted:
            self.refresher.draw_all()

    def _with_dock(self, do: Any) -> None:
        dock = focused_dock(self.docks.values())
        if dock is not None:
            do(dock)

    def _export_panel(self) -> None:
        self._with_dock(lambda dock: self.documents.ask_export(dock, dock.entry.name))

    def _on_panel_help(self, dock: PanelDock) -> None:
        QToolTip.showText(dock.mapToGlobal(QPoint(PANEL_PADDING, 0)), plain(dock.entry.help()), dock)

    # --- keys -------------------------------------------------------------------------------------------------------

    def _key(self, key: Qt.Key) -> None:
        """Give a key to the panel with the focus, then to the timeline or the strip; else walk the session."""
        if self._giving_key:
            self._came_back = True
            return
        focus = QApplication.focusWidget()
        dock = focused_dock(self.docks.values())
        if focus is not None and dock is not None and dock.isAncestorOf(focus) and self._give(focus, key):
            return
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down):
            if self._session is not None:
                walk = walk_steps if key in (Qt.Key.Key_Left, Qt.Key.Key_Right) else walk_requests
                walk(self.selection, self._session, -1 if key in (Qt.Key.Key_Left, Qt.Key.Key_Up) else 1)
            return
        timeline = self.docks.get("timeline")
        if timeline is not None and timeline.is_seen and not self.strip.hasFocus():
            target = timeline.build().focusProxy() or timeline.build()
            if self._give(target, key):
                return
        self._give(self.strip, key)

    def _give(self, widget: QWidget, key: Qt.Key) -> bool:
        """Send a key; Qt tries the menus' shortcuts again for it, and they must not send it once more, for ever."""
        self._giving_key, self._came_back = True, False
        try:
            return send_key(widget, key) and not self._came_back
        finally:
            self._giving_key = False

    def _follow(self) -> None:
        if self._giving_key:
            self._came_back = True
            return
        self.strip.follow()
        timeline = self.docks.get("timeline")
        if timeline is not None and timeline.panel is not None:
            self._give(timeline.panel.focusProxy() or timeline.panel, Qt.Key.Key_L)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            focus = QApplication.focusWidget()
            if needs_key(focus, event):
                event.accept()
                return True
            key = key_by_place(event, QGuiApplication.platformName())
            action = action_of(key, self._keyed_actions()) if key is not None else None
            if action is not None:
                self._press_instead.expect(event, action, focus or self)
                event.accept()
                return True
        return super().event(event)

    def _keyed_actions(self) -> list[QAction]:
        return [*self.menus.actions.values(), *self.menus.panels.values()]

    # --- theme, language, dialogs -----------------------------------------------------------------------------------

    def _choose(self, what: str, value: str) -> None:
        if what == "theme" and value in get_args(theme.Scheme):
            self._preferences.scheme = cast(theme.Scheme, value)
            theme.apply(self._preferences.scheme)
            self.restyle()
        elif what == "language" and value in get_args(Language):
            self._preferences.language = cast(Language, value)
            self._translation.use(self._preferences.language)
        elif what == "kept":
            self.kept.choose(value)
        self._show_choices()

    def _show_choices(self) -> None:
        self.menus.choices["theme"][self._preferences.scheme].setChecked(True)
        self.menus.choices["language"][self._preferences.language].setChecked(True)
        self.menus.choices["kept"][str(self._preferences.kept_recordings or KEEP_ALL)].setChecked(True)
        self._show_recent()

    def _show_recent(self) -> None:
        paths = [path for path in self._preferences.recent_sessions if os.path.exists(path)]
        self.menus.show_recent(paths, self.documents.open, self._forget_recent)

    def _forget_recent(self) -> None:
        self._preferences.forget_sessions()
        self._show_recent()

    @Slot()
    def _on_system_scheme(self) -> None:
        if self._preferences.scheme == "system":
            theme.apply("system")
            self.restyle()

    def restyle(self) -> None:
        """Take the theme's colours everywhere."""
        self.run_panel.restyle()
        self.status.restyle()
        self.scenarios.note.restyle()
        self.kept.note.restyle()
        self._show_state()
        self.strip.refresh()
        for dock in self.docks.values():
            dock.restyle()

    def retranslate(self) -> None:
        """Take the texts of the language in force."""
        self.menus.retranslate(self.control.state)
        self.control.retranslate()
        self.scenarios.retranslate()
        self._strip_bar.setWindowTitle(self.tr("Step strip"))
        self.side.setWindowTitle(self.tr("Run"))
        self._show_state()
        self._refresh_status()
        for dock in self.docks.values():
            dock.rebuild()

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
        box = show_error(self, sentence, details)
        if self._closing:
            box.exec()  # the window waits with going away until this has been read

    def tell_of_settings(self) -> None:
        """Say where the settings cannot be kept, or could not be read whole."""
        if not self._preferences.usable:
            words = self.tr("The settings in {} cannot be read or written: what is chosen now is not remembered.")
            self.status.showMessage(words.format(self._preferences.path), SETTINGS_SHOWN_MS)

    def _palette(self) -> None:
        from app.dialogs.palette import CommandPalette

        CommandPalette(self.menus.top, self).open()

    def _shortcut_sheet(self) -> None:
        from app.dialogs.shortcuts import ShortcutSheet

        ShortcutSheet(self.menus.top, self).open()

    def _about(self) -> None:
        from app.dialogs.about import show_about

        show_about(self)

    def _full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def createPopupMenu(self) -> None:
        """No menu of docks on the right button: the View menu shows panels."""

    # --- the window's life ------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self._after_first_paint)

    def _after_first_paint(self) -> None:
        if self._default_layout:
            layout.proportion(self, self.side, self.docks, layout.rows_for(self.size()), WIDTH)
        self.first_painted.emit()
        self.refresher.draw_all()

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
        """Open whatever this is: a model folder, a request list or a session file."""
        if Path(path).is_dir():
            self.control.load_model(path)
        elif path.endswith(".jsonl"):
            self.run_panel.set_requests_file(Path(path))
        else:
            self.documents.open(path)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._closing:  # asked for again, by a signal, while files are waited for
            event.ignore()
            return
        self._preferences.geometry = self.saveGeometry()
        self._preferences.layout = self.saveState(layout.version_of(self.docks))
        self._preferences.sync()
        self.refresher.follow(False)
        self._closing = True
        self._feed.close()
        QApplication.sendPostedEvents(self.control, QEvent.Type.MetaCall)  # what the feed said last
        self._wait_for_files()
        self._close_source()
        self.kept.close()
        self._closing = False
        super().closeEvent(event)

    @property
    def left_something_behind(self) -> bool:
        """Whether a thread of the closed window still runs."""
        return self._feed.isRunning() or any(not task.over for task in self.documents.jobs.left_behind)

    def _wait_for_files(self) -> None:
        waiting = Waiting(self, lambda: self.unattended)
        unwritten: list[Path] = []

        def go_on(written: list[Path]) -> bool:
            unwritten[:] = written
            return waiting.go_on(written)

        self.documents.close(go_on)
        waiting.close()
        if waiting.enough and self.unattended:
            for path in unwritten:
                self.show_error(self.tr("{} was not written to its end before the program ended.").format(path))
