"""What a step computes for one request: the scheduled chunk, and the drafts proposed to follow it."""

from __future__ import annotations

from typing import Final

import msgspec
from torch import Tensor

from engine.core.request import Request


class Proposal(msgspec.Struct, frozen=True):
    """Drafted tokens, and the distribution each was drawn from: float64 [n, vocab], or None where nothing was drawn.

    None stands for drafts chosen with certainty: greedy ones, and those of `ngram`.
    """

    tokens: tuple[int, ...] = ()
    probs: Tensor | None = None


NO_PROPOSAL: Final = Proposal()


class ScheduledChunk(msgspec.Struct, frozen=True):
    """One request's part of a step: indices [first, end) of its known tokens, then its drafts, in batch slot `slot`.

    `request` None means padding: `end` - `first` positions computed for no token.
    """

    request: Request | None
    first: int
    end: int
    slot: int
    proposal: Proposal = NO_PROPOSAL

    @property
    def drafts(self) -> tuple[int, ...]:
        return self.proposal.tokens

    @property
    def length(self) -> int:
        return self.end - self.first + len(self.proposal.tokens)

    @property
    def complete(self) -> bool:
        """Whether the chunk reaches the last known token, so that its last row gives the next one."""
        return self.request is not None and self.end >= self.request.known
