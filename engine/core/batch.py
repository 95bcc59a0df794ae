"""The input of one forward pass: a flat batch of positions, split into spans, one span per request."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.core.positions import PADDING_REQUEST


@dataclass(frozen=True, slots=True)
class Span:
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


@dataclass(frozen=True, slots=True)
class Batch:
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
            spans.append(Span(request_id, first, first + len(tokens), len(ids)))
            ids += tokens
            positions += range(first, first + len(tokens))
        if logits_rows is None:
            logits_rows = [span.row + span.length - 1 for span in spans]

        def as_tensor(values: list[int]) -> Tensor:
            return torch.tensor(values, dtype=torch.int64, device=device)

        return cls(as_tensor(ids), as_tensor(positions), tuple(spans), as_tensor(logits_rows))
