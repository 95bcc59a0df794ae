"""Compares what the recorder tells of a real vLLM with vLLM itself: `python -m tests.serving.check_recorder`.

32 requests of mixed lengths with arrival times and a shared prefix, through a scheduler that is also written down by
`dumping_scheduler.py`. Compared: steps and members, block tables and counts of blocks at every step, prefix hits with
the server's counter, tokens with the streams. `--flags` are given to vLLM, `--keep FILE` keeps the frames.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shlex
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from engine.figures.kv_blocks import BlockHistory
from engine.serving.recorder.recorded_facts import meta_of
from engine.serving.recorder.recorded_ids import client_id
from engine.serving.recorder.recorded_steps import RecordedSteps
from engine.serving.recorder.recorder_client import connect
from engine.serving.recorder.recorder_search import recorders_of
from engine.serving.recorder.recorder_wire import (
    HEAD,
    AnyMessage,
    Ended,
    Hello,
    Output,
    Preempted,
    RequestAdded,
    Scheduled,
    Snapshot,
)  # fmt: skip
from engine.session import schema
from engine.session.store import Session
from tests.serving.vllm_server import Server, vllm

REQUESTS = 32


@dataclass
class Case:
    """One request of the load; `cut` ends its stream after so many chunks."""

    name: str
    prompt: list[int]
    max_tokens: int
    arrival_s: float
    cut: int = 0


@dataclass
class Streamed:
    """What the client of a request received."""

    tokens: list[int] = field(default_factory=list)
    reason: str = ""


def load(requests: int, seed: int, cuts: int, spread_s: float, lengths: tuple[int, ...]) -> list[Case]:
    """Mixed prompts, of which half begin with the same 70 tokens; `lengths` are the outputs' that are drawn."""
    draw = random.Random(seed)
    prefix = [draw.randrange(10, 4000) for _ in range(70)]
    cases = []
    for index in range(requests):
        own = [
            draw.randrange(10, 4000) for _ in range(draw.choice((3, 20, 60, 200) if requests >= REQUESTS else (3, 20)))
        ]
        prompt = [*prefix, *own] if index % 2 else own
        if index % 5 == 0:
            prompt = own[:8] * 6  # repeats itself: n-gram drafts hit
        cases.append(Case(f"r{index}", prompt, draw.choice(lengths), index * spread_s))
    for case in cases[3 :: max(1, requests // cuts)][:cuts] if cuts else []:
        case.max_tokens, case.cut = 100, 5
    return cases


async def stream(session: aiohttp.ClientSession, url: str, case: Case) -> Streamed:
    """Send a request at its time, and read its stream."""
    await asyncio.sleep(case.arrival_s)
    got = Streamed()
    body = {
        "model": "demo", "prompt": case.prompt, "max_tokens": case.max_tokens, "temperature": 0.0, "stream": True,
        "return_token_ids": True,
    }  # fmt: skip
    async with session.post(f"{url}/v1/completions", json=body, headers={"X-Request-Id": case.name}) as answer:
        chunks = 0
        async for line in answer.content:
            text = line.decode().strip()
            if not text.startswith("data: {"):
                continue
            choice = json.loads(text[6:])["choices"][0]
            got.tokens += choice.get("token_ids") or []
            got.reason = choice["finish_reason"] or got.reason
            chunks += 1
            if case.cut and chunks >= case.cut:
                break
    return got


async def hits(session: aiohttp.ClientSession, url: str) -> float:
    async with session.get(f"{url}/metrics") as answer:
        page = await answer.text()
    lines = [line for line in page.splitlines() if line.startswith("vllm:prefix_cache_hits_total")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


async def run(
    server: Server, cases: list[Case], keep: Path | None
) -> tuple[list[AnyMessage], list[Streamed], Any, float]:
    """Everything that was recorded and received: messages, streams, the hello, the counter of prefix hits."""
    found = recorders_of(server.url)
    connection = await connect(found[0].place)
    messages: list[AnyMessage] = []
    frames: list[bytes] = []
    feed = connection._frames.feed

    def kept(data: bytes) -> Any:
        frames.append(data)
        return feed(data)

    connection._frames.feed = kept  # type: ignore[method-assign]
    async with connection, aiohttp.ClientSession() as session:

        async def listen() -> None:
            async for message in connection.messages():
                messages.append(message)  # noqa: PERF401 (what came before the task is cancelled stays)

        listening = asyncio.create_task(listen())
        streams = await asyncio.gather(*(stream(session, server.url, case) for case in cases))
        counted = await hits(session, server.url)
        end = time.monotonic() + 5
        while time.monotonic() < end and not _over(messages):
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.2)
        listening.cancel()
    if keep is not None:
        keep.write_bytes(_hello_frame(connection.hello) + b"".join(frames))
    return messages, streams, connection.hello, counted


def _hello_frame(hello: Hello) -> bytes:
    body = msgspec.msgpack.encode(hello)
    return HEAD.pack(len(body)) + body


def _over(messages: list[AnyMessage]) -> bool:
    arrived = sum(isinstance(one, RequestAdded) for one in messages)
    inside = [one for message in messages if isinstance(message, Output) for one in message.inside]
    ended = sum(isinstance(one, Ended) for one in [*messages, *inside])
    return arrived == ended


def compare(
    messages: list[AnyMessage], streams: list[Streamed], cases: list[Case], hello: Any, dump: Path, counted: float
) -> dict[str, Any]:
    """The figures: what was compared, and how often it differed."""
    lines = [json.loads(line) for line in dump.read_text(encoding="utf-8").splitlines()]
    wanted = [line for line in lines if line.get("members")]
    numbers: dict[str, int] = {}
    steps = RecordedSteps(hello.facts, hello.monotonic_ns, lambda name: numbers.setdefault(name, len(numbers)))
    events: list[schema.AnyEvent] = []
    differing = {"steps": 0, "members": 0, "tables": 0, "free": 0, "kept": 0, "counts": 0, "tokens": 0}
    names: dict[str, str] = {}
    seen = 0
    prefix_hits = 0
    for message in messages:
        events += steps.feed(message)
        if isinstance(message, Snapshot):
            assert message.lost_steps == 0
        if not isinstance(message, Scheduled) or not message.counts:
            continue
        line = wanted[seen] if seen < len(wanted) else {"members": [], "tables": {}, "drafts": {}}
        seen += 1
        firsts = dict(zip(message.ids, message.firsts, strict=True)) | {one.id: one.first for one in message.started}
        told = [[name, firsts[name], count] for name, count in message.counts.items()]
        differing["members"] += told != line["members"] or message.drafts != line["drafts"]
        tables = {name: table for name, table in line["tables"].items() if table}
        differing["tables"] += {name: table for name, table in steps.blocks.tables.items() if table} != tables
        differing["free"] += message.free_blocks != line.get("free")
        differing["kept"] += len(steps.blocks.kept) != line.get("kept")
        differing["counts"] += (message.running, message.waiting) != (line.get("running"), line.get("waiting"))
        for one in message.started:
            if one.id not in names:
                prefix_hits += one.first
            names[one.id] = client_id(one.id)
    differing["steps"] = abs(seen - len(wanted))
    rows = [event for event in events if isinstance(event, schema.Step)]
    differing["history"] = history_differs(events, hello, [line for line in lines if line.get("of")])
    tokens: dict[int, list[int]] = {}
    for event in events:
        if isinstance(event, schema.Token):
            tokens.setdefault(event.request_id, []).append(event.token_id)
    for case, got in zip(cases, streams, strict=True):
        mine = tokens.get(numbers[f"cmpl-{case.name}"], [])
        differing["tokens"] += mine[: len(got.tokens)] != got.tokens if case.cut else mine != got.tokens
    scheduled = [message for message in messages if isinstance(message, Scheduled)]
    finished = [event for event in events if isinstance(event, schema.RequestFinished)]
    return {
        "steps": len(rows), "scheduled": len(wanted), "requests": len(numbers),
        "tokens": sum(len(one) for one in tokens.values()), "differing": differing,
        "prefix hits": prefix_hits, "prefix_cache_hits_total": counted,
        "preempted": sum(isinstance(one, Preempted) for step in scheduled for one in step.inside),
        "drafts": sum(one.proposed for one in events if isinstance(one, schema.Speculation)),
        "accepted": sum(one.accepted for one in events if isinstance(one, schema.Speculation)),
        "kinds": Counter(row.kind for row in rows),
        "reasons": Counter(one.finish_reason for one in finished),
        "recomputed": sum(row.positions_recomputed for row in rows),
        "overlapping": sum(a.end_ns > b.start_ns for a, b in pairwise(rows)),
        "block events": sum(isinstance(one, schema.KvBlock) for one in events),
    }  # fmt: skip


def history_differs(events: list[schema.AnyEvent], hello: Hello, wanted: list[dict[str, Any]]) -> int:
    """Steps after which the blocks of the session, as its panels rebuild them, are not those of the scheduler."""
    session = Session()
    settings = json.dumps({"block_size": hello.facts.groups[0][1]})
    session.apply([schema.SessionStarted(meta_of(hello.facts)), schema.ConfigChanged(0, 0, settings), *events])
    history = BlockHistory(session)
    history.update()
    differing = 0
    for index, line in enumerate(wanted[: len(session.steps)]):
        _, evictable, held, shared = history.at(index).counts()
        holders = line["holders"]
        truth = (line["kept"], len(holders), sum(count > 1 for count in holders))
        differing += (evictable, held + shared, shared) != truth
    return differing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flags", default="")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--cuts", type=int, default=0)
    parser.add_argument("--spread", type=float, default=0.05, help="seconds between arrivals")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--lengths", default="4,20,60", help="tokens of the outputs")
    given = parser.parse_args()
    lengths = tuple(map(int, given.lengths.split(",")))
    cases = load(given.requests, given.seed, given.cuts, given.spread, lengths)
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder) / "dump.jsonl"
        dump.touch()
        more = {"DUMP_TO": str(dump)}
        with vllm(Path(folder), "dumping_scheduler.DumpingScheduler", shlex.split(given.flags), more) as server:
            messages, streams, hello, counted = asyncio.run(run(server, cases, given.keep))
            log = [line for line in server.log.read_text().splitlines() if "DecodeScope" in line]
        figures = compare(messages, streams, cases, hello, dump, counted)
    print(json.dumps(figures, indent=1))
    print("\n".join(log))
    wrong = any(figures["differing"].values()) or figures["prefix hits"] != figures["prefix_cache_hits_total"]
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
