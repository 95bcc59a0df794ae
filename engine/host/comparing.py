"""A comparison of precisions that goes on: its parts one by one, and whether it waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from engine.core.settings import CompareSpec, LoadSpec
from engine.lens.compare import Comparison
from engine.model.loader import LoadedModel, Progress, load_model
from engine.session.schema import Mark


class Comparing:
    """Computes one part of a comparison at each call of `work`."""

    def __init__(self, comparison: Comparison, emit: Callable[[list[Any]], None]) -> None:
        self._parts = comparison.events()
        self._emit = emit
        self._zero_ns = time.perf_counter_ns()
        self.paused = False

    def work(self) -> bool:
        """Compute the next part and tell its rows; returns whether there was one. Raises what a model raises."""
        rows = next(self._parts, None)
        if rows:
            self._emit([*rows])
        return rows is not None

    def mark(self, kind: str, label: str) -> None:
        """Put a mark at this moment."""
        self._emit([Mark(time.perf_counter_ns() - self._zero_ns, kind, label)])


class LoadingStopped(Exception):  # noqa: N818 - no error: somebody asked for it
    """The loading of the other model is not wanted any more."""


def load_other(spec: CompareSpec, model: LoadedModel, progress: Progress) -> LoadedModel:
    """Load the other model of a comparison, on the device of the loaded one and with as many threads."""
    own = LoadSpec(spec.model, device=str(model.device), dtype=spec.dtype, threads=torch.get_num_threads())
    return load_model(own, lambda stage, fraction: progress(f"{stage} (B)", fraction))
