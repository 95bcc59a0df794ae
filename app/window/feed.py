"""The window's commands to the engine: each method posts one to the thread that polls the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal

from app.core.background import failure_of
from app.window import unavailable_words
from app.window.engine_thread import EngineThread
from engine.client.live_session import FileWriter
from engine.client.recordings import Recordings
from engine.client.run_client import RunClient
from engine.client.source import Source, Tells
from engine.client.suite import Suite, WantedSuite
from engine.core.settings import AttachSpec, CompareSpec, LoadSpec, Observation, Probe, RequestSpec, RunSpec
from engine.host import protocol
from engine.serving.source import ServingSource
from engine.session.edits import Edit
from engine.session.store import Session


class Feed(EngineThread):
    """Posts the window's commands and emits what has changed; commands may be posted from any thread."""

    run_asked = Signal()
    """A run or a suite was asked for; it begins once the model is ready and no other run goes on."""

    def __init__(
        self,
        connect: Callable[[], Source],
        open_writer: Callable[[Path], FileWriter],
        recordings: Recordings,
        attach: Callable[[AttachSpec, str], Source] = ServingSource,
    ) -> None:
        """`connect` starts our own engine, `attach` connects to a server with a key ("": that of the environment)."""
        super().__init__(
            RunClient(
                connect, lambda model: recordings.begin(model, open_writer), lambda error: failure_of(error).sentence
            )
        )
        self.setObjectName("feed")
        self.recordings = recordings
        """The folder that runs are recorded in."""
        self._observation = Observation()
        self.asks_comparison = False
        """Whether what was asked for last is a comparison of precisions; its other model is loaded before it begins."""
        self._connect_own = connect
        self._attach = attach
        self._server: Callable[[], Source] | None = None
        """Connects to the server that is attached to, and holds its key, which is kept nowhere else."""
        self.attached: AttachSpec | None = None
        """The server that is attached to in place of our own engine."""

    @property
    def tells(self) -> Tells:
        """What the engine or server takes and can tell."""
        return self.now.tells

    @property
    def unavailable(self) -> dict[str, str]:
        """Which values of switches cannot run, and why."""
        return self.now.unavailable if self.tells.flips_switches else unavailable_words.every_switch()

    @property
    def model_config(self) -> dict[str, Any]:
        return self.now.model_config

    @property
    def suite_progress(self) -> tuple[int, int] | None:
        return self.now.suite_progress

    def attach(self, spec: AttachSpec, key: str) -> None:
        """Attach to a server; our own engine, or the server before it, is ended with its run."""
        self.attached = spec
        self._server = lambda: self._attach(spec, key)
        self.client.connect_to(self._server)

    def attach_again(self) -> None:
        """Attach anew to the same server with the same key."""
        if self._server is not None:
            self.client.connect_to(self._server)

    def load(self, spec: LoadSpec) -> None:
        """Load a model into our own engine, which takes the place of a server that is attached to."""
        if self.attached is not None:
            self.attached = self._server = None
            self.client.connect_to(self._connect_own)
        self.client.load(spec)

    def start_run(self, run: RunSpec, paused: bool = False) -> None:
        self._observation = run.observation
        self.asks_comparison = False
        self.client.start(run, "window", paused)
        self.run_asked.emit()

    def compare(self, spec: CompareSpec) -> None:
        """Compare the loaded model with another precision of it."""
        self.asks_comparison = True
        self.client.post(protocol.CompareModels(spec, "window"))
        self.run_asked.emit()

    def start_suite(self, suite: Suite | WantedSuite) -> None:
        self.asks_comparison = False
        self.client.post(suite)
        self.run_asked.emit()

    def cancel_start(self) -> None:
        """Forget a run that waits to begin."""
        self.client.cancel_start()

    def count_prompt(self, request: RequestSpec, ask: int) -> None:
        """Ask how many tokens a prompt has, while no run goes on; the answer has the number `ask`."""
        self.client.post(protocol.CountPrompts((request,), ask))

    def pause(self) -> None:
        self.client.post(protocol.Pause())

    def resume(self) -> None:
        self.client.post(protocol.Resume())

    def step_once(self) -> None:
        self.client.post(protocol.StepOnce())

    def set_pace(self, tokens_per_s: float) -> None:
        """Let each request have at most so many tokens a second from now on; 0 is full speed."""
        self.client.post(protocol.SetPace(tokens_per_s))

    def stop_run(self) -> None:
        self.client.post(protocol.Stop())

    def set_switches(self, changes: dict[str, Any]) -> None:
        """Flip switches at the next step."""
        self.client.post(protocol.SetSwitches(changes))

    def set_probe(self, probe: Probe | None) -> None:
        """Record the attention of this layer and head from the next step on."""
        self.set_observation(replace(self._observation, probe=probe))

    def set_observation(self, observation: Observation) -> None:
        """Observe more or less from the next step on."""
        if observation != self._observation and self.tells.observes:
            self._observation = observation
            self.client.post(protocol.SetObservation(observation))

    def measure_ceilings(self) -> None:
        """Measure the ceilings of the device again; only while no run goes on."""
        if not self.tells.measures_ceilings:
            self.refused.emit("MeasureCeilings", unavailable_words.no_ceilings())
            return
        self.client.post(protocol.MeasureCeilings())

    def edit(self, session: Session, path: str, edit: Edit) -> None:
        """Change the session of a run of this window, and its file ("": none)."""
        self.client.edit(session, path, edit)
