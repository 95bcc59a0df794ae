"""Tokens a second of a real vLLM with the recorder, heard and unheard, against one without it: in turn, in one sitting.

`python -m tests.serving.check_speed`. Two servers run, one with the recorder and one without; the one that has no work
is stopped (SIGSTOP). A round is the same load for each of the three, in an order that turns round every time, so that
what drifts falls on all. The listener is a process of its own that reads and decodes everything. Prints every round and
the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import signal
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from engine.serving.recorder.recorder_search import Place, recorders_of
from tests.serving.check_cost import load
from tests.serving.recorder_cost import listen
from tests.serving.vllm_server import Server, vllm

STATES: Final = ("without", "unheard", "heard")


def speed(url: str, place: Place | None, waves: int, tokens: int) -> float:
    """Tokens a second of one load, with a listener at `place` if one is given."""
    if place is None:
        return asyncio.run(load(url, waves, tokens))
    ready: Any = multiprocessing.Event()
    listening = multiprocessing.Process(target=listen, args=(str(place.path), ready), daemon=True)
    listening.start()
    try:
        assert ready.wait(20), "the listener did not reach the recorder"
        return asyncio.run(load(url, waves, tokens))
    finally:
        listening.terminate()
        listening.join()


@contextmanager
def without(other: Server) -> Iterator[None]:
    """The context in which the other server does not run at all: its threads may wait by spinning."""
    os.killpg(other.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(other.process.pid, signal.SIGCONT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--waves", type=int, default=2, help="of 16 requests each, one after another")
    parser.add_argument("--tokens", type=int, default=300, help="of each request")
    parser.add_argument("--logs", type=Path, help="a folder that keeps the logs of both servers")
    given = parser.parse_args()
    speeds: dict[str, list[float]] = {state: [] for state in STATES}
    with tempfile.TemporaryDirectory() as own:
        folder = given.logs or Path(own)
        recording = vllm(folder, "decodescope_recorder.RecordingScheduler")
        with recording as server, vllm(folder, "") as plain:
            place = recorders_of(server.url)[0].place
            for url in (server.url, plain.url):
                asyncio.run(load(url, 1, given.tokens))
            for index in range(given.rounds):
                for state in STATES if index % 2 == 0 else STATES[::-1]:
                    busy, idle = (plain, server) if state == "without" else (server, plain)
                    heard = place if state == "heard" else None
                    with without(idle):
                        speeds[state].append(speed(busy.url, heard, given.waves, given.tokens))
                print(json.dumps({state: round(rates[-1], 1) for state, rates in speeds.items()}), flush=True)
    for state in STATES[1:]:
        ratios = [a / b for a, b in zip(speeds[state], speeds["without"], strict=True)]
        told = {
            "ratio of medians": statistics.median(speeds[state]) / statistics.median(speeds["without"]),
            "median of ratios": statistics.median(ratios), "least": min(ratios), "most": max(ratios),
        }  # fmt: skip
        print(state, json.dumps({name: round(value, 4) for name, value in told.items()}))


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    main()
