"""Joins several runs, one after the other, into one session: ids and times continue where the last run ended.

The events of each run count from 0. Here their ids are moved behind those of the runs before, and their times are moved
to the clock of the first run. A mark of kind `measure` says where each run begins, and the time between two runs is a
pause. Events of single KV blocks are left out: each run has its own pool of blocks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from engine.session import schema
from engine.session.schema import BETWEEN_RUNS, PAUSE, RESUME, AnyEvent

KIND: Final = "measure"
"""The kind of the mark that says which run begins."""


class Joiner:
    """Rewrites the events of run after run; call `begin` before each run's events."""

    def __init__(self) -> None:
        self._label = ""
        self._epoch_ns: int | None = None
        self._ns = 0
        self._steps = self._tokens = self._requests = self._configs = 0
        self._next = [0, 0, 0, 0]
        """One past the highest id of steps, tokens, requests and configs so far."""
        self._named: set[int] = set()
        """The ids of the tokens whose text a run has told; each run tells them anew."""
        self._latest_ns = 0
        self._paused = False
        """Whether the present run is paused, or ended while it was paused."""

    def begin(self, label: str) -> None:
        """Begin another run: the events from now on belong to it. Its mark has this label."""
        self._label = label
        self._steps, self._tokens, self._requests, self._configs = self._next

    @property
    def latest_ns(self) -> int:
        """The latest moment so far."""
        return self._latest_ns

    def note(self, label: str) -> schema.Mark:
        """A mark at the latest moment, for a run of the suite that did not take place."""
        return schema.Mark(self._latest_ns, KIND, label)

    def rewrite(self, events: Iterable[AnyEvent]) -> list[AnyEvent]:
        """The events of the present run, moved behind the runs before it."""
        found: list[AnyEvent] = []
        for event in events:
            found += self._moved(event)
        return found

    def _moved(self, event: AnyEvent) -> list[AnyEvent]:  # noqa: PLR0911, PLR0912 - one event, one line
        match event:
            case schema.SessionStarted():
                return self._started(event)
            case schema.ConfigChanged():
                self._next[3] = max(self._next[3], self._configs + event.id + 1)
                return [replace(event, id=self._configs + event.id, step_id=self._steps + event.step_id)]
            case schema.RequestArrived():
                self._next[2] = max(self._next[2], self._requests + event.id + 1)
                return [replace(event, id=self._requests + event.id, arrived_ns=self._at(event.arrived_ns))]
            case schema.RequestScheduled():
                return [replace(event, id=self._requests + event.id, scheduled_ns=self._at(event.scheduled_ns))]
            case schema.RequestFinished():
                return [replace(event, id=self._requests + event.id, finished_ns=self._at(event.finished_ns))]
            case schema.Work():
                request = event.request_id + (self._requests if event.request_id >= 0 else 0)
                return [replace(event, step_id=self._steps + event.step_id, request_id=request)]
            case schema.Step():
                self._next[0] = max(self._next[0], self._steps + event.id + 1)
                return [
                    replace(
                        event, id=self._steps + event.id, config_id=self._configs + event.config_id,
                        start_ns=self._at(event.start_ns), end_ns=self._at(event.end_ns),
                    )
                ]  # fmt: skip
            case schema.Token():
                self._next[1] = max(self._next[1], self._tokens + event.id + 1)
                return [
                    replace(
                        event, id=self._tokens + event.id, request_id=self._requests + event.request_id,
                        step_id=self._steps + event.step_id, emitted_ns=self._at(event.emitted_ns),
                    )
                ]  # fmt: skip
            case schema.Speculation() | schema.AttentionRow():
                return [
                    replace(event, step_id=self._steps + event.step_id, request_id=self._requests + event.request_id)
                ]
            case schema.Mark() | schema.DeviceSample() | schema.MetricSample():
                self._hold(event)
                return [replace(event, t_ns=self._at(event.t_ns))]
            case schema.TokenText():
                known = event.token_id in self._named
                self._named.add(event.token_id)
                return [] if known else [event]
            case schema.KvBlock():
                return []
            case _:
                return [event]

    def _started(self, event: schema.SessionStarted) -> list[AnyEvent]:
        epoch_ns = int(event.meta.get("epoch_ns", "0"))
        first = self._epoch_ns is None
        if self._epoch_ns is None:
            self._epoch_ns = epoch_ns
        ended_ns = self._latest_ns
        self._ns = max(epoch_ns - self._epoch_ns, ended_ns)  # a clock that was set back does not mix two runs
        mark = schema.Mark(self._at(0), KIND, self._label)
        if first:
            return [event, mark]
        held = [] if self._paused else [schema.Mark(ended_ns, PAUSE, BETWEEN_RUNS)]
        self._paused = False
        return [*held, schema.Mark(self._ns, RESUME, BETWEEN_RUNS), mark]

    def _hold(self, event: schema.Mark | schema.DeviceSample | schema.MetricSample) -> None:
        """Note whether the run is paused."""
        if isinstance(event, schema.Mark) and event.kind in (PAUSE, RESUME):
            self._paused = event.kind == PAUSE

    def _at(self, ns: int) -> int:
        """A moment of the present run, moved to the clock of the first run."""
        moved = self._ns + ns
        self._latest_ns = max(self._latest_ns, moved)
        return moved
