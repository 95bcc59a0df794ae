"""The recorder on vLLM's own asynchronous scheduler, without a model: run by an environment that has vLLM.

    PYTHONPATH=.:engine/serving/in_vllm $VLLM_PYTHON -m tests.serving.check_async

vLLM for the CPU does not schedule asynchronously. So this drives vLLM's real AsyncScheduler as its engine does, two
steps in flight, with drawn tokens in place of a model: arrivals, shared prefixes, aborts, end-of-text tokens, drafts
(some rejected), and a pool that is too small. Compares every step, its true positions, block tables and tokens.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import tempfile
from collections import deque
from itertools import pairwise
from pathlib import Path
from typing import Any

import decodescope_recorder
from decodescope_recorder.feed import Feed
from decodescope_recorder.messages import wire_form
from engine.serving.recorder.recorded_steps import RecordedSteps
from engine.serving.recorder.recorder_wire import AnyMessage, Facts, Frames, Preempted, Scheduled
from engine.session import schema

MODEL = Path(__file__).parents[2] / "assets" / "demo" / "target"
BLOCK = 16
EOS = 0


def build(blocks: int, drafts: int) -> Any:
    """A recording scheduler over vLLM's AsyncScheduler."""
    import torch

    arg_utils = importlib.import_module("vllm.engine.arg_utils")
    interface = importlib.import_module("vllm.v1.kv_cache_interface")
    structured = importlib.import_module("vllm.v1.structured_output")
    config = arg_utils.EngineArgs(
        model=str(MODEL), dtype="float32", block_size=32, max_num_seqs=8, max_num_batched_tokens=256, max_model_len=256,
        enable_prefix_caching=True,
    ).create_engine_config()  # fmt: skip
    config.scheduler_config.async_scheduling = True
    config.cache_config.num_gpu_blocks = blocks
    config.cache_config.block_size = BLOCK
    spec = interface.FullAttentionSpec(block_size=BLOCK, num_kv_heads=4, head_size=32, dtype=torch.float32)
    kv = interface.KVCacheConfig(
        num_blocks=blocks, kv_cache_tensors=[], kv_cache_groups=[interface.KVCacheGroupSpec(["layer"], spec)]
    )
    scheduler = decodescope_recorder.RecordingScheduler(
        vllm_config=config, kv_cache_config=kv, block_size=BLOCK, hash_block_size=BLOCK, log_stats=True,
        structured_output_manager=structured.StructuredOutputManager(config),
    )  # fmt: skip
    assert type(scheduler).__name__ == "RecordingAsyncScheduler", type(scheduler)
    if drafts:
        scheduler.num_spec_tokens = scheduler.num_lookahead_tokens = drafts
        scheduler._spec_token_placeholders = [-1] * drafts
    return scheduler


class Run:
    """One run: the scheduler, what it was given, and what it truly did."""

    def __init__(self, seed: int, blocks: int, drafts: int) -> None:
        self.draw = random.Random(seed)
        self.scheduler = build(blocks, drafts)
        self.drafts = drafts
        self.truth: list[dict[str, Any]] = []
        self.tokens: dict[str, list[int]] = {}
        self.lengths: dict[str, int] = {}
        """Known tokens of each request whose step's outputs have come."""
        self.placed: dict[str, int] = {}
        self.flight: deque[tuple[Any, dict[str, Any]]] = deque()
        self.count = 0
        hashing = importlib.import_module("vllm.v1.core.kv_cache_utils")
        utils = importlib.import_module("vllm.utils.hashing")
        hashing.init_none_hash(utils.sha256)
        self.hasher = hashing.get_request_block_hasher(BLOCK, utils.sha256)
        self.request = importlib.import_module("vllm.v1.request").Request
        self.status = importlib.import_module("vllm.v1.request").RequestStatus
        self.params = importlib.import_module("vllm.sampling_params").SamplingParams
        self.output = importlib.import_module("vllm.v1.outputs").ModelRunnerOutput

    def arrive(self) -> None:
        prompt = [7] * self.draw.choice((0, 40)) + [
            self.draw.randrange(10, 4000) for _ in range(self.draw.choice((3, 30, 70)))
        ]
        params = self.params(max_tokens=self.draw.choice((3, 12, 30)), temperature=0.0)
        params.update_from_generation_config({}, EOS)
        name = f"cmpl-{self.count}-0-{self.count:08x}"
        self.count += 1
        self.tokens[name] = []
        self.scheduler.add_request(
            self.request(
                request_id=name, prompt_token_ids=prompt, sampling_params=params, pooling_params=None,
                block_hasher=self.hasher,
            )
        )  # fmt: skip

    def schedule(self) -> None:
        output = self.scheduler.schedule()
        manager = self.scheduler.kv_cache_manager
        pool = manager.block_pool
        line = {
            "members": dict(output.num_scheduled_tokens),
            "tables": {name: manager.get_block_ids(name)[0] for name in self.scheduler.requests},
            "kept": sum(block.ref_cnt == 0 and block.block_hash is not None for block in pool.blocks),
        }
        if output.num_scheduled_tokens:
            self.truth.append(line)
        self.flight.append((output, line))

    def land(self) -> None:
        """Give the oldest step in flight its tokens, as a model would."""
        output, _ = self.flight.popleft()
        rows = list(output.num_scheduled_tokens)
        sampled = []
        for name in rows:
            request = self.scheduler.requests.get(name)
            spec = output.scheduled_spec_decode_tokens.get(name, ())
            done = request is not None and self._completes(output, name, request)
            accepted = self.draw.randint(0, len(spec)) if spec else 0
            sampled.append([self._token() for _ in range(1 + accepted)] if done else [])
        model = self.output(
            req_ids=rows, req_id_to_index={name: index for index, name in enumerate(rows)}, sampled_token_ids=sampled
        )
        outs = self.scheduler.update_from_output(output, model)
        for group in outs.values():
            for one in group.outputs:
                self.tokens[one.request_id] += one.new_token_ids

    def _completes(self, output: Any, name: str, request: Any) -> bool:
        """Whether this chunk reached the last known token."""
        first = {one.req_id: one.num_computed_tokens for one in output.scheduled_new_reqs}
        cached = output.scheduled_cached_reqs
        first |= dict(zip(cached.req_ids, cached.num_computed_tokens, strict=True))
        return bool(first[name] + output.num_scheduled_tokens[name] >= request.num_prompt_tokens)

    def _token(self) -> int:
        return EOS if self.draw.random() < 0.03 else self.draw.randrange(10, 4000)

    def go(self, steps: int) -> None:
        for _ in range(steps):
            if self.draw.random() < 0.25:
                self.arrive()
            if self.draw.random() < 0.02 and self.scheduler.requests:
                name = self.draw.choice(list(self.scheduler.requests))
                self.scheduler.finish_requests(name, self.status.FINISHED_ABORTED)
            self.schedule()
            if len(self.flight) == 2:
                self.land()
        while self.flight or self.scheduler.has_requests():
            if self.scheduler.has_requests() and len(self.flight) < 2:
                self.schedule()
            else:
                self.land()


