"""The attention probe: the probabilities of one layer, from the back end (`RowSource`) or computed from its inputs."""

from __future__ import annotations

from time import perf_counter_ns
from typing import Final, NamedTuple

import torch
from torch import Tensor

from engine.core.attention import Attention, RowSource
from engine.core.batch import Batch, Span
from engine.core.kv_cache import StepKv
from engine.core.positions import PADDING_REQUEST
from engine.core.ranges import check_range
from engine.core.settings import BYTES_A_STEP, ROWS_A_SPAN, Probe
from engine.model.config import ModelConfig
from engine.session.schema import AttentionRow

HALF_BYTES: Final = 2
"""Of a float16."""


class Probed(NamedTuple):
    """What a step recorded of attention, for its record (`schema.Step.attention_probe`)."""

    name: str
    left_out: int
    """For how many positions computed for the first time there is no row, because their span is too long."""


NOT_PROBED: Final = Probed("off", 0)


class RowProbe:
    """Records softmax(q·kᵀ/√d) of one layer and one head (or all) for positions computed for the first time.

    `seen` of `begin` says how far each request had been computed before, so that recomputed positions are not recorded
    again. Rows that were computed on a device stay there until `take`.
    """

    def __init__(self, spec: Probe, config: ModelConfig) -> None:
        self.layer = spec.layer
        self.heads = range(config.heads) if spec.head is None else range(spec.head, spec.head + 1)
        self.name = f"{spec.layer}/{'*' if spec.head is None else spec.head}"
        """As `schema.Step.attention_probe` has it."""
        self._config = config
        self._left_out = 0
        self._seen: dict[int, int] = {}
        self._maps: list[tuple[Span, int, Tensor | bytes]] = []
        """By span: the position of its first row, and float16 [n, heads recorded, end]."""
        self.observing_ns = 0.0
        """The host's time for observing in the forward pass of the step, ns."""
        self.reading_ns = 0
        """The host's time for making its events after that, ns."""

    def begin(self, seen: dict[int, int]) -> None:
        """A step begins: {request: how many of its indices had been computed before}."""
        self._seen = seen
        self._left_out = 0
        self._maps.clear()
        self.observing_ns, self.reading_ns = 0.0, 0

    def rows_of(self, batch: Batch) -> list[tuple[int, int]]:
        """See `AttentionProbe`: the rows that were not computed before, of a long span as many as may be recorded."""
        rows, room, self._left_out = [], BYTES_A_STEP, 0
        for index, span in enumerate(batch.spans):
            new_from = max(span.first, self._seen.get(span.request_id, 0))
            if span.request_id == PADDING_REQUEST or new_from >= span.end:
                continue
            row_bytes = HALF_BYTES * len(self.heads) * span.end
            first = max(new_from, span.end - max(ROWS_A_SPAN, room // row_bytes))
            room = max(0, room - (span.end - first) * row_bytes)
            self._left_out += first - new_from
            rows.append((index, first))
        return rows

    @property
    def probed(self) -> Probed:
        """What was recorded of the step."""
        return Probed(self.name, self._left_out)

    def observe(self, q: Tensor, kv: StepKv, batch: Batch, attention: Attention) -> None:
        """Record the rows of the layer for which `attention` just ran over q [P, heads, head_dim]."""
        start_ns = perf_counter_ns()
        for index, first in self.rows_of(batch):
            span = batch.spans[index]
            if isinstance(attention, RowSource):
                maps = attention.rows(q, kv, self.layer, span, first, self.heads)
            else:
                rows = q[span.row + first - span.first : span.row + span.length]  # [n, heads, head_dim]
                keys, _ = kv.keys_values(self.layer, span)  # [kv_heads, end, head_dim]
                maps = self._probabilities(rows, keys, first).transpose(0, 1)
            self._maps.append((span, first, maps))
        self.add_cost(perf_counter_ns() - start_ns)

    def take_maps(self, span: Span, first: int, maps: bytes) -> None:
        """See `AttentionProbe`."""
        self._maps.append((span, first, maps))

    def add_cost(self, ns: float) -> None:
        """See `AttentionProbe`."""
        self.observing_ns += ns

    def take(self, step_id: int) -> list[AttentionRow]:
        """The rows of the step as events, by span, position and head; this waits for the device."""
        start_ns = perf_counter_ns()
        events = []
        for span, first, maps in self._maps:
            probs = maps if isinstance(maps, bytes) else maps.cpu().numpy().tobytes()
            at = 0
            for position in range(first, span.end):
                for head in self.heads:
                    seen = probs[at : at + HALF_BYTES * (position + 1)]
                    events.append(AttentionRow(step_id, span.request_id, self.layer, head, position, seen))
                    at += HALF_BYTES * span.end
        self._maps.clear()
        self.reading_ns += perf_counter_ns() - start_ns
        return events

    def _probabilities(self, q: Tensor, keys: Tensor, first: int) -> Tensor:
        """float16 [heads recorded, n, end] for q [n, heads, head_dim], the rows of the positions from `first` on."""
        config, rows = self._config, q.shape[0]
        if len(self.heads) == 1:
            head = self.heads[0]
            scores = (q[:, head].float() @ keys[head // config.group].float().T)[None]  # [1, n, end]
        else:  # the heads of a group are adjacent and share their K
            grouped = (
                q.transpose(0, 1).float().reshape(config.kv_heads, -1, q.shape[2])
            )  # [kv_heads, group · n, head_dim]
            scores = (grouped @ keys.float().transpose(1, 2)).view(config.heads, rows, -1)  # [heads, n, end]
        scores *= config.scale
        window = config.window(self.layer)
        if rows > 1 or window is not None:  # a single row, the last position, sees all keys
            queries = torch.arange(first, first + rows, device=q.device)[:, None]
            columns = torch.arange(keys.shape[1], device=q.device)[None, :]
            hidden = columns > queries
            if window is not None:
                hidden |= columns <= queries - window
            scores.masked_fill_(hidden, -torch.inf)
        return scores.softmax(-1).half()


def make_probe(spec: Probe, config: ModelConfig) -> RowProbe:
    """The probe a user asked for; raises InputError where the model has no such layer or head."""
    check_range("The attention layer", spec.layer, 0, config.layers - 1)
    if spec.head is not None:
        check_range("The attention head", spec.head, 0, config.heads - 1)
    return RowProbe(spec, config)
