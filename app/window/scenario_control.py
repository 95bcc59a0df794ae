"""The menu of scenarios: sets up an experiment in the run panel, arranges its panels, and runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow

from app.core.layout import SCENARIO_SHARE, Row
from app.core.preferences import Preferences
from app.core.selection import Selection
from app.widgets.plain import menu_text, plain
from app.window import unavailable_words
from app.window.feed import Feed
from app.window.menus import Menus, partial_slot
from app.window.run_panel import RunPanel
from app.window.scenario_note import ScenarioNote
from app.window.scenarios import Scenario, load_scenarios
from engine.core.sampling import Sampling
from engine.errors import DecodeScopeError
from engine.session.schema import ModelReady


class ScenarioControl(QObject):
    """Fills the menu, and runs a picked scenario with the given parts of the window."""

    changed = Signal()
    """Which scenarios can run here may have changed."""

    def __init__(
        self,
        window: QMainWindow,
        menus: Menus,
        panel: RunPanel,
        feed: Feed,
        preferences: Preferences,
        selection: Selection,
        arrange: Callable[[Sequence[Row], float], None],
        fail: Callable[[str], None],
    ) -> None:
        super().__init__(window)
        self._panel, self._feed, self._preferences, self._selection = panel, feed, preferences, selection
        self._arrange, self._fail = arrange, fail
        self._unavailable: dict[str, str] = {}
        self.scenarios = load_scenarios()
        self.now: Scenario | None = None
        self.note = ScenarioNote(window)
        window.addDockWidget(Qt.DockWidgetArea.TopDockWidgetArea, self.note)
        menu = menus.menus["scenarios"]
        self.actions: list[QAction] = [menu.addAction("", partial_slot(self.run, one)) for one in self.scenarios]
        feed.state_changed.connect(self._on_state)
        feed.model_ready.connect(self._on_model_ready)
        feed.tells_changed.connect(self._on_tells)
        self._on_state(feed.now.state)

    def run(self, scenario: Scenario) -> None:
        """Set a scenario up and run it; a current run is ended first."""
        self._panel.show_settings(
            scenario.prompt, scenario.requests, scenario.max_new_tokens, scenario.ignore_eos, scenario.switches,
            scenario.detail,
        )  # fmt: skip
        if scenario.greedy:
            self._panel.sampling.show_sampling(Sampling())
        try:
            spec = scenario.run_spec(self._panel.run_spec())
        except DecodeScopeError as error:
            self._fail(str(error))
            return
        self.now = scenario
        if scenario.all_heads:
            self._selection.change(layer=0, all_heads=True)
        self.retranslate()
        self.note.say(scenario.title(self._preferences.language), scenario.look(self._preferences.language))
        self._arrange(scenario.panels, SCENARIO_SHARE)
        self._feed.start_run(spec)

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        language = self._preferences.language
        for action, scenario in zip(self.actions, self.scenarios, strict=True):
            action.setText(menu_text(scenario.title(language)))
        self._show_tips()
        if self.now is not None and self.note.isVisible():
            self.note.say(self.now.title(language), self.now.look(language))

    @Slot(str)
    def _on_state(self, state: str) -> None:
        ready = state in ("idle", "running", "paused")
        for action, scenario in zip(self.actions, self.scenarios, strict=True):
            action.setEnabled(ready and not self.why_not(scenario))

    @Slot(object)
    def _on_tells(self, _tells: object) -> None:
        self._on_state(self._feed.now.state)
        self._show_tips()
        self.changed.emit()

    @Slot(object)
    def _on_model_ready(self, ready: ModelReady) -> None:
        self._unavailable = ready.unavailable
        self._on_state(self._feed.now.state)
        self._show_tips()
        self.changed.emit()

    def _show_tips(self) -> None:
        for action, scenario in zip(self.actions, self.scenarios, strict=True):
            action.setToolTip(plain(self.why_not(scenario) or scenario.look(self._preferences.language)))

    def why_not(self, scenario: Scenario) -> str:
        """Why the scenario cannot run here; empty where it can."""
        return (
            scenario.unavailable(self._unavailable) if self._feed.tells.flips_switches else unavailable_words.no_suite()
        )
