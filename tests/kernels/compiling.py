"""Compiles what a GPU would run, without one: the interpreter takes much that the compiler refuses.

The public functions are called as ever; Triton is told of a device that it compiles for and on which it launches
nothing. The full-size cases are made on the device `meta`, so they take no memory. Run as a module with
TRITON_INTERPRET=0 and names of `CALLS`: prints one JSON object a kernel.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import msgspec
import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget

from engine.measure.triton_cases import CHECKED, Attention, Problem, Sizes, problems
from kernels import attention_row, decode_attention, device, prefill_attention, rmsnorm, rope_kv_write, swiglu
from tests.kernels.attention_cases import Case, make_inputs
from tests.kernels.sass import Code, code_of

HOPPER: Final = device.DeviceFacts(132, 227 * 1024)
BF16: Final = torch.bfloat16
META: Final = torch.device("meta")
SHORT: Final = {torch.bfloat16: "bf16", torch.float32: "f32"}


def bf16(*shape: int) -> Tensor:
    return torch.zeros(*shape, dtype=BF16)


def rope(head_dim: int, turns: bool) -> None:
    """Six query heads on two, as `qkv` leaves them."""
    rotation = torch.ones(5, 1, head_dim // 2, dtype=torch.complex64) if turns else None
    slots = torch.arange(5)
    pool = bf16(2, 64, 2, head_dim)
    rope_kv_write.rope_kv_write(bf16(5, 10, head_dim), rotation, pool[0], pool[1], slots, 6)


ODD: Final[dict[str, Callable[[], object]]] = {
    "prefill-window": lambda: attend("prefill", Case(((256, 256), (300, 200)), (8, 2), 128, 0, 40, BF16)),
    "prefill-float32": lambda: attend("prefill", Case(((70, 70),), (3, 1), 80, -1)),
    "decode-window": lambda: attend("decode", Case(((1000, 5), (1, 1)), (8, 2), 64, 0, 40, BF16, 1)),
    "decode-float32": lambda: attend("decode", Case(((9, 1),), (1, 1), 33, 5, splits=2)),
    "rms-norm-odd": lambda: rmsnorm.rms_norm(bf16(5, 127), bf16(127), 1e-6),
    "rope-kv-write": lambda: rope(80, True),
    "kv-write": lambda: rope(64, False),
    "swiglu": lambda: swiglu.swiglu(bf16(5, 2 * 688)),
}
"""What the full-size cases do not have: windows, odd widths, positions that do not turn."""


@dataclass(frozen=True, slots=True)
class Full:
    """One full-size case."""

    sizes: Sizes
    dtype: torch.dtype
    problem: Problem

    @property
    def label(self) -> str:
        """Model, dtype, kernel and storage: what one compiled kernel serves at several sizes."""
        where = f" {self.problem.where}" if isinstance(self.problem, Attention) else ""
        verified = isinstance(self.problem, Attention) and 1 < self.problem.rows == self.sizes.verified
        rows = f", {self.sizes.verified} rows" if verified else ""
        return f"{self.sizes.name} {SHORT[self.dtype]} {self.problem.kernel}{where}{rows}"

    @property
    def size(self) -> str:
        """Rows, batch × context, or rows that are looked at of how many."""
        problem = self.problem
        if not isinstance(problem, Attention):
            return str(problem.outputs[0].shape[1 if problem.kernel == "rope_kv_write" else 0])
        if problem.rows == problem.context:
            return str(problem.rows)
        if problem.kernel == "attention_row":
            return f"{problem.rows} of {problem.context}"
        return f"{problem.batch} × {problem.context}"


def full_size() -> Iterator[Full]:
    """All of them; in float32 attention alone."""
    for sizes, dtype in CHECKED:
        for problem in problems(sizes, META, dtype, attention_only=dtype == torch.float32):
            yield Full(sizes, dtype, problem)


KEPT_SMALL: Final = ("8 B bf16", "0.5 B bf16")
"""The suite compiles the small kernels of these, and all attention kernels in bfloat16 of the first."""


def in_the_suite(full: Full) -> bool:
    """What is compiled at every run of the tests; the table's command compiles everything."""
    attention = isinstance(full.problem, Attention)
    return full.label.startswith(KEPT_SMALL[0]) or (not attention and full.label.startswith(KEPT_SMALL[1]))


