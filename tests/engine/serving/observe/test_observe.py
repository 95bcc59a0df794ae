"""The observer against a server in this process: what changed, restarts, and slow, broken and hostile servers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from engine.serving.observe import metrics_observer
from engine.serving.observe.metrics_observer import (
    EVERY_S,
    LONGEST_PAUSE_S,
    CountersReset,
    MetricsMissing,
    MetricsObserver,
    MetricsRead,
    Observation,
    pause_s,
)
from engine.serving.observe.metrics_page import LARGEST_BYTES
from engine.serving.server.address import server_address
from engine.serving.server.api_key import ApiKey
from engine.serving.server.connection import Connection
from tests.engine.serving.recorded_pages import VLLM_PAGE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Turns:
    """Pages in turn; the last one is sent again and again. `pause` ends the observer after `polls` answers."""

    def __init__(self, *pages: str | int, polls: int | None = None) -> None:
        self.pages = list(pages)
        self.polls = polls or len(pages)
        self.asked = 0
        self.pauses: list[float] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        page = self.pages[min(self.asked, len(self.pages) - 1)]
        self.asked += 1
        return web.Response(status=page) if isinstance(page, int) else web.Response(text=page)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) == self.polls:
            raise asyncio.CancelledError


async def _observed(
    handle: Handler, pause: Callable[[float], Awaitable[None]], timeout_s: float, secret: str
) -> list[Observation]:
    app = web.Application()
    app.router.add_get("/metrics", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    seen: list[Observation] = []
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        address = server_address(f"{host}:{port}")
        async with Connection(address, ApiKey(secret, address) if secret else None) as connection:
            observer = MetricsObserver(connection, seen.append, timeout_s=timeout_s, pause=pause)
            task = asyncio.create_task(observer.run())
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()
    finally:
        await runner.cleanup()
    return seen


def observed(
    turns: Turns, handle: Handler | None = None, timeout_s: float = 5.0, secret: str = ""
) -> list[Observation]:
    return asyncio.run(_observed(handle or turns.handle, turns.pause, timeout_s, secret))


def test_the_first_reading_is_everything_and_later_ones_only_what_changed() -> None:
    text = VLLM_PAGE.read_text()
    later = text.replace('vllm:num_requests_running{engine="0",model_name="demo"} 0.0', "vllm:num_requests_running 2")
    first, second, third = observed(Turns(text, text, later))
    assert isinstance(first, MetricsRead)
    assert isinstance(second, MetricsRead)
    assert isinstance(third, MetricsRead)
    assert len(first.changed) == sum(not line.startswith("#") for line in text.splitlines())
    assert second.changed == ()
    assert [(reading.name, reading.value) for reading in third.changed] == [("vllm:num_requests_running", 2.0)]
    assert first.t_ns <= second.t_ns <= third.t_ns
    assert 0 < first.took_ns < 5e9


def test_counters_that_go_back_are_told_as_a_restart_and_gauges_are_not() -> None:
    seen = observed(
        Turns(
            "# TYPE a_total counter\na_total 5\n# TYPE b gauge\nb 5\n",
            "# TYPE a_total counter\na_total 6\n# TYPE b gauge\nb 1\n",
            "# TYPE a_total counter\na_total 1\n# TYPE b gauge\nb 0\n",
        )
    )
    kinds = [type(one).__name__ for one in seen]
    assert kinds == ["MetricsRead", "MetricsRead", "CountersReset", "MetricsRead"]
    reset = seen[2]
    assert isinstance(reset, CountersReset)
    assert (reset.series, reset.example) == (1, "a_total")


def test_the_page_is_asked_for_every_second_and_less_often_after_failures() -> None:
    turns = Turns("a 1\n", 500, 503, "a 1\n")
    seen = observed(turns)
    sentences = [one.sentence for one in seen if isinstance(one, MetricsMissing)]
    assert sentences == [
        "The server answered 500 when asked for its metrics.",
        "The server answered 503 when asked for its metrics.",
    ]
    assert [round(pause) for pause in turns.pauses] == [EVERY_S, 2 * EVERY_S, 4 * EVERY_S, EVERY_S]


def test_a_slow_server_is_asked_less_often() -> None:
    assert pause_s(EVERY_S, 0.01, 0) == pytest.approx(0.99)
    assert pause_s(EVERY_S, 0.5, 0) == pytest.approx(9.5)
    assert pause_s(EVERY_S, 5.0, 3) == LONGEST_PAUSE_S


@pytest.mark.parametrize("status", [404, 501])
def test_a_server_without_the_page_is_asked_once(status: int) -> None:
    turns = Turns(status, polls=9)
    (missing,) = observed(turns)
    assert isinstance(missing, MetricsMissing)
    assert (missing.sentence, missing.final) == ("This server has no page of metrics.", True)
    assert turns.asked == 1


def test_a_refused_key_is_final() -> None:
    (missing,) = observed(Turns(401, polls=9))
    assert isinstance(missing, MetricsMissing)
    assert missing.final
    assert "key" in missing.sentence


def test_a_redirection_is_not_followed() -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/metrics"})

    (missing,) = observed(Turns("", polls=1), elsewhere)
    assert isinstance(missing, MetricsMissing)
    assert missing.sentence == "The server answered 302 when asked for its metrics."


def test_a_server_that_never_answers_is_given_up_after_the_time() -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    turns = Turns("", polls=1)
    (missing,) = observed(turns, silent, timeout_s=0.05)
    assert isinstance(missing, MetricsMissing)
    assert missing.sentence.endswith("did not answer /metrics within 0.05 s.")
    assert not missing.final


def test_an_endless_page_is_cut_off() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        piece = b"a" * 2**16 + b" 1\n"
        while True:
            await response.write(piece)
            sent += len(piece)

    (missing,) = observed(Turns("", polls=1), endless, timeout_s=30.0)
    assert isinstance(missing, MetricsMissing)
    assert "larger than 8 MiB" in missing.sentence
    assert sent < 4 * LARGEST_BYTES


def test_a_connection_that_is_cut_is_one_sentence() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"a 1\n")
        assert request.transport is not None
        request.transport.close()
        return response

    (missing,) = observed(Turns("", polls=1), cut)
    assert isinstance(missing, MetricsMissing)
    assert missing.sentence.endswith("broke off in the middle of an answer.")
    assert not missing.final


def test_a_compressed_page_is_one_sentence() -> None:
    async def compressed(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x", headers={"Content-Encoding": "gzip"})

    (missing,) = observed(Turns("", polls=1), compressed)
    assert isinstance(missing, MetricsMissing)
    assert "compressed" in missing.sentence


def test_a_page_of_something_else_is_one_sentence() -> None:
    (missing,) = observed(Turns("<html>\x1b[31m</html>"))
    assert isinstance(missing, MetricsMissing)
    assert "cannot be read" in missing.sentence
    assert missing.sentence.isprintable()


def test_a_page_that_could_not_be_read_is_read_whole_when_it_can() -> None:
    missing, whole = observed(Turns("a 1\nb{", "a 1\nb 2\n"))
    assert isinstance(missing, MetricsMissing)
    assert isinstance(whole, MetricsRead)
    assert [reading.name for reading in whole.changed] == ["a", "b"]


def test_a_reading_that_was_cancelled_is_told_whole_the_next_time() -> None:
    """What a page changed is not lost where the observer was cancelled between reading and telling it."""
    large = "".join(f"a{index} 1\n" for index in range(20_000))

    async def run() -> list[Observation]:
        seen: list[Observation] = []
        turns = Turns(large, large)
        app = web.Application()
        app.router.add_get("/metrics", turns.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            async with Connection(server_address(f"{host}:{port}")) as connection:
                observer = MetricsObserver(connection, seen.append)
                task = asyncio.create_task(observer.run())
                while not turns.asked:
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                await observer.read_once()
        finally:
            await runner.cleanup()
        return seen

    (read,) = asyncio.run(run())
    assert isinstance(read, MetricsRead)
    assert len(read.changed) == 20_000


def test_a_key_that_a_gateway_writes_into_labels_is_left_out() -> None:
    (read,) = observed(Turns('a{key="sk-secret-of-the-user"} 1\n'), secret="sk-secret-of-the-user")
    assert isinstance(read, MetricsRead)
    assert "secret" not in read.changed[0].labels


def test_a_large_page_is_read_in_a_thread_and_the_same_way() -> None:
    text = "# TYPE a counter\n" + "".join(f'a_total{{le="{index}",model_name="demo"}} 1\n' for index in range(20_000))
    first, second = observed(Turns(text, text.replace('"7",model_name="demo"} 1', '"7",model_name="demo"} 2')))
    assert isinstance(first, MetricsRead)
    assert isinstance(second, MetricsRead)
    assert len(first.changed) == 20_000
    assert [reading.labels for reading in second.changed] == ['{"le":"7","model_name":"demo"}']
    assert threading.active_count() == 1


def test_series_without_end_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_observer, "MOST_SERIES", 100)

    def page(turn: int) -> str:
        return "".join(f'a{{turn="{turn}",b="{index}"}} 1\n' for index in range(60))

    _, second, last = observed(Turns(page(0), page(1), page(2)))
    assert isinstance(second, MetricsRead)
    assert isinstance(last, MetricsRead)
    assert (len(second.changed), second.left_out) == (40, 20)
    assert (last.changed, last.left_out) == ((), 60)
