"""The proposer that the switches ask for."""

from __future__ import annotations

from engine.decode.draft import DraftProposer
from engine.decode.ngram import NgramProposer
from engine.decode.settings import Switches
from engine.decode.speculation import Proposer
from engine.errors import UnavailableError
from engine.model.loader import LoadedModel


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
