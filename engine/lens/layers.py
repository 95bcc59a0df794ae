"""What one layer of another precision does: all else is the reference's, whose stream before that layer is reused."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from engine.lens.agreement import Predictions
from engine.lens.stream import Passes, Stream, chunks
from engine.session.schema import PrecisionLayer


def layer_damage(a: Passes, b: Passes, ids: list[int], first_id: int) -> Iterator[PrecisionLayer | None]:
    """One row for each layer, over a window of text; None after each other part of the work.

    The reference goes through the window once, and its stream before each layer is kept. Layer i of B takes that one,
    and only the layers after it are computed again, so that the work is half of that of whole passes.
    """
    states = [a.embedded(ids)]
    for layer in range(a.model.config.layers):
        states.append(a.through(ids, range(layer, layer + 1), states[-1]))
        yield None
    for layer in range(a.model.config.layers):
        exchanged = b.through(ids, range(layer, layer + 1), states[layer])
        end = a.through(ids, range(layer + 1, a.model.config.layers), exchanged)
        yield None
        yield _judged(a, ids, states[-1], end, first_id + layer, layer)


def _judged(a: Passes, ids: list[int], reference: Stream, end: Stream, id: int, layer: int) -> PrecisionLayer:
    kl = nll = 0.0
    same = 0
    targets = torch.tensor(ids[1:], device=a.model.device)
    for rows in chunks(len(ids) - 1):
        own = Predictions.of(a.logits(reference.rows(rows)), a.model.name)
        other = Predictions.of(a.logits(end.rows(rows)), a.model.name)
        kl += float(own.divergence(other).sum())
        nll += float(other.nll(targets[rows]).sum())
        same += int((own.top == other.top).sum())
    return PrecisionLayer(id, layer, len(ids) - 1, kl, nll, same)
