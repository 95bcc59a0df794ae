"""The one interface of the proposers, and the one that the switches ask for."""

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
    """Guesses what follows; exact whatever it guesses, fast when it guesses well."""

    name: str

    def propose(self, requests: Sequence[Request], counts: Sequence[int]) -> list[Proposal]:
        """At most `counts[i]` tokens to follow the known tokens of `requests[i]`, perhaps none."""

    def forget(self, request_id: int) -> None:
        """Drop what is kept for a request."""

    def settle(self) -> None:
        """A step's tokens are known: drop what is kept of drafts that did not become tokens."""

    def take_cost(self) -> tuple[int, int]:
        """(FLOPs, bytes) spent since the last call."""

    def kv_bytes(self) -> tuple[int, int]:
        """(used, reserved) bytes of a KV cache of its own, all layers together; (0, 0) where it has none."""


def make_proposer(switches: Switches, draft: LoadedModel | None, vocab: int | None = None) -> Proposer | None:
    """A proposer of the kind `switches.speculate` names; None for `off`.

    `vocab` is the number of the target's logits (default: as many as the draft's).
    """
    if switches.speculate == "off":
        return None
    if switches.speculate == "ngram":
        return NgramProposer()
    if draft is None:
        raise UnavailableError("speculate=draft cannot run here: no draft model is loaded.")
    return DraftProposer(draft, vocab)
