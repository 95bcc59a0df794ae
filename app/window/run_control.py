"""What the run's buttons and keys do, and how the window reacts to the feed's news of the engine."""

from __future__ import annotations

import json
from typing import cast

from PySide6.QtCore import QObject, Signal, Slot

from app.core.jobs import Jobs
from app.look.units import rate
from app.window.feed import Feed
from app.window.menus import Menus
from app.window.model_control import ModelControl
from app.window.run_output import RunActions
from app.window.run_panel import RunPanel
from app.window.shown_session import ShownSession
from engine.client.source import Tells
from engine.core.settings import RunSpec
from engine.errors import DecodeScopeError
from engine.session.patience import Patience
from engine.session.schema import CeilingsMeasured


class RunControl(QObject):
    """Turns actions into the feed's commands, and the feed's news into what the run panel and the menus show.

    `state` is the engine's state as last reported to the window: labels and actions of the buttons follow it.
    """

    state_changed = Signal(str)
    asked_changed = Signal()
    """A run was asked for, or the one that was asked for has begun or will not begin."""
    run_ended = Signal()
    failed = Signal(str, str)
    """(sentence, details or "")."""
    said = Signal(str)

    def __init__(
        self,
        feed: Feed,
        shown: ShownSession,
        model: ModelControl,
        menus: Menus,
        panel: RunPanel,
        actions: RunActions,
        jobs: Jobs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._feed, self._shown = feed, shown
        self._menus, self._panel, self._actions = menus, panel, actions
        self._jobs = jobs
        self.model = model
        self.state: str = feed.now.state
        self.asked = False
        """Whether a run was asked for that has not begun yet."""
        self._begun = False
        """Whether a run has begun of which the engine has not told yet whether it is paused."""
        self.server_gone = False
        """Whether the server was gone at the end of the last run: the next run attaches to it anew."""
        panel.switches_flipped.connect(feed.set_switches)
        panel.observation_changed.connect(feed.set_observation)
        panel.pace.picked.connect(self._on_pace)
        panel.blocked_changed.connect(lambda: menus.show_blocked(panel.blocked))
        feed.state_changed.connect(self._on_state)
        feed.tells_changed.connect(self._on_tells)
        feed.run_asked.connect(self._on_run_asked)
        feed.session_started.connect(self._on_session_started)
        feed.run_ended.connect(self._on_run_ended)
        feed.refused.connect(self._on_refused)
        feed.engine_died.connect(self._on_engine_died)
        feed.recording_failed.connect(self._on_sentence)
        feed.recorded_elsewhere.connect(self._on_sentence)
        feed.ceilings_measured.connect(self._on_ceilings_measured)
        menus.show_run(self.state)

    @property
    def active(self) -> bool:
        """Whether a run goes on."""
        return self.state in ("running", "paused")

    @property
    def queued(self) -> bool:
        """Whether a run waits for the model, or a comparison for its other model, so that it can be cancelled."""
        return self.asked and (self.state in ("starting", "loading") or self._feed.asks_comparison)

    # --- what the user wants ----------------------------------------------------------------------------------------

    def start(self, model: str) -> None:
        """Start the engine process and load a model; called once, when the window can be seen."""
        self._feed.start()
        self.model.load(model)
        self.model.offer_cached()

    def run_prompt(self, paused: bool = False) -> None:
        """Start a new run from the run panel's settings; a long list of requests is put together in the background."""
        if self._panel.blocked:
            self.failed.emit(self._panel.blocked, "")
            return
        make = self._panel.run_maker()
        if self._panel.has_many_requests:
            self._jobs.start(
                make, lambda spec: self._start(cast(RunSpec, spec), paused),
                lambda failure: self.failed.emit(failure.sentence, failure.details), patience=Patience(),
            )  # fmt: skip
            return
        try:
            spec = make()
        except DecodeScopeError as error:
            self.failed.emit(str(error), "")
            return
        self._start(spec, paused)

    def _start(self, spec: RunSpec, paused: bool) -> None:
        if self.server_gone:
            self._feed.attach_again()
        self._feed.start_run(spec, paused or (self._panel.pace.step_by_step and self._feed.tells.pauses))
        if paused:
            self._feed.step_once()

    def run_or_pause(self) -> None:
        """Run, pause, go on, or cancel a run that waits, depending on the state; a run without a pause goes on."""
        if self.queued:
            self.cancel_start()
            return
        if self.active and not self._feed.tells.pauses:
            return
        if self.state == "running":
            self._feed.pause()
        elif self.state == "paused":
            self._panel.pace.show_pace(self._panel.pace.tokens_per_s)  # no longer step by step
            self._feed.resume()
        elif not self.asked and not self._begun:  # a second press while a run begins starts no other
            self.run_prompt()

    def step(self) -> None:
        """Run one step; where no run goes on, the first step of a new one."""
        if not self._feed.tells.pauses:
            return
        if self.asked or self._begun or self.state not in ("idle", "stopped"):
            self._feed.step_once()  # after the command that starts the run
        else:
            self.run_prompt(paused=True)

    def stop(self) -> None:
        """End the run, whose recording is kept, or cancel one that waits for its model."""
        if self.queued:
            self.cancel_start()
        if self.active:
            self._feed.stop_run()

    def cancel_start(self) -> None:
        """Forget the run that waits to begin."""
        self._feed.cancel_start()
        if self._feed.asks_comparison:
            self._feed.stop_run()  # the engine looks for it while it loads the other model
        self._ask(False)

    def measure_ceilings(self) -> None:
        """Measure the ceilings of the device again."""
        self._feed.measure_ceilings()

    @Slot(bool)
    def _on_pace(self, was_stepping: bool) -> None:
        """Another pace was picked: a run that goes on takes it at once."""
        pace = self._panel.pace
        if pace.step_by_step:
            if self.state == "running":
                self._feed.pause()
            return
        self._feed.set_pace(pace.tokens_per_s)
        if was_stepping and self.state == "paused":
            self._feed.resume()

    def _ask(self, asked: bool) -> None:
        if asked != self.asked:
            self.asked = asked
            self._show_actions()
            self.asked_changed.emit()

    def _show_actions(self) -> None:
        self._actions.icon = "close" if self.queued else "pause" if self.state == "running" else "run"
        self._menus.show_run(self.state, queued=self.queued)

    # --- what the engine says ---------------------------------------------------------------------------------------

    @Slot(str)
    def _on_state(self, state: str) -> None:
        self.state, self._begun = state, False
        if state in ("starting", "loading"):
            self.server_gone = False
        self._show_actions()
        self._panel.show_active(self.active)
        self.state_changed.emit(state)

    @Slot(object)
    def _on_tells(self, tells: Tells) -> None:
        self._menus.show_run(self.state, tells, self.queued)

    @Slot()
    def _on_run_asked(self) -> None:
        self._ask(True)

    @Slot(object, str)
    def _on_session_started(self, _session: object, _path: str) -> None:
        self._begun = True
        self._ask(False)

    @Slot(str)
    def _on_run_ended(self, reason: str) -> None:
        self._begun = False
        self.server_gone = reason == "failed" and self._feed.attached is not None
        self.run_ended.emit()

    @Slot(str, str)
    def _on_refused(self, command: str, sentence: str) -> None:
        if command in ("Start", "CompareModels", "Suite", "Load", "Attach"):
            self._ask(False)
        live = self._shown.live
        if command == "SetSwitches" and live is not None and live.session.configs:
            in_force = live.session.configs[-1].switches
            self._panel.switches.show_switches(self._panel.switches.switches.changed(**in_force))
        self.failed.emit(sentence, "")

    @Slot(str, str, bool)
    def _on_engine_died(self, sentence: str, details: str, again: bool) -> None:
        self._begun = False
        self._ask(False)  # what waited went with it
        kept = self.tr("What it had recorded until then is kept.") if self._shown.live is not None else ""
        if again and self._feed.attached is not None:
            next_ = self.tr("The server is being attached to again.")
        elif again:
            next_ = self.tr("The engine is being started again.")
        else:
            next_ = self.tr("As this is the second time, it is not started again by itself: Run tries once more.")
        self.failed.emit("\n\n".join(part for part in (sentence, kept, next_) if part), details)

    @Slot(object)
    def _on_ceilings_measured(self, event: CeilingsMeasured) -> None:
        found = json.loads(event.ceilings)
        text = self.tr("This device reads {bandwidth} of memory and computes {peak} at most.").format(
            bandwidth=rate(found["read_bytes_per_s"], "B/s"), peak=rate(found["flops_per_s"], "FLOP/s")
        )
        if (found.get("conditions") or {}).get("busy"):
            busy = self.tr("The machine was busy: measure again when it is quiet.")
            text = f"{text} {busy}"
        self.said.emit(text)

    @Slot(str)
    def _on_sentence(self, sentence: str) -> None:
        self.failed.emit(sentence, "")
