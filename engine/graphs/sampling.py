"""Draws with parameters on the device: the draws of `engine.sampling.sampler`, without reading from the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from engine.core.sampling import FILTERS, Sampling
from engine.sampling.ranks import SharedSort, SortedRanks
from engine.sampling.sampler import draw, likeliest

COLUMNS: Final = 3 + len(FILTERS)
"""temperature, greedy, uniform, then a limit for each of FILTERS."""


def columns_of(params: Sequence[Sampling], uniforms: Sequence[float]) -> list[list[float]]:
    """Parameters and uniforms of some rows as COLUMNS lists, for `draw_columns`."""
    return [
        [1.0 if p.greedy else p.temperature for p in params],
        [float(p.greedy) for p in params],
        list(uniforms),
        *([one.captured_limit(p) for p in params] for one in FILTERS),
    ]


def needs_order(params: Sequence[Sampling]) -> bool:
    """Whether a row uses a filter that needs the order of its values."""
    return any(one.ordered and one.used_by(p) for one in FILTERS for p in params)


def draw_columns(logits: Tensor, columns: Tensor, ordered: bool = True) -> Tensor:
    """One token id per row, int64 [R], from logits float32 [R, vocab] and `columns` float64 [COLUMNS, R].

    Every filter is always applied; where it is off, its limit keeps all tokens. So no operation depends on values, and
    the whole draw can be captured. One sort serves all filters. With `ordered` False, which is for rows that do not use
    them, those filters that need it are left out, and nothing is sorted.
    """
    filters = [
        (one, limit)
        for one, limit in zip(FILTERS, columns[3:].unsqueeze(-1).unbind(0), strict=True)
        if ordered or not one.ordered
    ]
    temperature, greedy, uniform = columns[:3].unsqueeze(-1).unbind(0)  # [R, 1] each
    sort = SharedSort()
    x = logits.double() / temperature  # [R, V]
    for one, limit in filters:
        if not one.after_softmax:
            x = one.rule_out(x, SortedRanks(limit, sort))
    probs = torch.softmax(x, -1)
    whole = True
    for one, limit in filters:
        if one.after_softmax:
            # `draw` accepts any sum of probabilities, so only a filter that follows another needs a sum of 1.
            probs = one.rule_out(probs if whole else probs / probs.sum(-1, keepdim=True), SortedRanks(limit, sort))
            whole = False
    drawn = draw(probs, uniform[:, 0])
    return torch.where(greedy[:, 0] > 0, likeliest(logits), drawn)
