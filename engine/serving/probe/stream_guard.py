"""Ends a wait for a server that would last for ever: the server is silent, or the connection is gone without a word."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import aiohttp


class StreamGuard:
    """An asynchronous context manager around one request; raises TimeoutError out of it when it gives up.

    aiohttp closes a connection whose chunked encoding is wrong without waking who reads from it, so this looks every
    `check_s` whether the connection is gone, and gives up if nothing came between two looks.
    """

    def __init__(self, idle_s: float, check_s: float) -> None:
        self.broke_off = False
        """Whether the connection was gone, where TimeoutError was raised."""
        self._idle_s = idle_s
        self._check_s = check_s
        self._timeout = asyncio.timeout(idle_s)
        self._loop = asyncio.get_running_loop()
        self._tick: asyncio.TimerHandle | None = None
        self._pieces = 0
        self._seen_gone_at = -1

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tick is not None:
            self._tick.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    def watch(self, response: aiohttp.ClientResponse) -> None:
        """Look after this response's connection from now on."""
        self._tick = self._loop.call_later(self._check_s, self._check, response)

    def piece_came(self) -> None:
        self._pieces += 1

    def event_came(self) -> None:
        """The server said something; comments and parts of an event are not enough."""
        self._timeout.reschedule(self._loop.time() + self._idle_s)

    def _check(self, response: aiohttp.ClientResponse) -> None:
        gone = response.connection is None or response.connection.closed
        if gone and self._seen_gone_at == self._pieces:
            self.broke_off = True
            self._timeout.reschedule(self._loop.time())
            return
        self._seen_gone_at = self._pieces if gone else -1
        self.watch(response)
