"""One recording of what a server does: our own requests, its metrics, and what its recorder tells."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from engine.core.settings import RequestSpec, RunSpec
from engine.errors import DecodeScopeError
from engine.plain_text import one_line
from engine.serving.attached import Attached
from engine.serving.observe.kv_endpoint import is_loopback, kv_endpoint
from engine.serving.observe.kv_events import KvEvents, KvReport, events_reachable
from engine.serving.observe.metrics_observer import (
    CountersReset,
    MetricsMissing,
    MetricsObserver,
    MetricsRead,
    Observation,
)
from engine.serving.probe.probe import Probe, ProbeLimits
from engine.serving.probe.probe_events import Ended, ProbeEvent
from engine.serving.recorder.recorder_link import RecorderLink
from engine.serving.served_events import ServedEvents
from engine.serving.server.connection import Connection
from engine.serving.server.server_kind import MODELS
from engine.serving.told_blocks import block_events
from engine.session.schema import (
    AnyEvent,
    ConfigChanged,
    Mark,
    Refused,
    RunEnded,
    SessionStarted,
    StateChanged,
)
from engine.session.serving import Level

FLUSH_S: Final = 0.05
"""How often tokens are let out that waited for their streams."""
TAIL_S: Final = 3.0
"""How long the end of a run waits for what the recorder still has to tell of our own requests."""
ALIVE_WITHIN_S: Final = 5.0
"""How long a server may take to list its models, which computes nothing."""
REACHED_WITHIN_S: Final = 0.5
"""How long a publisher of KV events on this machine may take to answer."""
CONNECTED_WITHIN_S: Final = 2.0
"""How long the start of a run waits for the publisher of KV events."""
LAST_READING_S: Final = 2.0
"""How long the end of a run waits for a last reading of the server's metrics."""
SILENT_S: Final = 5.0
"""After such a silence of everything that is read from a server, it is asked whether it is there."""
ASKED_TIMES: Final = 2
"""How many times in a row a silent server must not answer before it counts as gone."""


