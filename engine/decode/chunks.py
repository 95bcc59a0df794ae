"""Functions of a step's scheduled chunks: the batch with drafts, the chunks that follow, the kind of the step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import torch
from msgspec.structs import replace

from engine.core.batch import Batch
from engine.core.positions import PADDING_REQUEST
from engine.core.scheduled_chunk import NO_PROPOSAL, Proposal, ScheduledChunk
from engine.session.schema import StepKind

PADDING_TOKEN: Final = 0


def make_batch(chunks: list[ScheduledChunk], device: torch.device) -> Batch:
    """The batch of `chunks` in order; logits rows are each complete chunk's last known token and its drafts."""
    parts: list[tuple[int, int, list[int]]] = []
    logits_rows: list[int] = []
    rows = 0
    for chunk in chunks:
        request = chunk.request
        if request is None:
            parts.append((PADDING_REQUEST, 0, [PADDING_TOKEN] * chunk.length))
        else:
            parts.append((request.id, chunk.first, [*request.tokens[chunk.first : chunk.end], *chunk.drafts]))
        rows += chunk.length
        if chunk.complete:
            logits_rows += range(rows - 1 - len(chunk.drafts), rows)
    return Batch.of(parts, logits_rows, str(device))


def with_proposals(chunks: list[ScheduledChunk], proposals: dict[int, Proposal]) -> list[ScheduledChunk]:
    """The chunks, each complete one with the proposal of its request."""
    return [
        replace(chunk, proposal=proposals.get(chunk.request.id, NO_PROPOSAL))
        if chunk.request is not None and chunk.complete
        else chunk
        for chunk in chunks
    ]


def next_chunks(chunks: Iterable[ScheduledChunk]) -> list[ScheduledChunk]:
    """The chunks after a decode step that is still running: one position of each request that its limit does not end.

    A request may still end in the running step for another reason.
    """
    following = []
    for chunk in chunks:
        request = chunk.request
        if request is not None and not request.finished and chunk.end + 1 < request.limit:
            following.append(replace(chunk, first=chunk.end, end=chunk.end + 1))
    return following


def kind_of(chunks: list[ScheduledChunk]) -> StepKind:
    """`verify` where a chunk has drafts; else `prefill` or `decode` where all chunks are of this kind, or `mixed`."""
    prefill: set[bool] = set()
    for chunk in chunks:
        if chunk.proposal.tokens:
            return "verify"
        if chunk.request is not None:
            prefill.add(chunk.end <= chunk.request.prompt_tokens)
    return "mixed" if len(prefill) > 1 else "prefill" if prefill == {True} else "decode"
