"""Commands on their way to the engine: some are sent at once, some wait, and some come too late."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from engine.client.run_state import RunState
from engine.client.source import Source
from engine.client.suite import Suite, WantedSuite
from engine.errors import InputError, UnavailableError
from engine.host import protocol
from engine.session import schema

Posted = protocol.AnyCommand | Suite | WantedSuite
"""What can be posted to the engine: a command, or a suite, which becomes a `Start` for each of its runs."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Another source is to be connected in place of the present one."""

    connect: Callable[[], Source]


@dataclass(frozen=True, slots=True)
class CancelStart:
    """A run that waits for its model or for the end of another run is not wanted any more."""


NO_MODEL: Final = "No model is loaded: choose one first."
NO_SUITE: Final = "Improvements are measured with DecodeScope's own engine: detach from the server first."
RUN_COMMANDS: Final = (
    protocol.Pause, protocol.Resume, protocol.StepOnce, protocol.SetPace, protocol.Stop, protocol.SetSwitches,
    protocol.SetObservation, protocol.AddRequests,
)  # fmt: skip
"""Commands to a run; they are ignored while no run goes on."""


class Commands:
    """Sends each command as soon as it can be carried out.

    A run that is started before its model is ready waits for the model. A run or a model that is posted while a run
    goes on ends that run, and waits for its end. Of several that wait, the newest run and the newest model are kept.
    """

    def __init__(self, now: RunState) -> None:
        self._now = now
        self._model: protocol.Load | None = None
        self._lost_model: protocol.Load | None = None
        """The model of an engine that ended and is not started again by itself."""
        self._ready = False
        self.posted: deque[Posted | Connect | CancelStart] = deque()
        """What was posted and not looked at yet; any thread may append."""
        self.waiting: list[Posted] = []
        """Commands that are carried out when the model is ready, or the run over."""

    def connected(self, source: Source) -> None:
        """A new source is connected: load the model again that the source before it had."""
        self._now.connected_to(source.tells)
        if self._model is None:
            self._now.change("idle" if source.tells.loads_models else "loading")
        else:
            self._now.change("loading")
            source.send(self._model)

    def next_source(self) -> Connect | None:
        """The source that is to be connected before anything else that was posted; None where there is none."""
        asked = self.posted[0] if self.posted else None
        if not isinstance(asked, Connect):
            return None
        self.posted.popleft()
        return asked

    def send_next(self, source: Source) -> schema.Refused | None:
        """Carry out the oldest posted command; a refusal if it cannot be sent or the source does not take it."""
        asked = self.posted.popleft()
        assert not isinstance(asked, Connect)
        if isinstance(asked, CancelStart):
            self.waiting = [one for one in self.waiting if name_of(one) not in ("Start", "CompareModels")]
            return None
        if isinstance(asked, Suite | WantedSuite) and not source.tells.flips_switches:
            return schema.Refused("Suite", UnavailableError.__name__, NO_SUITE)
        try:
            self._obey(source, asked)
        except InputError as error:
            return schema.Refused(name_of(asked), type(error).__name__, str(error))
        return None

    def _obey(self, source: Source, asked: Posted) -> None:
        if isinstance(asked, WantedSuite):
            if self._now.active or not self._ready:
                self._wait(source, asked)
                return
            asked = asked.make(self._now.unavailable, self._now.model_config)
        command = asked.command() if isinstance(asked, Suite) else asked
        if not source.tells.takes(command):
            raise UnavailableError(f"This engine does not take the command {name_of(asked)}.")
        if isinstance(command, RUN_COMMANDS):
            if self._now.active:
                source.send(command)
        elif isinstance(command, protocol.MeasureCeilings):
            source.send(command)
        elif isinstance(command, protocol.CountPrompts):
            if self._ready and not self._now.active:  # else the answer would be of no use, or take a run's time
                source.send(command)
        elif self._now.active or not (self._ready or isinstance(command, protocol.Load)):
            self._wait(source, asked)
        else:
            self._forget_waiting(asked)
            if isinstance(command, protocol.Load):
                self._load(source, command)
            else:
                self._start(source, asked, command)

    def _wait(self, source: Source, asked: Posted) -> None:
        """Keep what cannot begin yet, until the run that goes on is over, or the model ready."""
        self._forget_waiting(asked)
        self.waiting.append(asked)
        if self._now.active:
            source.send(protocol.Stop())
        elif self._model is None and source.tells.loads_models:
            self._load_again(source)

    def _forget_waiting(self, newer: Posted) -> None:
        self.waiting = [one for one in self.waiting if name_of(one) != name_of(newer)]

    def _load(self, source: Source, command: protocol.Load) -> None:
        self._model, self._lost_model, self._ready = command, None, False
        self._now.model = command.spec.model
        self._now.change("loading")
        source.send(command)

    def _load_again(self, source: Source) -> None:
        """A run waits and no model is being loaded: load the one that was lost with its engine, or refuse the run."""
        if self._lost_model is not None:
            self._load(source, self._lost_model)
        else:
            self.waiting = []
            self._now.tell(schema.Refused("Start", "InputError", NO_MODEL))

    def _start(self, source: Source, asked: Posted, command: protocol.AnyCommand) -> None:
        self._now.active = True
        self._now.suite = asked if isinstance(asked, Suite) else None
        source.send(command)
        if isinstance(asked, Suite):
            self._now.tell_of_run(asked)

    def model_ready(self) -> None:
        """The model is loaded, and runs can be started."""
        self._ready = True
        self.send_waiting()

    def model_refused(self) -> None:
        """The model could not be loaded: drop the commands that wait."""
        self._model, self.waiting = None, []

    def send_waiting(self) -> None:
        """Put the waiting commands before all others in `posted`."""
        self.posted.extendleft(reversed(self.waiting))
        self.waiting = []

    def forget(self) -> None:
        """Another kind of source follows: the models and waiting commands of this one mean nothing to it."""
        self._model = self._lost_model = None
        self._ready, self.waiting = False, []

    @property
    def sendable(self) -> bool:
        """Whether a command is posted for the source that is connected."""
        return bool(self.posted) and not isinstance(self.posted[0], Connect)

    def disconnected(self, again: bool) -> None:
        """The source is gone. If none is connected again by itself, its model is kept for the next posted run."""
        self._ready, self.waiting = False, []
        if not again:
            self._lost_model = self._newest_posted_model() or self._model or self._lost_model
            self._model = None

    def _newest_posted_model(self) -> protocol.Load | None:
        """Drop what was posted for an engine that is gone; returns the newest `Load` of it."""
        load = None
        while self.sendable:
            asked = self.posted.popleft()
            load = asked if isinstance(asked, protocol.Load) else load
        return load


def name_of(asked: Posted) -> str:
    """The name of the command, as a Refused gives it."""
    return "Start" if isinstance(asked, Suite | WantedSuite) else type(asked).__name__
