"""Continuous batching: requests join and leave at every step (Orca, Yu et al. 2022), long prompts in chunks."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from engine.cache.base import KVCache
from engine.decode.request import Queue
from engine.decode.scheduler import Share, admit_next, retire_finished, share_of

TOKEN_BUDGET: Final = 512
"""Most positions a step computes, so that a long prompt does not make those who decode wait (Sarathi, Agrawal et al.
2023)."""


class ContinuousScheduler:
    """Serves who is running first, who decodes before who has a prompt left, then lets waiting requests in.

    Without a cache nothing can be computed in parts, and the budget does not bind.
    """

    name = "continuous"

    def __init__(self, max_batch: int, token_budget: int = TOKEN_BUDGET) -> None:
        self._max_batch = max_batch
        self._token_budget = token_budget

    def schedule(self, queue: Queue, cache: KVCache, admit: bool = True) -> list[Share]:
        budget = self._token_budget
        shares: list[Share] = []
        # Python's sort is stable: among those with as much to compute, first come first served.
        for share in sorted((share_of(r, cache) for r in queue.running), key=lambda share: share.length > 1):
            part = self._within(share, budget, cache)
            if part.length:
                shares.append(part)
                budget -= part.length
        while admit and queue.waiting and len(queue.running) < self._max_batch and budget > 0:
            if not admit_next(queue, cache):
                break
            part = self._within(share_of(queue.running[-1], cache), budget, cache)
            shares.append(part)
            budget -= part.length
        return sorted(shares, key=lambda share: share.slot)

    def admits(self, queue: Queue) -> bool:
        return len(queue.running) < self._max_batch

    def pad(self, queue: Queue, shares: list[Share]) -> list[Share]:
        return shares

    def retire(self, queue: Queue, cache: KVCache) -> None:
        retire_finished(queue, cache)

    @staticmethod
    def _within(share: Share, budget: int, cache: KVCache) -> Share:
        """As much of a share as the budget allows; all of it where no part could be kept."""
        if share.length <= budget or cache.name == "none":
            return share
        return replace(share, end=share.first + max(0, budget))
