"""Reads vLLM's scheduler at its hooks, and puts what it does into the feed."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, Final

from decodescope_recorder.feed import Feed
from decodescope_recorder.messages import is_light, request_facts, tokens_of

MOST_PENDING: Final = 64
"""Steps in flight that are remembered; vLLM has as many as pipeline stages, and one more."""
MOST_SCANNED_BLOCKS: Final = 2**17
"""A pool with more blocks is not searched for cached ones when a listener connects."""


class SchedulerTap:
    """Reads a scheduler at its hooks. Every method swallows its errors: they switch the recorder off."""

    def __init__(self, feed: Feed, scheduler: Any, group: int) -> None:
        """`group` is the KV group of full attention whose blocks are told to be cached or not; -1: none."""
        self.feed = feed
        self._step = 0
        self._pending: deque[tuple[Any, int]] = deque(maxlen=MOST_PENDING)
        """Scheduled steps, with their numbers, whose outputs have not come."""
        self._inside: list[tuple[Any, ...]] | None = None
        """What ends or is preempted within the method that runs; None between methods."""
        manager = scheduler.kv_cache_manager
        self._pool = manager.block_pool
        self._tables = manager.coordinator.single_type_managers[group].req_to_blocks if group >= 0 else {}

    def before_schedule(self, scheduler: Any) -> int:
        """The time, after a snapshot where one is wanted; 0 where nothing is recorded."""
        try:
            self._catch_up(scheduler)
            self._inside = []
            return time.monotonic_ns()
        except Exception as error:
            self.feed.fail(error)
            return 0

    def scheduled(self, scheduler: Any, output: Any, start_ns: int) -> None:
        """A step was scheduled. What vLLM may change later is copied."""
        end_ns = time.monotonic_ns()
        try:
            inside, self._inside = self._inside, None
            if not self.feed.live:
                self.feed.lost_steps += bool(output.num_scheduled_tokens)
                return
            scheduled = output.num_scheduled_tokens
            if not scheduled and not inside:
                return
            self._step += 1
            self._pending.append((output, self._step))
            cached = output.scheduled_cached_reqs
            new: tuple[Any, ...] = ()
            size_bytes = 400 + 120 * len(scheduled)
            if output.scheduled_new_reqs:
                new = tuple(
                    (one.req_id, one.num_computed_tokens, [ids.copy() for ids in one.block_ids])
                    for one in output.scheduled_new_reqs
                )
                size_bytes += 8 * sum(len(ids) for one in new for ids in one[2])
            running, waiting = scheduler.get_request_counts()
            self.feed.put(
                (
                    "step", self._step, start_ns, end_ns, scheduled.copy(), new, cached.req_ids.copy(),
                    cached.num_computed_tokens.copy(), cached.new_block_ids.copy(), list(cached.resumed_req_ids),
                    output.scheduled_spec_decode_tokens, inside or (), running, waiting,
                    self._pool.get_num_free_blocks(), len(self._pool.cached_block_hash_to_block),
                ),
                size_bytes,
            )  # fmt: skip
        except Exception as error:
            self.feed.fail(error)

    def before_output(self, output: Any, model_output: Any) -> tuple[int, list[int]] | None:
        """The time, and how many tokens were sampled of each row where drafts were verified; None after an error."""
        try:
            self._inside = []
            counts = list(map(len, model_output.sampled_token_ids)) if output.scheduled_spec_decode_tokens else []
            return time.monotonic_ns(), counts
        except Exception as error:
            self.feed.fail(error)
            return None

    def put_out(self, output: Any, model_output: Any, outputs: Any, before: tuple[int, list[int]]) -> None:
        """A step's outputs were taken into account. The daemon thread reads `outputs`, which vLLM only sends on."""
        end_ns = time.monotonic_ns()
        try:
            inside, self._inside = self._inside, None
            number = self._number_of(output)
            if not self.feed.live or (number < 0 and not output.num_scheduled_tokens and not inside):
                return
            start_ns, counts = before
            told = outputs if is_light(model_output) else tokens_of(outputs)
            drafted = output.scheduled_spec_decode_tokens if counts else ()
            self.feed.put(
                (
                    "output", number, start_ns, end_ns, told, drafted, counts,
                    model_output.req_id_to_index if counts else {}, inside or (),
                ),
                200 + 400 * len(output.num_scheduled_tokens),
            )  # fmt: skip
        except Exception as error:
            self.feed.fail(error)

    def arrived(self, scheduler: Any, request: Any) -> None:
        """A request enters the queue."""
        try:
            if self._inside is None:
                self._catch_up(scheduler)
            if self.feed.live and request.request_id not in scheduler.requests:
                message = ("request", time.monotonic_ns(), *request_facts(request))
                self.feed.put(message, 300 + 8 * request.num_prompt_tokens)
        except Exception as error:
            self.feed.fail(error)

    def ended(self, request: Any) -> None:
        """A request has ended; its blocks go now or, where a KV connector still reads them, later."""
        try:
            if self.feed.live:
                reason = request.get_finished_reason()
                stop = request.stop_reason
                self._tell((
                    "ended", time.monotonic_ns(), request.request_id, "" if reason is None else str(reason),
                    stop if isinstance(stop, int) or stop is None else str(stop)[:200],
                ))  # fmt: skip
        except Exception as error:
            self.feed.fail(error)

    def freed(self, request: Any, preempted: bool) -> None:
        """A request lets go of its blocks, because it has ended or is preempted."""
        try:
            if self.feed.live:
                kind = "preempted" if preempted else "freed"
                self._tell((kind, time.monotonic_ns(), request.request_id, self._uncached(request.request_id)))
        except Exception as error:
            self.feed.fail(error)

    def reset(self) -> None:
        """The prefix cache was emptied."""
        try:
            if self.feed.live:
                self.feed.put(("reset", time.monotonic_ns()), 60)
        except Exception as error:
            self.feed.fail(error)

    def _tell(self, message: tuple[Any, ...]) -> None:
        if self._inside is None:
            self.feed.put(message, 200)
        else:
            self._inside.append(message)

    def _number_of(self, output: Any) -> int:
        """The number of a scheduled step, -1 where it was not recorded. Outputs come in the order of scheduling."""
        pending = self._pending
        for index, (one, number) in enumerate(pending):
            if one is output:
                for _ in range(index + 1):
                    pending.popleft()
                return number
        return -1

    def _uncached(self, request_id: str) -> int:
        """How many of the request's last blocks hold nothing that may be reused."""
        count = 0
        for block in reversed(self._tables.get(request_id, ())):
            if block.block_hash is not None:
                break
            count += 1
        return count

    def _catch_up(self, scheduler: Any) -> None:
        """Tell everything that the changes from now on refer to, where a listener waits for that."""
        feed = self.feed
        connection = feed.wants_snapshot()
        if not connection:
            return
        running = {request.request_id for request in scheduler.running}
        blocks = getattr(self._pool, "blocks", ())
        cached = None
        if len(blocks) <= MOST_SCANNED_BLOCKS:
            cached = [block.block_id for block in blocks if block.ref_cnt == 0 and block.block_hash is not None]
        known = [
            (
                request_facts(request), request.request_id in running, request.num_computed_tokens,
                request.num_output_tokens, request.num_preemptions,
                scheduler.kv_cache_manager.get_block_ids(request.request_id),
            )
            for request in scheduler.requests.values()
        ]  # fmt: skip
        self._pending.clear()
        counts = scheduler.get_request_counts()
        feed.live = True
        feed.put(
            (
                "snapshot", connection, time.monotonic_ns(), feed.lost_steps, len(known), *counts,
                self._pool.get_num_free_blocks(), cached,
            ),
            200 + 8 * len(cached or ()),
        )  # fmt: skip
        feed.lost_steps = 0
        for one in known:
            feed.put(("known", *one), 300 + 8 * len(one[0][4] or ()) + 8 * sum(map(len, one[5])))
