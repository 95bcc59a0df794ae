"""A client that did not read says so."""

from __future__ import annotations

import asyncio
from itertools import chain, repeat

import pytest

from engine.serving import heartbeat


class EnoughError(Exception):
    pass


def test_only_a_loop_that_did_not_run_is_a_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    ms = 1_000_000
    moments = iter(chain([0, 26, 26, 60, 60, 1085, 1085, 1110], repeat(0)))
    left = [4]

    async def no_time(_: float) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise EnoughError

    monkeypatch.setattr(heartbeat.time, "monotonic_ns", lambda: next(moments) * ms)
    monkeypatch.setattr(heartbeat.asyncio, "sleep", no_time)
    stalls: list[tuple[int, int]] = []
    with pytest.raises(EnoughError):
        asyncio.run(heartbeat.watch_own_loop(lambda since, until: stalls.append((since // ms, until // ms))))
    assert stalls == [(85, 1085)]
