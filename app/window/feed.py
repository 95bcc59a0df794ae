"""The worker thread: owns the engine process, fills the Session from what it says, and writes the session file.

The window posts commands and reads the Session; signals tell it of changes of state only. Nothing here touches a
widget, and nothing in the window touches the engine process.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

from PySide6.QtCore import QDeadlineTimer, QObject, QThread, Signal

from app.core.background import Failure, failure_of
from app.window.recordings import RecordedDetail, Recordings
from engine.client.suite import Suite
from engine.core.settings import LoadSpec, Observation, Probe, RunSpec
from engine.errors import InputError
from engine.host import protocol
from engine.session import schema
from engine.session.facts import set_facts
from engine.session.store import Session

BUSY_WAIT_S: Final = 0.02
IDLE_WAIT_S: Final = 0.05
"""How long the thread waits for events before it looks for commands, while a run goes on and while none does."""
STOP_WAIT_S: Final = 2.0
"""How long a run is given to end by itself when the program is closed."""
CLOSE_WITHIN_S: Final = 5.0
"""How long the engine, and what writes the file, are waited for then before the engine is killed."""
KILLED_WITHIN_S: Final = 3.0
"""How long it may take after that until the recording is whole."""
KILL: Final = getattr(signal, "SIGKILL", signal.SIGTERM)

_RUN_COMMANDS: Final = (
    protocol.Pause, protocol.Resume, protocol.StepOnce, protocol.Stop, protocol.SetSwitches, protocol.SetObservation,
    protocol.AddMark, protocol.AddRequests,
)  # fmt: skip
_RUN_COMMAND_NAMES: Final = frozenset(one.__name__ for one in _RUN_COMMANDS)


class Engine(Protocol):
    """What the feed needs of an engine process (`engine.host.process.EngineProcess`)."""

    @property
    def pid(self) -> int: ...

    def send(self, command: protocol.AnyCommand) -> None: ...

    def receive(self, timeout_s: float) -> list[schema.AnyEvent]: ...

    def close(self) -> None: ...


class Writer(Protocol):
    """What the feed needs of a session file that is being written (`engine.session.file.SessionWriter`)."""

    def append(self, events: list[schema.AnyEvent]) -> None: ...

    def tick(self) -> None: ...

    def close(self) -> None: ...


class Feed(QThread):
    """Runs the engine process and keeps the Session of the run that goes on.

    `state` is one of starting, loading, idle, running, paused, stopped. Commands may be posted from any thread at any
    time: a run that is started before its model is there waits for it, and one that is started while another goes on
    ends that one first.
    """

    state_changed = Signal(str)
    loading = Signal(str, float)
    model_ready = Signal(object)
    session_started = Signal(object, str)
    """(Session, path of its file or "")."""
    run_ended = Signal(str)
    recorded = Signal(str)
    """The file of a recording that is whole, however its run ended; after it nothing is written to that file."""
    refused = Signal(str, str)
    """(name of the command, sentence)."""
    engine_died = Signal(str, str, bool)
    """(sentence, details or "", whether it is started again at once)."""
    recording_failed = Signal(str)
    recorded_elsewhere = Signal(str)
    """The sentence that says why recordings do not lie in their folder, and where they do."""
    ceilings_measured = Signal(object)
    """The CeilingsMeasured; the Session of the run that is over has them already where they hold for it."""

    def __init__(
        self,
        start_engine: Callable[[], Engine],
        open_writer: Callable[[Path], Writer],
        recordings: Recordings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("feed")
        self._start_engine = start_engine
        self._open_writer = open_writer
        self._recordings = recordings
        self._commands: deque[protocol.AnyCommand] = deque()
        self._closing = False
        self._engine: Engine | None = None
        self._model: protocol.Load | None = None
        self._lost_model: protocol.Load | None = None
        """What was loaded when an engine ended that is not started again by itself."""
        self._model_is_ready = False
        self._waiting: list[protocol.AnyCommand] = []
        self._active = False
        self._observation = Observation()
        self._session: Session | None = None
        self._elsewhere = False
        """Whether recordings do not lie in their folder."""
        self._kept: Path | None = None
        """The file of `_session`, also when that is over."""
        self._writer: Writer | None = None
        self._path = ""
        """The file that is being recorded, also one that can be written no more."""
        self._deaths = 0
        self._wanted_suite: tuple[protocol.Start, Suite] | None = None
        self._suite: Suite | None = None
        self.unavailable: dict[str, str] = {}
        """Why values of switches cannot run with the model that is loaded, as the engine said."""
        self.state = "starting"
        self.overhead: schema.Overhead | None = None
        """The instrumentation's own cost, a share of the steps' time with their accounts, as the engine said last of
        the run that goes on or was the last; None until it has.
        """

    # --- called from the window -------------------------------------------------------------------------------------

    @property
    def recordings(self) -> Recordings:
        """The folder that runs are recorded in."""
        return self._recordings

    @property
    def engine_pid(self) -> int | None:
        return None if self._engine is None else self._engine.pid

    def load(self, spec: LoadSpec) -> None:
        """Load this model; a run that goes on is ended first."""
        self._commands.append(protocol.Load(spec))

    def start_run(self, run: RunSpec, paused: bool = False) -> None:
        """Start a run, and with it a new Session and a new recording."""
        self._observation = run.observation
        self._commands.append(protocol.Start(run, "window", paused))

    def start_suite(self, suite: Suite) -> None:
        """Run after run of a suite, kept as one Session and one recording."""
        command = suite.command()
        self._wanted_suite = (command, suite)
        self._commands.append(command)

    @property
    def suite_progress(self) -> tuple[int, int] | None:
        """(runs that are over, all runs) of the suite that goes on; None where none does."""
        suite = self._suite
        return None if suite is None else (suite.done, suite.total)

    def pause(self) -> None:
        self._commands.append(protocol.Pause())

    def resume(self) -> None:
        self._commands.append(protocol.Resume())

    def step_once(self) -> None:
        self._commands.append(protocol.StepOnce())

    def stop_run(self) -> None:
        self._commands.append(protocol.Stop())

    def set_switches(self, changes: dict[str, Any]) -> None:
        """Flip switches at the next step."""
        self._commands.append(protocol.SetSwitches(changes))

    def set_probe(self, probe: Probe | None) -> None:
        """Record the attention of this layer and head from the next step on."""
        self.set_observation(replace(self._observation, probe=probe))

    def set_observation(self, observation: Observation) -> None:
        """Observe more or less from the next step on."""
        if observation != self._observation:
            self._observation = observation
            self._commands.append(protocol.SetObservation(observation))

    def measure_ceilings(self) -> None:
        """Measure again what the device can do at most, while no run goes on."""
        self._commands.append(protocol.MeasureCeilings())

    def add_mark(self, label: str) -> None:
        """Put a note on the timeline, now."""
        self._commands.append(protocol.AddMark(label))

    def close(self) -> bool:
        """End the run, the engine process and this thread; whether they are gone.

        What waits for an engine that does not take or give anything is freed by killing it. What is left then hangs in
        the system itself, on a dead network drive for example.
        """
        self._closing = True
        if self.wait(_deadline(CLOSE_WITHIN_S)):
            return True
        self._kill_engine()
        return self.wait(_deadline(KILLED_WITHIN_S))

    def _kill_engine(self) -> None:
        pid = self.engine_pid
        if pid:
            with suppress(OSError):
                os.kill(pid, KILL)

    # --- the thread -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve one engine process after another until the program is closed."""
        try:
            while not self._closing:
                try:
                    self._serve(self._start_engine())
                except BaseException as error:  # whatever it is: without this thread a window says "running" for ever
                    self._bury(failure_of(error))
        finally:
            self._end_session()

    def _serve(self, engine: Engine) -> None:
        self._engine = engine
        try:
            if self._model is not None:
                self._set_state("loading")
                engine.send(self._model)
            else:
                self._set_state("idle")
            while not self._closing:
                while self._commands:
                    self._try_to_obey(engine, self._commands.popleft())
                self._take(engine.receive(BUSY_WAIT_S if self._active or self._commands else IDLE_WAIT_S))
            self._finish_run(engine)
        finally:
            self._engine = None
            engine.close()

    def _try_to_obey(self, engine: Engine, command: protocol.AnyCommand) -> None:
        """Carry out a command; one that holds what cannot be sent (a folder's name that is no text) is refused."""
        try:
            self._obey(engine, command)
        except InputError as error:
            self._on_refused(schema.Refused(type(command).__name__, "InputError", str(error)))

    def _obey(self, engine: Engine, command: protocol.AnyCommand) -> None:
        if isinstance(command, _RUN_COMMANDS):
            if self._active:  # what comes after the end of a run has nothing to act on
                engine.send(command)
            return
        if isinstance(command, protocol.Load):
            self._waiting = [one for one in self._waiting if not isinstance(one, protocol.Load)]
        if isinstance(command, protocol.Start):
            self._waiting = [one for one in self._waiting if not isinstance(one, protocol.Start)]
        if self._active and not isinstance(command, protocol.MeasureCeilings):
            self._waiting.append(command)
            engine.send(protocol.Stop())
        elif isinstance(command, protocol.MeasureCeilings):
            engine.send(command)
        elif isinstance(command, protocol.Load):
            self._model, self._lost_model, self._model_is_ready = command, None, False
            self._set_state("loading")
            engine.send(command)
        elif isinstance(command, protocol.Start) and not self._model_is_ready:
            self._waiting.append(command)
            if self._model is None:
                self._load_again(engine)
        else:
            self._active = True
            wanted = self._wanted_suite
            self._suite = wanted[1] if wanted is not None and command is wanted[0] else None
            engine.send(command)

    def _load_again(self, engine: Engine) -> None:
        """A run waits and no model is being loaded: try once more the one that was lost with its engine."""
        if self._lost_model is not None:
            self._obey(engine, self._lost_model)
            return
        self._waiting = []
        self.refused.emit("Start", self.tr("No model is loaded: choose one first."))

    def _obey_waiting(self) -> None:
        self._commands.extendleft(reversed(self._waiting))
        self._waiting = []

    def _take(self, events: list[schema.AnyEvent]) -> None:
        """Put what is stored into the Session and the file, and tell the window what changes its state."""
        stored: list[schema.AnyEvent] = []
        for event in events:
            match event:
                case schema.SessionStarted():
                    self._record(stored)
                    stored = []
                    self._begin_run(event)
                case schema.Loading():
                    self.loading.emit(event.stage, event.fraction)
                case schema.ModelReady():
                    self._model_is_ready, self._deaths = True, 0
                    self.unavailable = event.unavailable
                    self.model_ready.emit(event)
                    self._obey_waiting()
                case schema.StateChanged():
                    if not (event.state == "idle" and (self._waiting or self._suite is not None)):
                        self._set_state(event.state)
                case schema.Refused():
                    self._on_refused(event)
                case schema.RunEnded():
                    self._record(stored)
                    stored = []
                    self._end_run(event.reason)
                case schema.CeilingsMeasured():
                    self._on_ceilings(event)
                case schema.Overhead():
                    self.overhead = event
                case _:
                    stored.append(event)
        self._record(stored)

    def _on_ceilings(self, event: schema.CeilingsMeasured) -> None:
        """Give them to the Session of the last run and its file, where model, device and precision are the same."""
        session = self._session
        if session is not None and not self._active:
            same = all(session.meta.get(name) == value for name, value in event.of.items())
            if same and event.ceilings != session.meta.get("ceilings"):
                session.apply([event])
                if self._kept is not None:
                    try:
                        set_facts(self._kept, {"ceilings": event.ceilings})
                    except Exception as error:  # the figures are right in memory all the same
                        self.recording_failed.emit(failure_of(error).sentence)
        self.ceilings_measured.emit(event)

    def _begin_run(self, event: schema.SessionStarted) -> None:
        """A run begins: a session of its own, or the next part of a suite's."""
        if self._suite is not None and self._suite.begun:
            self._record([event])
        else:
            self._begin_session(event)

    def _end_run(self, reason: str) -> None:
        if not self._goes_on(reason):
            self._end_session()
            self.run_ended.emit(reason)
            self._obey_waiting()

    def _goes_on(self, reason: str) -> bool:
        """A run is over; starts the next one of a suite, or ends the suite. Whether a run goes on."""
        suite, engine = self._suite, self._engine
        if suite is None or engine is None:
            return False
        if reason == "finished" and suite.advance():
            engine.send(suite.command())
            return True
        self._end_suite(suite, reason)
        return False

    def _end_suite(self, suite: Suite, word: str) -> None:
        self._suite = None  # before the mark: who draws it sees that the suite is over
        if suite.begun:
            self._record([*suite.notes(), suite.end_mark(word)])

    def _on_refused(self, event: schema.Refused) -> None:
        suite, engine = self._suite, self._engine
        if event.command == "Start" and suite is not None and engine is not None:
            if suite.skip(event.message):
                engine.send(suite.command())
                return
            self._end_suite(suite, "refused")
            self._end_session()
            self._set_state("idle")
        elif event.command == "Load":
            self._model = None
            self._waiting = []
            self._set_state("idle")
        elif event.command == "Start":
            self._active = False
            self._set_state("idle")
        elif event.command in _RUN_COMMAND_NAMES and not self._active:
            return  # the run ended before the command came
        self.refused.emit(event.command, event.message)

    def _begin_session(self, started: schema.SessionStarted) -> None:
        self._end_session()
        session, path = Session(), ""
        self._kept = None
        self.overhead = None  # what a run costs says nothing of the next one
        try:
            begun = self._recordings.begin(self._model_name(started), self._open_writer)
            self._writer = begun.writer
            session.source = RecordedDetail(begun.path)
            path, self._kept = str(begun.path), begun.path
            self._tell_where(begun.path.parent, begun.refused)
        except Exception as error:  # whatever it is, the run goes on in memory
            words = self.tr("{} The run is kept in memory only, until the next one begins.")
            self.recording_failed.emit(words.format(failure_of(error).sentence))
        self._session, self._path = session, path
        self._active = True
        self._record([started])
        if self._suite is not None:
            self._suite.begun = True
        self.session_started.emit(session, path)

    def _tell_where(self, folder: Path, why: Exception | None) -> None:
        """Say, once as long as it lasts, that recordings lie elsewhere."""
        before, self._elsewhere = self._elsewhere, why is not None
        if why is not None and not before:
            words = self.tr(
                "{reason} Runs are recorded in {folder} instead, which the system may empty: save what you want to "
                "keep."
            )
            self.recorded_elsewhere.emit(words.format(reason=failure_of(why).sentence, folder=folder))

    def _model_name(self, started: schema.SessionStarted) -> str:
        """What the recording is named for: "demo", or the model's own name."""
        if self._model is not None and self._model.spec.model == "demo":
            return "demo"
        return started.meta.get("model", "")

    def _record(self, stored: list[schema.AnyEvent]) -> None:
        if self._session is None:
            return
        if self._suite is not None and stored:
            stored = [*self._suite.joiner.rewrite(stored), *self._suite.notes()]
        if self._writer is not None:
            try:
                self._writer.append(stored) if stored else self._writer.tick()
            except Exception as error:
                self._abandon_file(failure_of(error).sentence)
        if stored:
            self._session.apply(stored)

    def _abandon_file(self, reason: str) -> None:
        """The file cannot be written any more: say so, and go on with the Session in memory."""
        writer, self._writer = self._writer, None
        self.recording_failed.emit(reason)
        if writer is not None:
            with suppress(Exception):  # what could be written is in the file already
                writer.close()

    def _end_session(self) -> None:
        self._active = False
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except Exception as error:
                self.recording_failed.emit(failure_of(error).sentence)
        path, self._path = self._path, ""
        if path:
            self.recorded.emit(path)

    def _finish_run(self, engine: Engine) -> None:
        """The program is closed: let the run that goes on end, so that its recording is whole."""
        if not self._active:
            return
        self._waiting = []
        engine.send(protocol.Stop())
        deadline = time.monotonic() + STOP_WAIT_S
        while self._active and time.monotonic() < deadline:
            self._take(engine.receive(BUSY_WAIT_S))

    def _bury(self, failure: Failure) -> None:
        """The engine process is gone, or said what cannot be taken in: close its recording with a mark, say so, and go
        on with a new one, unless the one before ended before it was ready, too."""
        if self._closing:
            return
        if self._active and self._session is not None:
            with suppress(Exception):  # what could not be taken in may be the Session's own state
                self._record([schema.Mark(_now_ns(self._session), "fault", failure.sentence)])
        self._suite = None
        self._end_session()
        self._model_is_ready = False
        self._waiting = []
        self._deaths += 1
        again = self._deaths < 2  # a model that kills the engine when it is loaded is not tried again and again
        if not again:
            self._model, self._lost_model = None, self._unserved_load() or self._model or self._lost_model
            self._set_state("stopped")
        self.engine_died.emit(failure.sentence, failure.details, again)
        while not (again or self._commands or self._closing):
            self.msleep(int(1000 * IDLE_WAIT_S))

    def _unserved_load(self) -> protocol.Load | None:
        """Forget what was posted for an engine that is gone; the newest model of it, for the one that may come."""
        load = None
        while self._commands:
            command = self._commands.popleft()
            load = command if isinstance(command, protocol.Load) else load
        return load

    def _set_state(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)


def _deadline(seconds: float) -> QDeadlineTimer:
    return QDeadlineTimer(round(1000 * seconds))


def _now_ns(session: Session) -> int:
    """Now on the session's clock, never before what it holds already."""
    elapsed = time.time_ns() - int(session.meta.get("epoch_ns", time.time_ns()))
    last = int(session.steps["end_ns"][-1]) if len(session.steps) else 0
    return max(elapsed, last)
