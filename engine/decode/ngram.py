"""Prompt look-up: proposes what followed the last few tokens at an earlier place in the text (Saxena 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.core.request import Request
from engine.core.scheduled_chunk import Proposal
from engine.core.settings import Switches

LONGEST: Final = 4
SHORTEST: Final = 1


@dataclass(slots=True)
class Index:
    """The last end of each n-gram of a text, for n-grams that a token follows."""

    indexed: int = 0
    """The n-grams that end with one of the tokens [0, indexed) are in the index."""
    ends: dict[tuple[int, ...], int] = field(default_factory=dict)

    def extend(self, tokens: list[int]) -> None:
        """Index the n-grams that end with new tokens, except with the last token, which no token follows yet."""
        for end in range(self.indexed + 1, len(tokens)):
            for n in range(SHORTEST, min(LONGEST, end) + 1):
                self.ends[tuple(tokens[end - n : end])] = end
        self.indexed = max(self.indexed, len(tokens) - 1)


class NgramProposer:
    """Proposes the tokens that followed the latest earlier occurrence of the text's end, the longest match first."""

    name = "ngram"

    def __init__(self) -> None:
        self._indices: dict[int, Index] = {}

    def propose(self, requests: Sequence[Request], counts: Sequence[int]) -> list[Proposal]:
        return [self._continue(request, count) for request, count in zip(requests, counts, strict=True)]

    def follow(self, switches: Switches) -> None:
        pass  # it runs no model

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
