"""What one layer of another precision does: all else is the reference's, whose stream before that layer is reused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch

from engine.lens.agreement import Predictions
from engine.lens.stream import Passes, Stream, chunks
from engine.session.schema import PrecisionLayer

TOGETHER: Final = 4
"""So many layers are judged together: the reference's logits are computed once for them."""


@dataclass(slots=True)
class _Sums:
    kl: float = 0.0
    nll: float = 0.0
    same_top: int = 0


def layer_damage(a: Passes, b: Passes, ids: list[int], first_id: int) -> Iterator[list[PrecisionLayer]]:
    """One row for each layer, over a window of text; an empty list after each other part of the work.

    The reference goes through the window once, and its stream before each layer is kept. Layer i of B takes that one,
    and only the layers after it are computed again, so that the work is half of that of whole passes.
    """
    count = a.model.config.layers
    states = [a.embedded(ids)]
    for layer in range(count):
        states.append(a.through(ids, range(layer, layer + 1), states[-1]))
        yield []
    for first in range(0, count, TOGETHER):
        layers = range(first, min(first + TOGETHER, count))
        ends = []
        for layer in layers:
            exchanged = b.through(ids, range(layer, layer + 1), states[layer])
            ends.append(a.through(ids, range(layer + 1, count), exchanged))
            yield []
        sums = [_Sums() for _ in layers]
        for rows in chunks(len(ids) - 1, a.model.config.vocab):
            _judge(a, ids, rows, states[-1], ends, sums)
            yield []
        yield [
            PrecisionLayer(first_id + layer, layer, len(ids) - 1, one.kl, one.nll, one.same_top)
            for layer, one in zip(layers, sums, strict=True)
        ]


def _judge(a: Passes, ids: list[int], rows: slice, reference: Stream, ends: list[Stream], sums: list[_Sums]) -> None:
    """Add what some rows of the window say of each of these ends."""
    targets = torch.tensor(ids[rows.start + 1 : rows.stop + 1], device=a.model.device)
    own = Predictions(a.logits(reference.rows(rows)), f"{a.model.name} (A)")
    for end, one in zip(ends, sums, strict=True):
        other = Predictions(a.logits(end.rows(rows)), f"{a.model.name} with a layer of B")
        one.kl += float(own.divergence(other).sum())
        one.nll += float(other.nll(targets).sum())
        one.same_top += int((own.top == other.top).sum())
