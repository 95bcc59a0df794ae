"""How late the probe is: from a server's write of an event to the moment that the probe gives it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any

import numpy as np

from engine.core.settings import RequestSpec
from engine.serving.probe.probe import Probe
from engine.serving.probe.probe_events import Chunk, ProbeEvent, Stalled
from engine.serving.server.address import server_address
from engine.serving.server.connection import Connection

CASES = ((1, 200, "spread"), (64, 50, "spread"), (64, 50, "together"), (64, 200, "spread"), (64, 200, "together"))
"""Streams, events a second of each, and whether their events are written at the same moments."""
SECONDS = 4


def run() -> list[dict[str, Any]]:
    """Microseconds from write to moment (the server's own sending is in it), and what the probe costs of one core.

    `stalls` are the times in which this program did not run, as the probe reports them: on a busy machine they are
    what makes the worst moments late.
    """
    return [asyncio.run(_measured(*case)) for case in CASES]


async def _measured(streams: int, rate: int, order: str) -> dict[str, Any]:
    lateness_us: list[float] = []
    stalled_ms: list[float] = []

    def hear(event: ProbeEvent) -> None:
        if isinstance(event, Chunk):
            lateness_us.append((event.t_ns - int(event.text)) / 1e3)
        elif isinstance(event, Stalled):
            stalled_ms.append((event.to_ns - event.t_ns) / 1e6)

    tokens = rate * SECONDS
    command = [sys.executable, "-m", "tests.benchmarks.stamping_server", str(streams), str(rate), str(tokens), order]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        async with Connection(server_address(f"127.0.0.1:{port}")) as connection:
            cpu_s, wall_s = time.process_time(), time.monotonic()
            await Probe(connection, "vllm", "demo", hear).run([RequestSpec("x", tokens)] * streams)
            cpu_s, wall_s = time.process_time() - cpu_s, time.monotonic() - wall_s
        server.kill()
    p50, p90, p99, worst = np.percentile(lateness_us, [50, 90, 99, 100]).round().astype(int).tolist()
    return {
        "streams": streams,
        "each a second": rate,
        "moments": order,
        "events a second": round(len(lateness_us) / wall_s),
        "of one core": f"{cpu_s / wall_s:.0%}",
        "p50 µs": p50,
        "p90 µs": p90,
        "p99 µs": p99,
        "worst µs": worst,
        "stalls": len(stalled_ms),
        "worst stall ms": round(max(stalled_ms, default=0.0), 1),
    }
