"""Handles the events of the engine: most are kept in the session, some change the client's state."""

from __future__ import annotations

import json
from typing import Final

from engine.client.changes import SessionBegun
from engine.client.commands import RUN_COMMANDS, Commands
from engine.client.live_session import LiveSession
from engine.client.run_state import RunState
from engine.client.source import Source
from engine.client.suite import Suite
from engine.errors import InputError
from engine.session import schema

_RUN_COMMAND_NAMES: Final = frozenset(one.__name__ for one in RUN_COMMANDS)
_STARTS: Final = ("Start", "CompareModels")
"""Commands that begin a session."""
_OF_STATE: Final = (
    schema.SessionStarted, schema.Loading, schema.ModelReady, schema.StateChanged, schema.Refused, schema.RunEnded,
    schema.CeilingsMeasured, schema.Overhead, schema.StepProgress, schema.PromptsCounted,
)  # fmt: skip
"""Events that are not only kept in the session."""


class Events:
    """Takes the events of a source: keeps them in the session, and tells what has changed.

    A run of a suite that is refused, or fails, is left out with its whole improvement; the reason is noted in the
    session and the suite goes on. A run that is stopped ends the suite.
    """

    def __init__(self, now: RunState, live: LiveSession, commands: Commands) -> None:
        self._now = now
        self._live = live
        self._commands = commands
        self._fault = ""
        """Why the step of a suite's run failed."""

    def take(self, source: Source, events: list[schema.AnyEvent]) -> None:
        """Take a batch of events; an empty one lets the file commit what is due."""
        stored: list[schema.AnyEvent] = []
        for event in events:
            if isinstance(event, _OF_STATE):
                self._keep(stored)
                stored = []
                self._on_state_event(source, event)
            else:
                stored.append(event)
        self._keep(stored)

    def _keep(self, events: list[schema.AnyEvent]) -> None:
        suite = self._now.suite
        if suite is not None and events:
            events = [*suite.joiner.rewrite(events), *suite.notes()]
        self._live.keep(events)

    def _on_state_event(self, source: Source, event: schema.AnyEvent) -> None:
        match event:
            case schema.SessionStarted():
                self._on_session_started(event)
            case schema.StateChanged():
                if not (event.state == "idle" and (self._commands.waiting or self._now.suite is not None)):
                    self._now.change(event.state)
            case schema.Refused():
                self.refused(source, event)
            case schema.RunEnded():
                self._on_run_ended(source, event)
            case schema.ModelReady():
                self._now.unavailable = event.unavailable
                self._now.model_config = json.loads(event.meta.get("model_config") or "{}")
                self._now.tell(event)
                self._commands.model_ready()
            case schema.CeilingsMeasured():
                if not self._now.active:
                    self._live.take_ceilings(event)
                self._now.tell(event)
            case schema.Loading() | schema.Overhead() | schema.StepProgress() | schema.PromptsCounted():
                self._now.tell(event)

    def _on_session_started(self, event: schema.SessionStarted) -> None:
        """A run begins: a session of its own, or the next part of a suite's."""
        suite = self._now.suite
        self._now.active = True
        if suite is not None and suite.begun:
            self._keep([event])
            return
        session = self._live.begin("demo" if self._now.model == "demo" else event.meta.get("model", ""))
        self._keep([event])
        if suite is not None:
            suite.begun = True
        self._now.tell(SessionBegun(session, self._live.path))

    def _on_run_ended(self, source: Source, event: schema.RunEnded) -> None:
        suite = self._now.suite
        if suite is None:
            self._end(event)
        elif event.reason == "stopped":
            self._end_suite(suite, event)
        elif not self._next_run(source, suite, self._fault if event.reason == "failed" else None):
            self._end_suite(suite, schema.RunEnded("finished"))

    def _next_run(self, source: Source, suite: Suite, why_not: str | None) -> bool:
        """Start the suite's next run; returns whether there is one. `why_not`: why the run before it is left out."""
        self._fault = ""
        left = suite.advance() if why_not is None else suite.skip(why_not)
        while left:
            try:
                source.send(suite.command())
            except InputError as error:
                left = suite.skip(str(error))
            else:
                self._now.tell_of_run(suite)
                return True
        return False

    def _end_suite(self, suite: Suite, event: schema.RunEnded) -> None:
        self._now.suite = None  # before the mark: a view that draws it sees that the suite is over
        if suite.begun:
            self._live.keep([*suite.notes(), suite.end_mark(event.reason)])
        self._end(event)

    def _end(self, event: schema.RunEnded) -> None:
        self.end_session()
        self._now.tell(event)
        self._commands.send_waiting()

    def end_session(self) -> None:
        """No run goes on any more: close the file of the recording."""
        self._now.active = False
        self._live.end()

    def refused(self, source: Source, event: schema.Refused) -> None:
        """A command was not carried out."""
        suite = self._now.suite
        if suite is not None and event.command == "Step":
            self._fault = event.message
        elif suite is not None and event.command == "Start":
            if self._next_run(source, suite, event.message):
                return
            if suite.begun:
                self._end_suite(suite, schema.RunEnded("finished"))
                self._now.change("idle")
            else:
                self._now.suite = None
                self._on_start_refused(event)
        elif event.command in _STARTS:
            self._on_start_refused(event)
        elif event.command == "Load":
            self._commands.model_refused()
            self._now.change("idle")
            self._now.tell(event)
        elif self._now.active or event.command not in _RUN_COMMAND_NAMES:  # else the run ended first
            self._now.tell(event)

    def _on_start_refused(self, event: schema.Refused) -> None:
        self._now.active = False
        self._now.change("idle")
        self._now.tell(event)
        self._commands.send_waiting()

    def cut_off(self) -> None:
        """The source is replaced: a run that did not end by itself has ended now, as if it had been stopped."""
        self._now.suite = None
        if self._now.active:
            self._end(schema.RunEnded("stopped"))

    def lost(self, sentence: str) -> None:
        """The source is gone: end the run, with a mark `fault` that says why (`sentence`)."""
        self._live.mark_fault(sentence)
        self._now.suite = None
        self.end_session()