CALLS: Final[dict[str, Callable[[], object]]] = {
    **ODD,
    **{f"{full.label}: {full.size}": full.problem.ours() for full in full_size() if in_the_suite(full)},
}


class Launched(msgspec.Struct, frozen=True):
    """One kernel that a call compiled, and the programs that a GPU would start."""

    kernel: str
    grid: tuple[int, ...]
    digest: str
    """Of the PTX."""
    copies_16_bytes: bool
    code: Code
    call: str = ""

    @property
    def programs(self) -> int:
        return prod(self.grid)


class NoDevice:
    """A driver for a GPU that is not there."""

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, index: int) -> int:
        return 0


class Compiler:
    """From its making on, every launch in this process compiles and notes what came of it.

    The machine code is read on a second thread while the next kernel is compiled.
    """

    def __init__(self) -> None:
        self._reader = ThreadPoolExecutor(1)
        self._known: dict[str, Future[Code]] = {}
        self._found: list[tuple[str, tuple[int, ...], str, bool]] = []
        triton.runtime.driver.set_active(NoDevice())

        def launch(kernel: Any, grid: Any) -> Any:  # a plain function: it becomes a method of the kernels
            return self._launch(kernel, grid)

        triton.runtime.jit.JITFunction.__getitem__ = launch
        for module in (prefill_attention, decode_attention, attention_row, rmsnorm, rope_kv_write, swiglu):
            module.check_device = lambda tensor: None  # type: ignore[attr-defined]
        for module in (prefill_attention, decode_attention):
            module.device_facts = lambda where: HOPPER  # type: ignore[attr-defined]

    def _launch(self, kernel: Any, grid: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> None:
            built = kernel.run(*args, grid=grid, warmup=True, **kwargs)
            ptx = built.asm["ptx"]
            digest = hashlib.sha256(ptx.encode()).hexdigest()[:12]
            if digest not in self._known:
                self._known[digest] = self._reader.submit(code_of, built)
            wide = any("0x10" in line for line in ptx.splitlines() if "cp.async.cg" in line)
            self._found.append((kernel.__name__.strip("_").removesuffix("_kernel"), tuple(grid), digest, wide))

        return run

    def launched_by(self, name: str, call: Callable[[], object]) -> Callable[[], list[Launched]]:
        """Compile what the call launches; the returned function waits for what was read of it."""
        self._found.clear()
        call()
        found = list(self._found)
        return lambda: [
            Launched(kernel, grid, digest, wide, self._known[digest].result(), name)
            for kernel, grid, digest, wide in found
        ]


def attend(kernel: str, case: Case) -> None:
    """Every launch that the case leads to: attention, the merge of its splits, the rows."""
    inputs = make_inputs(case, "cpu")
    q, kv, starts, lengths = inputs.q, inputs.kv, inputs.starts, inputs.lengths
    lse = torch.empty(q.shape[:2])
    rows, longest = max(rows for _, rows in case.sequences), max(length for length, _ in case.sequences)
    if kernel == "prefill":
        prefill_attention.prefill_attention(q, kv, starts, lengths, max_rows=rows, window=case.window, lse=lse)
    else:
        decode_attention.decode_attention(
            q, kv, starts, lengths, max_rows=rows, max_length=longest, window=case.window, lse=lse, splits=case.splits
        )
    attention_row.attention_row(q, kv, lse, starts, lengths, max_rows=rows, max_length=longest, window=case.window)


if __name__ == "__main__":
    compiler = Compiler()
    waiting = [compiler.launched_by(name, CALLS[name]) for name in sys.argv[1:]]
    for launched in waiting:
        for one in launched():
            print(msgspec.json.encode(one).decode(), flush=True)
