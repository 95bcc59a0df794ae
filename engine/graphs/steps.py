"""Decode and verify steps as captured calls: which shares fit, how they are launched, and how they land."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from time import perf_counter_ns
from typing import Final

import torch

from engine.attention.base import Attention
from engine.decode.decide import Drawn, decide, uniforms_of
from engine.decode.sampler import choices
from engine.decode.scheduler import Share
from engine.decode.settings import Sampling, Switches
from engine.graphs.buckets import bucket_of, fill, row_buckets
from engine.graphs.buffers import Buffers, RowInput
from engine.graphs.captured import CapturedStep, Parts, Variant
from engine.graphs.device import GraphDevice
from engine.graphs.flight import Flight, FlightTimes
from engine.graphs.memory import FixedMemory
from engine.graphs.sampling import columns_of
from engine.measure.nvtx import Ranges
from engine.measure.timers import StepTimer
from engine.model.batch import PADDING_REQUEST, Batch, Span
from engine.model.loader import LoadedModel

GREEDY: Final = Sampling()
TIMED: Final = frozenset({"phase", "layer"})


class GraphedSteps:
    """Runs steps of few new positions a request as captured calls over fixed memory.

    A step fits where every share is one known token, perhaps with drafts, and ends in a draw. Everything else
    (prompts, recomputation, what an attention probe watches) runs operation by operation as before.
    """

    def __init__(
        self, model: LoadedModel, memory: FixedMemory, attention: Attention, switches: Switches, device: GraphDevice,
        longest: int,
    ) -> None:  # fmt: skip
        """`longest` is the most tokens that a request may come to: tables are as wide as that needs."""
        self.longest = longest
        self.device = device
        self._model = model
        self._memory = memory
        self._width = 1 if switches.speculate == "off" else 1 + switches.k
        most = 1 if switches.batching == "single" else switches.max_batch
        self._sizes = row_buckets(most)
        # Rows of drafts are read to their full width, also where the last of them would pass the context's end.
        blocks = -(-(longest + self._width - 1) // memory.block_size)
        model.decoder.reach(min(longest + self._width, model.config.max_positions))  # nothing grows in a captured step
        buffers = Buffers(most, self._width, blocks, memory.null_block, model.device, device)
        logits = torch.empty(most * self._width if self._width > 1 else 0, model.config.vocab, device=model.device)
        self._parts = Parts(model, memory, attention, buffers, logits)
        self._captured: dict[Variant, dict[int, CapturedStep]] = {}
        self._moments = [[device.moment() for _ in range(3)] for _ in range(2)]
        self._launches = count()

    # --- what fits ----------------------------------------------------------------------------------------------------

    def fits(self, shares: Sequence[Share]) -> bool:
        """Whether these shares, padded by the scheduler, can run as one captured step."""
        own = [share for share in shares if share.request is not None]
        return (
            bool(own)
            and all(share.complete and share.end - share.first == 1 and share.length <= self._width for share in own)
            and bucket_of(len({share.slot for share in shares}), self._sizes) is not None
        )

    def prepare(self, shares: Sequence[Share]) -> tuple[list[Share], Batch]:
        """The shares with the padding of their bucket and room in the cache, and their batch, for accounts only.

        Raises OutOfKvMemory where there is no room.
        """
        width = self._width if any(share.drafts for share in shares) else 1
        rows = bucket_of(len({share.slot for share in shares}), self._sizes)
        assert rows is not None
        filled = fill(shares, rows, width)
        spans: list[Span] = []
        row = 0
        for share in filled:
            first, owner = (0, PADDING_REQUEST) if share.request is None else (share.first, share.request.id)
            spans.append(Span(owner, first, first + share.length, row))
            row += share.length
        positions = torch.empty(row, dtype=torch.int64)
        batch = Batch(positions, positions, tuple(spans), positions)
        self._memory.make_room(batch)
        return filled, batch

    def commit(self, flight: Flight) -> None:
        """Tell the cache which tokens a flight computes, once they are known."""
        for share in flight.shares:
            request = share.request
            if request is not None and not request.finished:
                self._memory.commit(request.id, (*request.tokens[share.first : share.end], *share.drafts))

    # --- launch and landing -------------------------------------------------------------------------------------------

    def variant(self, shares: Sequence[Share], alternatives: int, detail: str) -> Variant:
        """Which kind of captured step these shares need."""
        drafts = any(share.drafts for share in shares)
        sampled = any(not share.request.spec.sampling.greedy for share in shares if share.request is not None)
        timed = detail if detail in TIMED else "off"
        few = 0 if drafts and sampled else min(alternatives, self._model.config.vocab)
        return Variant(self._width if drafts else 1, sampled, few, timed)

    def ready(self, variant: Variant) -> bool:
        """Whether this kind of step is captured already."""
        return variant in self._captured

    def capture(self, variant: Variant) -> int:
        """Capture this kind of step in all sizes, largest first, while nothing flies; how many calls that were."""
        self._parts.buffers.clear()  # captures run on padding only
        self._captured[variant] = {
            rows: CapturedStep(self._parts, variant, rows, self.device) for rows in reversed(self._sizes)
        }
        return sum(step.calls for step in self._captured[variant].values())

    def launch(
        self, shares: list[Share], batch: Batch, variant: Variant, after: Flight | None = None,
        ranges: Ranges | None = None,
    ) -> Flight:  # fmt: skip
        """Launch a step of filled shares and wait for nothing.

        `after` is a flight that has not landed: what it draws is the input of the requests whose token is not known.
        `ranges` gets a range around the replay.
        This kind of step has been captured before.
        """
        step = self._captured[variant][batch.token_ids.shape[0] // variant.width]
        inputs, params, uniforms = self._inputs(shares, variant, after)
        columns = columns_of(params, uniforms) if variant.sampled and variant.draws else None
        started, finished, landed = self._moments[next(self._launches) % 2]
        self._parts.buffers.load(inputs, variant.width, columns)
        started.record()
        if ranges is not None:
            ranges.range_push(f"replay {step.rows}x{variant.width}")
        timed = step.launch()
        if ranges is not None:
            ranges.range_pop()
        finished.record()
        drawn = self._parts.buffers.fetch() if variant.draws else None
        landed.record()
        rows = {share.request.id: row for row, share in enumerate(by_row(shares)) if share.request is not None}
        logits = None if variant.draws else self._parts.logits[: step.rows * variant.width]
        return Flight(
            shares, batch, rows, step, "twin" if timed else "graph", step.kernel,
            started, finished, landed, drawn, logits,
        )  # fmt: skip

    def land(self, flight: Flight, alternatives: int, timer: StepTimer) -> tuple[list[Drawn], FlightTimes]:
        """Wait for a flight, and say what it drew for each request that still wants it, and what it took."""
        wanted = [share for share in flight.shares if share.request is not None and not share.request.finished]
        late = flight.landed.past()
        if flight.drawn is None:
            drawn = self._decide(flight, wanted, alternatives, timer)
        else:
            flight.landed.wait()
            variant = flight.step.variant
            read = choices(flight.drawn[: flight.step.rows * variant.width, : variant.columns])
            drawn = []
            for share in wanted:
                assert share.request is not None
                first = flight.rows[share.request.id] * variant.width
                own = read[first : first + share.length]
                # Greedy drafts pass as long as they are what the target drew; a step without drafts has none to test.
                passed = next(
                    (i for i, draft in enumerate(share.drafts) if draft != own[i].token_id), len(share.drafts)
                )
                drawn.append(Drawn(share.request, len(share.drafts), passed, own[: passed + 1]))
        flight.landed.wait()
        since_ns, timed = perf_counter_ns(), flight.launch == "twin"
        busy_ns = flight.finished.ns_since(flight.started)
        extra_ns = flight.step.extra_ns(busy_ns, timed)
        phases = flight.step.phases_us(busy_ns, timed)
        return drawn, FlightTimes(
            phases, busy_ns, timer, apart=self.device.overlaps, extra_ns=extra_ns,
            reading_ns=perf_counter_ns() - since_ns, late=late,
        )  # fmt: skip

    def _decide(self, flight: Flight, shares: list[Share], alternatives: int, timer: StepTimer) -> list[Drawn]:
        """Test drafts against the logits of a verify step, by the same code as without graphs."""
        assert flight.logits is not None
        width = flight.step.variant.width
        rows: list[int] = []
        for share in shares:
            assert share.request is not None
            first = flight.rows[share.request.id] * width
            rows += range(first, first + share.length)
        return decide(flight.logits[rows], shares, alternatives, timer) if shares else []

    def _inputs(
        self, shares: list[Share], variant: Variant, after: Flight | None
    ) -> tuple[list[RowInput], list[Sampling], list[float]]:
        inputs: list[RowInput] = []
        params: list[Sampling] = []
        uniforms: list[float] = []
        for share in by_row(shares):
            request = share.request
            if request is None:
                inputs.append(RowInput((), -1, 0, 0, ()))
                params.append(GREEDY)
                uniforms.append(0.0)
                continue
            known = request.tokens[share.first : share.end]
            source = -1
            if not known:
                assert after is not None
                source = after.rows[request.id]
            table = self._memory.table(request.id)
            inputs.append(RowInput((*known, *share.drafts), source, share.first, share.length, table))
            params.append(request.spec.sampling)
            uniforms += uniforms_of(request, 1) if variant.sampled and variant.draws else [0.0]
        return inputs, params, uniforms


def by_row(shares: Sequence[Share]) -> list[Share]:
    """One share a row, in order: its request's, or padding where it has none."""
    rows: dict[int, Share] = {}
    for share in shares:
        if share.request is not None or share.slot not in rows:
            rows[share.slot] = share
    return list(rows.values())
