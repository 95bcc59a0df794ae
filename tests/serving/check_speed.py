"""Tokens a second of a real vLLM with the recorder, heard and unheard, against one without it: in turn, in one sitting.

`python -m tests.serving.check_speed`. Two servers run, one with the recorder and one without; the one that has no work
is stopped (SIGSTOP). A round is the same load for each of the four, in an order that turns round every time, so that
what drifts falls on all. Unheard: nobody listens. Drained: a process reads and throws away. Heard: a process reads and
decodes everything, on the same cores. Prints every round, and the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import signal
import socket
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from engine.serving.recorder.recorder_search import Place, recorders_of
from engine.serving.recorder.recorder_wire import login
from tests.serving.check_cost import load
from tests.serving.recorder_cost import listen
from tests.serving.vllm_server import Server, vllm

STATES: Final = ("without", "unheard", "drained", "heard")


def drain(path: str, ready: Any) -> None:
    """Log in and throw away what comes, which costs next to nothing: what is left is the recorder's own cost."""
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(path)
        one.sendall(login(""))
        ready.set()
        buffer = bytearray(2**20)
        while one.recv_into(buffer):
            pass


LISTENERS: Final = {"drained": drain, "heard": listen}


def speed(url: str, place: Place, state: str, waves: int, tokens: int) -> float:
    """Tokens a second of one load, with a listener at `place` if the state has one."""
    if state not in LISTENERS:
        return asyncio.run(load(url, waves, tokens))
    ready: Any = multiprocessing.Event()
    listening = multiprocessing.Process(target=LISTENERS[state], args=(str(place.path), ready), daemon=True)
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
                    with without(idle):
                        speeds[state].append(speed(busy.url, place, state, given.waves, given.tokens))
                print(json.dumps({state: round(rates[-1], 1) for state, rates in speeds.items()}), flush=True)
    against = [("unheard", "without"), *((state, other) for other in ("unheard", "without") for state in LISTENERS)]
    for state, other in against:
        ratios = [a / b for a, b in zip(speeds[state], speeds[other], strict=True)]
        told = {
            "ratio of medians": statistics.median(speeds[state]) / statistics.median(speeds[other]),
            "median of ratios": statistics.median(ratios), "least": min(ratios), "most": max(ratios),
        }  # fmt: skip
        print(state, "against", other, json.dumps({name: round(value, 4) for name, value in told.items()}))


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    main()
