"""A watch that goes on in another session: what ran in the first part is known as such in the second."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.core.settings import AttachSpec
from engine.figures.request_times import latency_s, ttft_s
from engine.host import protocol
from engine.session import schema
from engine.session.checking import check_content
from engine.session.store import Session
from tests.engine.serving.attached_to import Attached, attached, vllm
from tests.engine.serving.in_vllm.inside import FakeRequest, Recorded, recorded
from tests.engine.serving.in_vllm.listener import until


async def step(found: Attached, one: Recorded, steps: int) -> None:
    """Let the server compute, and wait until all its steps have been told."""
    wanted = len(found.of(schema.Step)) + steps
    await asyncio.to_thread(until, lambda: one.feed.live or one.scheduler.step() is None)
    while len(found.of(schema.Step)) < wanted:
        one.scheduler.step()
        await asyncio.sleep(0)


def test_the_second_part_knows_which_requests_ran_in_the_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("DECODESCOPE_RECORDER", raising=False)

    async def run(url: str, one: Recorded) -> list[Session]:
        parts = []
        async with attached(AttachSpec(url, recorder=str(one.path))) as found:
            for name in ("old", "new"):
                found.events.clear()
                await found.start()
                one.scheduler.add_request(FakeRequest(f"cmpl-{name}-0-00000001", [1, 2, 3]))
                await step(found, one, 4)
                await found.send(protocol.Stop())
                parts.append(found.session())
        return parts

    with vllm() as server, recorded(tmp_path) as one:
        first, second = asyncio.run(run(server.url, one))
    for part in (first, second):
        check_content(part)
    assert [request.begun_before for request in first.requests.values()] == [False]
    old, new = sorted(second.requests.values(), key=lambda request: request.params["client_id"], reverse=True)
    assert old.params["client_id"].startswith("cmpl-old")
    assert (old.begun_before, new.begun_before) == (True, False)
    assert old.before_ns > 0
    assert ttft_s(second, old) is None
    assert ttft_s(second, new) is not None
    waited = latency_s(second, old)
    assert waited is not None
    assert waited * 1e9 > old.before_ns
