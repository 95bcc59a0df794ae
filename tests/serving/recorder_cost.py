"""What the recorder's hooks cost the scheduler's thread: `python -m tests.serving.recorder_cost`.

The hooks lie over methods that return what was prepared, so all that is timed is the hooks: a decode step of 16 and of
256 members, every 16th with a new block, read by a listener in another process; the same without a listener; a step
with drafts. Times are of a step: `schedule` and `update_from_output` together. `hot`: one step at once after another,
nobody sending; else a pause between steps as a model would take it, after which the processor's caches are cold.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from decodescope_recorder.door import open_door
from decodescope_recorder.facts import hello
from decodescope_recorder.feed import Feed
from decodescope_recorder.hooks import hooks
from decodescope_recorder.scheduler_tap import SchedulerTap
from decodescope_recorder.sockets import socket_folder
from tests.engine.serving.in_vllm.inside import FakeManager, FakeRequest

STEPS = 2000
PAUSE_S = 0.002
"""Between steps, as a model would take it: the daemon thread sends meanwhile."""


def prepared(members: int, drafts: int) -> tuple[Any, Any, Any]:
    """A decode step as vLLM's objects hold it: scheduler output, model output, outputs."""
    names = [f"cmpl-{index:032x}-0-{index:08x}" for index in range(members)]
    output = SimpleNamespace(
        scheduled_new_reqs=[],
        scheduled_cached_reqs=SimpleNamespace(
            req_ids=names, num_computed_tokens=list(range(1000, 1000 + members)), resumed_req_ids=set(),
            new_block_ids=[([index],) if index % 16 == 0 else None for index in range(members)],
        ),
        num_scheduled_tokens=dict.fromkeys(names, 1 + drafts),
        scheduled_spec_decode_tokens={name: [-1] * drafts for name in names} if drafts else {},
    )  # fmt: skip
    model = SimpleNamespace(
        sampled_token_ids=[[5]] * members, req_id_to_index={name: index for index, name in enumerate(names)},
        logprobs=None, prompt_logprobs_dict={}, pooler_output=None,
    )  # fmt: skip
    outs = {0: SimpleNamespace(outputs=[SimpleNamespace(request_id=name, new_token_ids=[5]) for name in names])}
    return output, model, outs


class Prepared:
    """A scheduler that decides nothing."""

    def __init__(self, output: Any, outputs: Any, members: int) -> None:
        self.output, self.outputs = output, outputs
        self.running = [FakeRequest(name, list(range(500))) for name in output.num_scheduled_tokens]
        self.requests = {one.request_id: one for one in self.running}
        self.kv_cache_manager = FakeManager()

    def get_request_counts(self) -> tuple[int, int]:
        return len(self.running), 0

    def schedule(self) -> Any:
        return self.output

    def update_from_output(self, scheduler_output: Any, model_output: Any) -> Any:
        return self.outputs


def recorded_class(tap: SchedulerTap, close: Callable[[], None]) -> Any:
    """`Prepared` with the hooks of a step."""
    over = hooks(Prepared, tap, close)
    return type("Recording", (Prepared,), {name: over[name] for name in ("schedule", "update_from_output")})


def listen(path: str, ready: Any) -> None:
    """Read everything, in a process of its own."""
    import asyncio

    from engine.serving.recorder.recorder_client import connect
    from engine.serving.recorder.recorder_search import Place
    from engine.serving.recorder.recorder_wire import Snapshot

    async def read() -> None:
        async with await connect(Place(path=Path(path))) as connection:
            ready.set()
            lost = 0
            async for message in connection.messages():
                lost += message.lost_steps if isinstance(message, Snapshot) else 0
            print(json.dumps({"lost": lost}))

    asyncio.run(read())


def timed(scheduler: Any, model: Any) -> list[float]:
    """µs of each step."""
    took = []
    for _ in range(STEPS):
        begin = time.perf_counter_ns()
        output = scheduler.schedule()
        scheduler.update_from_output(output, model)
        took.append((time.perf_counter_ns() - begin) / 1000)
        time.sleep(PAUSE_S)
    return took


def hot(members: int, drafts: int) -> dict[str, Any]:
    """The hooks with and without anyone who listens, one step at once after another."""
    output, model, outputs = prepared(members, drafts)
    scheduler = Prepared(output, outputs, members)
    feed = Feed()
    tap = SchedulerTap(feed, scheduler, 0)

    def median() -> float:
        took = []
        for _ in range(STEPS):
            begin = time.perf_counter_ns()
            scheduler.update_from_output(scheduler.schedule(), model)
            took.append((time.perf_counter_ns() - begin) / 1000)
            feed.disconnected() if not feed.on else feed._entries.clear()
            feed._taken_bytes = feed._put_bytes
        return statistics.median(took)

    plain = median()
    scheduler.__class__ = recorded_class(tap, lambda: None)
    without = median() - plain
    feed.connected()
    return {
        "members": members, "drafts": drafts, "hot": True, "without_listener_us": round(without, 2),
        "with_listener_us": round(median() - plain, 2),
    }  # fmt: skip


def measure(members: int, drafts: int, with_listener: bool) -> dict[str, Any]:
    output, model, outputs = prepared(members, drafts)
    scheduler = Prepared(output, outputs, members)
    plain = statistics.median(timed(scheduler, model)[STEPS // 2 :])
    feed = Feed()
    tap = SchedulerTap(feed, scheduler, 0)
    name = f"scheduler-{os.getpid()}.sock"
    door = open_door(feed, name, 0, lambda: hello("scheduler", {}))
    assert door is not None
    scheduler.__class__ = recorded_class(tap, door.close)
    listening = None
    if with_listener:
        ready = multiprocessing.Event()
        listening = multiprocessing.Process(target=listen, args=(str(socket_folder() / name), ready))
        listening.start()
        ready.wait(20)
    took = timed(scheduler, model)[100:]
    door.close()
    if listening is not None:
        listening.join()
    took.sort()
    return {
        "members": members, "drafts": drafts, "listener": with_listener,
        "median_us": round(took[len(took) // 2] - plain, 2),
        "mean_us": round(statistics.fmean(took) - plain, 2), "p95_us": round(took[int(0.95 * len(took))] - plain, 2),
        "p99_us": round(took[int(0.99 * len(took))] - plain, 2),
    }  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        for members in (16, 256):
            for drafts in (0, 3):
                print(json.dumps(hot(members, drafts)), flush=True)
        for members in (16, 256):
            for drafts, with_listener in ((0, False), (0, True), (3, True)):
                print(json.dumps(measure(members, drafts, with_listener)), flush=True)


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    main()
