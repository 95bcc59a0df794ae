"""The content of a KV cache: the sizes and the preset that its formula is shown with, and the live positions."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.figures import metrics
from engine.figures.step_range import step_slice
from engine.figures.switches import switches_at
from engine.session.kv_shape import KvShape
from engine.session.store import Session

ITEMSIZES: Final = {"float32": 4, "bfloat16": 2, "float16": 2, "float8": 1, "int8": 1}


LLAMA_7B: Final = KvShape(layers=32, kv_heads=32, head_dim=128, itemsize=2)
LLAMA_7B_POSITIONS: Final = 2048
LLAMA_7B_PARAMETERS: Final = 6_738_415_616
"""Touvron et al. 2023: 32 layers of 4096, feed-forward of 11008, vocabulary of 32000, embeddings not tied."""


class LivePositions:
    """`metrics.cached_positions` of every step, computed again only when there are more steps.

    Steps without a cache count the positions that a cache would hold.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._counts: NDArray[np.int64] = np.empty(0, np.int64)

    def update(self) -> NDArray[np.int64]:
        """Positions alive at the end of each step, int64 [steps]."""
        if len(self._counts) != step_slice(self.session).stop:
            self._counts = metrics.cached_positions(self.session, would=True)
        return self._counts

    def at(self, step: int) -> int:
        """Positions alive at the end of one step."""
        counts = self.update()
        return int(counts[step]) if step < len(counts) else 0


def kv_switch(session: Session, step: int) -> str:
    """The value of the `kv` switch in force at a step; empty where the session does not say."""
    return str(switches_at(session, step).get("kv", ""))
