"""A service that is attached to a server, without a process of its own, and the events that it sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from engine.core.settings import AttachSpec, RequestSpec, RunSpec
from engine.host import protocol
from engine.serving.service import ServingService
from engine.session import schema
from engine.session.store import Session
from tests.engine.serving.fake_server import WITHIN_S, FakeServer
from tests.engine.serving.recorded_exchange import recorded

Event = TypeVar("Event")
MODELS = ("vllm-0.32-models", "vllm-0.32-version", "vllm-0.32-health")


def vllm(*names: str) -> FakeServer:
    """A server that answers as vLLM did when these exchanges were recorded."""
    return FakeServer().replay(*(recorded(name) for name in (*MODELS, *names)))


class Attached:
    """The service and what it sent; `saw` waits for an event."""

    def __init__(self) -> None:
        self.events: list[schema.AnyEvent] = []
        self._came = asyncio.Event()
        self.service = ServingService(self._take, lambda: None)

    def _take(self, events: list[schema.AnyEvent]) -> None:
        self.events += events
        self._came.set()

    def of(self, kind: type[Event]) -> list[Event]:
        """The events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    async def saw(self, kind: type[Event]) -> Event:
        """The first event of a kind, once it has come."""
        async with asyncio.timeout(WITHIN_S):
            while not self.of(kind):
                await self.came()
        return self.of(kind)[0]

    async def came(self) -> None:
        """Return when more events have come."""
        self._came.clear()
        await self._came.wait()

    async def send(self, command: protocol.AnyCommand) -> None:
        """Have a command carried out."""
        await self.service.receive(protocol.encode(command))

    async def start(self, *requests: RequestSpec) -> None:
        """Begin a run."""
        await self.send(protocol.Start(RunSpec(requests), "decodescope attach"))

    def session(self) -> Session:
        """The session of all events so far."""
        session = Session()
        session.apply(self.events)
        return session


@asynccontextmanager
async def attached(spec: AttachSpec, key: str = "") -> AsyncIterator[Attached]:
    """A service that has carried out `Attach`."""
    found = Attached()
    async with found.service:
        await found.send(protocol.Attach(spec, key))
        yield found
