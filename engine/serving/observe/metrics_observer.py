"""Polls a server's page of metrics and reports what changed, as a light guest: a slow server is asked less often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from engine.errors import DecodeScopeError
from engine.serving.observe.metrics_page import (
    LARGEST_BYTES,
    MOST_SERIES,
    TOO_LARGE,
    Page,
    Reading,
    is_openmetrics,
    page_text,
    parsed_page,
)
from engine.serving.observe.page_changes import PageChanges
from engine.serving.server.connection import Answer, Connection

METRICS: Final = "/metrics"
EVERY_S: Final = 1.0
TIMEOUT_S: Final = 5.0
SHARE: Final = 0.05
"""The most of its time that a server may spend on answering: after an answer that took 0.2 s the next is due in 4 s."""
LONGEST_PAUSE_S: Final = 60.0
MOST_DOUBLINGS: Final = 6
"""Of the pause, while one failure follows another."""
SMALL_PAGE_BYTES: Final = 256 * 2**10
"""Up to this size a page is compared with the last one in 3 ms; larger ones are left to a thread."""
SMALL_CHANGE: Final = 24 * 2**10
"""Characters of changed lines that are parsed in 4 ms; more are left to a thread."""
OFF: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE, HTTPStatus.NOT_IMPLEMENTED)
"""Answers of a server without a page of metrics: 404, and 501 of llama.cpp's server without `--metrics`."""
CLOSED: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class MetricsRead:
    """The series whose values differ from the last reading; at the first reading, all."""

    t_ns: int
    """When the whole page had arrived."""
    took_ns: int
    """From the request to that moment: how long the server took."""
    changed: tuple[Reading, ...]
    left_out: int
    """Changed series that are not among them: without a finite value, repeated, or beyond the number that is kept."""


@dataclass(frozen=True, slots=True)
class CountersReset:
    """Counters went back, so the server or its engine has started again; sent before the reading that shows it."""

    t_ns: int
    series: int
    """How many went back."""
    example: str
    """The name of one of them."""


@dataclass(frozen=True, slots=True)
class MetricsMissing:
    """No page was read this time; `final` where asking again makes no sense, and the observer has ended."""

    t_ns: int
    sentence: str
    final: bool


Observation = MetricsRead | CountersReset | MetricsMissing
Report = Callable[[Observation], None]


class MetricsObserver:
    """Asks one server for its metrics until it is cancelled, never twice at a time. `run` belongs to one task.

    The connection must be open. Times are `time.monotonic_ns()`.
    """

    def __init__(
        self,
        connection: Connection,
        report: Report,
        every_s: float = EVERY_S,
        timeout_s: float = TIMEOUT_S,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._connection = connection
        self._report = report
        self._every_s = every_s
        self._timeout_s = timeout_s
        self._pause = pause
        self._changes = PageChanges()
        self._values: dict[tuple[str, str], float] = {}
        """The last value of every series; of a server that makes up new ones without end, of the first MOST_SERIES."""

    async def run(self) -> None:
        """Poll until cancelled; returns by itself only after a final `MetricsMissing`."""
        failed = 0
        while True:
            asked_ns = time.monotonic_ns()
            missing = await self._poll(asked_ns)
            took_s = (time.monotonic_ns() - asked_ns) / 1e9
            if missing is not None:
                self._report(missing)
                if missing.final:
                    return
            failed = 0 if missing is None else failed + 1
            await self._pause(pause_s(self._every_s, took_s, failed))

    async def read_once(self) -> None:
        """Ask and report one time more, such as at the end of a recording; not while `run` is at work."""
        missing = await self._poll(time.monotonic_ns())
        if missing is not None:
            self._report(missing)

    async def _poll(self, asked_ns: int) -> MetricsMissing | None:
        """Ask once and report what changed; the failure where there was one."""
        try:
            answer = await self._connection.get(METRICS, self._timeout_s, LARGEST_BYTES)
            arrived_ns = time.monotonic_ns()
            if answer.status != HTTPStatus.OK:
                return _refusal(answer.status, arrived_ns)
            page = await self._read(_body(answer), is_openmetrics(answer.headers.get("content-type", "")))
        except asyncio.CancelledError:
            self._changes = PageChanges()  # what was not told is told next time
            raise
        except DecodeScopeError as error:
            self._changes = PageChanges()
            return MetricsMissing(time.monotonic_ns(), str(error), final=False)
        self._tell(page, arrived_ns, arrived_ns - asked_ns)
        return None

    async def _read(self, page: bytes, openmetrics: bool) -> Page:
        """The changed part of a page, parsed without keeping the loop for long."""
        if openmetrics or len(page) > SMALL_PAGE_BYTES:
            return await asyncio.to_thread(lambda: parsed_page(self._changed(page, openmetrics), openmetrics))
        text = self._changed(page, openmetrics)
        if len(text) > SMALL_CHANGE:
            return await asyncio.to_thread(parsed_page, text)
        return parsed_page(text)

    def _changed(self, page: bytes, openmetrics: bool) -> str:
        text = page_text(page)
        return text if openmetrics else self._changes.of(text)

    def _tell(self, page: Page, t_ns: int, took_ns: int) -> None:
        changed: list[Reading] = []
        left_out = page.skipped
        back: list[Reading] = []
        for reading in map(self._without_key, page.readings):
            key = (reading.name, reading.labels)
            before = self._values.get(key)
            if before == reading.value:
                continue
            if before is None and len(self._values) >= MOST_SERIES:
                left_out += 1
                continue
            self._values[key] = reading.value
            changed.append(reading)
            if before is not None and reading.value < before and _only_grows(reading):
                back.append(reading)
        if back:
            self._report(CountersReset(t_ns, len(back), back[0].name))
        self._report(MetricsRead(t_ns, took_ns, tuple(changed), left_out))

    def _without_key(self, reading: Reading) -> Reading:
        """The reading with the key left out of its labels, where a gateway may have put it."""
        labels = self._connection.hidden(reading.labels)
        return reading if labels == reading.labels else replace(reading, labels=labels)


def pause_s(every_s: float, took_s: float, failed: int) -> float:
    """How long to wait after an answer that took `took_s`, the last of so many failures in a row; in seconds."""
    due_s = every_s * 2.0 ** min(failed, MOST_DOUBLINGS) - took_s
    return min(max(due_s, took_s * (1 / SHARE - 1)), max(LONGEST_PAUSE_S, every_s))


def _refusal(status: int, t_ns: int) -> MetricsMissing:
    if status in OFF:
        return MetricsMissing(t_ns, "This server has no page of metrics.", final=True)
    if status in CLOSED:
        return MetricsMissing(t_ns, "This server shows its metrics only with a key that it accepts.", final=True)
    return MetricsMissing(t_ns, f"The server answered {status} when asked for its metrics.", final=False)


def _body(answer: Answer) -> bytes:
    """The page; raises DecodeScopeError where it did not come whole, or compressed."""
    if not answer.whole and len(answer.body) < LARGEST_BYTES:
        raise DecodeScopeError("The server sent its metrics compressed, which was not asked for.")
    if not answer.whole:
        raise DecodeScopeError(TOO_LARGE)
    return answer.body


def _only_grows(reading: Reading) -> bool:
    """Whether the series never goes down while a server runs; a histogram's sum may, where values are negative."""
    return reading.kind == "counter" or (reading.kind == "histogram" and not reading.name.endswith("_sum"))
