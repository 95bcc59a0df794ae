"""The common interface of the proposers, and the proposer that the switches name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engine.core.request import Request
from engine.core.scheduled_chunk import Proposal
from engine.core.settings import Switches
from engine.decode.draft import DraftProposer
from engine.decode.ngram import NgramProposer
from engine.errors import UnavailableError
from engine.model.loader import LoadedModel


class Proposer(Protocol):
    """Guesses the next tokens. The output is exact for any guess; good guesses make it fast."""

    name: str

    def propose(self, requests: Sequence[Request], counts: Sequence[int]) -> list[Proposal]:
        """At most `counts[i]` tokens to follow the known tokens of `requests[i]`; there may be none."""

    def follow(self, switches: Switches) -> None:
        """Run the next proposals as the switches say, where this concerns the proposer's own passes."""

    def forget(self, request_id: int) -> None:
        """Drop the state of a request."""

    def settle(self) -> None:
        """Drop the state of drafts that did not become tokens; called when a step's tokens are known."""

    def take_cost(self) -> tuple[int, int]:
        """(FLOPs, bytes) spent since the last call."""

    def kv_bytes(self) -> tuple[int, int]:
        """(used, reserved) bytes of the proposer's own KV cache, all layers together; (0, 0) where it has none."""


def make_proposer(switches: Switches, draft: LoadedModel | None, vocab: int | None = None) -> Proposer | None:
    """A proposer of the kind that `switches.speculate` names; None for `off`.

    `vocab` is the number of the target's logits (None: the same number as the draft model's). Raises UnavailableError
    where a draft model is needed and `draft` is None.
    """
    if switches.speculate == "off":
        return None
    if switches.speculate == "ngram":
        return NgramProposer()
    if draft is None:
        raise UnavailableError("speculate=draft cannot run here: no draft model is loaded.")
    return DraftProposer(draft, switches, vocab)
