"""Tokens a second of a real vLLM with a listener at its recorder against without: `python -m tests.serving.check_cost`.

One server with the recorder; rounds alternate between a listener in a process of its own and none. Each round is the
same load. Prints each round, the ratios, and how long the hooks took of the scheduler's thread.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from engine.serving.recorder.recorder_search import recorders_of
from tests.serving.recorder_cost import listen
from tests.serving.vllm_server import vllm

SEQUENCES = 16


async def load(url: str, waves: int, most: int) -> float:
    """Tokens a second of some waves of requests."""
    draw = random.Random(13)
    begin, tokens = time.monotonic(), 0
    connector = aiohttp.TCPConnector(force_close=True)  # a server closes a kept connection when it likes
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask() -> int:
            body = {
                "model": "demo", "prompt": [draw.randrange(10, 4000) for _ in range(30)], "max_tokens": most,
                "ignore_eos": True, "temperature": 0.0,
            }  # fmt: skip
            async with session.post(f"{url}/v1/completions", json=body) as answer:
                return int((await answer.json())["usage"]["completion_tokens"])

        for _ in range(waves):
            tokens += sum(await asyncio.gather(*(ask() for _ in range(SEQUENCES))))
    return tokens / (time.monotonic() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--waves", type=int, default=2, help="in a round, one after another")
    parser.add_argument("--tokens", type=int, default=300, help="of each of the 16 requests of a wave")
    given = parser.parse_args()
    speeds: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        times = Path(folder) / "times.json"
        with vllm(Path(folder), "timed_scheduler.TimedScheduler", more={"TIMES_TO": str(times)}) as server:
            place = recorders_of(server.url)[0].place
            asyncio.run(load(server.url, 1, given.tokens))
            for index in range(2 * given.rounds):
                with_listener = index % 4 in (1, 2)  # ABBA: what drifts falls on both
                ready: Any = multiprocessing.Event()
                listening = multiprocessing.Process(target=listen, args=(str(place.path), ready), daemon=True)
                if with_listener:
                    listening.start()
                    ready.wait(20)
                speeds[with_listener].append(asyncio.run(load(server.url, given.waves, given.tokens)))
                if with_listener:
                    listening.terminate()
                    listening.join()
                print(
                    json.dumps({"listener": with_listener, "tokens/s": round(speeds[with_listener][-1], 1)}), flush=True
                )
        told = json.loads(times.read_text(encoding="utf-8"))
    ratio = statistics.median(speeds[True]) / statistics.median(speeds[False])
    paired = statistics.median(a / b for a, b in zip(speeds[True], speeds[False], strict=True))
    us = {name: round(ns / told["steps"] / 1000, 2) for name, ns in told["ns"].items()}
    print(
        json.dumps(
            {
                "ratio of medians": round(ratio, 4),
                "median of ratios": round(paired, 4),
                "steps": told["steps"],
                "us a step": us,
                "in all": round(sum(us.values()), 2),
            }
        )
    )


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    main()
