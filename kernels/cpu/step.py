"""A decoder's whole step as one native call over all layers (step.c): the structures that it reads, and the call."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Final

import torch
from torch import Tensor

from kernels.cpu import library
from kernels.cpu.kinds import KIND_OF, KINDS, StoredRows
from kernels.cpu.packed import PackedRows
from kernels.errors import KernelUnavailableError

PHASES: Final = ("embed", "norm", "qkv", "rope", "kv_write", "attention", "attn_out", "ffn", "lm_head")
"""The parts of a step that are timed, in the order of `enum Phase`."""
ACTIVATIONS: Final = ("silu", "gelu", "gelu_tanh")
READINGS: Final = 1000
RUNS: Final = 9
STORED: Final = tuple(KIND_OF)
"""The dtypes in which a weight may be stored that is not quantised."""
MOST_SLABS: Final = 3


class _Slab(ctypes.Structure):
    _fields_ = [("weight", ctypes.c_void_p), ("out", ctypes.c_size_t), ("kind", ctypes.c_size_t)]


class _Matrix(ctypes.Structure):
    _fields_ = [
        ("slab", ctypes.c_void_p), ("bias", ctypes.c_void_p),
        ("slabs", ctypes.c_size_t), ("channels", ctypes.c_size_t), ("out", ctypes.c_size_t),
    ]  # fmt: skip


class _Norm(ctypes.Structure):
    _fields_ = [("weight", ctypes.c_void_p), ("bias", ctypes.c_void_p)]


class _Layer(ctypes.Structure):
    _fields_ = [
        ("attention_norm", _Norm), ("attention_post_norm", _Norm), ("ffn_norm", _Norm), ("ffn_post_norm", _Norm),
        ("heads_norm", _Norm), ("qkv", _Matrix), ("out", _Matrix), ("up", _Matrix), ("down", _Matrix),
        ("turns", ctypes.c_void_p), ("window", ctypes.c_size_t),
    ]  # fmt: skip


class _Model(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_size_t) for name in (
            "hidden", "heads", "kv_heads", "head_dim", "ffn", "layers", "gated", "activation", "half",
        )),
        ("norm_eps", ctypes.c_double), ("scale", ctypes.c_double), ("embedding_scale", ctypes.c_double),
        ("embedding", ctypes.c_void_p), ("embedding_kind", ctypes.c_size_t), ("positions", ctypes.c_void_p),
        ("final_norm", _Norm), ("head", _Matrix), ("layer", ctypes.c_void_p),
    ]  # fmt: skip


class _StepInput(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_size_t) for name in ("rows", "wanted", "spans", "threads")),
        *((name, ctypes.c_void_p) for name in (
            "token_ids", "positions", "wanted_rows", "span", "logits", "spent",
        )),
        ("by_layer", ctypes.c_size_t), ("phases", ctypes.c_size_t), ("phase", ctypes.c_void_p),
        ("readings", ctypes.c_size_t), ("watched", ctypes.c_void_p),
        *((name, ctypes.c_size_t) for name in ("watched_spans", "watched_layer", "watched_head", "watched_heads")),
        ("watched_ns", ctypes.c_int64),
    ]  # fmt: skip


Slab = Tensor | PackedRows
"""Rows of a weight that are of one kind: [out, in] in one of STORED, contiguous, or quantised."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A weight [out, in] as rows of up to MOST_SLABS kinds, all of them quantised or none, and its bias [out].

    The first weight of a gated feed-forward part has two slabs: gate and up.
    """

    slabs: tuple[Slab, ...]
    bias: Tensor | None = None


@dataclass(frozen=True, slots=True)
class NormWeights:
    """The weight of an RMSNorm, or with a bias of a LayerNorm: [width], or [heads + kv_heads, head_dim]."""

    weight: Tensor
    bias: Tensor | None = None


@dataclass(frozen=True, slots=True)
class LayerParts:
    """One layer. `rotation` is the index of its table among those of the step, None: it does not rotate."""

    attention_norm: NormWeights
    qkv: Matrix
    heads_norm: NormWeights | None
    out: Matrix
    attention_post_norm: NormWeights | None
    ffn_norm: NormWeights
    up: Matrix
    down: Matrix
    ffn_post_norm: NormWeights | None
    rotation: int | None
    window: int | None


@dataclass(frozen=True, slots=True)
class ModelParts:
    """A decoder: shapes, weights, and the dtype of its activations (float32 or bfloat16).

    `embedding` [vocab, hidden] is of one of STORED, or quantised, `positions` [max_positions, hidden] float32 or None.
    """

    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    gated: bool
    activation: str
    norm_eps: float
    scale: float
    embedding_scale: float
    dtype: torch.dtype
    embedding: Tensor | StoredRows
    positions: Tensor | None
    layers: Sequence[LayerParts]
    final_norm: NormWeights
    head: Matrix


SPAN: Final = 12
"""The numbers that describe a span (`SpanInput`): its first row, rows, and the position of the first; the address of K
in the first layer (0: the step keeps K and V itself), the bytes from K to V, between blocks, between positions and
between heads, the positions of a block, the address of the block table (0: one block); the bytes between layers; and
the address of the layers' own addresses of K (0: one memory has all layers)."""


