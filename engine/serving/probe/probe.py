"""The probe: our own streamed requests to a server, sent at their arrival times, and when what came back.

A moment is taken once for each piece that is read from a connection, before the piece is looked at. Several events in
one piece have the same moment.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import aiohttp
import msgspec

from engine.core.settings import RequestSpec
from engine.errors import DecodeScopeError, ServerError
from engine.plain_text import one_line
from engine.serving.probe.probe_events import Ended, ProbeEvent, Sent, Stalled
from engine.serving.probe.stall_watch import StallWatch
from engine.serving.probe.stream_account import StreamAccount
from engine.serving.probe.stream_guard import StreamGuard
from engine.serving.probe.streaming import EventParser
from engine.serving.server.connection import Connection, is_encoded
from engine.serving.server.dialect import Kind, Option, check_request, options_of, request_body

REFUSED: Final = (400, 422)
"""The statuses by which servers refuse a field that they do not know."""
EVENT_STREAM: Final = "text/event-stream"
CANCELLED: Final = "cancelled"
FAILED: Final = "error"


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """`idle_s`: how long a server may be silent, between two events or before the first (comments do not count).

    `check_s`: how often a waiting stream is looked after (StreamGuard). `alternatives`: how many tokens each logprob is
    asked with; None asks for no logprobs, which cost the server time.
    """

    idle_s: float = 600.0
    check_s: float = 1.0
    alternatives: int | None = 5


class Probe:
    """Sends requests to one server and reports them to `on_event`, all in one event loop.

    The connection must be open. `on_event` must not raise and should return soon.
    """

    def __init__(
        self,
        connection: Connection,
        kind: Kind,
        model: str,
        on_event: Callable[[ProbeEvent], None],
        limits: ProbeLimits | None = None,
    ) -> None:
        self._connection = connection
        self._kind: Kind = kind
        self._model = model
        self._on_event = on_event
        self._limits = limits or ProbeLimits()
        self._options = options_of(kind, self._limits.alternatives)
        """What is asked for now: without what the server has refused."""
        self._run_id = secrets.token_hex(4)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stalls = StallWatch(lambda from_ns, to_ns: on_event(Stalled(from_ns, to_ns)))

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of what the server is asked to tell, without what it has refused."""
        return tuple(one.name for one in self._options)

    @property
    def request_name(self) -> str:
        """What the X-Request-Id of each request begins with; its index follows."""
        return f"ds-{self._run_id}-"

    @property
    def busy(self) -> bool:
        """Whether a request has not ended."""
        return bool(self._tasks)

    def check(self, requests: Sequence[RequestSpec]) -> None:
        """Raise InputError, with a sentence, for a setting that this kind of server would ignore."""
        for one in requests:
            check_request(one, self._kind)

    def start(self, requests: Sequence[RequestSpec], first_index: int = 0, zero_ns: int | None = None) -> None:
        """Send these requests, each when its arrival is due: `arrival_s` after `zero_ns` (None: now).

        The first has the index `first_index`. May be called again while others run. Raises InputError before anything
        is sent; each request ends with one `Ended`.
        """
        self.check(requests)
        zero = time.monotonic_ns() if zero_ns is None else zero_ns
        for index, spec in enumerate(requests, first_index):
            task = asyncio.create_task(self._serve(index, spec, zero + round(spec.arrival_s * 1e9)))
            self._tasks.add(task)
            task.add_done_callback(partial(self._over, index))
        if self._tasks:
            self._stalls.start()

    async def wait(self) -> None:
        """Return when every request that was started has ended."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    async def cancel(self) -> None:
        """End every request; the closed connections make the server abort what it still computes for them."""
        for task in tuple(self._tasks):
            task.cancel()
        await self.wait()

    async def run(self, requests: Sequence[RequestSpec]) -> None:
        """Send these requests and wait for their end; a cancelled call cancels them."""
        self.start(requests)
        try:
            await self.wait()
        finally:
            await self.cancel()

    def _over(self, index: int, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not self._tasks:
            self._stalls.stop()
        if task.cancelled():  # before it had begun, so that it could not say so itself
            self._on_event(Ended(index, time.monotonic_ns(), CANCELLED))
        elif fault := task.exception():
            error = f"The request could not be followed: {one_line(repr(fault))}."
            self._on_event(Ended(index, time.monotonic_ns(), FAILED, error))

    async def _serve(self, index: int, spec: RequestSpec, due_ns: int) -> None:
        """One request from its arrival to its end."""
        account = StreamAccount(index, spec.max_new_tokens, self._connection)
        reason, error = FAILED, ""
        try:
            await asyncio.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
            await self._ask(index, spec, due_ns, account)
            reason = account.finish_reason
        except asyncio.CancelledError:
            reason = CANCELLED
        except DecodeScopeError as fault:
            error = str(fault)
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            error = self._connection.sentence(fault)
        self._on_event(Ended(index, time.monotonic_ns(), reason, error, account.doubt))

    async def _ask(self, index: int, spec: RequestSpec, due_ns: int, account: StreamAccount) -> None:
        """Send a request, without one option more each time the server refuses it, and read its stream.

        What was left out is left out of later requests only if that helped: the request itself may be the fault.
        """
        options = self._options
        first_refusal = ""
        while True:
            refusal = await self._attempt(index, spec, due_ns, options, account)
            if not refusal:
                return
            first_refusal = first_refusal or refusal
            if not options:
                raise ServerError(first_refusal)
            options = without_one(options, refusal)

    async def _attempt(
        self, index: int, spec: RequestSpec, due_ns: int, options: tuple[Option, ...], account: StreamAccount
    ) -> str:
        """Send a request once and read its stream; returns the sentence if the server refuses its form."""
        request_id = f"{self.request_name}{index}"
        body = msgspec.json.encode(request_body(spec, index, self._model, self._kind, options))
        path = "/v1/chat/completions" if spec.from_template else "/v1/completions"
        names = tuple(one.name for one in options)

        def on_sent(t_ns: int) -> None:
            self._on_event(Sent(index, t_ns, due_ns, request_id, names))

        guard = StreamGuard(self._limits.idle_s, self._limits.check_s)
        headers = {"X-Request-Id": request_id}
        try:
            async with guard, self._connection.post(path, body, headers, on_sent) as response:
                guard.watch(response)
                if response.status in REFUSED:
                    return await self._connection.refusal(response)
                await self._check_stream(response)
                self._options = tuple(one for one in self._options if one in options)
                await self._read(response, account, guard)
        except aiohttp.ConnectionTimeoutError:
            raise
        except TimeoutError as error:
            if guard.broke_off:
                raise ServerError(self._connection.sentence(error)) from error
            silence = f"was silent for {self._limits.idle_s:g} s"
            raise ServerError(f"The server {self._connection.address} {silence}.") from error
        return ""

    async def _check_stream(self, response: aiohttp.ClientResponse) -> None:
        """Raise ServerError where the answer is no stream of events."""
        if response.status != 200:
            raise ServerError(await self._connection.refusal(response))
        if is_encoded(response):
            raise ServerError(f"The server {self._connection.address} sends compressed data that was not asked for.")
        kind = response.headers.get("Content-Type", "")
        if kind.partition(";")[0].strip().lower() != EVENT_STREAM:
            raise ServerError(
                f"The server {self._connection.address} does not stream: "
                f"it answers with {self._connection.quote(kind)} instead of {EVENT_STREAM}."
            )

    async def _read(self, response: aiohttp.ClientResponse, account: StreamAccount, guard: StreamGuard) -> None:
        """Read a stream to its end; raises ServerError where it breaks off or is not what it should be."""
        parser = EventParser()
        async for piece in response.content.iter_any():
            t_ns = time.monotonic_ns()
            guard.piece_came()
            for data in parser.feed(piece):
                guard.event_came()
                for event in account.read(data, t_ns):
                    self._on_event(event)
                if account.is_done:
                    return
        if not (parser.ends_with_done or (account.finish_reason and not parser.is_within_event)):
            raise ServerError(f"The server {self._connection.address} ended a stream before its last event.")


def without_one(options: tuple[Option, ...], refusal: str) -> tuple[Option, ...]:
    """The options without the one that a refusal names, else without the first."""
    named = next((one for one in options if any(name in refusal for name in (*one.completion, *one.chat))), options[0])
    return tuple(one for one in options if one is not named)
