"""Prompt look-up: what followed the last few tokens when they stood in the text before (Saxena 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.core.request import Request
from engine.core.scheduled_chunk import Proposal

LONGEST: Final = 4
SHORTEST: Final = 1


@dataclass(slots=True)
class Index:
    """Where each n-gram of a text ended last, for n-grams that something follows."""

    indexed: int = 0
    """Tokens [0, indexed) have been ends of n-grams already."""
    ends: dict[tuple[int, ...], int] = field(default_factory=dict)

    def extend(self, tokens: list[int]) -> None:
        """Take in the tokens that have come, except the last, which nothing follows yet."""
        for end in range(self.indexed + 1, len(tokens)):
            for n in range(SHORTEST, min(LONGEST, end) + 1):
                self.ends[tuple(tokens[end - n : end])] = end
        self.indexed = max(self.indexed, len(tokens) - 1)


class NgramProposer:
    """Proposes the continuation of the latest earlier place that ends like the text, the longest match first."""

    name = "ngram"

    def __init__(self) -> None:
        self._indices: dict[int, Index] = {}

    def propose(self, requests: Sequence[Request], counts: Sequence[int]) -> list[Proposal]:
        return [self._continue(request, count) for request, count in zip(requests, counts, strict=True)]

    def forget(self, request_id: int) -> None:
        self._indices.pop(request_id, None)

    def settle(self) -> None:
        pass  # only known tokens are indexed

    def take_cost(self) -> tuple[int, int]:
        return 0, 0

    def kv_bytes(self) -> tuple[int, int]:
        return 0, 0

    def _continue(self, request: Request, count: int) -> Proposal:
        index = self._indices.setdefault(request.id, Index())
        tokens = request.tokens
        index.extend(tokens)
        for n in range(min(LONGEST, len(tokens)), SHORTEST - 1, -1):
            end = index.ends.get(tuple(tokens[-n:]))
            if end is not None:
                return Proposal(tuple(tokens[end : end + count]))
        return Proposal()
