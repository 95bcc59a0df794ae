"""Counters and KV events of a real vLLM against what it was sent: prompts, tokens, prefix hits, blocks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from engine.serving.observe.kv_events import (
    BlocksRemoved,
    BlocksStored,
    EventsConnected,
    EventsLost,
    KvEvents,
    KvReport,
)
from engine.serving.observe.metric_names import told_distributions, told_figures
from engine.serving.observe.metrics_observer import CountersReset, MetricsObserver, MetricsRead, Observation
from engine.serving.observe.metrics_page import Reading
from engine.serving.server.address import server_address
from engine.serving.server.connection import Connection
from tests.serving.conftest import BLOCK_SIZE, BLOCKS, Served

WITHIN_S = 30.0
EVERY_S = 0.2


class Page:
    """All series as the observer has told them so far."""

    def __init__(self) -> None:
        self.series: dict[tuple[str, str], Reading] = {}
        self.seen: list[Observation] = []
        self.read = asyncio.Event()

    def take(self, told: Observation) -> None:
        self.seen.append(told)
        if isinstance(told, MetricsRead):
            self.series |= {(one.name, one.labels): one for one in told.changed}
            self.read.set()

    def figures(self) -> dict[str, float]:
        counts = {f"{name} count": one.count for name, one in told_distributions(self.series.values()).items()}
        return told_figures(self.series.values()) | counts

    async def until(self, wanted: dict[str, float], before: dict[str, float]) -> dict[str, float]:
        """What the figures grew by, once those that are wanted have grown so far or the time is over."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while (grown := _grown(before, self.figures(), wanted)) != wanted:
                    self.read.clear()
                    await self.read.wait()
        except TimeoutError:
            pass
        return grown


def _grown(before: dict[str, float], after: dict[str, float], names: dict[str, float]) -> dict[str, float]:
    return {name: after[name] - before[name] for name in names}


