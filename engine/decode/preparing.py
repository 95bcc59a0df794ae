"""From shares to the flat batch that a forward pass runs over."""

from __future__ import annotations

from typing import Final

import torch

from engine.decode.scheduler import Share
from engine.model.batch import PADDING_REQUEST, Batch

PADDING_TOKEN: Final = 0


def make_batch(shares: list[Share], device: torch.device) -> Batch:
    """The batch of `shares` in order; logits are wanted of each complete share's last known token and of its drafts."""
    parts: list[tuple[int, int, list[int]]] = []
    logits_rows: list[int] = []
    rows = 0
    for share in shares:
        request = share.request
        if request is None:
            parts.append((PADDING_REQUEST, 0, [PADDING_TOKEN] * share.length))
        else:
            parts.append((request.id, share.first, [*request.tokens[share.first : share.end], *share.drafts]))
        rows += share.length
        if share.complete:
            logits_rows += range(rows - 1 - len(share.drafts), rows)
    return Batch.of(parts, logits_rows, str(device))
