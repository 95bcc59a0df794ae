"""Looks at a server before it is attached to; called on a thread, so that the window goes on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from engine.core.settings import AttachSpec
from engine.errors import DecodeScopeError
from engine.serving.observe.kv_endpoint import kv_endpoint
from engine.serving.server.address import ServerAddress, server_address
from engine.serving.server.api_key import ApiKey, find_key
from engine.session.patience import Patience

if TYPE_CHECKING:
    from engine.serving.doctor.doctor import Diagnosis

LOOK_EVERY_S: Final = 0.05
"""How long a look goes on after it was given up."""
T = TypeVar("T")


class GivenUpError(DecodeScopeError):
    """The look was given up."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A server that answered. `model` is the one that is asked for, "" where it does not list any and none is named."""

    title: str
    address: str
    models: tuple[str, ...]
    has_metrics: bool


def look(spec: AttachSpec, key: str, patience: Patience, choose: bool) -> Seen:
    """What answers at the address. `choose`: also whether the named model, recorder and KV events can be used.

    Raises DecodeScopeError, with a sentence, where nothing answers, the key is wrong, or the spec cannot be used.
    """
    return _run(_look(spec, key, choose), patience)


def examine(spec: AttachSpec, key: str, patience: Patience) -> Diagnosis:
    """Everything that the server offers, and which flag would add the rest; raises as `look` does."""
    from engine.serving.doctor.doctor import examined

    return _run(examined(spec, _key(key, server_address(spec.url))), patience)


async def _look(spec: AttachSpec, key: str, choose: bool) -> Seen:
    from engine.serving.recorder.recorder_link import find_recorder
    from engine.serving.server.connection import Connection  # loads aiohttp: on the thread, when it is first needed
    from engine.serving.server.server_kind import find_server

    address = server_address(spec.url)
    async with Connection(address, _key(key, address)) as connection:
        server = await find_server(connection)
    if choose:
        if spec.kv_events:
            kv_endpoint(spec.kv_events, address.host)
        server.model(spec.model)
        recorder = await find_recorder(spec.recorder, str(address))
        if recorder is not None:
            await recorder.close()
    return Seen(server.title, str(address), tuple(one.name for one in server.models), server.has_metrics)


def _key(key: str, address: ServerAddress) -> ApiKey | None:
    return ApiKey(key, address) if key else find_key(address, os.environ)


def _run(work: Coroutine[Any, Any, T], patience: Patience) -> T:
    return asyncio.run(_until_given_up(work, patience))


async def _until_given_up(work: Coroutine[Any, Any, T], patience: Patience) -> T:
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=LOOK_EVERY_S)
        if patience.over:
            task.cancel()
            await asyncio.wait({task})
            raise GivenUpError
    return task.result()
