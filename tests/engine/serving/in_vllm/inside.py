"""The few parts of vLLM's scheduler that the recorder's hooks touch, and a recorder on them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from decodescope_recorder.door import Door, open_door
from decodescope_recorder.facts import hello
from decodescope_recorder.feed import Feed
from decodescope_recorder.hooks import hooks
from decodescope_recorder.scheduler_tap import SchedulerTap


@dataclass
class FakeRequest:
    """A request as vLLM's scheduler holds it."""

    request_id: str
    prompt_token_ids: list[int]
    max_tokens: int = 8
    arrival_time: float = 0.0
    priority: int = 0
    num_computed_tokens: int = 0
    num_output_tokens: int = 0
    num_preemptions: int = 0
    stop_reason: int | str | None = None
    reason: str = "length"

    @property
    def num_prompt_tokens(self) -> int:
        return len(self.prompt_token_ids)

    def get_finished_reason(self) -> str:
        return self.reason


@dataclass(frozen=True)
class FakeBlock:
    block_id: int
    ref_cnt: int = 1
    block_hash: str | None = None


class FakeManager:
    """A KV cache manager in which every request has one block."""

    def __init__(self) -> None:
        self.tables: dict[str, list[FakeBlock]] = defaultdict(list)
        self.coordinator = SimpleNamespace(single_type_managers=[SimpleNamespace(req_to_blocks=self.tables)])
        self.block_pool = SimpleNamespace(get_num_free_blocks=lambda: 7, cached_block_hash_to_block={}, blocks=[])

    def get_block_ids(self, name: str) -> tuple[list[int], ...]:
        return ([block.block_id for block in self.tables[name]],)


@dataclass
class FakeScheduler:
    """Schedules one position of every running request, and gives each the token 5."""

    running: list[FakeRequest] = field(default_factory=list)
    requests: dict[str, FakeRequest] = field(default_factory=dict)
    kv_cache_manager: FakeManager = field(default_factory=FakeManager)
    fresh: list[str] = field(default_factory=list)
    resets: int = 0
    logprobs: object = None

    def get_request_counts(self) -> tuple[int, int]:
        return len(self.running), 0

    def add_request(self, request: FakeRequest) -> None:
        self.requests[request.request_id] = request
        self.running.append(request)
        self.fresh.append(request.request_id)
        self.kv_cache_manager.tables[request.request_id] = [FakeBlock(len(self.requests))]

    def schedule(self, throttle: bool = False) -> Any:
        old = [one for one in self.running if one.request_id not in self.fresh]
        new = [
            SimpleNamespace(
                req_id=name, num_computed_tokens=0, block_ids=self.kv_cache_manager.get_block_ids(name)
            )
            for name in self.fresh
        ]  # fmt: skip
        self.fresh = []
        output = SimpleNamespace(
            scheduled_new_reqs=new,
            scheduled_cached_reqs=SimpleNamespace(
                req_ids=[one.request_id for one in old], num_computed_tokens=[one.num_computed_tokens for one in old],
                new_block_ids=[None] * len(old), resumed_req_ids=set(),
            ),
            num_scheduled_tokens={one.request_id: 1 for one in self.running}, scheduled_spec_decode_tokens={},
        )  # fmt: skip
        for one in self.running:
            one.num_computed_tokens += 1
        return output

    def update_from_output(self, scheduler_output: Any, model_runner_output: Any) -> Any:
        outs = [SimpleNamespace(request_id=name, new_token_ids=[5]) for name in scheduler_output.num_scheduled_tokens]
        return {0: SimpleNamespace(outputs=outs)}

    def step(self) -> Any:
        output = self.schedule()
        sampled = SimpleNamespace(
            sampled_token_ids=[[5]] * len(self.running), req_id_to_index={}, logprobs=self.logprobs,
            prompt_logprobs_dict={}, pooler_output=None,
        )  # fmt: skip
        return self.update_from_output(output, sampled)

    def finish(self, request: FakeRequest) -> None:
        self.running.remove(request)
        self._free_request(request)

    def _preempt_request(self, request: FakeRequest) -> None:
        self.kv_cache_manager.tables.pop(request.request_id)

    def _free_request(self, request: FakeRequest) -> None:
        self._free_blocks(request)

    def _free_blocks(self, request: FakeRequest) -> None:
        self.kv_cache_manager.tables.pop(request.request_id)
        del self.requests[request.request_id]

    def reset_prefix_cache(self) -> bool:
        self.resets += 1
        return True

    def shutdown(self) -> None:
        """Nothing to do."""


@dataclass
class Recorded:
    """A scheduler with the recorder's hooks, and the recorder's parts."""

    scheduler: Any
    feed: Feed
    door: Door
    path: Path


@contextmanager
def recorded(folder: Path, limit_bytes: int = 2**20) -> Iterator[Recorded]:
    """A fake scheduler that is recorded through a Unix socket in `folder` (the environment must name it)."""
    feed = Feed(limit_bytes)
    scheduler = FakeScheduler()
    tap = SchedulerTap(feed, scheduler, 0)
    facts = {"vllm_version": "0.32.0", "blocks": 8, "block_bytes": 64, "groups": [["FullAttentionSpec", 32, 2]],
             "block_group": 0}  # fmt: skip
    name = f"scheduler-{os.getpid()}.sock"
    door = open_door(feed, name, 0, lambda: hello("scheduler", facts))
    assert door is not None
    scheduler.__class__ = type("Recording", (FakeScheduler,), hooks(FakeScheduler, tap, door.close))
    try:
        yield Recorded(scheduler, feed, door, folder / "decodescope" / name)
    finally:
        door.close()
