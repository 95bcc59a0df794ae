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
    """What steps of one kind have in common, whatever their number of rows.

    `width` positions a row: 1 decodes, more verify drafts. `sampled`: some row is not greedy. `alternatives` as
    `describe` takes them. `timed`: off, phase or layer.
    """

    width: int
    sampled: bool
    alternatives: int
    timed: str

    @property
    def draws(self) -> bool:
        """Whether tokens are drawn inside; drafts against a sampled target are tested outside, on the logits."""
        return self.width == 1 or not self.sampled

    @property
    def columns(self) -> int:
        """Columns of a drawn row, as `describe` gives them."""
        return 3 + 2 * self.alternatives


@dataclass(frozen=True, slots=True)
class Parts:
    """What all captured steps of a run share."""

    model: LoadedModel
    memory: BlockCache
    attention: Attention
    buffers: Buffers
    logits: Tensor
    """The logits of steps that are not drawn from inside, float32 [rows · width, vocab]; empty where there are none."""


@dataclass(slots=True)
class KernelRan:
    """The attention kernel that ran last in a step's code: at each call without graphs, at the capture with them."""

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
            # A row whose token was drawn by the step before takes it from where that step left it.
            before = buffers.drawn[sources.clamp(min=0)]
            tokens = torch.where(sources >= 0, before, given) if width == 1 else given
            positions = (firsts[:, None] + within).clamp(max=last_position)  # [rows, width]
            block = tables.gather(1, positions // size).long()
            slots = torch.where(within < counts[:, None], block * size + positions % size, null_slot).flatten()
            seen = Rows(width, tables, firsts, (firsts + width).int(), positions.flatten(), starts)
            batch = Batch(tokens, seen.positions, (), all_rows)
            kv = CapturedKv(parts.memory, seen, slots)
        logits = parts.model.decoder.forward(batch, kv, parts.attention, timer)  # [rows · width, vocab]
        ran.kernel = parts.attention.kernel
        with timer("sample"):
            if not variant.draws:
                parts.logits[: rows * width].copy_(logits)
            else:
                tokens = draw_columns(logits, buffers.columns[:, :rows]) if variant.sampled else likeliest(logits)
                described = describe(logits, tokens, variant.alternatives)
                buffers.out[: rows * width, : variant.columns].copy_(described)
                if width == 1:
                    buffers.drawn[:rows].copy_(tokens)
        timer.pause()

    return work


class CapturedStep:
    """A step of `rows` rows: its plain call, the twin that times its phases, and what both were measured to take."""

    def __init__(self, parts: Parts, variant: Variant, rows: int, device: GraphDevice) -> None:
        self.rows = rows
        self.variant = variant
        self._pace = TwinPace()
        self._twin_us: NDArray[np.float64] | None = None
        self._ran = KernelRan()  # apart, so that what is captured does not hold this object, which holds it
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
        """Run the step; True where it was the twin that ran."""
        if self.twin is not None and self._pace.due():
            self.twin()
            return True
        self._plain()
        return False

    def extra_ns(self, busy_ns: int, timed: bool) -> float:
        """What timing cost a run that took `busy_ns`: how much longer the twin takes than a plain replay."""
        return self._pace.extra_ns(busy_ns) if timed else 0.0

    def phases_us(self, busy_ns: int, timed: bool) -> NDArray[np.float64]:
        """µs by phase of a run that is over and took `busy_ns`: the twin's own, or the last twin's scaled to that.

        float64 [rows, len(PHASES)] as a timer gives them, no rows where nothing is timed.
        """
        self._pace.note(busy_ns, timed)
        if self.timer is None:
            return NoTimer().spent_us()
        if timed:
            self._twin_us = self.timer.spent_us()
        assert self._twin_us is not None  # the first run of all is the twin's
        if timed:
            return self._twin_us
        whole: Any = self._twin_us.sum()
        return self._twin_us * (busy_ns / 1e3 / whole) if whole > 0 else self._twin_us

    @property
    def calls(self) -> int:
        """How many calls were captured for it."""
        return 1 if self.twin is None else 2
