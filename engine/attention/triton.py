"""Attention by this project's Triton kernels, which read K and V where the cache keeps them.

The places of a step's rows and of their K and V are computed once per step, with one copy to the device per launch, and
serve all layers. Spans are grouped by kernel: one new position, or few after held ones, go to split-KV decode, all
others to tiled prefill; a step with both kinds of spans runs both kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from engine.cache.block_cache import BlockKv
from engine.cache.contiguous import RegionKv
from engine.cache.none import OwnRowsKv
from engine.core.batch import Batch, Span
from engine.core.kv_cache import StepKv
from engine.core.positions import PADDING_REQUEST
from engine.model.config import ModelConfig
from kernels.attention_row import attention_row
from kernels.decode_attention import decode_attention
from kernels.kv import KV, ContiguousKV, PackedKV, PagedKV
from kernels.prefill_attention import prefill_attention

DECODE_ROWS: Final = 64
"""The most rows (positions · heads of a group) of one span for the decode kernel; more fill a tile of prefill."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One kernel over some spans of a step: int32 [batch] tensors on the device, and their bounds on the host."""

    decode: bool
    starts: Tensor
    ends: Tensor
    lengths: Tensor
    max_rows: int
    max_length: int
    kv: Callable[[int], KV]
    """K and V of a layer, as the kernel takes them."""

    def run(self, q: Tensor, layer: int, window: int | None, out: Tensor, lse: Tensor) -> None:
        """Write this launch's rows of `out` [P, heads, head_dim] and `lse` [P, heads]."""
        kv = self.kv(layer)
        if self.decode:
            decode_attention(
                q, kv, self.starts, self.lengths, ends=self.ends, max_rows=self.max_rows, max_length=self.max_length,
                window=window, out=out, lse=lse,
            )  # fmt: skip
        else:
            prefill_attention(
                q, kv, self.starts, self.lengths, ends=self.ends, max_rows=self.max_rows, window=window, out=out,
                lse=lse,
            )  # fmt: skip


