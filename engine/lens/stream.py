"""The residual stream of a window of text through a decoder, kept between layers so that layers can be exchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import torch
from torch import Tensor

from engine.attention.build import make_attention
from engine.cache.build import make_cache
from engine.core.batch import Batch
from engine.core.settings import Switches
from engine.core.timing import NoTimer
from engine.decode.capabilities import unavailable_for
from engine.model.loader import LoadedModel

ROWS_AT_ONCE: Final = 64
"""Of so many positions the logits are in memory at once, and of fewer where a vocabulary is large."""
CHUNK_BYTES: Final = 64 * 2**20
"""Most bytes of the logits of these positions in float64; three such tensors are there at once."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The residual stream x [P, hidden], and the output [P, hidden] that is not added to it yet, or None."""

    x: Tensor
    delta: Tensor | None

    def rows(self, rows: slice) -> Self:
        """Some positions of it."""
        return type(self)(self.x[rows], None if self.delta is None else self.delta[rows])

    def copy(self, dtype: torch.dtype) -> Self:
        """A copy in a dtype: a layer may write into what it is given."""
        delta = None if self.delta is None else self.delta.to(dtype, copy=True)
        return type(self)(self.x.to(dtype, copy=True), delta)


class Passes:
    """Passes of one model over windows of text, operation by operation and without a cache."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.switches = Switches(kv="none").settled(unavailable_for(model, has_draft=False))

    @torch.inference_mode()
    def embedded(self, ids: list[int]) -> Stream:
        """The stream before the first layer."""
        return Stream(self.model.decoder.embed(self._batch(ids)), None)

    def last(self, ids: list[int]) -> Stream:
        """The stream after the last layer."""
        return self.through(ids, range(self.model.config.layers), self.embedded(ids))

    @torch.inference_mode()
    def through(self, ids: list[int], layers: range, stream: Stream) -> Stream:
        """The stream after some layers, in this model's dtype; `stream` is the one before them, and stays as it is."""
        model, batch = self.model, self._batch(ids)
        kv = make_cache(self.switches, model.config, model.device, model.dtype).begin(batch)
        attention = make_attention(self.switches.attention, model.config)
        own = stream.copy(model.dtype)
        return Stream(*model.decoder.run_layers(layers, own.x, own.delta, batch, kv, attention, NoTimer()))

    @torch.inference_mode()
    def logits(self, stream: Stream) -> Tensor:
        """Logits float32 [R, vocab] of the stream after the last layer."""
        return self.model.decoder.logits(stream.x, stream.delta, NoTimer())

    def _batch(self, ids: list[int]) -> Batch:
        return Batch.of([(0, 0, ids)], device=str(self.model.device))


def chunks(rows: int, vocab: int) -> Iterator[slice]:
    """The rows in parts of at most ROWS_AT_ONCE, whose logits take at most CHUNK_BYTES."""
    most = max(1, min(ROWS_AT_ONCE, CHUNK_BYTES // (8 * vocab)))
    for first in range(0, rows, most):
        yield slice(first, min(first + most, rows))
