"""What the run's buttons and keys do, and what the window hears back from the feed about the engine."""

from __future__ import annotations

import json
from typing import cast

from PySide6.QtCore import QObject, Signal, Slot

from app.core.jobs import Jobs
from app.core.local_models import LocalModel, cached_models
from app.look.units import count, parameters, rate
from app.window.feed import Feed
from app.window.menus import Menus
from app.window.run_panel import RunActions, RunPanel
from engine.core.settings import LoadSpec
from engine.errors import DecodeScopeError
from engine.session.patience import Patience
from engine.session.schema import CeilingsMeasured, ModelReady
from engine.session.store import Session


class RunControl(QObject):
    """Turns actions into the feed's commands, and the feed's news into what the run panel and the menus show.

    `state` is the engine's state as the window has heard of it: what buttons say and do goes by this one. `live` is
    the Session of the newest run and the path of its file ("" where none can be written).
    """

    state_changed = Signal(str)
    session_started = Signal()
    run_ended = Signal()
    recorded = Signal(str)
    file_lost = Signal()
    failed = Signal(str, str)
    """(sentence, details or "")."""
    said = Signal(str)

    def __init__(self, feed: Feed, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._feed = feed
        self._jobs = jobs
        self._parts: tuple[Menus, RunPanel, RunActions] | None = None
        self._model = "demo"
        self._ready: ModelReady | None = None
        self.state = feed.state
        self.live: tuple[Session, str] | None = None
        feed.state_changed.connect(self._on_state)
        feed.loading.connect(self._on_loading)
        feed.model_ready.connect(self._on_model_ready)
        feed.session_started.connect(self._on_session_started)
        feed.run_ended.connect(self._on_run_ended)
        feed.recorded.connect(self.recorded)
        feed.refused.connect(self._on_refused)
        feed.engine_died.connect(self._on_engine_died)
        feed.recording_failed.connect(self._on_recording_failed)
        feed.recorded_elsewhere.connect(self._on_recorded_elsewhere)
        feed.ceilings_measured.connect(self._on_ceilings_measured)

    def serve(self, menus: Menus, panel: RunPanel, actions: RunActions) -> None:
        """Take the settings from this panel, and show there and in the menus what comes of them."""
        self._parts = (menus, panel, actions)
        panel.model_picked.connect(self.load_model)
        panel.switches_flipped.connect(self._feed.set_switches)
        panel.observation_changed.connect(self._feed.set_observation)
        menus.show_run(self.state)

    @property
    def panel(self) -> RunPanel:
        assert self._parts is not None
        return self._parts[1]

    @property
    def active(self) -> bool:
        """Whether a run goes on."""
        return self.state in ("running", "paused")

    # --- what the user wants ----------------------------------------------------------------------------------------

    def start(self, model: str) -> None:
        """Start the engine process and load a model; called once, when the window can be seen."""
        self._feed.start()
        self.load_model(model)
        patience = Patience()
        self._jobs.start(
            lambda: cached_models(wanted=lambda: not patience.over),
            lambda found: self.panel.model.offer(cast("list[LocalModel]", found)),
            lambda _: None,  # one that cannot be looked through is not worth a dialog at every start
            patience=patience,
        )

    def load_model(self, model: str) -> None:
        """Load a model: "demo" or a folder."""
        self._model = model
        self.panel.model.set_model(model)
        self._feed.load(LoadSpec(model))

    def run_prompt(self, paused: bool = False) -> None:
        """Start a new run from the run panel's settings."""
        try:
            spec = self.panel.run_spec()
        except DecodeScopeError as error:
            self.failed.emit(str(error), "")
            return
        self._feed.start_run(spec, paused)

    def run_or_pause(self) -> None:
        """Run, pause or go on, whichever can be done now."""
        if self.state == "running":
            self._feed.pause()
        elif self.state == "paused":
            self._feed.resume()
        else:
            self.run_prompt()

    def step(self) -> None:
        """Run one step, of a new run where none goes on."""
        if self.state in ("idle", "stopped"):
            self.run_prompt(paused=True)
        self._feed.step_once()

    def stop(self) -> None:
        """End the run; its recording is kept."""
        if self.active:
            self._feed.stop_run()

    def mark(self) -> None:
        """Put a numbered mark on the timeline, now."""
        marks = self.live[0].marks if self.live is not None else []
        self._feed.add_mark(self.tr("mark {}").format(1 + sum(mark.kind == "user" for mark in marks)))

    def measure_ceilings(self) -> None:
        """Measure again what the device can do at most."""
        self._feed.measure_ceilings()

    # --- what the engine says ---------------------------------------------------------------------------------------

    @Slot(str)
    def _on_state(self, state: str) -> None:
        assert self._parts is not None
        menus, _, actions = self._parts
        self.state = state
        actions.running = state == "running"
        menus.show_run(state)
        self.state_changed.emit(state)

    @Slot(str, float)
    def _on_loading(self, stage: str, fraction: float) -> None:
        self.panel.show_loading(stage, fraction)

    @Slot(object)
    def _on_model_ready(self, ready: ModelReady) -> None:
        self.panel.show_model(ready)
        self._ready = ready
        self.retranslate()

    def retranslate(self) -> None:
        """Say in the language in force what model is loaded."""
        if self._ready is not None:
            self.panel.show_facts(self._model_line(self._ready.meta))

    def _model_line(self, meta: dict[str, str]) -> str:
        """One line about a loaded model: name, size, precision, device."""
        facts = json.loads(meta.get("model_config", "{}"))
        parts = [
            "demo" if self._model == "demo" else meta.get("model", ""),
            self.tr("{} parameters").format(parameters(facts["parameters"])) if facts.get("parameters") else "",
            self.tr("{} layers").format(count(facts["layers"])) if "layers" in facts else "",
            meta.get("dtype", ""),
            meta.get("device", ""),
        ]
        return " · ".join(part for part in parts if part)

    @Slot(object, str)
    def _on_session_started(self, session: Session, path: str) -> None:
        self.live = (session, path)
        self.session_started.emit()

    @Slot(str)
    def _on_run_ended(self, _reason: str) -> None:
        self.run_ended.emit()

    @Slot(str, str)
    def _on_refused(self, command: str, sentence: str) -> None:
        if command == "Load":
            self._ready = None
            self.panel.show_facts(sentence)
        elif command == "SetSwitches" and self.live is not None and self.live[0].configs:
            in_force = self.live[0].configs[-1].switches
            self.panel.switches.show_switches(self.panel.switches.switches.changed(**in_force))
        self.failed.emit(sentence, "")

    @Slot(str, str, bool)
    def _on_engine_died(self, sentence: str, details: str, again: bool) -> None:
        kept = self.tr("What it had recorded until then is kept.") if self.live is not None else ""
        if again:
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
            text = f"{text} {self.tr('The machine was busy: measure again when it is quiet.')}"
        self.said.emit(text)

    @Slot(str)
    def _on_recording_failed(self, sentence: str) -> None:
        self.failed.emit(sentence, "")
        self.file_lost.emit()

    @Slot(str)
    def _on_recorded_elsewhere(self, sentence: str) -> None:
        self.failed.emit(sentence, "")
