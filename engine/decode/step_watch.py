"""How far the step is that runs now, for a thread that tells the app of a step that takes long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Final

from engine.core.scheduled_chunk import ScheduledChunk
from engine.session.schema import StepProgress

LONG_S: Final = 0.3
"""A step is told of once it has taken so long; most are over before."""
TOLD_EVERY_S: Final = 0.2


class StepWatch:
    """What the engine's thread notes of its step, which costs it a few assignments, and what another thread reads.

    A reader may see the notes of two steps mixed for a moment: it reads what is shown for a moment only.
    """

    def __init__(self, share: Callable[[], float], clock: Callable[[], int] = perf_counter_ns) -> None:
        """`share` says how much of the step's work is done, 0 to 1, or -1; it is called by the reader."""
        self._share = share
        self._clock = clock
        self._step = 0
        self._since_ns = 0
        self._chunks: Sequence[ScheduledChunk] = ()
        self._told_ns = 0

    def begin(self, step: int) -> None:
        """A step begins; what it computes is not known yet."""
        self._step, self._chunks, self._since_ns = step, (), self._clock()

    def computes(self, chunks: Sequence[ScheduledChunk]) -> None:
        """The step computes these chunks."""
        self._chunks = chunks

    def end(self) -> None:
        """The step is over."""
        self._since_ns = 0

    def progress(self) -> StepProgress | None:
        """How far the step is; None between steps, while it has not taken long, or where that was told just now."""
        since_ns, now_ns, chunks = self._since_ns, self._clock(), self._chunks
        if not since_ns or now_ns - since_ns < LONG_S * 1e9 or now_ns - self._told_ns < TOLD_EVERY_S * 1e9:
            return None
        self._told_ns = now_ns
        first = end = prompt = 0
        if len(chunks) == 1 and chunks[0].request is not None and not chunks[0].request.generated:
            first, end, prompt = chunks[0].first, chunks[0].end, chunks[0].request.prompt_tokens
        positions = sum(chunk.length for chunk in chunks)
        share = self._share() if chunks else -1.0
        return StepProgress(self._step, (now_ns - since_ns) / 1e9, positions, first, end, prompt, share)
