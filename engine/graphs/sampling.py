"""Drawing with parameters that lie on the device: the draws of `engine.sampling.sampler`, without a question to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from engine.core.settings import Sampling
from engine.sampling.sampler import draw, likeliest

COLUMNS: Final = 6
"""temperature, min_p, top_k, top_p, greedy, uniform."""
NO_TOP_P: Final = 2.0
"""More than any mass: keeps every token."""


def columns_of(params: Sequence[Sampling], uniforms: Sequence[float]) -> list[list[float]]:
    """Parameters and uniforms of some rows as COLUMNS lists, for `draw_columns`."""
    return [
        [1.0 if p.greedy else p.temperature for p in params],
        [p.min_p for p in params],
        [float(p.top_k) for p in params],
        [p.top_p if p.top_p < 1 else NO_TOP_P for p in params],
        [float(p.greedy) for p in params],
        list(uniforms),
    ]


def draw_columns(logits: Tensor, columns: Tensor) -> Tensor:
    """One token id a row, int64 [R], from logits float32 [R, vocab] and `columns` float64 [COLUMNS, R].

    Every filter is always applied, with a limit that lets all through where it is off, so that nothing depends on
    values and the whole can be captured.
    """
    temperature, min_p, top_k, top_p, greedy, uniform = columns.unsqueeze(-1).unbind(0)  # [R, 1] each
    vocab = logits.shape[-1]
    x = logits.double() / temperature  # [R, V]
    x = x.masked_fill(x - x.amax(-1, keepdim=True) < min_p.log(), -torch.inf)
    ordered, order = x.sort(-1, descending=True)
    floor = ordered.gather(-1, (top_k.long() - 1).clamp(0, vocab - 1))
    x = x.masked_fill((x < floor) & (top_k > 0), -torch.inf)
    probs = torch.softmax(x, -1)
    best_first = probs.gather(-1, order)
    before = best_first.cumsum(-1) - best_first  # mass of the better ones
    before[:, :1].fill_(-1.0)
    probs = torch.zeros_like(probs).scatter_(-1, order, best_first.masked_fill(before >= top_p, 0.0))
    drawn = draw(probs, uniform[:, 0])
    return torch.where(greedy[:, 0] > 0, likeliest(logits), drawn)
