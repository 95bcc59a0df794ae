"""A time in which the loop did not run is reported; a loop that runs reports nothing, and a stopped watch neither."""

from __future__ import annotations

import asyncio
import time

from engine.serving.probe.stall_watch import LATE_NS, StallWatch


def hold(nanoseconds: int) -> tuple[int, int]:
    """Keep the loop for a time; returns its ends."""
    start = time.monotonic_ns()
    while time.monotonic_ns() < start + nanoseconds:
        pass
    return start, time.monotonic_ns()


def test_a_held_loop_is_reported_with_its_ends() -> None:
    async def run() -> tuple[tuple[int, int], list[tuple[int, int]]]:
        reported: list[tuple[int, int]] = []
        done = asyncio.Event()

        def report(from_ns: int, to_ns: int) -> None:
            reported.append((from_ns, to_ns))
            done.set()

        watch = StallWatch(report)
        watch.start()
        watch.start()
        held = hold(10 * LATE_NS)
        await done.wait()
        watch.stop()
        return held, reported

    held, reported = asyncio.run(run())
    assert held[0] <= reported[0][0] < held[1] <= reported[0][1]


def test_a_stopped_watch_reports_nothing_and_leaves_no_timer() -> None:
    async def run() -> None:
        watch = StallWatch(lambda from_ns, to_ns: reported.append((from_ns, to_ns)))
        watch.start()
        watch.stop()
        watch.stop()
        hold(10 * LATE_NS)
        await asyncio.sleep(0)

    reported: list[tuple[int, int]] = []
    asyncio.run(run())
    assert reported == []