class TritonAttention:
    """Two kernels, and for each step the list of launches that covers its spans."""

    name = "triton"

    def __init__(self, config: ModelConfig | None = None) -> None:
        self._config = config
        self._batch: Batch | None = None
        self._launches: list[Launch] = []
        self._lse: Tensor | None = None
        """The log-sum-exp of the scores of the layer that ran last, float32 [P, heads]."""
        self._memories: tuple[tuple[int, int], ...] = ()
        self._places: list[ContiguousKV] = []
        self.kernel = "triton"

    def __call__(self, q: Tensor, kv: StepKv, layer: int, batch: Batch) -> Tensor:
        if self._batch is not batch:
            self._launches = self._plan(kv, batch, q)
            self._lse = torch.empty(q.shape[:2], dtype=torch.float32, device=q.device)
            self._batch = batch
            kinds = {"decode" if launch.decode else "prefill" for launch in self._launches}
            self.kernel = "triton:" + "+".join(sorted(kinds, reverse=True))
        out = torch.empty_like(q, memory_format=torch.contiguous_format)
        assert self._lse is not None
        for launch in self._launches:
            launch.run(q, layer, self._window(layer), out, self._lse)
        return out

    def rows(self, q: Tensor, kv: StepKv, layer: int, span: Span, first: int, heads: range) -> Tensor:
        """See `RowSource`: exp(q · k · scale - lse), with the lse of the last call."""
        assert self._lse is not None
        rows = slice(span.row + first - span.first, span.row + span.length)
        count = rows.stop - rows.start
        table = kv.table(span.request_id) if isinstance(kv, BlockKv) else []
        numbers = sent([0, count, span.end, *table], q.device)
        starts, ends, lengths = numbers[:1], numbers[1:2], numbers[2:3]
        held: KV
        if isinstance(kv, BlockKv):
            held = PagedKV(kv.blocks_of(layer), numbers[3:].unsqueeze(0))
        else:
            k, v = kv.keys_values(layer, span)  # [kv_heads, end, head_dim]
            held = PackedKV(k.transpose(0, 1), v.transpose(0, 1), starts)
        return attention_row(
            q[rows], held, self._lse[rows], starts, lengths, ends=ends, max_rows=count, max_length=span.end,
            heads=heads, window=self._window(layer),
        )  # fmt: skip

    def _window(self, layer: int) -> int | None:
        return None if self._config is None else self._config.window(layer)

    # --- once a step --------------------------------------------------------------------------------------------------

    def _plan(self, kv: StepKv, batch: Batch, q: Tensor) -> list[Launch]:
        """The launches of a step: by kernel, and separate ones for padding, whose K and V the cache does not hold.

        Raises TypeError for a view of a cache that no kernel can read.
        """
        if not isinstance(kv, BlockKv | RegionKv | OwnRowsKv):
            raise TypeError(f"The Triton kernels cannot read K and V from {type(kv).__name__}.")
        heads = q.shape[1]
        holds = not isinstance(kv, OwnRowsKv)
        groups: dict[tuple[bool, bool], list[Span]] = {}
        for span in batch.spans:
            kv_heads = heads if self._config is None else self._config.kv_heads
            decode = decodes(span, heads // kv_heads)
            groups.setdefault((decode, holds and span.request_id != PADDING_REQUEST), []).append(span)
        return [self._launch(spans, decode, held, kv, batch, q.device) for (decode, held), spans in groups.items()]

    def _launch(
        self, spans: Sequence[Span], decode: bool, held: bool, kv: BlockKv | RegionKv | OwnRowsKv, batch: Batch,
        device: torch.device,
    ) -> Launch:  # fmt: skip
        """The launch of one kernel over these spans; `held` says that the cache holds their K and V."""
        count = len(spans)
        rows = [[span.row for span in spans], [span.row + span.length for span in spans], [span.end for span in spans]]
        tables = [kv.table(span.request_id) for span in spans] if held and isinstance(kv, BlockKv) else []
        width = max((len(table) for table in tables), default=0)
        flat = [number for row in rows for number in row]
        for table in tables:
            flat += table
            flat += [0] * (width - len(table))
        numbers = sent(flat, device)  # one copy for all layers
        starts, ends, lengths = numbers[: 3 * count].view(3, count).unbind(0)
        read: Callable[[int], KV]
        if held and isinstance(kv, BlockKv):
            read = paged_kv(kv, numbers[3 * count :].view(count, width))
        elif held and isinstance(kv, RegionKv):
            read = self._places_of([kv.memory_of(span.request_id) for span in spans]).__getitem__
        else:
            read = packed_kv(kv, batch, starts)
        max_rows = max(span.length for span in spans)
        return Launch(decode, starts, ends, lengths, max_rows, max(span.end for span in spans), read)

    def _places_of(self, memories: Sequence[Tensor]) -> list[ContiguousKV]:
        """The addresses by layer. A request's memory never moves, so they are sent again only when requests change."""
        known = tuple((memory.data_ptr(), memory.stride(2)) for memory in memories)
        if known != self._memories:
            self._memories, self._places = known, ContiguousKV.layers_of(memories)
        return self._places


def decodes(span: Span, group: int) -> bool:
    """Whether a span goes to the decode kernel: one position, or few after held ones.

    That is a decode step, a verification of drafts, or the end of a prompt with a shared prefix.
    """
    return span.length == 1 or (span.first > 0 and span.length * group <= DECODE_ROWS)


def sent(numbers: Sequence[int], device: torch.device) -> Tensor:
    """The numbers as int32 on the device; the copy is queued behind running work, and the host does not wait."""
    return torch.tensor(numbers, dtype=torch.int32, pin_memory=device.type == "cuda").to(device, non_blocking=True)


def paged_kv(kv: BlockKv, tables: Tensor) -> Callable[[int], KV]:
    """K and V of a layer behind `tables` int32 [batch, n]."""
    return lambda layer: PagedKV(kv.blocks_of(layer), tables)


def packed_kv(kv: StepKv, batch: Batch, starts: Tensor) -> Callable[[int], KV]:
    """K and V that the step itself computed: of all rows without a cache, of padding with one."""
    everything = Span(PADDING_REQUEST, 0, batch.rows, 0)

    def of(layer: int) -> KV:
        k, v = kv.keys_values(layer, everything)  # [kv_heads, P, head_dim]
        return PackedKV(k.transpose(0, 1), v.transpose(0, 1), starts)

    return of