def recorded(run: Run, steps: int) -> list[AnyMessage]:
    """The messages of a run, taken from the feed as the socket's thread would."""
    import msgspec

    feed = next(
        cell.cell_contents for cell in type(run.scheduler).schedule.__closure__
        if isinstance(cell.cell_contents, Feed)
    )  # fmt: skip
    feed._limit_bytes = 2**40
    feed.connected()
    run.go(steps)
    frames, messages = Frames(), []
    while (message := feed.take()) is not None:
        body = msgspec.msgpack.encode(wire_form(message))
        messages += list(frames.feed(len(body).to_bytes(4, "big") + body))
    assert not feed.failed, feed.failed
    return messages


def compare(run: Run, messages: list[AnyMessage]) -> dict[str, Any]:
    numbers: dict[str, int] = {}
    facts = Facts(blocks=1000, block_bytes=1024, groups=[("FullAttentionSpec", BLOCK, 1)], block_group=0)
    steps = RecordedSteps(facts, 0, lambda name: numbers.setdefault(name, len(numbers)))
    events: list[schema.AnyEvent] = []
    differing = {"members": 0, "tables": 0, "kept": 0, "tokens": 0, "positions": 0}
    seen = 0
    for message in messages:
        events += steps.feed(message)
        if isinstance(message, Scheduled) and message.counts:
            line = run.truth[seen]
            seen += 1
            differing["members"] += message.counts != line["members"]
            tables = {name: table for name, table in line["tables"].items() if table}
            differing["tables"] += {name: table for name, table in steps.blocks.tables.items() if table} != tables
            differing["kept"] += len(steps.blocks.kept) != line["kept"]
    tokens: dict[int, list[schema.Token]] = {}
    for event in events:
        if isinstance(event, schema.Token):
            tokens.setdefault(event.request_id, []).append(event)
    for name, ids in run.tokens.items():
        told = tokens.get(numbers[name.rsplit("-", 2)[0]], [])
        differing["tokens"] += [token.token_id for token in told] != ids
    known = {event.id: len(event.prompt_token_ids) for event in events if isinstance(event, schema.RequestArrived)}
    work = [event for event in events if isinstance(event, schema.Work)]
    finished = {event.id for event in events if isinstance(event, schema.RequestFinished)}
    for token in (token for told in tokens.values() for token in told):
        # The step that gave a request its next token computed up to the token before it.
        rows = [row for row in work if row.step_id == token.step_id and row.request_id == token.request_id]
        last = rows[-1]
        if token.source in ("target", "bonus"):
            differing["positions"] += last.end - last.rejected != known[token.request_id]
        known[token.request_id] += 1
    scheduled = [message for message in messages if isinstance(message, Scheduled)]
    rows_of_steps = [event for event in events if isinstance(event, schema.Step)]
    ids = [event.step_id for event in events if isinstance(event, schema.KvBlock)]
    return {
        "steps": len(rows_of_steps), "scheduled": len(run.truth), "requests": run.count, "finished": len(finished),
        "tokens": sum(map(len, run.tokens.values())), "differing": differing,
        "preempted": sum(isinstance(one, Preempted) for step in scheduled for one in step.inside),
        "rejected": sum(row.positions_rejected for row in rows_of_steps),
        "recomputed": sum(row.positions_recomputed for row in rows_of_steps),
        "accepted": sum(event.accepted for event in events if isinstance(event, schema.Speculation)),
        "overlapping": sum(a.end_ns > b.start_ns for a, b in pairwise(rows_of_steps)),
        "blocks in order": ids == sorted(ids),
    }  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        for seed, blocks, drafts in ((1, 400, 0), (2, 18, 0), (3, 400, 3), (4, 18, 3)):
            run = Run(seed, blocks, drafts)
            print(json.dumps({"blocks": blocks, "drafts": drafts} | compare(run, recorded(run, 600))), flush=True)


if __name__ == "__main__":
    main()
