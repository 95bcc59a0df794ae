"""Servers that misbehave: each ends the request in one sentence, what came before is kept, nothing hangs or leaks."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import traceback
from collections.abc import Awaitable, Callable

import pytest

from engine.core.settings import RequestSpec
from engine.errors import DecodeScopeError
from engine.serving.probe.probe import Probe, ProbeLimits
from engine.serving.probe.probe_events import Chunk, Ended, ProbeEvent
from engine.serving.server.address import server_address
from engine.serving.server.api_key import ApiKey
from engine.serving.server.connection import Connection
from tests.engine.serving.fake_server import (
    FakeServer,
    Gate,
    Script,
    SeenRequest,
    Wire,
    answering,
    event_bytes,
    replaying,
)
from tests.engine.serving.probe.probing import COMPLETIONS, PLAIN, of, only_end, probed, text
from tests.engine.serving.recorded_exchange import recorded

SECRET = "sk-2f9a0c77d1e84b"
TOKEN = {"id": "c", "choices": [{"index": 0, "text": "a", "token_ids": [7]}]}
LAST = {"id": "c", "choices": [{"index": 0, "text": "b", "token_ids": [8], "finish_reason": "stop"}]}


Rest = Callable[[Wire], Awaitable[None]]
"""What a server does after the first token of a stream."""


def after_a_token(*pieces: bytes, end: bool = True) -> Script:
    """A stream of one token and then these bytes, each an HTTP chunk."""

    async def script(_: SeenRequest, wire: Wire) -> None:
        await wire.stream_head()
        await wire.event(TOKEN)
        for piece in pieces:
            await wire.chunk(piece)
        if end:
            await wire.end()

    return script


def chunks(*pieces: bytes) -> Rest:
    async def rest(wire: Wire) -> None:
        for piece in pieces:
            await wire.chunk(piece)
        await wire.end()

    return rest


def event(value: object) -> Rest:
    return chunks(event_bytes(value))


async def endless_line(wire: Wire) -> None:
    while True:
        await wire.chunk(b"data: " + b"x" * 100_000)


async def endless_tokens(wire: Wire) -> None:
    while True:
        await wire.chunk(event_bytes(TOKEN) * 100)


async def reset_in_a_chunk(wire: Wire) -> None:
    await wire.send(b"1000\r\ndata: {")
    wire.reset()


async def closes_in_a_chunk(wire: Wire) -> None:
    await wire.send(b"1000\r\ndata: {")


async def half_closes(wire: Wire) -> None:
    wire.half_close()
    await wire.gone()


async def no_chunk_size(wire: Wire) -> None:
    await wire.send(b"zz\r\nnothing\r\n")


STREAM_FAULTS: dict[str, tuple[Rest, str]] = {
    "an endless line": (endless_line, "an event of more than 4096 KiB"),
    "a huge event": (chunks(b"data: {" + b"x" * 5_000_000), "an event of more than 4096 KiB"),
    "endless tokens": (endless_tokens, "many more events than"),
    "wrong JSON": (chunks(b"data: {7}\n\n"), "cannot be read as tokens"),
    "JSON of another form": (event({"choices": "no"}), "cannot be read as tokens"),
    "deep JSON": (chunks(b'data: {"x":' + b"[" * 100_000 + b"\n\n"), "brackets are too deep"),
    "a negative token id": (event({"choices": [{"token_ids": [-1]}]}), "token id"),
    "a huge token id": (event({"choices": [{"token_ids": [10**30]}]}), "token id"),
    "an error in the stream": (event({"error": {"message": "out of memory"}}), "'out of memory'"),
    "an older error": (event({"object": "error", "message": "no\nroom"}), r"'no\nroom'"),
    "an end without a last event": (chunks(), "before its last event"),
    "an end within an event": (chunks(b"data: {"), "before its last event"),
    "a reset within a chunk": (reset_in_a_chunk, "broke off"),
    "a close within a chunk": (closes_in_a_chunk, "broke off"),
    "a half close": (half_closes, "broke off"),
    "a wrong chunk size": (no_chunk_size, "broke off"),
}


@pytest.mark.parametrize("name", STREAM_FAULTS)
def test_a_fault_in_a_stream_is_one_sentence_and_the_tokens_before_it_are_kept(name: str) -> None:
    rest, words = STREAM_FAULTS[name]
    gate = Gate()

    async def script(_: SeenRequest, wire: Wire) -> None:
        await wire.stream_head()
        await wire.event(TOKEN)
        await gate.passed()
        await rest(wire)

    with FakeServer({COMPLETIONS: script}) as server:
        events = probed(
            server,
            limits=ProbeLimits(check_s=0.05),
            on_event=lambda one: gate.open() if isinstance(one, Chunk) else None,
        )
    end = only_end(events)
    assert words in end.error
    assert end.finish_reason == "error"
    assert_one_sentence(end.error)
    assert [one.token_ids for one in of(Chunk, events)][:1] == [(7,)]


def assert_one_sentence(error: str) -> None:
    assert error.endswith(".")
    assert error.isprintable()
    assert len(error) < 500


async def slow_headers(_: SeenRequest, wire: Wire) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nx-slow: ")
    await wire.gone()


async def silent(_: SeenRequest, wire: Wire) -> None:
    await wire.gone()


async def silent_after_a_token(_: SeenRequest, wire: Wire) -> None:
    await after_a_token(b": ping\n\n" * 3, end=False)(_, wire)
    await wire.gone()


@pytest.mark.parametrize("script", [slow_headers, silent, silent_after_a_token])
def test_a_silent_server_is_given_up_after_the_limit(script: Script) -> None:
    with FakeServer({COMPLETIONS: script}) as server:
        events = probed(server, limits=ProbeLimits(idle_s=0.2))
    assert only_end(events).error.endswith("was silent for 0.2 s.")


HTML = b"<html><body>Bad \x1b[31mgateway</body></html>"
ANSWERS: dict[str, tuple[Script, str]] = {
    "404 as recorded": (replaying(recorded("vllm-0.32-no-model")), "The model `nothing` does not exist"),
    "400 of llama.cpp as recorded": (
        replaying(recorded("llama.cpp-0c1e570-too-long")),
        "exceeds the available context",
    ),
    "401 as recorded": (replaying(recorded("vllm-0.32-no-key-completion")), "wants a key, or another one"),
    "401": (answering(401, b'{"error":"Unauthorized"}'), "wants a key, or another one): 'Unauthorized'"),
    "403": (answering(403, b""), "answered 403"),
    "404 in HTML": (answering(404, HTML, "text/html"), "'<html>"),
    "429": (answering(429, b'{"message":"slow down"}'), "too many requests): 'slow down'"),
    "500": (answering(500, b'{"detail":"it broke"}'), "answered 500: 'it broke'"),
    "503 in HTML": (answering(503, HTML * 1000, "text/html"), "answered 503"),
    "a redirect": (answering(307, b"", location="http://evil.example/v1"), "follows no redirects"),
    "HTML": (answering(200, HTML, "text/html"), "'text/html' instead of text/event-stream"),
    "JSON": (answering(200, b'{"choices":[]}'), "does not stream"),
    "no content type": (answering(200, b"data: [DONE]\n\n", ""), "does not stream"),
    "a gzip bomb": (
        answering(200, gzip.compress(bytes(50_000_000)), "text/event-stream", content_encoding="gzip"),
        "compressed data that was not asked for",
    ),
    "a refusal that is compressed": (answering(400, gzip.compress(b"x"), content_encoding="gzip"), "answered 400."),
    "201": (answering(201, b"data: [DONE]\n\n", "text/event-stream"), "answered 201"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_no_stream_is_one_sentence(name: str) -> None:
    script, words = ANSWERS[name]
    with FakeServer({COMPLETIONS: script}) as server:
        events = probed(server)
    assert words in only_end(events).error
    assert_one_sentence(only_end(events).error)
    assert of(Chunk, events) == []


def test_a_redirect_takes_neither_the_request_nor_the_key_along() -> None:
    with FakeServer() as other:
        with FakeServer({COMPLETIONS: answering(307, b"", location=other.url + COMPLETIONS)}) as server:
            events = probed(server, secret=SECRET)
        assert other.seen == []
    assert "follows no redirects" in only_end(events).error


def test_nothing_that_listens_ends_each_request() -> None:
    with FakeServer() as server:
        pass
    events = probed(server, [PLAIN, PLAIN])
    assert [one.error for one in of(Ended, events)] == [f"Nothing answers at {server.url}: Connection refused."] * 2
    assert len(events) == 2


def test_a_plain_server_at_an_https_address_is_one_sentence() -> None:
    events: list[ProbeEvent] = []

    async def run(url: str) -> None:
        async with Connection(server_address(url)) as connection:
            await Probe(connection, "vllm", "demo", events.append).run([PLAIN])

    with FakeServer() as server:
        asyncio.run(run(server.url.replace("http:", "https:")))
    assert_one_sentence(only_end(events).error)
    assert "encryption" in only_end(events).error


def test_one_broken_stream_leaves_the_others_alone() -> None:
    async def script(request: SeenRequest, wire: Wire) -> None:
        if request.json["prompt"] == "bad":
            wire.reset()
        else:
            await after_a_token(event_bytes(LAST), event_bytes("[DONE]"))(request, wire)

    with FakeServer({COMPLETIONS: script}) as server:
        events = probed(server, [RequestSpec("bad" if index % 2 else "good", 12) for index in range(20)])
    errors = {one.request: one.error for one in of(Ended, events)}
    assert all(bool(error) == bool(index % 2) for index, error in errors.items())
    assert text(events, 0) == "ab"


@pytest.mark.parametrize("end", [b"data: [DONE]\n\n", b"data: [DONE]", b""])
def test_a_stream_without_the_last_mark_is_whole_where_a_reason_was_told(end: bytes) -> None:
    with FakeServer({COMPLETIONS: after_a_token(event_bytes(LAST), end)}) as server:
        events = probed(server)
    assert (text(events), only_end(events).finish_reason, only_end(events).error) == ("ab", "stop", "")


def test_a_server_that_keeps_the_connection_after_the_last_mark_is_not_waited_for() -> None:
    async def script(_: SeenRequest, wire: Wire) -> None:
        await after_a_token(event_bytes(LAST), event_bytes("[DONE]"), end=False)(_, wire)
        await wire.gone()

    with FakeServer({COMPLETIONS: script}) as server:
        assert only_end(probed(server)).error == ""


def test_a_usage_that_contradicts_the_stream_is_doubted_and_the_stream_is_kept() -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": -3, "completion_tokens": 9}}
    script = after_a_token(event_bytes(LAST), event_bytes(usage), event_bytes("[DONE]"))
    with FakeServer({COMPLETIONS: script}) as server:
        events = probed(server)
    assert only_end(events).doubt == "The server's usage says 9 tokens, but its stream had 2."
    assert only_end(events).error == ""


def test_a_running_usage_that_goes_back_tells_no_number() -> None:
    def counted(count: int) -> bytes:
        return event_bytes({"choices": [{"index": 0, "text": "x"}], "usage": {"completion_tokens": count}})

    with FakeServer({COMPLETIONS: after_a_token(counted(3), counted(2), counted(5), event_bytes(LAST))}) as server:
        events = probed(server)
    assert [one.token_count for one in of(Chunk, events)] == [1, 2, None, 3, 1]


def test_broken_utf_8_is_shown_as_such_and_doubted() -> None:
    broken = b'data: {"choices": [{"index": 0, "text": "\xf0\x9f"}]}\n\n'
    with FakeServer({COMPLETIONS: after_a_token(broken, event_bytes(LAST))}) as server:
        events = probed(server)
    assert text(events) == "a\ufffdb"
    assert "not UTF-8" in only_end(events).doubt


def test_logprobs_that_do_not_fit_their_tokens_are_left_out() -> None:
    wrong = {"choices": [{"index": 0, "text": "x", "token_ids": [1], "logprobs": {"tokens": ["a", "b"]}}]}
    with FakeServer({COMPLETIONS: after_a_token(event_bytes(wrong), event_bytes(LAST))}) as server:
        events = probed(server)
    assert [(one.token_count, one.chances) for one in of(Chunk, events)] == [(1, None)] * 3


def test_names_of_a_hostile_server_are_cut_and_made_plain() -> None:
    evil = {"id": "i\n" * 9999, "choices": [{"index": 0, "text": "x", "finish_reason": "r\u202e" * 9999}]}
    with FakeServer({COMPLETIONS: after_a_token(event_bytes(evil))}) as server:
        events = probed(server)
    assert only_end(events).finish_reason.isprintable()
    assert len(only_end(events).finish_reason) <= 100


def test_the_key_is_in_nothing_that_is_reported_logged_or_raised(caplog: pytest.LogCaptureFixture) -> None:
    """Also where the server repeats it in an error, an id, a text, a header or a redirect."""
    repeat = f"no, not {SECRET}!"
    scripts = {
        COMPLETIONS: after_a_token(
            event_bytes({"id": repeat, "choices": [{"index": 0, "text": repeat, "finish_reason": repeat}]})
        ),
        "/v1/chat/completions": answering(401, json.dumps({"error": {"message": repeat}}).encode(), x_repeat=repeat),
        "/v1/models": answering(307, b"", location=f"http://evil.example/?{SECRET}"),
    }
    told: list[str] = []
    caplog.set_level(logging.DEBUG)
    with FakeServer(scripts) as server:
        told += map(repr, probed(server, [PLAIN, RequestSpec("x", 3, chat=True)], secret=SECRET))
        assert [one.headers["authorization"] for one in server.seen] == [f"Bearer {SECRET}"] * 2
        told += [one.path for one in server.seen]
        address = server_address(server.url)

        async def ask() -> None:
            async with Connection(address, ApiKey(SECRET, address)) as connection:
                told.append(repr(connection))
                server.scripts["/v1/models"] = broken_http
                with pytest.raises(DecodeScopeError) as caught:
                    await connection.get("/v1/models")
                fault: BaseException | None = caught.value
                while fault is not None:
                    told.extend([*traceback.format_exception(fault), repr(fault), repr(vars(fault))])
                    fault = fault.__cause__ or fault.__context__

        asyncio.run(ask())
    told += [record.getMessage() for record in caplog.records]
    assert len(told) > 8
    assert not [one for one in told if SECRET in one]


async def broken_http(_: SeenRequest, wire: Wire) -> None:
    await wire.send(b"HTTP/9 what\r\n\r\n")
