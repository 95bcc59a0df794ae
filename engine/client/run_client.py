"""The one consumer of an engine's events: loads models, starts runs, keeps events. Imports no Qt and no torch."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from engine.client.changes import Change, EngineDied
from engine.client.commands import CancelStart, Commands, Connect, Posted
from engine.client.events import Events
from engine.client.live_session import BeginFile, LiveSession
from engine.client.run_state import RunState
from engine.client.source import Source, Tells
from engine.core.settings import LoadSpec, RunSpec
from engine.host import protocol
from engine.session import schema
from engine.session.edits import Edit
from engine.session.store import Session

POLL_S: Final = 0.02
"""Short enough that what is written is committed within 100 ms, also while the engine sends nothing."""
STOP_WITHIN_S: Final = 1.0
"""How long a run may take to end when another source is connected; then the old one is ended all the same."""
MOST_DEATHS: Final = 2
"""If sources end this many times before a model is ready, none is connected again by itself."""


class RunClient:
    """Drives one source after another and keeps their events in a Session and its file.

    One thread calls `poll` again and again, and also `close`; `poll` does all the work and raises nothing. `load`,
    `start` and `post` only post, from any thread. A source that ends, or sends an event that cannot be kept, is
    replaced by a new one at the next `poll`; if sources ended twice before a model was ready, or one had nothing to
    attach to, only when the next command is posted.
    """

    def __init__(
        self,
        connect: Callable[[], Source],
        begin_file: BeginFile,
        sentence_of: Callable[[BaseException], str] = str,
    ) -> None:
        """`sentence_of` turns the error that ended a source into the sentence of the session's mark `fault`."""
        self._connect = connect
        self._sentence_of = sentence_of
        self._changes: list[Change] = []
        self._source: Source | None = None
        self._deaths = 0
        self.now = RunState(self._changes.append)
        """What is known of the engine and its run at this moment; callers only read it."""
        self._live = LiveSession(begin_file, self._changes.append)
        self._commands = Commands(self.now)
        self._events = Events(self.now, self._live, self._commands)
        self._edits: deque[tuple[Session, str, Edit]] = deque()
        """Changes of a person that are not carried out yet; any thread may append."""
        self.closing = False
        """Set by any thread. From then on the end of a source is no fault, and no source is connected again."""

    # --- verbs --------------------------------------------------------------------------------------------------------

    def load(self, spec: LoadSpec) -> None:
        """Load this model; a run that goes on is ended first."""
        self.post(protocol.Load(spec))

    def start(self, run: RunSpec, command_line: str = "", paused: bool = False) -> None:
        """Start a run, and with it a new Session and a new file, once the model is ready."""
        self.post(protocol.Start(run, command_line, paused))

    def post(self, command: Posted) -> None:
        """Post any command or suite; a command to a run is ignored while none goes on.

        A suite is started run after run, and kept as one Session and one file.
        """
        self._commands.posted.append(command)

    def cancel_start(self) -> None:
        """Forget a run that waits for its model, or for the end of another run."""
        self._commands.posted.append(CancelStart())

    def edit(self, session: Session, path: str, edit: Edit) -> None:
        """Change the session of a run of this client, and its file at `path` ("": none), at the next `poll`."""
        self._edits.append((session, path, edit))

    def connect_to(self, connect: Callable[[], Source]) -> None:
        """End the source, with its run, and connect this one instead; from any thread.

        What was posted before goes to the old source, what is posted after to the new one.
        """
        self._commands.posted.append(Connect(connect))

    def poll(self, timeout_s: float = POLL_S) -> list[Change]:
        """Carry out what was posted and take arrived events, waiting up to `timeout_s`; the changes, in order."""
        try:
            self._carry_out_edits()
            self._change_source()
            if self._source is None:
                if self.closing or (self.now.state == "stopped" and not self._commands.posted):
                    time.sleep(timeout_s)
                    return []
                self._source = self._connect()
                self._commands.connected(self._source)
            self._poll(self._source, timeout_s)
        except BaseException as error:  # for any error: a caller that waits for the engine must see it
            self._lose(error)
        return self._taken()

    def close(self, stop_within_s: float = 0.0, kill: bool = False) -> list[Change]:
        """End the run, then the source; returns the last changes.

        The run may end by itself within `stop_within_s`; with `kill` the source is ended by force.
        """
        self.closing = True
        source = self._source
        with suppress(Exception):  # the source is gone, or hung and was killed
            if source is not None and stop_within_s:
                self._stop_run(source, stop_within_s)
        self._carry_out_edits()
        self._events.end_session()
        if source is not None:
            if kill:
                source.kill()
            source.close()
            self._source = None
        return self._taken()

    def kill(self) -> None:
        """End the source at once, from any thread and in any state; the thread that polls goes on."""
        source = self._source
        if source is not None:
            source.kill()

    # --- session and source -------------------------------------------------------------------------------------------

    @property
    def session(self) -> Session | None:
        """The Session of the run that goes on, or of the last one."""
        return self._live.session

    @property
    def engine_pid(self) -> int | None:
        """The id of the process that runs the model; None while there is none on this machine."""
        source = self._source
        return None if source is None else source.pid

    @property
    def tells(self) -> Tells | None:
        """What the source takes and can tell; None while no source is connected."""
        source = self._source
        return None if source is None else source.tells

    # --- the thread that polls ----------------------------------------------------------------------------------------

    def _poll(self, source: Source, timeout_s: float) -> None:
        while self._commands.sendable:
            refusal = self._commands.send_next(source)
            if refusal is not None:
                self._events.refused(source, refusal)
        events = source.poll(0.0 if self._changes or self._commands.posted else timeout_s)
        if any(isinstance(event, schema.ModelReady) for event in events):
            self._deaths = 0
        self._events.take(source, events)
        if any(isinstance(event, schema.Refused) and event.command == "Attach" for event in events):
            self._give_up(source)

    def _carry_out_edits(self) -> None:
        while self._edits:
            self._live.edit(*self._edits.popleft())

    def _change_source(self) -> None:
        """Connect another source, if that is what was posted next."""
        while not self.closing and (wanted := self._commands.next_source()) is not None:
            source, self._source = self._source, None
            if source is not None:
                with suppress(Exception):  # the source is gone, or hung: its run is ended below
                    self._stop_run(source, STOP_WITHIN_S)
                self._events.cut_off()
                with suppress(Exception):
                    source.close()
            self._commands.forget()
            self._deaths = 0
            self.now.model = ""
            self.now.change("starting")
            self._connect = wanted.connect

    def _stop_run(self, source: Source, within_s: float) -> None:
        """Let the run that goes on end by itself, if it does within this time."""
        if not self.now.active:
            return
        self._commands.waiting = []
        source.send(protocol.Stop())
        deadline = time.monotonic() + within_s
        while self.now.active and time.monotonic() < deadline:
            self._events.take(source, source.poll(POLL_S))

    def _give_up(self, source: Source) -> None:
        """The source has nothing to attach to: the next command that is posted tries it once more."""
        self._source = None
        with suppress(Exception):
            source.close()
        self._commands.disconnected(again=False)
        self.now.change("stopped")

    def _lose(self, error: BaseException) -> None:
        source, self._source = self._source, None
        if source is not None:
            with suppress(Exception):  # it has ended already
                source.close()
        if self.closing:
            return
        self._events.lost(self._sentence_of(error))
        self._deaths += 1
        again = self._deaths < MOST_DEATHS  # a model that kills the engine on loading is not tried for ever
        self._commands.disconnected(again)
        if not again:
            self.now.change("stopped")
        self._changes.append(EngineDied(error, again))

    def _taken(self) -> list[Change]:
        changes = self._changes.copy()
        self._changes.clear()
        return changes
