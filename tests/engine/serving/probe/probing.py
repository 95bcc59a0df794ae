"""Runs the probe against a server for a test, to its end, and hands back what it reported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from engine.core.settings import RequestSpec
from engine.serving.probe.probe import Probe, ProbeLimits
from engine.serving.probe.probe_events import Chunk, Ended, ProbeEvent
from engine.serving.server.address import server_address
from engine.serving.server.api_key import ApiKey
from engine.serving.server.connection import Connection
from engine.serving.server.dialect import Kind
from tests.engine.serving.fake_server import WITHIN_S, FakeServer

COMPLETIONS = "/v1/completions"
CHAT = "/v1/chat/completions"
PLAIN = RequestSpec("The cat sits on", 12)

Of = TypeVar("Of")


def probed(
    server: FakeServer,
    requests: Sequence[RequestSpec] = (PLAIN,),
    kind: Kind = "vllm",
    limits: ProbeLimits | None = None,
    secret: str = "",
    in_turn: bool = False,
    on_event: Callable[[ProbeEvent], None] = lambda event: None,
) -> list[ProbeEvent]:
    """Everything that the probe reports of these requests; fails where it leaves a task behind or does not end.

    With `in_turn`, a request is started when the one before has ended.
    """
    events: list[ProbeEvent] = []

    def keep(event: ProbeEvent) -> None:
        events.append(event)
        on_event(event)

    async def run() -> None:
        address = server_address(server.url)
        async with Connection(address, ApiKey(secret, address) if secret else None) as connection:
            probe = Probe(connection, kind, "demo", keep, limits)
            async with asyncio.timeout(WITHIN_S):
                for index, one in enumerate(requests if in_turn else ()):
                    probe.start([one], index)
                    await probe.wait()
                await probe.run(() if in_turn else requests)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left behind: {left}"

    asyncio.run(run())
    assert sorted(one.request for one in of(Ended, events)) == list(range(len(requests)))
    return events


def of(kind: type[Of], events: Sequence[ProbeEvent], request: int = -1) -> list[Of]:
    """The events of one class, in their order; of one request where it is given."""
    return [
        one for one in events if isinstance(one, kind) and (request == -1 or getattr(one, "request", None) == request)
    ]


def text(events: Sequence[ProbeEvent], request: int = -1) -> str:
    """The text of all chunks."""
    return "".join(one.text for one in of(Chunk, events, request))


def only_end(events: Sequence[ProbeEvent]) -> Ended:
    (end,) = of(Ended, events)
    return end
