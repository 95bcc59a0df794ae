"""Decode and verify steps as captured calls: which chunks fit, how they are launched, and how they land."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from time import perf_counter_ns
from typing import Final

import torch

from engine.cache.block_cache import BlockCache
from engine.core.attention import Attention
from engine.core.batch import Batch, Span
from engine.core.positions import PADDING_REQUEST
from engine.core.sampling import Sampling
from engine.core.scheduled_chunk import ScheduledChunk
from engine.core.settings import Switches
from engine.core.timing import StepTimer
from engine.graphs.buckets import bucket_of, fill, row_buckets
from engine.graphs.buffers import Buffers, RowInput
from engine.graphs.captured import CapturedStep, Parts, Variant
from engine.graphs.device import GraphDevice
from engine.graphs.in_flight import InFlightStep, InFlightTimes
from engine.graphs.sampling import columns_of, needs_order
from engine.measure.nvtx import Ranges
from engine.model.loader import LoadedModel
from engine.sampling.sample_and_verify import Drawn, sample_and_verify, uniforms_of
from engine.sampling.sampler import choices

GREEDY: Final = Sampling()
TIMED: Final = frozenset({"phase", "layer"})


class GraphedSteps:
    """Runs steps of few new positions per request as captured calls over fixed memory.

    A step fits where every chunk is one known token, perhaps with drafts, and ends in a draw. Every other step
    (prompts, recomputation, with an attention probe) runs operation by operation.
    """

    def __init__(
        self, model: LoadedModel, memory: BlockCache, attention: Attention, switches: Switches, device: GraphDevice,
        longest: int,
    ) -> None:  # fmt: skip
        """`longest` is the most tokens that a request may have; block tables are as wide as it needs."""
        self.longest = longest
        self.device = device
        self._model = model
        self._memory = memory
        self._width = 1 if switches.speculate == "off" else 1 + switches.k
        most = 1 if switches.batching == "single" else switches.max_batch
        self._sizes = row_buckets(most)
        # Rows of drafts are read to their full width, even where it passes the end of the longest request.
        blocks = -(-(longest + self._width - 1) // memory.block_size)
        model.decoder.reach(min(longest + self._width, model.config.max_positions))  # nothing grows in a captured step
        buffers = Buffers(most, self._width, blocks, memory.null_block, model.device, device)
        logits = torch.empty(most * self._width if self._width > 1 else 0, model.config.vocab, device=model.device)
        self.parts = Parts(model, memory, attention, buffers, logits)
        self.captured: dict[Variant, dict[int, CapturedStep]] = {}
        self._events = [[device.event() for _ in range(3)] for _ in range(2)]
        self._launches = count()

    # --- what fits ----------------------------------------------------------------------------------------------------

    def fits(self, chunks: Sequence[ScheduledChunk]) -> bool:
        """Whether these chunks, padded by the scheduler, can run as one captured step."""
        own = [chunk for chunk in chunks if chunk.request is not None]
        return (
            bool(own)
            and all(chunk.complete and chunk.end - chunk.first == 1 and chunk.length <= self._width for chunk in own)
            and bucket_of(len({chunk.slot for chunk in chunks}), self._sizes) is not None
        )

    def prepare(self, chunks: Sequence[ScheduledChunk]) -> tuple[list[ScheduledChunk], Batch]:
        """The chunks with the padding of their bucket and room in the cache, and their batch, for the record only.

        The batch's tensors have the right shape but no data. Raises OutOfKvMemory where there is no room.
        """
        width = self._width if any(chunk.drafts for chunk in chunks) else 1
        rows = bucket_of(len({chunk.slot for chunk in chunks}), self._sizes)
        assert rows is not None
        filled = fill(chunks, rows, width)
        spans: list[Span] = []
        row = 0
        for chunk in filled:
            first, owner = (0, PADDING_REQUEST) if chunk.request is None else (chunk.first, chunk.request.id)
            spans.append(Span(owner, first, first + chunk.length, row))
            row += chunk.length
        positions = torch.empty(row, dtype=torch.int64)
        batch = Batch.of_tensors(positions, positions, positions, tuple(spans))
        self._memory.reserve(batch)
        return filled, batch

    # --- launch and landing -------------------------------------------------------------------------------------------

    def variant(self, chunks: Sequence[ScheduledChunk], alternatives: int, detail: str) -> Variant:
        """Which kind of captured step these chunks need."""
        drafts = any(chunk.drafts for chunk in chunks)
        params = [chunk.request.spec.sampling for chunk in chunks if chunk.request is not None]
        drawing = [p for p in params if not p.greedy]
        sampled = bool(drawing)
        timed = detail if detail in TIMED else "off"
        few = 0 if drafts and sampled else min(alternatives, self._model.config.vocab)
        return Variant(self._width if drafts else 1, sampled, few, timed, not drafts and needs_order(drawing))

    def ready(self, variant: Variant) -> bool:
        """Whether this kind of step is captured already."""
        return variant in self.captured

    def capture(self, variant: Variant) -> tuple[int, float]:
        """Capture this kind of step in all sizes, largest first, while no step is in flight.

        Returns the number of captured calls and the seconds that it took.
        """
        since_ns = perf_counter_ns()
        self.parts.buffers.clear()  # captures run on padding only
        self.captured[variant] = {
            rows: CapturedStep(self.parts, variant, rows, self.device) for rows in reversed(self._sizes)
        }
        calls = sum(step.calls for step in self.captured[variant].values())
        return calls, (perf_counter_ns() - since_ns) / 1e9

    def launch(
        self, chunks: list[ScheduledChunk], batch: Batch, variant: Variant, after: InFlightStep | None = None,
        ranges: Ranges | None = None,
    ) -> InFlightStep:  # fmt: skip
        """Launch a step of chunks that `prepare` has padded, without waiting.

        `after` is an in-flight step: the tokens that it draws are the input of requests whose token is not known yet.
        `ranges` gets an NVTX range around the replay. This kind of step has been captured before.
        """
        step = self.captured[variant][batch.rows // variant.width]
        inputs, params, uniforms = self._inputs(chunks, variant, after)
        columns = columns_of(params, uniforms) if variant.sampled and variant.draws else None
        started, finished, landed = self._events[next(self._launches) % 2]
        self.parts.buffers.load(inputs, variant.width, columns)
        started.record()
        if ranges is not None:
            ranges.range_push(f"replay {step.rows}x{variant.width}")
        timed = step.launch()
        if ranges is not None:
            ranges.range_pop()
        finished.record()
        drawn = self.parts.buffers.fetch() if variant.draws else None
        landed.record()
        rows = {chunk.request.id: row for row, chunk in enumerate(by_row(chunks)) if chunk.request is not None}
        logits = None if variant.draws else self.parts.logits[: step.rows * variant.width]
        return InFlightStep(
            chunks, batch, rows, step, "twin" if timed else "graph", step.kernel,
            started, finished, landed, drawn, logits,
        )  # fmt: skip

    def land(self, in_flight: InFlightStep, alternatives: int, timer: StepTimer) -> tuple[list[Drawn], InFlightTimes]:
        """Wait for an in-flight step; returns the tokens drawn for each unfinished request, and the step's times."""
        wanted = [chunk for chunk in in_flight.chunks if chunk.request is not None and not chunk.request.finished]
        late = in_flight.landed.past()
        if in_flight.drawn is None:
            drawn = self._decide(in_flight, wanted, alternatives, timer)
        else:
            in_flight.landed.wait()
            variant = in_flight.step.variant
            read = choices(in_flight.drawn[: in_flight.step.rows * variant.width, : variant.columns])
            drawn = []
            for chunk in wanted:
                assert chunk.request is not None
                first = in_flight.rows[chunk.request.id] * variant.width
                own = read[first : first + chunk.length]
                # A greedy draft passes where it equals the target's token; a step without drafts has none to test.
                passed = next(
                    (i for i, draft in enumerate(chunk.drafts) if draft != own[i].token_id), len(chunk.drafts)
                )
                drawn.append(Drawn(chunk.request, len(chunk.drafts), passed, own[: passed + 1]))
        in_flight.landed.wait()
        since_ns, timed = perf_counter_ns(), in_flight.launch == "twin"
        busy_ns = in_flight.finished.ns_since(in_flight.started)
        extra_ns = in_flight.step.extra_ns(busy_ns, timed)
        phases = in_flight.step.phases_us(busy_ns, timed)
        return drawn, InFlightTimes(
            phases, busy_ns, timer, apart=self.device.overlaps, extra_ns=extra_ns,
            reading_ns=perf_counter_ns() - since_ns, late=late,
        )  # fmt: skip

    def _decide(
        self, in_flight: InFlightStep, chunks: list[ScheduledChunk], alternatives: int, timer: StepTimer
    ) -> list[Drawn]:
        """Test drafts against the logits of a verify step, with the same code as without graphs."""
        assert in_flight.logits is not None
        width = in_flight.step.variant.width
        rows: list[int] = []
        for chunk in chunks:
            assert chunk.request is not None
            first = in_flight.rows[chunk.request.id] * width
            rows += range(first, first + chunk.length)
        return sample_and_verify(in_flight.logits[rows], chunks, alternatives, timer) if chunks else []

    def _inputs(
        self, chunks: list[ScheduledChunk], variant: Variant, after: InFlightStep | None
    ) -> tuple[list[RowInput], list[Sampling], list[float]]:
        inputs: list[RowInput] = []
        params: list[Sampling] = []
        uniforms: list[float] = []
        for chunk in by_row(chunks):
            request = chunk.request
            if request is None:
                inputs.append(RowInput((), -1, 0, 0, ()))
                params.append(GREEDY)
                uniforms.append(0.0)
                continue
            known = request.tokens[chunk.first : chunk.end]
            source = -1
            if not known:
                assert after is not None
                source = after.rows[request.id]
            table = self._memory.table(request.id)
            inputs.append(RowInput((*known, *chunk.drafts), source, chunk.first, chunk.length, table))
            params.append(request.spec.sampling)
            uniforms += uniforms_of(request, 1) if variant.sampled and variant.draws else [0.0]
        return inputs, params, uniforms


def by_row(chunks: Sequence[ScheduledChunk]) -> list[ScheduledChunk]:
    """One chunk per row, in order: the request's chunk, or padding where the row has no request."""
    rows: dict[int, ScheduledChunk] = {}
    for chunk in chunks:
        if chunk.request is not None or chunk.slot not in rows:
            rows[chunk.slot] = chunk
    return list(rows.values())
