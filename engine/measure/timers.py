"""Phase timers: `with timer("ffn"):` around each leaf of a step. Here: the interface, and the one that does nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class PhaseTimer(Protocol):
    """Adds the time spent inside `with timer(phase):` to that phase of the current layer. Phases never nest."""

    def __call__(self, phase: str) -> AbstractContextManager[None]:
        """The span of one phase; `phase` is one of schema.PHASES."""

    def layer(self, index: int) -> None:
        """What follows belongs to layer `index`; `layers` (one past the last) stands for no layer."""


class NoTimer:
    """Observes nothing and costs next to nothing."""

    _span = nullcontext()

    def __call__(self, phase: str) -> AbstractContextManager[None]:
        return self._span

    def layer(self, index: int) -> None:
        pass
