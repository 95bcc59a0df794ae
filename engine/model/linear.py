"""Linear layers: each keeps the only copy of its weight, in the form that multiplies fastest on this machine."""

from __future__ import annotations

from collections import Counter
from functools import cache, partial
from typing import Final, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from engine.core.best_time import best_s
from engine.model.quantised import Quantised, Weight
from kernels.cpu import library, tiled_linear
from kernels.cpu.kinds import KIND_OF
from kernels.cpu.packed import PackedRows, packed_linear
from kernels.cpu.step import Slab
from kernels.cpu.streamed_linear import PAIRS, Multiply, streamed, unavailable

TILE_ROWS: Final = 5
"""From so many rows on, the tile unit is faster, where the processor has one."""
GEMM_ROWS: Final = {torch.float32: 96, torch.bfloat16: 12}
"""From so many rows on, PyTorch's own product is faster, without tiles; by the dtype of weights and activations."""
PACK_BYTES: Final = 8 * 2**20
"""Least size of a float32 weight that may be packed; below it, the fixed cost of the packed call matters."""
TRIAL_SHAPE: Final = (4096, 2048)
TRIAL_ROWS: Final = (1, 4)
TRIAL_SECONDS: Final = 0.01
"""How long each form is tried on each number of rows."""


Kinds = dict[str, int]
"""Bytes by the kind of numbers that they hold (kernels/cpu/kinds.py)."""


