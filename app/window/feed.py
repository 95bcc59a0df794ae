"""The window's worker thread: it polls the engine, and the window posts commands to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QDeadlineTimer

from app.core.background import failure_of
from app.window.engine_signals import EngineSignals
from engine.client.live_session import FileWriter
from engine.client.recordings import Recordings
from engine.client.run_client import RunClient
from engine.client.source import Source
from engine.client.suite import Suite
from engine.core.settings import LoadSpec, Observation, Probe, RunSpec
from engine.host import protocol

BUSY_WAIT_S: Final = 0.02
IDLE_WAIT_S: Final = 0.05
"""How long the thread waits for events before it looks for commands: during a run, and between runs."""
STOP_WAIT_S: Final = 2.0
"""How long a run is given to end by itself when the program is closed."""
CLOSE_WITHIN_S: Final = 5.0
"""How long the thread then waits for the engine and for the file before it kills the engine."""
KILLED_WITHIN_S: Final = 3.0
"""How long the recording may then take to be complete."""


class Feed(EngineSignals):
    """Takes the window's commands, from any thread, and tells the window what has changed."""

    def __init__(
        self,
        connect: Callable[[], Source],
        open_writer: Callable[[Path], FileWriter],
        recordings: Recordings,
    ) -> None:
        super().__init__()
        self.setObjectName("feed")
        self.recordings = recordings
        """The folder that runs are recorded in."""
        self.client = RunClient(
            connect, lambda model: recordings.begin(model, open_writer), lambda error: failure_of(error).sentence
        )
        """The window reads its properties; only this thread polls it."""
        self._observation = Observation()

    # --- called from the window -------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        return self.client.state

    @property
    def unavailable(self) -> dict[str, str]:
        return self.client.unavailable

    @property
    def suite_progress(self) -> tuple[int, int] | None:
        return self.client.suite_progress

    @property
    def engine_pid(self) -> int | None:
        return self.client.engine_pid

    def load(self, spec: LoadSpec) -> None:
        self.client.load(spec)

    def start_run(self, run: RunSpec, paused: bool = False) -> None:
        self._observation = run.observation
        self.client.start(run, "window", paused)

    def start_suite(self, suite: Suite) -> None:
        self.client.start_suite(suite)

    def pause(self) -> None:
        self.client.post(protocol.Pause())

    def resume(self) -> None:
        self.client.post(protocol.Resume())

    def step_once(self) -> None:
        self.client.post(protocol.StepOnce())

    def stop_run(self) -> None:
        self.client.stop()

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
        """Measure again what the device can do at most, while no run goes on."""
        self.client.post(protocol.MeasureCeilings())

    def add_mark(self, label: str) -> None:
        """Put a note on the timeline, now."""
        self.client.post(protocol.AddMark(label))

    def close(self) -> bool:
        """End the run, the engine process and this thread; whether they are gone.

        A thread that waits for an engine which does not answer is freed by killing the engine. A thread that still
        runs after that hangs in a system call, for example on a dead network drive.
        """
        self.client.closing = True
        if self.wait(QDeadlineTimer(round(1000 * CLOSE_WITHIN_S))):
            return True
        self.client.kill()
        return self.wait(QDeadlineTimer(round(1000 * KILLED_WITHIN_S)))

    # --- the thread -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Poll until the program is closed."""
        while not self.client.closing:
            self.tell(self.client.poll(BUSY_WAIT_S if self.client.active else IDLE_WAIT_S))
        self.tell(self.client.close(STOP_WAIT_S))
