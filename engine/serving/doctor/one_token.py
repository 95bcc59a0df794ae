"""One streamed request for one token, and what its stream told: how the doctor sees what a server offers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import aiohttp
import msgspec

from engine.core.settings import RequestSpec
from engine.errors import DecodeScopeError
from engine.serving.probe.probe import EVENT_STREAM, REFUSED, without_one
from engine.serving.probe.streaming import DONE, EventParser, StreamEvent, decode_event
from engine.serving.server.connection import Connection, is_encoded
from engine.serving.server.dialect import Kind, Option, options_of, request_body

PROMPT: Final = "Hello"
WITHIN_S: Final = 60.0
"""A server that is busy lets a request wait."""
MOST_EVENTS: Final = 100
ABSENT: Final = (404, 405, 501)
"""Answers of a server without this endpoint."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a stream held, of all that was asked for."""

    events: int = 0
    token_ids: bool = False
    prompt_ids: bool = False
    logprobs: bool = False
    usage: bool = False
    usage_each: bool = False
    """A running count in an event that holds tokens."""
    cached_tokens: bool = False
    server_times: bool = False


@dataclass(frozen=True, slots=True)
class OneToken:
    """How the request went. `fault` is a sentence where no token came, else "".

    `asked` names the options that the server took, `refused` those that it answered with an error.
    """

    path: str
    fault: str
    took_ms: float = 0.0
    asked: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    told: Told = field(default_factory=Told)


async def ask_one_token(connection: Connection, kind: Kind, model: str) -> OneToken:
    """Ask for one token by `/v1/completions`, or as a chat where the server has no completions; raises nothing."""
    spec = RequestSpec(PROMPT, 1)
    answer = await _ask(connection, kind, model, spec)
    if answer is None:
        answer = await _ask(connection, kind, model, replace(spec, chat=True))
    path = _path(spec)
    return answer or OneToken(path, f"The server {connection.address} has neither completions nor chats.")


async def _ask(connection: Connection, kind: Kind, model: str, spec: RequestSpec) -> OneToken | None:
    """The request with every option that the server takes; None where it has no such endpoint."""
    every = options_of(kind, 1)
    options = every
    fault = ""
    while True:
        body = msgspec.json.encode(request_body(spec, 0, model, kind, options))
        try:
            answer = await _stream(connection, _path(spec), body)
        except _RefusedError as refusal:
            if refusal.status in ABSENT:
                return None
            fault = fault or refusal.sentence
            if refusal.status not in REFUSED or not options:
                return OneToken(_path(spec), fault)
            options = without_one(options, refusal.sentence)
            continue
        return replace(answer, asked=_names(options), refused=_names(one for one in every if one not in options))


async def _stream(connection: Connection, path: str, body: bytes) -> OneToken:
    """Send it and read the stream; raises _RefusedError where the server answers something else than 200."""
    began_ns = time.monotonic_ns()
    fault, told = "", Told()
    try:
        async with asyncio.timeout(WITHIN_S), connection.post(path, body, {}, lambda _: None) as response:
            if response.status != 200:
                raise _RefusedError(response.status, await connection.refusal(response))
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind != EVENT_STREAM or is_encoded(response):
                fault = f"The server {connection.address} answers with {connection.quote(kind)} instead of a stream."
            else:
                told = await _read(response)
    except TimeoutError:
        fault = f"The server {connection.address} gave no token within {WITHIN_S:g} s."
    except DecodeScopeError as error:
        fault = str(error)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        fault = connection.sentence(error)
    return OneToken(path, fault, (time.monotonic_ns() - began_ns) / 1e6, told=told)


async def _read(response: aiohttp.ClientResponse) -> Told:
    told = Told()
    parser = EventParser()
    async for piece in response.content.iter_any():
        for data in parser.feed(piece):
            if data == DONE or told.events >= MOST_EVENTS:
                return told
            told = _with(told, decode_event(data)[0])
    return told


def _with(told: Told, event: StreamEvent) -> Told:
    """What was told before, and by this event."""
    choice = next(iter(event.choices or ()), None)
    usage, logprobs = event.usage, choice.logprobs if choice is not None else None
    details = usage.prompt_tokens_details if usage is not None else None
    listed = [one.id for one in logprobs.content or ()] if logprobs is not None else []
    timings = event.timings
    ids = (
        (choice is not None and bool(choice.token_ids))
        or (event.verbose is not None and bool(event.verbose.tokens))
        or (bool(listed) and None not in listed)
    )
    prompt_ids = event.prompt_token_ids or (choice.prompt_token_ids if choice is not None else None)
    running = usage is not None or timings is not None
    return Told(
        told.events + 1,
        told.token_ids or ids,
        told.prompt_ids or bool(prompt_ids),
        told.logprobs or (logprobs is not None and bool(logprobs.content or logprobs.token_logprobs)),
        told.usage or usage is not None,
        told.usage_each or (choice is not None and running),
        told.cached_tokens
        or (details is not None and details.cached_tokens is not None)
        or (timings is not None and timings.cache_n is not None),
        told.server_times or event.metrics is not None or timings is not None,
    )


def _path(spec: RequestSpec) -> str:
    return "/v1/chat/completions" if spec.from_template else "/v1/completions"


def _names(options: Iterable[Option]) -> tuple[str, ...]:
    return tuple(one.name for one in options)


class _RefusedError(Exception):
    """The server has answered with an error."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
