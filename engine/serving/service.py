"""Carries out commands for a server: attaches to it, and runs one recording after another."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

from engine.core.settings import AttachSpec
from engine.errors import DecodeScopeError, InputError
from engine.host import protocol
from engine.plain_text import one_line
from engine.serving.attached import Attached
from engine.serving.observe.kv_endpoint import kv_endpoint
from engine.serving.recorder.recorder_link import RecorderLink, find_recorder
from engine.serving.served_run import ServedRun
from engine.serving.server.address import server_address
from engine.serving.server.api_key import ApiKey, find_key
from engine.serving.server.connection import Connection
from engine.serving.server.server_kind import find_server
from engine.session.schema import AnyEvent, Loading, ModelReady, Refused, StateChanged

NOT_HERE: Final = "A server cannot be paused, and its switches cannot be flipped from here."


class ServingService:
    """The commands of one app and the runs they start; an asynchronous context manager, for one loop.

    Every failure of a command is answered by Refused. A run ends by itself when its requests have ended, when the
    server is gone, or at `Stop`.
    """

    def __init__(self, emit: Callable[[list[AnyEvent]], None], start_run: Callable[[], None]) -> None:
        """`emit` receives the events; `start_run` is called before each run's first one."""
        self._emit = emit
        self._start_run = start_run
        self._open = AsyncExitStack()
        self._connection: Connection | None = None
        self._attached: Attached | None = None
        self._recorder: RecorderLink | None = None
        self._run: ServedRun | None = None
        self.ended = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._run is not None:
            await self._run.stop()
        await self._open.aclose()

    async def receive(self, message: bytes) -> None:
        """Carry out one encoded command; none of its failures is raised."""
        name = ""
        try:
            command = protocol.decode(message)
            name = type(command).__name__
            await self._carry_out(command)
        except DecodeScopeError as error:
            self._emit([Refused(name, type(error).__name__, str(error))])
        except Exception as error:  # for any fault of a command: the process goes on
            self._emit([Refused(name, "DecodeScopeError", f"{name} failed: {one_line(error)}.")])

    async def _carry_out(self, command: protocol.AnyCommand) -> None:
        match command:
            case protocol.Attach():
                await self._attach(command.spec, command.key)
            case protocol.Start():
                await self._start(command)
            case protocol.Stop():
                if self._run is not None:
                    await self._run.stop()
            case protocol.AddRequests():
                self._running().add(command.run.requests)
            case protocol.Shutdown():
                self.ended = True
            case _:
                raise InputError(NOT_HERE)

    async def _attach(self, spec: AttachSpec, key: str) -> None:
        address = server_address(spec.url)
        if spec.kv_events:
            kv_endpoint(spec.kv_events, address.host)  # refused now, and not when a run starts
        secret = ApiKey(key, address) if key else find_key(address, os.environ)
        self._emit([Loading(f"asking {address}", 0.0)])
        connection = await self._open.enter_async_context(Connection(address, secret))
        server = await find_server(connection)
        model = server.model(spec.model)
        self._recorder = await find_recorder(spec.recorder, str(address))
        if self._recorder is not None:
            self._open.push_async_callback(self._recorder.close)
        self._connection = connection
        facts = self._recorder.facts if self._recorder is not None else None
        same_clock = self._recorder is None or self._recorder.same_clock
        self._attached = Attached(spec, address, server, model, facts, same_clock)
        self._emit([ModelReady(self._attached.meta(), {}), StateChanged("idle")])

    async def _start(self, command: protocol.Start) -> None:
        if self._attached is None or self._connection is None:
            raise InputError("No server is attached to.")
        if self._run is not None and not self._run.over:
            raise InputError("A run is going on; stop it before another one starts.")
        run = ServedRun(self._attached, self._connection, self._recorder, self._emit)
        run.check(command.run.requests)
        self._start_run()
        self._run = run
        await run.start(command.run, command.command_line)

    def _running(self) -> ServedRun:
        if self._run is None or self._run.over:
            raise InputError("No run is going on.")
        return self._run