class Watched:
    """The attention probabilities of one layer that are wanted of a step."""

    def __init__(self, layer: int, heads: range, rows: Sequence[tuple[int, int, int]]) -> None:
        """`rows` are (index of a span, position of the first row, position after its last row); heads are adjacent."""
        self.layer, self.heads, self.rows = layer, heads, rows
        self._bytes = [2 * (end - first) * len(heads) * end for _, first, end in rows]
        self._memory = array("B", bytes(sum(self._bytes)))
        at, _ = self._memory.buffer_info()
        self.numbers = array("q")
        """int64 [len(rows), 3]: the index of the span, the first position, and the address of its probabilities."""
        for (span, first, _), size in zip(rows, self._bytes, strict=True):
            self.numbers.extend((span, first, at))
            at += size

    @property
    def maps(self) -> list[bytes]:
        """Of each of the rows, after the step: float16 [n, heads, end], 0 where a row does not see a position."""
        memory = memoryview(self._memory)  # of a long prompt they are many, and so are copied once
        ends = accumulate(self._bytes)
        return [bytes(memory[end - size : end]) for end, size in zip(ends, self._bytes, strict=True)]


class CompiledStep:
    """The native call for one model; it keeps the model's tensors alive.

    Raises KernelUnavailableError where this machine has no C kernels, or where they were not written for this model.
    """

    def __init__(self, model: ModelParts, rotations: int) -> None:
        """`rotations` is the number of rotation tables, which each step gives anew."""
        if reason := unavailable(model.dtype, model.embedding):
            raise KernelUnavailableError(f"The compiled step cannot run: {reason}.")
        self._parts = model
        self._hidden = model.embedding.shape[1]
        self._vocab = sum(slab.shape[0] for slab in model.head.slabs)
        self._kept: list[object] = []
        self._turns = (ctypes.c_void_p * max(1, rotations))()
        self._layers = (_Layer * len(model.layers))(*(self._layer(layer) for layer in model.layers))
        self._model = self._described(model)
        functions = _functions()
        self._run, self._free = functions.compiled_step_run, functions.compiled_step_free
        self._step = functions.compiled_step_new(ctypes.byref(self._model))
        if not self._step:
            raise MemoryError("There is no memory for a compiled step.")
        self._rotations: list[Tensor | None] = [None] * rotations
        self._input = _StepInput()
        self._input_at = ctypes.addressof(self._input)
        self.time_into(None)

    def __del__(self) -> None:
        if step := getattr(self, "_step", None):
            self._free(step)

    def time_into(self, spent: array[float] | None, columns: Sequence[int] = (), phases: int = 0) -> None:
        """Time the next steps: add µs to `spent` float64 [layers + 1, phases], or [1, phases]; None times nothing.

        `columns` are the columns of PHASES in the table. Its memory must outlive the steps.
        """
        self._spent = spent
        self._columns = (ctypes.c_int64 * len(columns))(*columns)
        given = self._input
        given.spent = None if spent is None else spent.buffer_info()[0]
        given.by_layer = spent is not None and len(spent) > phases
        given.phases = phases
        given.phase = ctypes.addressof(self._columns)

    @property
    def readings(self) -> int:
        """How often the last step read the clock; 0 where nothing is timed."""
        return int(self._input.readings) if self._input.spent else 0

    @property
    def watched_ns(self) -> int:
        """What the attention probabilities of the last step took, ns; they are part of no phase."""
        return int(self._input.watched_ns) if self._input.watched_spans else 0

    def __call__(
        self, numbers: array[int], rows: int, wanted: int, spans: array[int], rotations: Sequence[Tensor],
        threads: int, watched: Watched | None = None,
    ) -> Tensor:  # fmt: skip
        """Logits float32 [wanted, vocab] of some rows; K and V of all rows are written where spans say.

        `numbers` int64 are the token ids of `rows` rows, their positions, and the rows that are wanted. `spans` int64
        [n, SPAN] together hold each row once; what they point to must outlive the call. `rotations` complex64
        [positions, 1, head_dim / 2] reach every position. `watched` gets its layer's attention probabilities. Raises
        MemoryError where there is none.
        """
        # Few calls of PyTorch, whose code each step's weights push out of the processor's caches.
        given, logits = self._input, torch.empty(wanted, self._vocab)
        for index, table in enumerate(rotations):
            if table is not self._rotations[index]:
                self._rotations[index], self._turns[index] = table, table.data_ptr()
        given.rows, given.wanted, given.spans, given.threads = rows, wanted, len(spans) // SPAN, threads
        at, bytes_of_rows = numbers.buffer_info()[0], rows * numbers.itemsize
        given.token_ids, given.positions, given.wanted_rows = at, at + bytes_of_rows, at + 2 * bytes_of_rows
        given.span, given.logits = spans.buffer_info()[0], logits.data_ptr()
        given.watched_spans = 0
        if watched is not None:
            given.watched, given.watched_spans = watched.numbers.buffer_info()[0], len(watched.numbers) // 3
            given.watched_layer, given.watched_head = watched.layer, watched.heads.start
            given.watched_heads = len(watched.heads)
        if self._run(self._step, self._input_at):
            raise MemoryError("There is no memory for this step.")
        return logits

    # --- the structures -----------------------------------------------------------------------------------------------

    def _described(self, model: ModelParts) -> _Model:
        embedding = model.embedding
        stored = embedding if isinstance(embedding, Tensor) else embedding.bytes
        return _Model(
            hidden=self._hidden, heads=model.heads, kv_heads=model.kv_heads, head_dim=model.head_dim, ffn=model.ffn,
            layers=len(model.layers), gated=model.gated, activation=ACTIVATIONS.index(model.activation),
            half=model.dtype is torch.bfloat16, norm_eps=model.norm_eps, scale=model.scale,
            embedding_scale=model.embedding_scale, embedding=self._address(stored),
            embedding_kind=KINDS.index(kind_of(embedding)),
            positions=None if model.positions is None else self._address(model.positions.float()),
            final_norm=self._norm(model.final_norm), head=self._matrix(model.head),
            layer=ctypes.addressof(self._layers),
        )  # fmt: skip

    def _layer(self, layer: LayerParts) -> _Layer:
        turns = ctypes.addressof(self._turns)
        return _Layer(
            attention_norm=self._norm(layer.attention_norm), attention_post_norm=self._norm(layer.attention_post_norm),
            ffn_norm=self._norm(layer.ffn_norm), ffn_post_norm=self._norm(layer.ffn_post_norm),
            heads_norm=self._norm(layer.heads_norm), qkv=self._matrix(layer.qkv), out=self._matrix(layer.out),
            up=self._matrix(layer.up), down=self._matrix(layer.down),
            turns=None if layer.rotation is None else turns + layer.rotation * ctypes.sizeof(ctypes.c_void_p),
            window=layer.window or 0,
        )  # fmt: skip

    def _norm(self, norm: NormWeights | None) -> _Norm:
        if norm is None:
            return _Norm()
        bias = None if norm.bias is None else self._address(norm.bias.float())
        return _Norm(self._address(norm.weight.float()), bias)

    def _matrix(self, matrix: Matrix) -> _Matrix:
        assert len(matrix.slabs) <= MOST_SLABS
        slabs = (_Slab * len(matrix.slabs))(*(self._slab(slab) for slab in matrix.slabs))
        self._kept.append(slabs)
        bias = None if matrix.bias is None else self._address(matrix.bias.float())
        out, channels = sum(slab.shape[0] for slab in matrix.slabs), matrix.slabs[0].shape[1]
        return _Matrix(ctypes.addressof(slabs), bias, len(slabs), channels, out)

    def _slab(self, slab: Slab) -> _Slab:
        data = slab if isinstance(slab, Tensor) else slab.data
        return _Slab(self._address(data), slab.shape[0], KINDS.index(kind_of(slab)))

    def _address(self, tensor: Tensor) -> int:
        tensor = tensor.contiguous()
        self._kept.append(tensor)
        return tensor.data_ptr()


