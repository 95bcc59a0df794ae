"""How the two models predict each token of a window of text."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from engine.lens.agreement import Predictions
from engine.lens.stream import Passes, chunks
from engine.session.schema import PrecisionPosition


def predictions(a: Passes, b: Passes, ids: list[int], start: int, first_id: int) -> Iterator[list[PrecisionPosition]]:
    """Rows of all tokens of a window but its first, some at a time; an empty list after other parts of the work.

    `start` is the index of the window's first token in the text.
    """
    of_a = a.last(ids)
    yield []
    of_b = b.last(ids)
    yield []
    targets = torch.tensor(ids[1:], device=a.model.device)
    for rows in chunks(len(ids) - 1, a.model.config.vocab):
        tokens = targets[rows]
        own = Predictions(a.logits(of_a.rows(rows)), f"{a.model.name} (A)")
        other = Predictions(b.logits(of_b.rows(rows)), f"{b.model.name} (B)")
        columns = (
            tokens.tolist(), own.nll(tokens).tolist(), other.nll(tokens).tolist(), own.divergence(other).tolist(),
            own.top.tolist(), other.top.tolist(),
        )  # fmt: skip
        yield [
            PrecisionPosition(first_id + row, start + row + 1, token, row + 1, nll_a, nll_b, kl, top_a, top_b)
            for row, token, nll_a, nll_b, kl, top_a, top_b in zip(range(rows.start, rows.stop), *columns, strict=True)
        ]
