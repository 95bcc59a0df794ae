"""The input of one forward pass: a flat batch of positions, split into spans, one span per request."""

from __future__ import annotations

import msgspec
import numpy as np
import torch
from torch import Tensor

from engine.core.positions import PADDING_REQUEST


class Span(msgspec.Struct, frozen=True):
    """One request's chunk of a step: its indices [first, end), in rows [row, row + end - first) of the batch.

    `request_id` PADDING_REQUEST marks rows that belong to no token (static batching and captured steps compute them).
    """

    request_id: int
    first: int
    end: int
    row: int

    @property
    def length(self) -> int:
        return self.end - self.first

    @property
    def rows(self) -> slice:
        return slice(self.row, self.row + self.end - self.first)


class Batch(msgspec.Struct, frozen=True):
    """A flat batch: token_ids int64 [P], positions int64 [P], logits_rows int64 [R] (rows that reach the LM head)."""

    token_ids: Tensor
    positions: Tensor
    spans: tuple[Span, ...]
    logits_rows: Tensor

    @property
    def request_spans(self) -> list[Span]:
        """The spans that belong to requests: all but padding."""
        return [span for span in self.spans if span.request_id != PADDING_REQUEST]

    @classmethod
    def of(
        cls, parts: list[tuple[int, int, list[int]]], logits_rows: list[int] | None = None, device: str = "cpu"
    ) -> Batch:
        """A batch of (request_id, first, token ids from `first` on); `logits_rows` defaults to each span's last row."""
        ids: list[int] = []
        positions: list[int] = []
        spans: list[Span] = []
        for request_id, first, tokens in parts:
            end = first + len(tokens)
            spans.append(Span(request_id, first, end, len(ids)))
            ids += tokens
            positions += range(first, end)
        if logits_rows is None:
            logits_rows = [span.row + span.length - 1 for span in spans]
        return cls(
            indices_on(device, ids), indices_on(device, positions), tuple(spans), indices_on(device, logits_rows)
        )


def indices_on(device: str, values: list[int]) -> Tensor:
    """`values` as int64 on a device. By way of numpy, which reads a short list in a third of `torch.tensor`'s time."""
    tensor = torch.from_numpy(np.array(values, np.int64))
    return tensor if device == "cpu" else tensor.to(device)
