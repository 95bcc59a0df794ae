"""Where the attention kernels find K and V: in blocks with block tables, in one memory per sequence, or packed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
import triton
import triton.language as tl
from torch import Tensor

PLACES: Final = 0
PACKED: Final = -1
"""The values of BLOCK_SIZE for K and V that do not lie in blocks."""
VECTOR_BYTES: Final = 16
"""The most bytes that one load instruction of a GPU thread reads; the address must then be a multiple of this."""


@dataclass(frozen=True, slots=True)
class PagedKV:
    """K and V of one layer in a pool of blocks.

    pool [2, blocks, block_size, kv_heads, head_dim], contiguous; tables int32 [batch, n]: position p of sequence b lies
    at `pool[:, tables[b, p // block_size], p % block_size]`. Entries past a sequence's length are never read.
    """

    pool: Tensor
    tables: Tensor

    @property
    def block_size(self) -> int:
        return self.pool.shape[2]

    @property
    def kv_heads(self) -> int:
        return self.pool.shape[3]

    @property
    def head_dim(self) -> int:
        return self.pool.shape[4]

    @property
    def dtype(self) -> torch.dtype:
        return self.pool.dtype


@dataclass(frozen=True, slots=True)
class ContiguousKV:
    """K and V of one layer, each sequence in its own memory.

    places int64 [batch, 3] on the device: the address of a sequence's K, of its V, and the elements between two heads
    (like the pointer arrays of batched BLAS). Adjacent positions are `position_stride` elements apart in all of them.
    `aligned` says that every address and stride is a multiple of 16 bytes. The memory must outlive the launch.
    """

    places: Tensor
    position_stride: int
    kv_heads: int
    head_dim: int
    dtype: torch.dtype
    aligned: bool

    @classmethod
    def layers_of(cls, memories: Sequence[Tensor]) -> list[ContiguousKV]:
        """One object per layer, from each sequence's memory [layers, 2, kv_heads, capacity, head_dim], contiguous.

        Capacities may differ. The addresses of all layers are one tensor, which is sent to the device once.
        """
        layers, _, kv_heads, _, head_dim = memories[0].shape
        itemsize = memories[0].itemsize
        heads = [memory.stride(2) for memory in memories]  # elements between two heads
        first = torch.tensor([memory.data_ptr() for memory in memories], dtype=torch.int64)  # [batch]
        step = torch.tensor(heads, dtype=torch.int64)
        number = torch.arange(2 * layers).view(layers, 2, 1)  # K and V alternate
        addresses = first + number * (step * kv_heads * itemsize)  # [layers, 2, batch]
        places = torch.cat([addresses, step.expand(layers, 1, -1)], 1).transpose(1, 2).contiguous()
        aligned = head_dim * itemsize % VECTOR_BYTES == 0 and bool((first % VECTOR_BYTES == 0).all())
        if memories[0].is_cuda:
            places = places.pin_memory().to(memories[0].device, non_blocking=True)
        return [
            cls(layer, head_dim, kv_heads, head_dim, memories[0].dtype, aligned)
            for layer in places.unbind(0)  # [batch, 3]
        ]

    @classmethod
    def of(cls, keys: Sequence[Tensor], values: Sequence[Tensor]) -> ContiguousKV:
        """From each sequence's K and V, [kv_heads, T, head_dim] with the same strides in both."""
        first = keys[0]
        places = torch.tensor([place_of(k, v) for k, v in zip(keys, values, strict=True)], dtype=torch.int64)
        step = first.stride(1)
        aligned = all(is_aligned(tensor) for tensor in (*keys, *values))
        return cls(places.to(first.device), step, first.shape[0], first.shape[2], first.dtype, aligned)


@dataclass(frozen=True, slots=True)
class PackedKV:
    """K and V of one layer as they were computed, one sequence after another: for rows that no cache holds.

    k and v [P, kv_heads, head_dim] with the same strides, the last 1; sequence b's first position is row `starts[b]`
    (int32 on the device).
    """

    k: Tensor
    v: Tensor
    starts: Tensor

    @property
    def kv_heads(self) -> int:
        return self.k.shape[1]

    @property
    def head_dim(self) -> int:
        return self.k.shape[2]

    @property
    def dtype(self) -> torch.dtype:
        return self.k.dtype


KV = PagedKV | ContiguousKV | PackedKV


def place_of(k: Tensor, v: Tensor) -> tuple[int, int, int]:
    """A row of `ContiguousKV.places` for k and v [kv_heads, T, head_dim]."""
    return k.data_ptr(), v.data_ptr(), k.stride(0)


