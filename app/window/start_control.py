"""When the start page takes the place of the panels, and what its tiles do."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMainWindow, QToolBar

from app.core.jobs import Jobs
from app.core.preferences import Preferences
from app.core.recent_recordings import RecentRecording, look_at
from app.window.menus import Menus
from app.window.panels import Panels
from app.window.run_control import RunControl
from app.window.scenario_control import ScenarioControl
from app.window.shown_session import ShownSession
from app.window.start_page import RECENT_SHOWN, StartPage
from engine.session.patience import Patience

KEYS_OF = {"demo": "run_prompt", "model": "model_folder", "recording": "open", "server": "attach"}
"""The menu entry that does the same as a tile."""


class StartControl(QObject):
    """Shows the page while there is no session, and on request; the panels are away meanwhile, and not built.

    What the files of recent recordings hold is read in the background, after the window was painted.
    """

    def __init__(
        self,
        window: QMainWindow,
        panels: Panels,
        strip: QToolBar,
        shown: ShownSession,
        control: RunControl,
        scenarios: ScenarioControl,
        menus: Menus,
        jobs: Jobs,
        preferences: Preferences,
    ) -> None:
        super().__init__(window)
        self._panels, self._strip, self._shown, self._control = panels, strip, shown, control
        self._scenarios, self._menus, self._jobs, self._preferences = scenarios, menus, jobs, preferences
        self._begun = False
        self._waiting = False
        """Whether the demo was asked for and has not begun yet."""
        self._had_note = False
        """Whether the words about a scenario stood above the panels when the page took their place."""
        self._looking: Patience | None = None
        self.page = StartPage(scenarios.scenarios)
        self.page.hide()
        window.setCentralWidget(self.page)
        self.page.wanted.connect(self._on_wanted)
        self.page.recording_wanted.connect(shown.open)
        self.page.scenario_wanted.connect(scenarios.run)
        self.page.back_wanted.connect(self.leave)
        panels.coming_back.connect(self._on_panels)
        scenarios.changed.connect(self._show_scenarios)
        control.state_changed.connect(self._on_state)
        shown.failed.connect(self._on_failed)
        shown.recorded.connect(lambda _: self._show_recent())

    @property
    def is_shown(self) -> bool:
        """Whether the page stands in place of the panels."""
        return not self.page.isHidden()

    def begin(self) -> None:
        """The window was painted: from now on files may be read."""
        self._begun = True
        if self.is_shown:
            self._show_recent()

    def show(self) -> None:
        """Put the page in place of the panels."""
        if self.is_shown:
            return
        self._panels.put_away()
        self._strip.hide()
        self._had_note = not self._scenarios.note.isHidden()
        self._scenarios.note.hide()
        self.page.show_back(self._shown.session is not None)
        self.page.show()
        self._show_recent()

    @Slot()
    def leave(self) -> None:
        """Put the panels back."""
        self._panels.bring_back()

    def follow(self) -> None:
        """Another session is shown, or none: the page is there while there is none."""
        if self._shown.session is None:
            self.show()
        else:
            self.leave()

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        self.page.retranslate()
        self._show_start()
        self._show_scenarios()
        self._show_recent()

    @Slot()
    def look_again(self) -> None:
        """Recordings are gone, or are called otherwise now."""
        if self.is_shown:
            self._show_recent()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _on_wanted(self, name: str) -> None:
        if name != "demo":
            self._menus.actions[KEYS_OF[name]].trigger()
            return
        if self._control.model.model != "demo":
            self._control.model.load("demo")
        self._waiting = self._control.state in ("starting", "loading")
        self._show_start()
        self._control.run_prompt()

    @Slot()
    def _on_panels(self) -> None:
        self._waiting = False
        self.page.hide()
        self._strip.show()
        if self._had_note:
            self._scenarios.note.show()

    @Slot(str)
    def _on_state(self, state: str) -> None:
        if self._waiting and state == "stopped":
            self._waiting = False
            self._show_start()

    @Slot()
    def _on_failed(self) -> None:
        if self._shown.session is None:
            self.show()

    def _show_start(self) -> None:
        native = QKeySequence.SequenceFormat.NativeText
        keys = {name: self._menus.actions[entry].shortcut().toString(native) for name, entry in KEYS_OF.items()}
        self.page.show_start(keys, self._waiting)

    @Slot()
    def _show_scenarios(self) -> None:
        why_not = {one.section: self._scenarios.why_not(one) for one in self._scenarios.scenarios}
        self.page.show_scenarios(self._preferences.language, why_not)

    def _show_recent(self) -> None:
        """List the recent recordings: their names at once, their facts as soon as they are read."""
        paths = self._preferences.recent_sessions
        if not self._begun or not self.is_shown:
            self.page.show_recent([RecentRecording(path) for path in paths], read=False)
            return
        if self._looking is not None:
            self._looking.give_up()
        patience = self._looking = Patience()
        self._jobs.start(
            lambda: look_at(paths, patience)[:RECENT_SHOWN],
            self._unless_over(patience),
            lambda _: None,  # no recording that cannot be read is worth a dialog
            patience=patience,
        )

    def _unless_over(self, patience: Patience) -> Callable[[object], None]:
        def show(found: object) -> None:
            if not patience.over:
                self._looking = None
                self.page.show_recent(cast("list[RecentRecording]", found))

        return show