class ServedRun:
    """A run, from `start` to its RunEnded; all in one loop."""

    def __init__(
        self, attached: Attached, connection: Connection, recorder: RecorderLink | None,
        emit: Callable[[list[AnyEvent]], None],
    ) -> None:  # fmt: skip
        self._attached = attached
        self._connection = connection
        self._recorder = recorder
        self._emit = emit
        self._zero_ns = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._ending: asyncio.Task[None] | None = None
        self._look: asyncio.Task[None] | None = None
        """Asks whether the server is there, after a stream broke off."""
        self._heard_s = 0.0
        """When the server last sent us anything, `time.monotonic`."""
        self._gone = ""
        """Why the server is gone, as a sentence."""
        self.over = False
        limits = ProbeLimits(alternatives=attached.spec.alternatives)
        self._observer = MetricsObserver(connection, self._on_metrics)
        self._probe = Probe(connection, attached.server.kind, attached.model, self._on_probe, limits)
        facts = recorder.facts if recorder is not None else None
        self._events = ServedEvents(facts, attached.meta()["model_path"], self._probe.request_name)

    def check(self, requests: Sequence[RequestSpec]) -> None:
        """Raise InputError for a request that this server cannot be sent."""
        self._probe.check(requests)

    async def start(self, run: RunSpec, command_line: str) -> None:
        """Begin: SessionStarted, then everything at once."""
        self._zero_ns = time.monotonic_ns()
        meta = self._attached.meta() | {"epoch_ns": str(time.time_ns()), "command": command_line}
        meta["serving"] = self._attached.serving(self._levels(bool(run.requests)))
        self._events.begin(self._zero_ns)
        self._emit([SessionStarted(meta), ConfigChanged(0, 0, json.dumps(self._attached.switches()))])
        self._emit([StateChanged("running")])
        self._begin(self._let_out())
        self._begin(self._watch_server())
        if self._recorder is not None:
            await self._listen(self._recorder)
        if self._attached.server.has_metrics:
            self._begin(self._observer.run())
        if self._reads_blocks:
            await self._watch_blocks()
        if run.requests:
            self.add(run.requests)
            self._ending = asyncio.create_task(self._end_with_requests())

    def add(self, requests: Sequence[RequestSpec]) -> None:
        """Send more requests, their arrivals counted from now."""
        self._probe.check(requests)
        first = self._events.expect(requests)
        self._probe.start(requests, first, None if first else self._zero_ns)

    def mark(self, kind: str, label: str) -> None:
        """Put a mark on the timeline at the current time."""
        self._emit([Mark(self._events.at(time.monotonic_ns()), kind, label)])

    async def stop(self) -> None:
        """End the run now; what was sent is cancelled at the server."""
        if not self.over:
            await self._end("stopped")

    # --- the parts ----------------------------------------------------------------------------------------------------

    def _levels(self, probing: bool) -> tuple[Level, ...]:
        used: list[Level] = []
        if probing:
            used.append("probe")
        if self._attached.server.has_metrics:
            used.append("metrics")
        if self._reads_blocks:
            used.append("kv_events")
        if self._recorder is not None:
            used.append("recorder")
        return tuple(used)

    @property
    def _reads_blocks(self) -> bool:
        """Whether KV events are read: where they are given, and no recorder tells the blocks and their owners."""
        return bool(self._attached.spec.kv_events) and self._recorder is None

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(self._guarded(work)))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Do one part's work. If it fails, that is told and the other parts go on."""
        try:
            await work
        except Exception as error:  # for any fault of a part: a task that dies unseen would look like silence
            self.mark("fault", f"A part of the recording has failed ({type(error).__name__}): {one_line(error)}")

    async def _listen(self, recorder: RecorderLink) -> None:
        """Start reading the recorder, and return once it has said where it is, so that no step of ours is missed."""
        started = asyncio.Event()

        async def read() -> None:
            try:
                async for message, offset_ns in recorder.messages(started.set):
                    self._emit(self._events.recorded(message, offset_ns))
                sentence = "The recorder inside the server has ended; what it told until then is kept."
            except DecodeScopeError as error:
                sentence = str(error)
            started.set()
            self.mark("server", one_line(sentence))
            await self._look_for_server()

        self._begin(read())
        await started.wait()

    async def _watch_blocks(self) -> None:
        """Start reading KV events, and return once they come or seem not to, so that no block of ours is missed."""
        spec, connected = self._attached.spec, asyncio.Event()
        endpoint = kv_endpoint(spec.kv_events, self._attached.address.host)
        # vLLM itself connects to an endpoint that names a host, and waits there for a subscriber that listens.
        listens = is_loopback(endpoint) and not await events_reachable(endpoint, REACHED_WITHIN_S)

        def take(report: KvReport) -> None:
            connected.set()
            self._emit(block_events(report, self._events.at))

        async def read() -> None:
            try:
                await KvEvents(endpoint, take, listens=listens).run()
            except DecodeScopeError as error:
                connected.set()
                self.mark("server", one_line(error))

        self._begin(read())
        try:
            await asyncio.wait_for(connected.wait(), CONNECTED_WITHIN_S)
        except TimeoutError:
            self.mark("server", f"Nothing answers at {endpoint}, where the server's KV events should be.")

    async def _let_out(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self._emit(self._events.let_out(time.monotonic_ns()))

    def _on_probe(self, event: ProbeEvent) -> None:
        self._heard_s = time.monotonic()
        self._emit(self._events.probed(event))
        if isinstance(event, Ended) and event.error and (self._look is None or self._look.done()):
            self._look = asyncio.create_task(self._look_for_server())
            self._tasks.append(self._look)

    def _on_metrics(self, told: Observation) -> None:
        match told:
            case MetricsRead():
                self._heard_s = time.monotonic()
                self._emit(self._events.metrics(told.t_ns, told.changed))
            case CountersReset():
                self.mark("server", f"Counters of the server went back ({told.example}): it has started again.")
            case MetricsMissing(final=True):
                self.mark("server", one_line(told.sentence))

    # --- the end ------------------------------------------------------------------------------------------------------

    async def _end_with_requests(self) -> None:
        """End when every request of ours has ended, and the recorder has told its last step."""
        while True:
            await self._probe.wait()
            deadline = time.monotonic() + TAIL_S
            while self._events.owed and time.monotonic() < deadline:
                await asyncio.sleep(FLUSH_S)
            if self._look is not None:
                await asyncio.wait([self._look])
            if not self._probe.busy:
                break
        if not self._gone:
            await self._end("finished")

    async def _watch_server(self) -> None:
        """Ask a server that has been silent; a connection whose packets are dropped would stay open for ever."""
        self._heard_s = time.monotonic()
        unanswered = 0
        while True:
            await asyncio.sleep(SILENT_S)
            if time.monotonic() - self._heard_s < SILENT_S or await self._answers():
                unanswered = 0
                continue
            unanswered += 1
            if unanswered == ASKED_TIMES:
                self._lose()

    async def _look_for_server(self) -> None:
        """End the run if the server does not answer any more."""
        if not await self._answers():
            self._lose()

    def _lose(self) -> None:
        """End the run, because the server is gone."""
        if self.over or self._gone:
            return
        self._gone = f"The server {self._connection.address} is gone; what was recorded until then is kept."
        self.mark("fault", self._gone)
        self._ending = asyncio.create_task(self._end("failed"))

    async def _answers(self) -> bool:
        with suppress(DecodeScopeError):
            await self._connection.get(MODELS, ALIVE_WITHIN_S)
            return True
        return False

    async def _end(self, reason: Any) -> None:
        if self.over:
            return
        self.over = True
        own = asyncio.current_task()
        await self._probe.cancel()
        for task in self._tasks:
            if task is not own:
                task.cancel()
        await asyncio.gather(*(task for task in self._tasks if task is not own), return_exceptions=True)
        if self._ending is not None and self._ending is not own:
            self._ending.cancel()
        if self._attached.server.has_metrics and reason != "failed":
            with suppress(TimeoutError):
                await asyncio.wait_for(self._observer.read_once(), LAST_READING_S)  # as the run has left the counters
        self._emit(self._events.end(time.monotonic_ns()))
        if reason == "failed":
            self._emit([Refused("Start", "ServerError", self._gone)])
        self._emit([RunEnded(reason), StateChanged("idle")])
