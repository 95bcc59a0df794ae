"""Every Triton kernel at its full sizes against float64, computed on the same device in chunks that fit.

`check_all(GPU, torch.device("cuda"), (torch.bfloat16, torch.float32))` on a GPU; with small sizes it runs on a CPU in
Triton's interpreter. What a kernel writes is NaN before it runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from engine.measure.triton_cases import EPS, Attention, Norm, Problem, Rope, Sizes, Swiglu, problems
from kernels.prefill_attention import prefill_reference
from kernels.rmsnorm import rms_norm_reference
from kernels.swiglu import swiglu_reference

BOUNDS: Final = {torch.float32: 1e-5, torch.bfloat16: 1e-2, torch.float16: 2e-3}
"""Of a result in this dtype. Rounding once to bfloat16 costs 1.7e-3; the weights of attention are rounded too."""
LSE_BOUNDS: Final = {torch.float32: 1e-5, torch.bfloat16: 1e-4}
"""Of lse, by the dtype of q: float32 sums of products that tensor cores add up with fewer bits."""
CHUNK_BYTES: Final = 2**30
"""About what the float64 scores of a chunk may take; a few such tensors are alive at once."""
CHUNK_ROWS: Final = 1024


@dataclass(frozen=True, slots=True)
class Row:
    """How far one result of one kernel is from float64."""

    kernel: str
    shape: str
    dtype: str
    error: float
    """‖out − ref‖ / ‖ref‖ over the whole result."""
    largest: float
    """The same of the worst row (of one head, where there are heads): one bad row is not lost among thousands."""
    bound: float

    @property
    def held(self) -> bool:
        """NaN anywhere fails."""
        return self.error <= self.bound and self.largest <= self.bound


class Distance:
    """Gathers the two errors chunk by chunk."""

    def __init__(self, result: str, bound: float, least: float = 0.0) -> None:
        self.result = result
        self.bound = bound
        self._least = least  # a row's norm counts as this at least
        self._off = self._norm = self._largest = 0.0

    def add(self, out: Tensor, true: Tensor) -> None:
        """Both [..., width]; a row that is 0 must be 0 exactly."""
        off = (out.double() - true).norm(dim=-1)
        norm = true.norm(dim=-1).clamp_min(self._least)
        self._off += float(off.square().sum())
        self._norm += float(norm.square().sum())
        worst = float(torch.where(off == 0, 0.0, off / norm).max())  # x / 0 is inf; NaN stays NaN, also through max
        self._largest = worst if math.isnan(worst) else max(self._largest, worst)

    def row(self, problem: Problem, dtype: torch.dtype) -> Row:
        """The gathered errors; NaN in one chunk stays."""
        error = (self._off / self._norm) ** 0.5 if self._norm else float("inf" if self._off else 0.0)
        kernel = problem.kernel if self.result == "out" else f"{problem.kernel}: {self.result}"
        return Row(kernel, problem.shape, str(dtype).removeprefix("torch."), error, self._largest, self.bound)


def check_all(sizes: Sizes, device: torch.device, dtypes: Sequence[torch.dtype]) -> Iterator[Row]:
    """Run every kernel at these sizes and compare: a row for each result of each case, made one after another."""
    with torch.inference_mode():
        for dtype in dtypes:
            for problem in problems(sizes, device, dtype):
                for distance in check(problem, dtype):
                    yield distance.row(problem, dtype)


def check(problem: Problem, dtype: torch.dtype) -> list[Distance]:
    """Poison what the kernel writes, run it, and compare."""
    compare: Callable[[], list[Distance]]
    for out in problem.outputs:
        out.fill_(torch.nan)
    if isinstance(problem, Norm):
        compare = lambda: norm_distances(problem, dtype)  # noqa: E731
    elif isinstance(problem, Swiglu):
        compare = lambda: swiglu_distances(problem, dtype)  # noqa: E731
    elif isinstance(problem, Rope):
        before = problem.qkv.clone()  # turned in place
        compare = lambda: rope_distances(problem, before, dtype)  # noqa: E731
    elif isinstance(problem, Attention) and problem.kernel == "attention_row":
        problem.lse.copy_(true_lse(problem))
        compare = lambda: row_distances(problem)  # noqa: E731
    elif isinstance(problem, Attention):
        compare = lambda: attention_distances(problem, dtype)  # noqa: E731
    else:
        raise TypeError(f"nothing says what {problem.kernel} should compute")
    problem.ours()()
    return compare()


def chunks(rows: int, size: int = CHUNK_ROWS) -> Iterator[slice]:
    return (slice(first, min(first + size, rows)) for first in range(0, rows, size))


def norm_distances(problem: Norm, dtype: torch.dtype) -> list[Distance]:
    """The sum against the sum, and the norm against that of the rounded sum, which is what goes on."""
    out, total = Distance("out", BOUNDS[dtype]), Distance("total", BOUNDS[dtype])
    for part in chunks(problem.x.shape[0]):
        x = problem.x[part].double()
        if problem.delta is not None and problem.total is not None:
            total.add(problem.total[part], x + problem.delta[part].double())
            x = problem.total[part].double()
        out.add(problem.out[part], rms_norm_reference(x, problem.weight.double(), EPS))
    return [out] if problem.delta is None else [out, total]


def swiglu_distances(problem: Swiglu, dtype: torch.dtype) -> list[Distance]:
    out = Distance("out", BOUNDS[dtype])
    for part in chunks(problem.wide.shape[0]):
        out.add(problem.out[part], swiglu_reference(problem.wide[part].double()))
    return [out]


def rope_distances(problem: Rope, before: Tensor, dtype: torch.dtype) -> list[Distance]:
    """q and k that turned, v that did not, and k and v in the slots."""
    turned, kept = Distance("out", BOUNDS[dtype]), Distance("k and v in the cache", BOUNDS[dtype])
    turning = problem.heads + problem.kv_heads
    for part in chunks(before.shape[0]):
        true = before[part].double()  # [rows, heads + 2 · kv_heads, head_dim]
        even, odd = true[:, :turning, 0::2].clone(), true[:, :turning, 1::2].clone()
        cos, sin = problem.rotation[part].real.double(), problem.rotation[part].imag.double()  # [rows, 1, head_dim / 2]
        true[:, :turning, 0::2], true[:, :turning, 1::2] = even * cos - odd * sin, even * sin + odd * cos
        turned.add(problem.qkv[part], true)
        for which, first in enumerate((problem.heads, turning)):
            kept.add(problem.memory[which, problem.slots[part]], true[:, first : first + problem.kv_heads])
    return [turned, kept]


def attention_distances(problem: Attention, dtype: torch.dtype) -> list[Distance]:
    """out [P, heads, head_dim] and lse [P, heads], sequence by sequence, KV head by KV head."""
    # An error of a logarithm is one of the whole sum: it counts as it is, not as a share of a logarithm near 0.
    out, lse = Distance("out", BOUNDS[dtype]), Distance("lse", LSE_BOUNDS[dtype], least=1.0)
    for rows, heads, q, k, v in parts(problem):
        true_out, lse_here = prefill_reference(q, [(k, v)], [0, q.shape[0]])
        out.add(problem.out[rows, heads], true_out)
        lse.add(problem.lse[rows, heads, None], lse_here.unsqueeze(-1))
    return [out, lse]


def row_distances(problem: Attention) -> list[Distance]:
    """out [P, heads, context], from the lse that float64 has."""
    out = Distance("out", BOUNDS[problem.out.dtype])
    for rows, heads, q, k, _ in parts(problem):
        scores = torch.einsum("nhd,td->nht", q, k[0]) * q.shape[2] ** -0.5
        seen = k.shape[1] - q.shape[0] + torch.arange(q.shape[0], device=q.device)  # the last position of each row
        probs = (scores - problem.lse[rows, heads, None].double()).exp()  # [rows, group, T]
        probs *= torch.arange(k.shape[1], device=q.device) <= seen[:, None, None]
        out.add(problem.out[rows, heads, : k.shape[1]], probs)
        beyond = problem.out[rows, heads, k.shape[1] :]
        if beyond.numel():
            out.add(beyond, torch.zeros_like(beyond, dtype=torch.float64))
    return [out]


def true_lse(problem: Attention) -> Tensor:
    """Like problem.lse, computed in float64."""
    found = torch.empty_like(problem.lse)
    for rows, heads, q, k, v in parts(problem):
        found[rows, heads] = prefill_reference(q, [(k, v)], [0, q.shape[0]])[1].float()
    return found


def parts(problem: Attention) -> Iterator[tuple[slice, slice, Tensor, Tensor, Tensor]]:
    """The work cut so that float64 fits: (rows, heads, q [n, group, head_dim], k and v [1, T, head_dim]).

    The n rows are the last of the T positions: what comes later nobody of them sees, and is left out.
    """
    group = problem.q.shape[1] // problem.kv_heads
    most = max(1, CHUNK_BYTES // (8 * group * problem.context))
    for sequence in range(problem.batch):
        both = problem.keys_values(sequence)  # [2, kv_heads, T, head_dim]
        for kv_head in range(problem.kv_heads):
            k, v = both[:, kv_head : kv_head + 1].double().unbind(0)
            heads = slice(kv_head * group, (kv_head + 1) * group)
            for part in chunks(problem.rows, most):
                end = problem.context - problem.rows + part.stop
                rows = slice(sequence * problem.rows + part.start, sequence * problem.rows + part.stop)
                yield rows, heads, problem.q[rows, heads].double(), k[:, :end], v[:, :end]
