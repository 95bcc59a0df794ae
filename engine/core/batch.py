"""The input of one forward pass: a flat batch of positions, split into spans, one span per request."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import cached_property
from typing import Self

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


class Batch:
    """A flat batch: token_ids int64 [P], positions int64 [P], logits_rows int64 [R] (rows that reach the LM head).

    On the host they are one array, `numbers`, for a step that needs no tensors; the tensors are made when they are
    first used. A batch of a captured step has tensors only.
    """

    def __init__(
        self, numbers: array[int], rows: int, wanted: int, spans: tuple[Span, ...], device: str = "cpu"
    ) -> None:
        """`numbers` int64: the token ids, then the positions, of `rows` rows, then the `wanted` logits rows."""
        self.numbers = numbers
        self.rows = rows
        self.wanted = wanted
        self.spans = spans
        self._device = device

    @classmethod
    def of(
        cls, parts: list[tuple[int, int, list[int]]], logits_rows: list[int] | None = None, device: str = "cpu"
    ) -> Self:
        """A batch of (request_id, first, token ids from `first` on); `logits_rows` defaults to each span's last row."""
        ids = array("q")
        positions = array("q")
        spans: list[Span] = []
        for request_id, first, tokens in parts:
            end = first + len(tokens)
            spans.append(Span(request_id, first, end, len(ids)))
            ids.extend(tokens)
            positions.extend(range(first, end))
        rows = len(ids)
        if logits_rows is None:
            logits_rows = [span.row + span.length - 1 for span in spans]
        ids += positions
        ids.extend(logits_rows)
        return cls(ids, rows, len(logits_rows), tuple(spans), device)

    @classmethod
    def of_tensors(
        cls, token_ids: Tensor, positions: Tensor, logits_rows: Tensor, spans: tuple[Span, ...] = ()
    ) -> Self:
        """A batch whose numbers are known on the device only."""
        batch = cls(array("q"), token_ids.shape[0], logits_rows.shape[0], spans)
        batch.token_ids, batch.positions, batch.logits_rows = token_ids, positions, logits_rows
        return batch

    @cached_property
    def token_ids(self) -> Tensor:
        return self._tensors[: self.rows]

    @cached_property
    def positions(self) -> Tensor:
        return self._tensors[self.rows : 2 * self.rows]

    @cached_property
    def logits_rows(self) -> Tensor:
        return self._tensors[2 * self.rows :]

    @cached_property
    def _tensors(self) -> Tensor:
        return indices_on(self._device, self.numbers)

    @property
    def request_spans(self) -> list[Span]:
        """The spans that belong to requests: all but padding."""
        return [span for span in self.spans if span.request_id != PADDING_REQUEST]


def indices_on(device: str, values: Sequence[int]) -> Tensor:
    """`values` as int64 on a device. By way of numpy, which reads a short list in a third of `torch.tensor`'s time."""
    tensor = torch.from_numpy(np.array(values, np.int64))
    return tensor if device == "cpu" else tensor.to(device)
