"""The recorder that belongs to a server: found, connected, and connected again where a run follows another."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from engine.serving.recorder.recorder_client import RecorderConnection, connect, own_boot
from engine.serving.recorder.recorder_search import Place, place_of, recorders_of
from engine.serving.recorder.recorder_wire import AnyMessage, Facts, RecorderError, RecorderRefusedError

NONE: Final = "none"
"""What the user gives in place of an address where no recorder is to be looked for."""
TOKEN_VARIABLE: Final = "DECODESCOPE_RECORDER_TOKEN"
LEFT_WITHIN_S: Final = 1.0
"""How long a recorder may take to see that we have left it."""
AGAIN_S: Final = 0.05


class RecorderLink:
    """A recorder that has said hello. `messages` are read by one task at a time."""

    def __init__(self, place: Place, connection: RecorderConnection) -> None:
        self._place = place
        self._connection: RecorderConnection | None = connection
        self.facts: Facts = connection.hello.facts
        self.same_clock = connection.hello.boot == own_boot()

    async def messages(self, connected: Callable[[], None]) -> AsyncIterator[tuple[AnyMessage, int]]:
        """The messages, each with what is to be added to its times; ends when the recorder ends.

        Calls `connected` once the recorder tells everything that happens from then on.

        A second call connects again, so that the first message is a snapshot. Raises RecorderError.
        """
        connection = self._connection or await _connect_again(self._place)
        self._connection = None
        connected()
        try:
            async for message in connection.messages():
                yield message, connection.offset_ns
        finally:
            await asyncio.shield(connection.close())

    async def close(self) -> None:
        """End the connection, if no task reads it."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


async def find_recorder(address: str, url: str) -> RecorderLink | None:
    """The recorder at `address`, or the one of the server at `url`; None where there is none to be found.

    Raises RecorderError where one that was named, or found, cannot be used.
    """
    if address == NONE:
        return None
    if address:
        place = place_of(address)
    else:
        found = [one for one in await asyncio.to_thread(recorders_of, url) if one.role == "scheduler"]
        if not found:
            return None
        place = found[0].place
    return RecorderLink(place, await _connect(place))


async def _connect_again(place: Place) -> RecorderConnection:
    """Connect to a recorder that we have just left: it may refuse us for a moment, until it has seen that."""
    deadline = time.monotonic() + LEFT_WITHIN_S
    while True:
        try:
            return await _connect(place)
        except RecorderRefusedError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(AGAIN_S)


async def _connect(place: Place) -> RecorderConnection:
    token = os.environ.get(TOKEN_VARIABLE, "")
    if place.path is None and not token:
        raise RecorderError(f"The recorder at {place} needs its token; give it in {TOKEN_VARIABLE}.")
    return await connect(place, token)
