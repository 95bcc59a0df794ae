"""The menu of scenarios: sets an experiment up, asks for a prediction, runs it, and says what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow

from app.core.engine_sentences import in_window_language
from app.core.layout import Row
from app.core.preferences import Preferences
from app.core.selection import Selection
from app.core.translation import resolve
from app.models.scenario_outcome import Outcome, outcome_of
from app.models.scenario_words import TIMES, ScenarioWords, figure_text
from app.models.scenarios import Scenario, load_scenarios
from app.panels.frame import PanelDock
from app.widgets.plain import menu_text, plain
from app.window import unavailable_words
from app.window.feed import Feed
from app.window.menus import Menus, partial_slot
from app.window.run_panel import RunPanel
from app.window.scenario_note import ScenarioNote
from app.window.shown_session import ShownSession
from engine.client.suite import WantedSuite
from engine.errors import DecodeScopeError
from engine.figures.named import middle_step
from engine.session.schema import ModelReady
from engine.session.store import Session

Prediction = float | str | None
"""A factor, the name of a choice, or none."""


class ScenarioControl(QObject):
    """Fills the menu, and runs a picked scenario with the given parts of the window.

    A scenario that asks a question waits for the answer; the window's Run then starts it without one. Its run is the
    next that begins after it was posted. Any other run that begins ends the scenario.
    """

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
        shown: ShownSession,
        docks: Mapping[str, PanelDock],
        arrange: Callable[[Sequence[Row], float], None],
        fail: Callable[[str], None],
    ) -> None:
        super().__init__(window)
        self._panel, self._feed, self._preferences, self._selection = panel, feed, preferences, selection
        self._shown, self._docks = shown, docks
        self._arrange, self._fail = arrange, fail
        self._unavailable: dict[str, str] = {}
        self._asking = self._posted = False
        self._session: Session | None = None
        """The session of the scenario's run, once that has begun."""
        self._prediction: Prediction = None
        self.scenarios = load_scenarios()
        self.now: Scenario | None = None
        self.outcome: Outcome | None = None
        """What `now` measured, once it is over."""
        self.note = ScenarioNote(window)
        self.note.question.answered.connect(self._on_answered)
        window.addDockWidget(Qt.DockWidgetArea.TopDockWidgetArea, self.note)
        menu = menus.menus["scenarios"]
        self.actions: list[QAction] = [menu.addAction("", partial_slot(self.run, one)) for one in self.scenarios]
        feed.state_changed.connect(self._on_state)
        feed.model_ready.connect(self._on_model_ready)
        feed.tells_changed.connect(self._on_tells)
        feed.session_started.connect(self._on_session_started)
        feed.run_ended.connect(self._on_run_ended)
        feed.refused.connect(self._on_refused)
        feed.engine_died.connect(self._on_engine_died)
        self._on_state(feed.now.state)

    def run(self, scenario: Scenario) -> None:
        """Set a scenario up and run it, after its question if it asks one; a current run is ended first."""
        self._panel.show_settings(
            scenario.prompt, scenario.requests, scenario.max_new_tokens, scenario.ignore_eos, scenario.switches,
            scenario.detail, scenario.pace_tokens_per_s,
        )  # fmt: skip
        self._panel.sampling.show_sampling(scenario.sampling)
        self.now, self.outcome, self._session, self._prediction = scenario, None, None, None
        self._posted, self._asking = False, scenario.question is not None
        self._selection.change(layer=0, head=0, all_heads=scenario.all_heads)
        self._arrange(scenario.panels, scenario.first_share)
        self._show_pages(scenario)
        if scenario.question is not None:
            self.note.question.ask(scenario.question, self._words(scenario))
        self._say()
        if self._asking:
            self.note.question.take_focus()
        else:
            self._start(scenario)

    def run_or(self, otherwise: Callable[[], None]) -> None:
        """Run the scenario whose question waits, without a prediction; else do what Run does otherwise."""
        if self._asking and not self._feed.now.active:
            self._on_answered(None)
        else:
            otherwise()

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        for action, scenario in zip(self.actions, self.scenarios, strict=True):
            action.setText(menu_text(self._title(scenario)))
        self._show_tips()
        if self.now is not None and self.note.isVisible():
            self.note.question.say(self._words(self.now))
            self._say()

    # --- its life ---------------------------------------------------------------------------------------------------

    def _start(self, scenario: Scenario) -> None:
        if scenario.suite is not None:
            self._posted = True
            self._feed.start_suite(WantedSuite(scenario.suite_of_runs))
            return
        try:
            run = scenario.run_spec(paced=True)
        except DecodeScopeError as error:
            self._leave()
            self._fail(str(error))
            return
        self._posted = True
        self._feed.start_run(run)

    @Slot(object)
    def _on_answered(self, prediction: Prediction) -> None:
        if self.now is None or not self._asking:
            return
        self._asking, self._prediction = False, prediction
        self._panel.run_button.setFocus(Qt.FocusReason.OtherFocusReason)  # not on to the button that closes the words
        self._say()
        self._start(self.now)

    @Slot(object, str)
    def _on_session_started(self, session: Session, _path: str) -> None:
        if self._posted:
            self._posted, self._session = False, session
        elif self.now is not None and not self._asking:
            self._leave()  # another run begins

    @Slot(str)
    def _on_run_ended(self, reason: str) -> None:
        session, scenario = self._session, self.now
        if session is None or scenario is None or self._posted or self.outcome is not None:
            return
        self._end_pace(scenario)
        if reason != "finished":
            return
        self.outcome = outcome_of(scenario, session)
        if scenario.step == "middle" and self._shown.session is session:
            self._selection.change(step=middle_step(session))
        if self.note.isVisible():
            self._say()

    @Slot(str, str)
    def _on_refused(self, command: str, _sentence: str) -> None:
        if command == "Start" and self._posted:
            self._leave()

    @Slot(str, str, bool)
    def _on_engine_died(self, _sentence: str, _details: str, _again: bool) -> None:
        if self._posted or (self._session is not None and self.outcome is None):
            self._leave()

    def _leave(self) -> None:
        """The scenario is over: its words would be about another run."""
        if self.now is not None:
            self._end_pace(self.now)
        self.now = self.outcome = self._session = None
        self._asking = self._posted = False
        self.note.hide()

    def _end_pace(self, scenario: Scenario) -> None:
        """Back to full speed: the user's own next run is not slowed down by a pace that only the scenario set."""
        pace = self._panel.pace
        if scenario.pace_tokens_per_s and pace.tokens_per_s == scenario.pace_tokens_per_s:
            pace.show_pace(0.0, pace.step_by_step)

    # --- what is said -----------------------------------------------------------------------------------------------

    def _words(self, scenario: Scenario) -> ScenarioWords:
        return scenario.words[resolve(self._preferences.language)]

    def _title(self, scenario: Scenario) -> str:
        return f"{scenario.section}  {self._words(scenario).title}"

    def _say(self) -> None:
        assert self.now is not None
        look = self._words(self.now).look
        if self.outcome is None:
            self.note.say(self._title(self.now), look, asks=self._asking)
            return
        lines = [self._compared(self.outcome), self.outcome.sentence(resolve(self._preferences.language))]
        if not self.outcome.shows:
            lines.append(self._not_shown(self.outcome))
        self.note.say(self._title(self.now), " ".join(line for line in lines if line), look)

    def _compared(self, outcome: Outcome) -> str:
        """The prediction beside what was measured; empty without a prediction."""
        scenario, language = outcome.scenario, resolve(self._preferences.language)
        question, said = scenario.question, self._prediction
        if question is None or said is None:
            return ""
        choice, value = outcome.answer
        figure = question.figure or dict(question.choices).get(choice, scenario.effect.figure)
        measured = figure_text(figure, value, language)
        if isinstance(said, float):
            return self.tr("You said {said}; measured: {measured}.").format(
                said=f"{said:g}{TIMES[language]}", measured=measured
            )
        names = self._words(scenario).choices
        return self.tr("You said {said}; measured most: {choice}, {measured}.").format(
            said=names[said], choice=names.get(choice, choice), measured=measured
        )

    def _not_shown(self, outcome: Outcome) -> str:
        effect = outcome.scenario.effect
        expected = figure_text(effect.figure, effect.claims_at_least, resolve(self._preferences.language), marked=False)
        return self.tr("At least {} is expected of this effect: it did not show in this run.").format(expected)

    def _show_pages(self, scenario: Scenario) -> None:
        """Turn the panels that have pages to those of the scenario."""
        for name, page in scenario.pages:
            self._docks[name].build().show_page(page)

    # --- what can run -----------------------------------------------------------------------------------------------

    @Slot(str)
    def _on_state(self, state: str) -> None:
        ready = state != "stopped"  # one that is picked while a model is loaded waits for it
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
            action.setToolTip(plain(self.why_not(scenario) or self._words(scenario).card))

    def why_not(self, scenario: Scenario) -> str:
        """Why the scenario cannot run here; empty where it can."""
        if not self._feed.tells.flips_switches:
            return unavailable_words.no_suite()
        return in_window_language(scenario.unavailable(self._unavailable))
