"""The recorder inside vLLM: what it tells, what waits, and what is dropped where the listener is slow."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from decodescope_recorder.feed import Feed
from decodescope_recorder.hooks import hooks
from decodescope_recorder.messages import wire_form
from decodescope_recorder.recording_stats import StatsTap
from decodescope_recorder.scheduler_tap import SchedulerTap
from engine.serving.recorder.recorder_client import RecorderConnection, connect
from engine.serving.recorder.recorder_search import Place
from engine.serving.recorder.recorder_wire import (
    AnyMessage,
    Ended,
    Frames,
    Freed,
    Known,
    Output,
    Preempted,
    RequestAdded,
    Reset,
    Scheduled,
    Snapshot,
)
from tests.engine.serving.in_vllm.inside import FakeRequest, FakeScheduler, recorded
from tests.engine.serving.in_vllm.listener import PATIENCE_S, listener, read, until


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's run-time folder, where the sockets are."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("DECODESCOPE_RECORDER", raising=False)
    return tmp_path


async def take(connection: RecorderConnection, kind: type[AnyMessage]) -> list[AnyMessage]:
    """The messages up to the first of a kind, that one included."""
    taken: list[AnyMessage] = []
    async with asyncio.timeout(PATIENCE_S):
        async for message in connection.messages():
            taken.append(message)
            if isinstance(message, kind):
                return taken
    raise AssertionError(f"no {kind.__name__} among {taken}")


def test_a_run_is_told_from_a_snapshot_on(folder: Path) -> None:
    async def listen() -> list[AnyMessage]:
        with recorded(folder) as one:
            one.scheduler.add_request(FakeRequest("cmpl-a-0-00000001", [1, 2, 3]))
            one.scheduler.step()
            async with await connect(Place(path=one.path)) as connection:
                until(lambda: one.feed.on)
                second = FakeRequest("cmpl-b-0-00000002", [4, 5])
                one.scheduler.add_request(second)
                one.scheduler.step()
                one.scheduler._preempt_request(one.scheduler.running[0])
                one.scheduler.finish(second)
                one.scheduler.reset_prefix_cache()
                return await take(connection, Reset)

    messages = asyncio.run(listen())
    kinds = [type(message) for message in messages]
    assert kinds == [Snapshot, Known, RequestAdded, Scheduled, Output, Preempted, Ended, Freed, Reset]
    known, step, output = messages[1], messages[3], messages[4]
    assert isinstance(known, Known)
    assert (known.request.id, known.request.prompt, known.computed, known.tables) == (
        "cmpl-a-0-00000001", [1, 2, 3], 1, [[1]],
    )  # fmt: skip
    assert isinstance(step, Scheduled)
    assert step.counts == {"cmpl-a-0-00000001": 1, "cmpl-b-0-00000002": 1}
    assert (step.ids, step.firsts, [one.id for one in step.started]) == (
        ["cmpl-a-0-00000001"], [1], ["cmpl-b-0-00000002"],
    )  # fmt: skip
    assert (step.running, step.free_blocks) == (2, 7)
    assert isinstance(output, Output)
    assert output.number == step.number
    assert output.tokens == [("cmpl-a-0-00000001", [5]), ("cmpl-b-0-00000002", [5])]
    assert step.start_ns <= step.end_ns <= output.start_ns <= output.end_ns


def test_without_a_listener_nothing_is_kept(folder: Path) -> None:
    with recorded(folder) as one:
        one.scheduler.add_request(FakeRequest("a", [1]))
        for _ in range(100):
            one.scheduler.step()
        assert one.feed.take() is None
        assert not one.feed.on


def test_a_listener_that_stops_reading_loses_whole_steps_and_begins_again(folder: Path) -> None:
    with recorded(folder, limit_bytes=50_000) as one, listener(one.path) as slow:
        until(lambda: one.feed.on)
        for index in range(40):
            one.scheduler.add_request(FakeRequest(f"cmpl-{index}-0-00000000", list(range(50))))
        steps = 0
        while not one.feed.lost_steps:
            one.scheduler.step()
            steps += 1
            assert steps < 10_000, "what waits is not bounded"
        assert one.feed._put_bytes - one.feed._taken_bytes < 60_000
        frames, told, lost, outputs = Frames(), set(), 0, set()
        snapshots = 0
        for message in read(slow, frames):
            if isinstance(message, Snapshot):
                snapshots += 1
                lost += message.lost_steps
            if isinstance(message, Scheduled):
                told.add(message.number)
            if isinstance(message, Output):
                outputs.add(message.number)
            if snapshots == 2 and len(told) + lost >= steps:
                break
            if snapshots < 2 and one.feed._put_bytes - one.feed._taken_bytes < 20_000:
                one.scheduler.step()
                steps += 1
        assert lost > 0
        assert len(told) + lost == steps


def test_a_listener_that_dies_frees_what_waits(folder: Path) -> None:
    with recorded(folder) as one:
        dying = listener(one.path)
        until(lambda: one.feed.on)
        one.scheduler.add_request(FakeRequest("a", [1]))
        one.scheduler.step()
        dying.close()
        until(lambda: not one.feed.on)
        one.scheduler.step()
        assert one.feed.take() is None


def test_outputs_with_logprobs_do_not_wait_as_they_are(folder: Path) -> None:
    with recorded(folder) as one:
        one.feed.connected()
        one.scheduler.add_request(FakeRequest("a", [1]))
        one.scheduler.step()
        one.scheduler.logprobs = object()
        one.scheduler.step()
        waiting = [message for _, message in one.feed._entries if message[0] == "output"]
        assert isinstance(waiting[0][4], dict)
        assert waiting[1][4] == [("a", [5])]
        assert wire_form(waiting[0])[4] == wire_form(waiting[1])[4]


def test_figures_of_the_front_end_are_sampled_as_far_as_they_are_there(folder: Path) -> None:
    tap = StatsTap(object(), 0)
    path = folder / "decodescope" / f"stats-{os.getpid()}-0.sock"

    class Stats:
        num_running_reqs = 3
        kv_cache_usage = 0.5
        prefix_cache_stats = None

    class Iteration:
        num_generation_tokens = 4
        num_preempted_reqs = "no number"

    try:
        with listener(path) as reader:
            until(lambda: tap.feed.on)
            tap.record(scheduler_stats=Stats(), iteration_stats=Iteration(), mm_cache_stats=None, engine_idx=1)
            tap.record(None, None)
            message = next(read(reader))
        assert dict(message.values) == {"running": 3.0, "kv_usage": 0.5, "generation_tokens": 4.0}
        assert message.engine == 1
    finally:
        tap.close()


def test_each_snapshot_tells_the_steps_lost_since_the_one_before(folder: Path) -> None:
    feed = Feed(limit_bytes=4000)
    scheduler = FakeScheduler()
    scheduler.add_request(FakeRequest("a", [1]))
    over = hooks(FakeScheduler, SchedulerTap(feed, scheduler, 0), lambda: None)
    scheduler.__class__ = type("Recording", (FakeScheduler,), over)
    feed.connected()
    lost, told, steps = [], 0, 0
    for _ in range(3):
        for _ in range(20):
            scheduler.step()
            steps += 1
        while (message := feed.take()) is not None:
            told += message[0] == "step"
            lost += [message[3]] if message[0] == "snapshot" else []
    assert lost[0] == 0
    assert lost[1] == lost[2] > 0
    assert told + sum(lost) + feed.lost_steps == steps
