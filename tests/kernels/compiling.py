"""Compiles what a GPU would run, without one: the interpreter takes much that the compiler refuses.

The public functions are called as ever, on CPU tensors; Triton is told of a device that it compiles for and on which it
launches nothing. Run as a module with TRITON_INTERPRET=0 and names of `CALLS`: prints one JSON object a kernel.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, Final

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget

from kernels import attention_row, decode_attention, device, prefill_attention, rmsnorm, rope_kv_write, swiglu
from tests.kernels.attention_cases import Case, make_inputs

HOPPER: Final = device.DeviceFacts(132, 227 * 1024)
BF16: Final = torch.bfloat16


def bf16(*shape: int) -> Tensor:
    return torch.zeros(*shape, dtype=BF16)


def rope(head_dim: int, turns: bool) -> None:
    """Six query heads on two, as `qkv` leaves them."""
    rotation = torch.ones(5, 1, head_dim // 2, dtype=torch.complex64) if turns else None
    slots = torch.arange(5)
    pool = bf16(2, 64, 2, head_dim)
    rope_kv_write.rope_kv_write(bf16(5, 10, head_dim), rotation, pool[0], pool[1], slots, 6)


CALLS: Final[dict[str, Callable[[], object]]] = {
    "prefill-paged": lambda: attend("prefill", Case(((256, 256),), (8, 2), 128, 16, None, BF16)),
    "prefill-contiguous": lambda: attend("prefill", Case(((256, 256), (300, 200)), (8, 2), 128, 0, 40, BF16)),
    "prefill-float32": lambda: attend("prefill", Case(((70, 70),), (3, 1), 80, -1)),
    "decode-paged": lambda: attend("decode", Case(((1000, 1),), (8, 2), 128, 16, None, BF16, 4)),
    "decode-contiguous": lambda: attend("decode", Case(((1000, 5), (1, 1)), (8, 2), 64, 0, 40, BF16, 1)),
    "decode-float32": lambda: attend("decode", Case(((9, 1),), (1, 1), 33, 5, splits=2)),
    "rms-norm": lambda: rmsnorm.rms_norm(bf16(5, 896), bf16(896), 1e-6),
    "rms-norm-heads": lambda: rmsnorm.rms_norm(bf16(5, 6, 64), bf16(6, 64), 1e-6),
    "rms-norm-add": lambda: rmsnorm.add_rms_norm(bf16(5, 4096), bf16(5, 4096), bf16(4096), 1e-6),
    "rope-kv-write": lambda: rope(80, True),
    "kv-write": lambda: rope(64, False),
    "swiglu": lambda: swiglu.swiglu(bf16(5, 2 * 688)),
}


class NoDevice:
    """A driver for a GPU that is not there."""

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, index: int) -> int:
        return 0


def compile_only(found: list[dict[str, Any]]) -> None:
    """From now on every launch in this process compiles and notes what came of it."""
    triton.runtime.driver.set_active(NoDevice())

    def launch(kernel: Any, grid: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> None:
            built = kernel.run(*args, grid=grid, warmup=True, **kwargs)
            ptx = built.asm["ptx"]
            found.append({
                "kernel": kernel.__name__.strip("_").removesuffix("_kernel"),
                "shared_bytes": built.metadata.shared,
                "tensor_cores": "wgmma.mma" in ptx or "mma.sync" in ptx,
                "copies_16_bytes": any("0x10" in line for line in ptx.splitlines() if "cp.async.cg" in line),
            })  # fmt: skip

        return run

    triton.runtime.jit.JITFunction.__getitem__ = launch
    for module in (prefill_attention, decode_attention, attention_row, rmsnorm, rope_kv_write, swiglu):
        module.check_device = lambda tensor: None  # type: ignore[attr-defined]
    prefill_attention.device_facts = decode_attention.device_facts = lambda where: HOPPER  # type: ignore[attr-defined]


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
    built: list[dict[str, Any]] = []
    compile_only(built)
    for name in sys.argv[1:]:
        CALLS[name]()
        for one in built:
            print(json.dumps({"call": name, **one}), flush=True)
        built.clear()