class Linear(Protocol):
    """y = x Wᵀ + b. `bytes` is the memory of weight and bias as held, and also what one product reads; `kinds` what it
    consists of.

    `slabs` is the weight [out, in] as the compiled step reads it (kernels/cpu/step.py), on a CPU; None where it is held
    in another form.
    """

    bytes: int
    kinds: Kinds
    bias: Tensor | None
    slabs: tuple[Slab, ...] | None

    def __call__(self, x: Tensor) -> Tensor:
        """x [P, in] to [P, out]."""

    def into(self, residual: Tensor, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """(residual [P, out] + x [P, in] Wᵀ + b, None), or (residual, x Wᵀ + b), which the next norm adds."""


class PlainLinear:
    """The weight unchanged, [out, in]: the form for a GPU."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight = weight
        self.bias = bias
        self.slabs: tuple[Slab, ...] | None = None
        self.bytes, self.kinds = held_bytes(weight, bias), kinds_of(weight, bias)

    def __call__(self, x: Tensor) -> Tensor:
        return functional.linear(x, self._weight, self.bias)

    def into(self, residual: Tensor, x: Tensor) -> tuple[Tensor, Tensor | None]:
        return residual, self(x)


class TransposedLinear:
    """The weight as [in, out]: the cheapest call for small weights on a CPU; it adds the residual in the same call."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight = weight.t().contiguous()
        self.bias = bias
        self.slabs: tuple[Slab, ...] | None = None
        self.bytes, self.kinds = held_bytes(self._weight, bias), kinds_of(self._weight, bias)

    def __call__(self, x: Tensor) -> Tensor:
        return torch.mm(x, self._weight) if self.bias is None else torch.addmm(self.bias, x, self._weight)

    def into(self, residual: Tensor, x: Tensor) -> tuple[Tensor, Tensor | None]:
        y = torch.addmm(residual, x, self._weight)
        return y if self.bias is None else y.add_(self.bias), None


class StreamedLinear:
    """The weight [out, in] as stored, read at the memory's speed by this project's own kernel (kernels/cpu).

    `dtype` is the dtype of x: bfloat16 weights multiply float32 activations without a float32 copy in memory.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> None:
        self._weight = weight.clone(memory_format=torch.contiguous_format)
        self.slabs: tuple[Slab, ...] | None = (self._weight,)
        self.bias = bias
        self._streamed = streamed(self._weight, bias, dtype)
        self._tiled = None if tiled_linear.unavailable(self._weight, dtype) else tiled_linear.tiled(self._weight, bias)
        if weight.dtype != dtype:
            self._gemm_rows: int | None = None
        else:
            self._gemm_rows = GEMM_ROWS[dtype] if self._tiled is None else tiled_linear.MOST_ROWS + 1
        self.bytes, self.kinds = held_bytes(self._weight, bias), kinds_of(self._weight, bias)

    def __call__(self, x: Tensor) -> Tensor:
        multiply = self._kernel(x.shape[0])
        return functional.linear(x, self._weight, self.bias) if multiply is None else multiply(x)

    def into(self, residual: Tensor, x: Tensor) -> tuple[Tensor, Tensor | None]:
        multiply = self._kernel(x.shape[0])
        if multiply is None:
            return residual + functional.linear(x, self._weight, self.bias), None
        return multiply(x, residual), None

    def _kernel(self, rows: int) -> Multiply | None:
        """The fastest kernel for so many rows; None means PyTorch's own product."""
        if self._gemm_rows is not None and rows >= self._gemm_rows:
            return None
        return self._streamed if self._tiled is None or rows < TILE_ROWS else self._tiled


class PackedLinear:
    """The weight in oneDNN's blocked layout: about twice the bandwidth of a plain one for one row, more for a few."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), 1)
        self.bias = bias
        self.slabs: tuple[Slab, ...] | None = None
        self.bytes, self.kinds = held_bytes(self._weight, bias), kinds_of(self._weight, bias)

    def __call__(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self.bias, "none", [], "")
        return y

    def into(self, residual: Tensor, x: Tensor) -> tuple[Tensor, Tensor | None]:
        return torch.ops.mkldnn._linear_pointwise.binary(x, residual, self._weight, self.bias, "add"), None


class QuantisedLinear:
    """The weight as a file stores it, in the layout of this project's own kernels: a product reads those very bits."""

    def __init__(self, weight: Quantised, bias: Tensor | None) -> None:
        self._packed = tuple(PackedRows(slab) for slab in weight.slabs)
        self.slabs: tuple[Slab, ...] | None = self._packed
        self.bias = bias
        self.kinds = kinds_of(bias)
        for slab in self._packed:
            self.kinds[slab.kind] += slab.nbytes
        self.bytes = sum(self.kinds.values())

    def __call__(self, x: Tensor) -> Tensor:
        return self._product(x, None)

    def into(self, residual: Tensor, x: Tensor) -> tuple[Tensor, Tensor | None]:
        return self._product(x, residual), None

    def _product(self, x: Tensor, residual: Tensor | None) -> Tensor:
        if len(self._packed) == 1:
            return packed_linear(x, self._packed[0], self.bias, residual)
        y = torch.cat([packed_linear(x, slab) for slab in self._packed], 1)
        for added in (self.bias, residual):
            if added is not None:
                y += added
        return y


def held_bytes(weight: Tensor, bias: Tensor | None) -> int:
    """Bytes of a weight, packed or not, and of its bias in memory."""
    # A packed weight is padded to whole blocks, which its shape does not show.
    held: int = torch.ops.mkldnn._nbytes(weight) if weight.is_mkldnn else weight.nbytes
    return held + (0 if bias is None else bias.nbytes)


def kinds_of(*weights: Tensor | None) -> Kinds:
    """The memory of weights that are not quantised, by kind."""
    kinds: Kinds = Counter()
    for weight in weights:
        if weight is not None:
            kinds[KIND_OF[weight.dtype]] += held_bytes(weight, None)
    return kinds


def make_linear(weight: Weight, bias: Tensor | None, device: torch.device, dtype: torch.dtype) -> Linear:
    """The fastest form of a linear layer for this weight [out, in] and activations of `dtype`.

    Weight and bias come as the checkpoint stores them. A quantised weight stays so on a CPU with a C compiler, and is
    unpacked elsewhere. On a CPU, one row, µs plain / transposed / packed: float32
    1376×256 24 / 15 / 80; bfloat16 1376×256 100 / 69 / 29; float16 55 / 66 / 66. Large weights are streamed as they
    are stored where the machine has a C compiler (24 layers of 896, two threads, GB/s: 33 streamed, 29 plain, 27 packed
    in float32; 33, 16, 24 in bfloat16); without one, the fastest form in float32 differs between machines
    and is measured (`packing_pays`).
    """
    bias = None if bias is None else bias.to(device=device, dtype=dtype)
    if isinstance(weight, Quantised):
        if library.serves(device, dtype):
            return QuantisedLinear(weight, bias)
        weight = weight.unpacked()
    kept = weight.dtype if (weight.dtype, dtype) in PAIRS and device.type == "cpu" else dtype
    weight = weight.to(device=device, dtype=kept)
    if unavailable(weight, dtype) is None:
        return StreamedLinear(weight, bias, dtype)
    weight = weight.to(dtype)
    if device.type != "cpu":
        return PlainLinear(weight, bias)
    if dtype == torch.float32:
        packed = can_pack(dtype) and weight.nbytes >= PACK_BYTES and packing_pays(torch.get_num_threads())
        return PackedLinear(weight, bias) if packed else TransposedLinear(weight, bias)
    if dtype == torch.bfloat16 and can_pack(dtype):
        return PackedLinear(weight, bias)
    return PlainLinear(weight, bias)


@cache
def packing_pays(threads: int) -> bool:
    """Whether a large float32 weight multiplies a few rows faster packed than transposed; measured once per process.

    With two threads, one row and four, GB/s of weights: 25 and 23 packed against 20 and 5.5 transposed on one machine,
    28 and 17 against 32 and 16 on another.
    """
    weight = torch.ones(TRIAL_SHAPE)
    forms: tuple[Linear, Linear] = PackedLinear(weight, None), TransposedLinear(weight, None)
    inputs = [torch.ones(rows, weight.shape[1]) for rows in TRIAL_ROWS]
    packed_s, transposed_s = (
        sum(best_s(partial(form, x), weight.device, TRIAL_SECONDS) for x in inputs) for form in forms
    )
    return packed_s < transposed_s


def can_pack(dtype: torch.dtype) -> bool:
    """Whether this PyTorch has oneDNN and it packs weights of `dtype` here (bfloat16 needs AVX-512 or the like)."""
    if not torch._C._has_mkldnn:
        return False
    return dtype != torch.bfloat16 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