def is_aligned(tensor: Tensor) -> bool:
    """Whether the kernel may load this tensor's rows 16 bytes at a time."""
    strides = (tensor.stride(0), tensor.stride(1))
    return tensor.data_ptr() % VECTOR_BYTES == 0 and all(s * tensor.itemsize % VECTOR_BYTES == 0 for s in strides)


def kv_arguments(kv: KV, q: Tensor) -> dict[str, Any]:
    """The arguments that every attention kernel takes for its K and V; raises ValueError where they do not fit q."""
    if kv.dtype != q.dtype or kv.head_dim != q.shape[2] or q.shape[1] % kv.kv_heads != 0:
        raise ValueError(
            f"q is {q.dtype} with {q.shape[1]} heads of {q.shape[2]}, which K and V of {kv.dtype} with {kv.kv_heads} "
            f"heads of {kv.head_dim} do not fit"
        )
    if isinstance(kv, PagedKV):
        pool = kv.pool
        if pool.stride(4) != 1 or kv.tables.dtype != torch.int32 or kv.tables.stride(1) != 1:
            raise ValueError("the pool's head_dim must be contiguous, and its tables contiguous int32")
        return {
            "k_ptr": pool[0], "v_ptr": pool[1], "where_ptr": kv.tables, "stride_where": kv.tables.stride(0),
            "stride_block": pool.stride(1), "stride_pos": pool.stride(2), "stride_head": pool.stride(3),
            "BLOCK_SIZE": kv.block_size, "ALIGN": 1,
        }  # fmt: skip
    if isinstance(kv, PackedKV):
        if kv.k.stride() != kv.v.stride() or kv.k.stride(2) != 1:
            raise ValueError("packed K and V need the same strides, the last 1")
        return {
            "k_ptr": kv.k, "v_ptr": kv.v, "where_ptr": kv.starts, "stride_where": kv.starts.stride(0),
            "stride_block": 0, "stride_pos": kv.k.stride(0), "stride_head": kv.k.stride(1),
            "BLOCK_SIZE": PACKED, "ALIGN": 1,
        }  # fmt: skip
    return {
        "k_ptr": q, "v_ptr": q, "where_ptr": kv.places, "stride_where": kv.places.stride(0),
        "stride_block": 0, "stride_pos": kv.position_stride, "stride_head": 0,
        "BLOCK_SIZE": PLACES, "ALIGN": VECTOR_BYTES if kv.aligned else 1,
    }  # fmt: skip


def load_stages(kv: KV, stages: int) -> int:
    """The pipeline stages to compile for, so that `stages - 1` tiles of K and V are in transfer beside the one in use.

    With block tables a tile's addresses are loaded first, and the compiler divides the stages between the two loads.
    """
    return 2 * stages - 1 if isinstance(kv, PagedKV) else stages


@triton.jit
def kv_bases(
    k_ptr: tl.tensor, v_ptr: tl.tensor, where_ptr: tl.tensor, stride_where: tl.tensor, stride_pos: tl.tensor,
    stride_head: tl.tensor, sequence: tl.tensor, kv_head: tl.tensor,
    BLOCK_SIZE: tl.constexpr, ALIGN: tl.constexpr,
) -> tl.tensor:  # fmt: skip
    """Pointers to K and V of one head at a sequence's position 0; in a pool, at block 0."""
    if BLOCK_SIZE == 0:  # PLACES
        place = where_ptr + sequence * stride_where
        offset = kv_head * tl.load(place + 2)
        k_base = tl.multiple_of(tl.load(place).to(k_ptr.dtype) + offset, ALIGN)
        v_base = tl.multiple_of(tl.load(place + 1).to(v_ptr.dtype) + offset, ALIGN)
    else:
        offset = kv_head * stride_head
        if BLOCK_SIZE < 0:  # PACKED
            offset += tl.load(where_ptr + sequence * stride_where).to(tl.int64) * stride_pos
        k_base = k_ptr + offset
        v_base = v_ptr + offset
    return k_base, v_base


@triton.jit
def kv_offsets(
    where_ptr: tl.tensor, stride_where: tl.tensor, stride_block: tl.tensor, stride_pos: tl.tensor,
    sequence: tl.tensor, positions: tl.tensor, inside: tl.tensor,
    BLOCK_SIZE: tl.constexpr,
) -> tl.tensor:  # fmt: skip
    """Elements from the base to each of `positions` int32 [N]; tables are read only where `inside`."""
    if BLOCK_SIZE > 0:
        entries = where_ptr + sequence * stride_where + positions // BLOCK_SIZE
        blocks = tl.load(entries, mask=inside, other=0).to(tl.int64)
        offsets = blocks * stride_block + (positions % BLOCK_SIZE) * stride_pos
    else:
        offsets = positions.to(tl.int64) * stride_pos
    return offsets
