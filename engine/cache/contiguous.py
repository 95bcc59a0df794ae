"""A contiguous cache: one region per request, for all positions that it may have, reserved when it enters."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from engine.core.batch import Batch, Span
from engine.core.kv_cache import BlockEvent, OutOfKvMemory
from engine.core.positions import PADDING_REQUEST
from engine.model.config import ModelConfig


@dataclass(slots=True)
class Region:
    """A request's memory, [layers, 2, kv_heads, capacity, head_dim], and how many positions of it are held."""

    memory: Tensor
    length: int = 0
    capacity: int = field(init=False)
    nbytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.capacity, self.nbytes = self.memory.shape[3], self.memory.nbytes

    def layers(self, first: int, end: int) -> tuple[Tensor, ...]:
        """K and V of indices [first, end) as K0, V0, K1, V1, ..., each [kv_heads, end - first, head_dim]."""
        return self.memory[:, :, :, first:end].flatten(0, 1).unbind(0)


class RegionKv:
    """The regions of a batch's requests as one step sees them.

    One slice and one unbind give the views of all layers; slicing in every layer would cost several times that. They
    are made when they are first used: a step that finds its regions itself (`memory_of`) needs none.
    """

    def __init__(self, spans: Sequence[Span], regions: dict[int, Region]) -> None:
        """`spans` are those of requests; padding has no region."""
        self._spans = spans
        self._regions = regions
        self._padding: tuple[Tensor, Tensor] | None = None

    @cached_property
    def _targets(self) -> list[tuple[Tensor, ...]]:
        return [self._regions[span.request_id].layers(span.first, span.end) for span in self._spans]

    @cached_property
    def _sources(self) -> dict[int, tuple[Tensor, ...]]:
        return {span.request_id: self._regions[span.request_id].layers(0, span.end) for span in self._spans}

    def write(self, layer: int, k: Tensor, v: Tensor) -> None:
        k, v = k.transpose(0, 1), v.transpose(0, 1)  # [kv_heads, P, head_dim]
        self._padding = k, v
        for span, target in zip(self._spans, self._targets, strict=True):
            target[2 * layer].copy_(k if span.length == k.shape[1] else k[:, span.rows])
            target[2 * layer + 1].copy_(v if span.length == v.shape[1] else v[:, span.rows])

    def slot_mapping(self, layer: int) -> None:
        """None: regions have no slots."""
        return

    def keys_values(self, layer: int, span: Span) -> tuple[Tensor, Tensor]:
        if span.request_id == PADDING_REQUEST:
            assert self._padding is not None
            k, v = self._padding
            return k[:, span.rows], v[:, span.rows]
        source = self._sources[span.request_id]
        return source[2 * layer], source[2 * layer + 1]

    def memory_of(self, request_id: int) -> Tensor:
        """The whole region of a request, [layers, 2, kv_heads, capacity, head_dim]; it never moves."""
        return self._regions[request_id].memory


class ContiguousCache:
    """Reserves memory for `capacity` positions on admission, so that no running request ever waits for room."""

    name = "contiguous"

    def __init__(self, config: ModelConfig, device: torch.device, dtype: torch.dtype, limit: int | None = None) -> None:
        self._shape = (config.layers, 2, config.kv_heads, config.head_dim)
        self._device = device
        self._dtype = dtype
        self._limit = limit
        self._whole_bytes = config.kv_bytes_per_position(dtype.itemsize)
        self.position_bytes = self._whole_bytes // config.layers
        self._regions: dict[int, Region] = {}

    def length(self, request_id: int) -> int:
        region = self._regions.get(request_id)
        return 0 if region is None else region.length

    def admit(self, request_id: int, capacity: int, tokens: Sequence[int] = ()) -> None:
        """Reserve memory; raises OutOfKvMemory where the limit leaves no room for `capacity` positions."""
        reserved = sum(region.nbytes for region in self._regions.values())
        needed = capacity * self._whole_bytes
        if self._limit is not None and reserved + needed > self._limit:
            raise OutOfKvMemory(
                f"{capacity} positions need {needed} bytes, and {self._limit - reserved} of {self._limit} are free."
            )
        layers, two, kv_heads, head_dim = self._shape
        memory = torch.empty(layers, two, kv_heads, capacity, head_dim, device=self._device, dtype=self._dtype)
        self._regions[request_id] = Region(memory)

    def begin(self, batch: Batch) -> RegionKv:
        spans = batch.request_spans
        for span in spans:
            region = self._regions[span.request_id]
            if span.end > region.capacity or span.first > region.length:
                raise ValueError(f"indices [{span.first}, {span.end}) do not follow the {region.length} that are held")
        for span in spans:
            self._regions[span.request_id].length = span.first
        return RegionKv(spans, self._regions)

    def commit(self, request_id: int, tokens: Sequence[int]) -> None:
        self._regions[request_id].length += len(tokens)

    def truncate(self, request_id: int, length: int) -> None:
        region = self._regions[request_id]
        region.length = min(region.length, length)

    def free(self, request_id: int) -> None:
        self._regions.pop(request_id, None)

    def layer_bytes(self, ended: Collection[int] = ()) -> list[tuple[int, int]]:
        used, reserved, layers = 0, 0, self._shape[0]
        for request_id, region in self._regions.items():
            own = region.nbytes // layers  # every layer has the same shape
            if request_id not in ended:
                used += own * region.length // region.capacity
            reserved += own
        return [(used, reserved)] * layers

    def held_bytes(self, ended: Collection[int] = ()) -> tuple[int, int]:
        held = kept = 0
        for request_id, region in self._regions.items():
            if request_id in ended:
                kept += region.nbytes
            else:
                held += region.nbytes
        return held, kept

    @property
    def evictable_bytes(self) -> int:
        return 0

    def drain_events(self) -> list[BlockEvent]:
        return []