@asynccontextmanager
async def task_of(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def send(session: aiohttp.ClientSession, url: str, prompt: Sequence[int], tokens: int) -> dict[str, Any]:
    """One request of token ids, whole; its usage."""
    body = {"model": "demo", "prompt": list(prompt), "max_tokens": tokens, "temperature": 0, "ignore_eos": True}
    async with session.post(f"{url}/v1/completions", json=body) as answer:
        told: dict[str, Any] = await answer.json()
    usage: dict[str, Any] = told["usage"]
    return usage


def prompt_of(seed: int, length: int) -> list[int]:
    draw = random.Random(seed)
    return [draw.randrange(10, 4000) for _ in range(length)]


def test_counters_grow_by_what_was_sent(served: Served) -> None:
    shared = prompt_of(1, 3 * BLOCK_SIZE)
    cases = [(shared + prompt_of(10 + index, 7), 5 + index) for index in range(4)]

    async def run() -> tuple[dict[str, float], dict[str, float], Page]:
        page = Page()
        async with (
            Connection(server_address(served.url)) as connection,
            aiohttp.ClientSession() as session,
            task_of(MetricsObserver(connection, page.take, EVERY_S).run()),
        ):
            await page.read.wait()
            before = page.figures()
            usages = [await send(session, served.url, *case) for case in cases]
            wanted = {
                "prompt_tokens": float(sum(len(prompt) for prompt, _ in cases)),
                "prompt_tokens_computed": float(sum(len(prompt) for prompt, _ in cases) - 3 * len(shared)),
                "generation_tokens": float(sum(tokens for _, tokens in cases)),
                "prefix_queries": float(sum(len(prompt) for prompt, _ in cases)),
                "prefix_hits": float(3 * len(shared)),
                "cached_tokens": float(sum(one["prompt_tokens_details"]["cached_tokens"] for one in usages)),
                "requests_ended/length": float(len(cases)),
                "preemptions": 0.0,
                "ttft count": float(len(cases)),
                "e2e count": float(len(cases)),
            }
            return wanted, await page.until(wanted, before), page

    wanted, grown, page = asyncio.run(run())
    assert grown == wanted
    assert wanted["cached_tokens"] == wanted["prefix_hits"]
    reads = [one for one in page.seen if isinstance(one, MetricsRead)]
    assert len(reads) == len(page.seen), [one for one in page.seen if not isinstance(one, MetricsRead)]
    assert not any(isinstance(one, CountersReset) for one in page.seen)
    assert all(len(one.changed) < len(reads[0].changed) for one in reads[1:])


async def events_of(served: Served, cases: Sequence[tuple[list[int], int]], wanted: int) -> list[KvReport]:
    """The reports of the subscription while these requests are sent, one after the other, until so many blocks came."""
    seen: list[KvReport] = []
    changed = asyncio.Event()

    def take(report: KvReport) -> None:
        seen.append(report)
        changed.set()

    def stored() -> int:
        return sum(len(one.blocks) for one in seen if isinstance(one, BlocksStored))

    async with (
        aiohttp.ClientSession() as session,
        asyncio.timeout(10 * WITHIN_S),
        task_of(KvEvents(served.kv_events, take, served.replay).run()),
    ):
        while not any(isinstance(one, EventsConnected) for one in seen):
            changed.clear()
            await changed.wait()
        await send(session, served.url, prompt_of(0, 5), 1)  # too short for a block: only to be subscribed by now
        for case in cases:
            await send(session, served.url, *case)
        while stored() < wanted:
            changed.clear()
            await changed.wait()
    return [one for one in seen if not isinstance(one, EventsConnected)]


def full_blocks(prompt: int, tokens: int) -> int:
    """Blocks that a request fills: the last token is drawn, but never computed."""
    return (prompt + tokens - 1) // BLOCK_SIZE


def test_the_blocks_of_kv_events_are_those_that_the_prompts_fill(served: Served) -> None:
    shared = prompt_of(2, 2 * BLOCK_SIZE)
    cases = [
        (prompt_of(20, 70), 30),
        (shared + prompt_of(21, 10), 2),
        (shared + prompt_of(22, 40), 2),
        (prompt_of(23, 31), 1),
        (prompt_of(24, 200), 60),
    ]
    filled = [full_blocks(len(prompt), tokens) for prompt, tokens in cases]
    new = [*filled[:2], filled[2] - 2, *filled[3:]]
    seen = asyncio.run(events_of(served, cases, sum(new)))
    stores = [one for one in seen if isinstance(one, BlocksStored)]
    assert not [one for one in seen if isinstance(one, EventsLost)]
    assert sum(len(one.blocks) for one in stores) == sum(new) == 3 + 2 + 1 + 0 + 8
    assert all(one.tokens == BLOCK_SIZE * len(one.blocks) and one.block_size == BLOCK_SIZE for one in stores)
    assert not any(one.again for one in stores)
    roots = [one for one in stores if one.parent is None]
    assert [len(one.blocks) for one in roots] == [2, 2, 6]
    (branch,) = [one for one in stores if one.parent == roots[1].blocks[-1]]
    assert len(branch.blocks) == 1
    assert [one.told.sequence for one in stores] == sorted({one.told.sequence for one in stores})


def test_evicted_blocks_are_told_and_no_more_are_known_than_the_pool_has(served: Served) -> None:
    cases = [(prompt_of(100 + index, 400), 2) for index in range(8)]
    wanted = 8 * (400 // BLOCK_SIZE)
    seen = asyncio.run(events_of(served, cases, wanted))
    kept: set[int] = set()
    most = 0
    for one in seen:
        if isinstance(one, BlocksStored):
            assert not kept & set(one.blocks)
            kept |= set(one.blocks)
        elif isinstance(one, BlocksRemoved):
            assert set(one.blocks) <= kept
            kept -= set(one.blocks)
        most = max(most, len(kept))
    assert sum(len(one.blocks) for one in seen if isinstance(one, BlocksStored)) == wanted
    assert wanted - (BLOCKS - 1) <= sum(len(one.blocks) for one in seen if isinstance(one, BlocksRemoved))
    assert most <= BLOCKS - 1