def kind_of(weight: Tensor | StoredRows | PackedRows) -> str:
    """In which kind of numbers a weight is held, of KINDS."""
    return KIND_OF[weight.dtype] if isinstance(weight, Tensor) else weight.kind


def unavailable(activations: torch.dtype, embedding: Tensor | StoredRows) -> str | None:
    """Why no model with this dtype and embedding can run as a compiled step here; None where it can."""
    if reason := library.unavailable():
        return reason
    if activations not in library.DTYPES:
        return f"it was not written for {str(activations).removeprefix('torch.')} activations"
    if isinstance(embedding, Tensor) and embedding.dtype not in STORED:
        return f"it was not written for an embedding in {str(embedding.dtype).removeprefix('torch.')}"
    return None


@cache
def reading_ns() -> float:
    """What one reading of the clock costs in native code, ns: the best of several runs, measured once per process."""
    read = library.library().now_ns_repeated
    read.argtypes, read.restype = [ctypes.c_size_t], ctypes.c_int64
    return float(min(read(READINGS) for _ in range(RUNS))) / READINGS


@cache
def _functions() -> ctypes.CDLL:
    """The library, with the types of the functions used here; raises KernelUnavailableError like `library`."""
    functions = library.library()
    functions.compiled_step_new.argtypes = [ctypes.c_void_p]
    functions.compiled_step_new.restype = ctypes.c_void_p
    functions.compiled_step_free.argtypes = [ctypes.c_void_p]
    functions.compiled_step_free.restype = None
    functions.compiled_step_run.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    functions.compiled_step_run.restype = ctypes.c_int
    return functions


def progress() -> float:
    """Which share of its operations the step that runs has done, asked from another thread than the step's."""
    return float(_progress()())


@cache
def _progress() -> ctypes._NamedFuncPointer:
    found = library.library().crew_progress
    found.argtypes, found.restype = [], ctypes.c_double
    return found
