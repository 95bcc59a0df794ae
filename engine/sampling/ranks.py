"""The best values of each row, for filters: the two implementations of `engine.core.sampling.Ranks`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class SearchedRanks:
    """For eager steps: the limits are known on the host, and each call searches by itself, as little as possible.

    `limits` are one number per row.
    """

    def __init__(self, limits: Sequence[float], device: torch.device) -> None:
        self._numbers = limits
        self.limits = torch.tensor(limits, dtype=torch.float64, device=device)[:, None]  # [R, 1]

    def nth_best(self, values: Tensor) -> Tensor:
        vocab = values.shape[-1]
        ranks = [int(k) if 0 < k < vocab else 0 for k in self._numbers]
        best = values.topk(max(1, *ranks), -1).values  # [R, largest limit]
        at = torch.tensor(ranks, device=values.device)[:, None]
        return best.gather(-1, (at - 1).clamp_(min=0)).masked_fill(at == 0, -torch.inf)

    def best_first(self, values: Tensor) -> tuple[Tensor, Tensor]:
        ordered, ids = values.sort(stable=True, dim=-1, descending=True)  # of equal ones the lower ids first, as in C
        return ordered, ids


class SharedSort:
    """The one sort of a captured step, done when a filter first asks for an order."""

    def __init__(self) -> None:
        self._sorted: Tensor | None = None
        self._ordered: Tensor | None = None
        self.ids: Tensor | None = None

    def of(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """`values` [R, vocab] best first, and the ids; sorts unless this same tensor was sorted last."""
        if self._ordered is None or self.ids is None or self._sorted is not values:
            self._sorted = values
            self._ordered, self.ids = values.sort(-1, descending=True)
        return self._ordered, self.ids


class SortedRanks:
    """For captured steps: the limits, float64 [R, 1], lie on the device, and the filters share a sort of all columns.

    Tokens that were ruled out after the sort keep their place, and the order of the others does not change.
    """

    def __init__(self, limits: Tensor, shared: SharedSort) -> None:
        self.limits = limits
        self._shared = shared

    def nth_best(self, values: Tensor) -> Tensor:
        ordered, _ = self._shared.of(values)
        at = (self.limits.long() - 1).clamp(0, values.shape[-1] - 1)
        return ordered.gather(-1, at).masked_fill(self.limits <= 0, -torch.inf)

    def best_first(self, values: Tensor) -> tuple[Tensor, Tensor]:
        ids = self._shared.ids
        return self._shared.of(values) if ids is None else (values.gather(-1, ids), ids)
