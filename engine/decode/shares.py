"""What becomes of a step's shares: proposals joined to them, what follows them, the kind of step they make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from engine.decode.scheduler import Share
from engine.decode.speculation import NO_PROPOSAL, Proposal
from engine.session.schema import StepKind


def with_proposals(shares: list[Share], proposals: dict[int, Proposal]) -> list[Share]:
    """The shares, those that are complete with the proposal of their request."""
    return [
        replace(share, proposal=proposals.get(share.request.id, NO_PROPOSAL))
        if share.request is not None and share.complete
        else share
        for share in shares
    ]


def next_shares(shares: Iterable[Share]) -> list[Share]:
    """What follows a decode step that is still running: one more position of each request that goes on for sure."""
    following = []
    for share in shares:
        request = share.request
        if request is not None and not request.finished and share.end + 1 < request.limit:
            following.append(replace(share, first=share.end, end=share.end + 1))
    return following


def kind_of(shares: list[Share]) -> StepKind:
    """verify where drafts are tested; else prefill or decode by what every share computes, or mixed."""
    if any(share.drafts for share in shares):
        return "verify"
    prefill = {share.end <= share.request.prompt_tokens for share in shares if share.request is not None}
    return "mixed" if len(prefill) > 1 else "prefill" if prefill == {True} else "decode"
