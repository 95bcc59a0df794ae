"""How fast each of two models reads a prompt and computes one position more, timed in turn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import torch

from engine.attention.build import make_attention
from engine.cache.build import make_cache
from engine.core.batch import Batch
from engine.core.settings import Switches
from engine.core.timing import NoTimer
from engine.decode.capabilities import unavailable_for
from engine.graphs.build import make_compiled
from engine.model.loader import LoadedModel
from engine.session.schema import PrecisionPart, PrecisionSide, PrecisionTiming

STEPS: Final = 32
"""Decode steps that are timed of each model, the last tokens of the first window."""
IN_TURN: Final = 8
"""So many steps of one model follow each other, so that a load that comes and goes meets both."""
PROMPTS: Final = 2
"""Timed passes over the prompt of each model, after one that warms up."""
REQUEST: Final = 0


class TimedModel:
    """A model with a cache, run the fastest way that it can on its device: on a CPU the compiled step."""

    def __init__(self, model: LoadedModel, ids: list[int]) -> None:
        self._model = model
        self._ids = ids
        switches = Switches().settled(unavailable_for(model, has_draft=False))
        self._cache = make_cache(switches, model.config, model.device, model.dtype)
        self._attention = make_attention(switches.attention, model.config)
        self._compiled = make_compiled(model, switches)

    def prompt(self, length: int) -> int:
        """Compute the first `length` tokens anew, in one pass; ns."""
        self._cache.free(REQUEST)
        self._cache.admit(REQUEST, len(self._ids), self._ids)
        return self._pass(0, length)

    def step(self, index: int) -> int:
        """Compute the token at `index`, the first that the cache does not hold; ns."""
        return self._pass(index, index + 1)

    def warm_up(self, index: int) -> None:
        """Compute the token at `index`, and forget it again."""
        self._pass(index, index + 1)
        self._cache.truncate(REQUEST, index)

    def _pass(self, first: int, end: int) -> int:
        tokens = self._ids[first:end]
        batch = Batch.of([(REQUEST, first, tokens)], device=str(self._model.device))
        self._wait()
        began_ns = time.perf_counter_ns()
        kv = self._cache.begin(batch)
        if self._compiled is not None:
            self._compiled(batch, kv, NoTimer())
        else:
            self._model.decoder.forward(batch, kv, self._attention, NoTimer())
        self._wait()
        took_ns = time.perf_counter_ns() - began_ns
        self._cache.commit(REQUEST, tokens)
        return took_ns

    def _wait(self) -> None:
        if self._model.device.type == "cuda":
            torch.cuda.synchronize(self._model.device)


def timings(a: LoadedModel, b: LoadedModel, ids: list[int]) -> Iterator[list[PrecisionTiming]]:
    """Timed passes over a window of text: its last tokens are decode steps, what is before them the prompt."""
    steps = min(STEPS, len(ids) // 2)
    length = len(ids) - steps
    sides: tuple[tuple[PrecisionSide, TimedModel], ...] = ("a", TimedModel(a, ids)), ("b", TimedModel(b, ids))
    told = 0

    def row(side: PrecisionSide, part: PrecisionPart, positions: int, took_ns: int) -> PrecisionTiming:
        nonlocal told
        told += 1
        return PrecisionTiming(told - 1, side, part, positions, took_ns)

    for _, model in sides:
        model.prompt(length)
        yield []
    for _ in range(PROMPTS):
        for side, model in sides:
            yield [row(side, "prompt", length, model.prompt(length))]
    for _, model in sides:
        model.warm_up(length)
        yield []
    for first in range(length, len(ids), IN_TURN):
        for side, model in sides:
            yield [row(side, "decode", 1, model.step(one)) for one in range(first, min(first + IN_TURN, len(ids)))]
