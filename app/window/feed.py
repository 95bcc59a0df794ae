"""The window's commands to the engine: each method posts one to the thread that polls the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.core.background import failure_of
from app.window.engine_thread import EngineThread
from engine.client.live_session import FileWriter
from engine.client.recordings import Recordings
from engine.client.run_client import RunClient
from engine.client.source import Source
from engine.client.suite import Suite
from engine.core.settings import LoadSpec, Observation, Probe, RunSpec
from engine.host import protocol


class Feed(EngineThread):
    """Posts the window's commands and emits what has changed; commands may be posted from any thread."""

    def __init__(
        self,
        connect: Callable[[], Source],
        open_writer: Callable[[Path], FileWriter],
        recordings: Recordings,
    ) -> None:
        super().__init__(
            RunClient(
                connect, lambda model: recordings.begin(model, open_writer), lambda error: failure_of(error).sentence
            )
        )
        self.setObjectName("feed")
        self.recordings = recordings
        """The folder that runs are recorded in."""
        self._observation = Observation()

    @property
    def unavailable(self) -> dict[str, str]:
        return self.now.unavailable

    @property
    def suite_progress(self) -> tuple[int, int] | None:
        return self.now.suite_progress

    def load(self, spec: LoadSpec) -> None:
        self.client.load(spec)

    def start_run(self, run: RunSpec, paused: bool = False) -> None:
        self._observation = run.observation
        self.client.start(run, "window", paused)

    def start_suite(self, suite: Suite) -> None:
        self.client.post(suite)

    def pause(self) -> None:
        self.client.post(protocol.Pause())

    def resume(self) -> None:
        self.client.post(protocol.Resume())

    def step_once(self) -> None:
        self.client.post(protocol.StepOnce())

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
        if observation != self._observation:
            self._observation = observation
            self.client.post(protocol.SetObservation(observation))

    def measure_ceilings(self) -> None:
        """Measure the ceilings of the device again; only while no run goes on."""
        self.client.post(protocol.MeasureCeilings())

    def add_mark(self, label: str) -> None:
        """Put a mark on the timeline at the current time."""
        self.client.post(protocol.AddMark(label))
