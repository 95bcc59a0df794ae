"""One captured step of one size: the forward pass, the LM head and the draw as one call, and its timed twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.cache.block_cache import BlockCache
from engine.core.attention import Attention
from engine.core.batch import Batch
from engine.core.timing import NoTimer, StepTimer
from engine.graphs.buffers import Buffers
from engine.graphs.captured_kv import CapturedKv, Rows
from engine.graphs.device import GraphDevice
from engine.graphs.pace import TwinPace
from engine.graphs.sampling import draw_columns
from engine.model.loader import LoadedModel
from engine.sampling.sampler import describe, likeliest


@dataclass(frozen=True, slots=True)
class Variant:
    """One kind of captured step: what does not depend on the number of rows.

    `width` is the number of positions per row: 1 for decode, more for verifying drafts. `sampled`: some row is not
    greedy. `alternatives`: the number that `describe` takes. `timed`: off, phase or layer. `ordered`: some row that is
    drawn inside uses a filter that needs the order of its values.
    """

    width: int
    sampled: bool
    alternatives: int
    timed: str
    ordered: bool = True

    @property
    def draws(self) -> bool:
        """Whether tokens are drawn inside the captured call; sampled steps test drafts outside it, on the logits."""
        return self.width == 1 or not self.sampled

    @property
    def columns(self) -> int:
        """Columns of a drawn row, as `describe` gives them."""
        return 3 + 2 * self.alternatives


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that all captured steps share."""

    model: LoadedModel
    memory: BlockCache
    attention: Attention
    buffers: Buffers
    logits: Tensor
    """The logits of steps that draw no tokens inside, float32 [rows · width, vocab]; empty without speculation."""


@dataclass(slots=True)
class KernelRan:
    """The attention kernel that ran last in a step's code: set at each call without graphs, at capture with them."""

    kernel: str = ""


def step_work(parts: Parts, variant: Variant, rows: int, timer: StepTimer, ran: KernelRan) -> Callable[[], None]:
    """The step as plain code over the buffers: what is captured, and what runs without graphs."""
    buffers, width = parts.buffers, variant.width
    tables, firsts, counts = buffers.tables[:rows], buffers.firsts[:rows], buffers.counts[:rows]
    sources, given = buffers.sources[:rows], buffers.tokens[: rows * width]
    device = parts.model.device
    within = torch.arange(width, device=device)
    all_rows = torch.arange(rows * width, device=device)
    starts = torch.arange(0, rows * width + 1, width, dtype=torch.int32, device=device)
    last_position = parts.model.config.max_positions - 1
    size, null_slot = parts.memory.block_size, parts.memory.null_block * parts.memory.block_size

    def work() -> None:
        timer.begin()
        with timer("embed"):
            # A row whose token was drawn by the step before reads it from `drawn`, where that step left it.
            before = buffers.drawn[sources.clamp(min=0)]
            tokens = torch.where(sources >= 0, before, given) if width == 1 else given
            positions = (firsts[:, None] + within).clamp(max=last_position)  # [rows, width]
            block = tables.gather(1, positions // size).long()
            slots = torch.where(within < counts[:, None], block * size + positions % size, null_slot).flatten()
            seen = Rows(width, tables, firsts, (firsts + width).int(), positions.flatten(), starts)
            batch = Batch.of_tensors(tokens, seen.positions, all_rows)
            kv = CapturedKv(parts.memory, seen, slots)
        logits = parts.model.decoder.forward(batch, kv, parts.attention, timer)  # [rows · width, vocab]
        ran.kernel = parts.attention.kernel
        with timer("sample"):
            if not variant.draws:
                parts.logits[: rows * width].copy_(logits)
            else:
                if variant.sampled:
                    tokens = draw_columns(logits, buffers.columns[:, :rows], variant.ordered)
                else:
                    tokens = likeliest(logits)
                described = describe(logits, tokens, variant.alternatives)
                buffers.out[: rows * width, : variant.columns].copy_(described)
                if width == 1:
                    buffers.drawn[:rows].copy_(tokens)
        timer.pause()

    return work


class CapturedStep:
    """A step of `rows` rows: its plain call, the twin that times its phases, and the measured times of both."""

    def __init__(self, parts: Parts, variant: Variant, rows: int, device: GraphDevice) -> None:
        self.rows = rows
        self.variant = variant
        self._pace = TwinPace()
        self._twin_us: NDArray[np.float64] | None = None
        self._ran = KernelRan()  # separate, so that the captured call does not refer to this object (a cycle)
        self._plain = device.capture(step_work(parts, variant, rows, NoTimer(), self._ran))
        self.timer = self.twin = None
        if variant.timed != "off":
            self.timer = device.timer(parts.model.config.layers, variant.timed == "layer")
            self.twin = device.capture(step_work(parts, variant, rows, self.timer, self._ran))

    @property
    def kernel(self) -> str:
        """The attention kernel of this step."""
        return self._ran.kernel

    def launch(self) -> bool:
        """Run the step; True where the twin ran."""
        if self.twin is not None and self._pace.due():
            self.twin()
            return True
        self._plain()
        return False

    def extra_ns(self, busy_ns: int, timed: bool) -> float:
        """The cost of timing a run that took `busy_ns`, ns: how much longer a twin took than plain replays, else 0."""
        return self._pace.extra_ns(busy_ns) if timed else 0.0

    def phases_us(self, busy_ns: int, timed: bool) -> NDArray[np.float64]:
        """µs by phase of a run that has ended and took `busy_ns`: of a twin, or of the last twin, scaled to `busy_ns`.

        float64 [rows, len(PHASES)] as from a timer; no rows where nothing is timed.
        """
        self._pace.note(busy_ns, timed)
        if self.timer is None:
            return NoTimer().spent_us()
        if timed:
            self._twin_us = self.timer.spent_us()
        assert self._twin_us is not None  # the first run is always the twin's
        if timed:
            return self._twin_us
        whole: Any = self._twin_us.sum()
        return self._twin_us * (busy_ns / 1e3 / whole) if whole > 0 else self._twin_us

    @property
    def calls(self) -> int:
        """How many calls were captured: 1, or 2 with the twin."""
        return 1 if self.twin is None else 2
