"""Compiles kernels for an NVIDIA GPU without one: the interpreter takes much that the compiler refuses.

Run as a module with a list of names of `KERNELS` and TRITON_INTERPRET=0; prints a JSON object a line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, Final

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from kernels import attention_row, decode_attention, prefill_attention, rmsnorm, rope_kv_write, swiglu

HOPPER: Final = GPUTarget("cuda", 90, 32)
FLOATS: Final = (
    "q_ptr", "out_ptr", "k_ptr", "v_ptr", "x_ptr", "delta_ptr", "weight_ptr", "sum_ptr", "wide_ptr", "qkv_ptr",
)  # fmt: skip
FLOATS_32: Final = ("rotation_ptr", "eps", "lse_ptr", "part_lse_ptr", "o_ptr", "probs_ptr", "scale", "scale_log2")


def storage(block_size: int, head_dim: int) -> dict[str, Any]:
    """What is compiled for a kind of storage (see kernels/kv.py), 16-byte loads wherever they can be."""
    return {"BLOCK_SIZE": block_size, "ALIGN": 16 if block_size == 0 else 1, "GROUP": 4, "HEAD_DIM": head_dim,
            "BLOCK_D": prefill_attention.padded_dim(head_dim), "WINDOWED": False, "WRITE_LSE": True,
            "PRECISION": "tf32"}  # fmt: skip


def tile(rows: int, keys: int) -> dict[str, Any]:
    return {"BLOCK_M": rows, "BLOCK_N": keys}


KERNELS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "prefill-paged": lambda: compiled(
        prefill_attention._prefill_kernel, "bf16", {**storage(16, 128), **tile(128, 64)}, 8, 3
    ),
    "prefill-contiguous": lambda: compiled(
        prefill_attention._prefill_kernel, "bf16", {**storage(0, 128), **tile(128, 64)}, 8, 3
    ),
    "prefill-float32": lambda: compiled(
        prefill_attention._prefill_kernel, "fp32", {**storage(-1, 64), **tile(32, 32), "PRECISION": "ieee"}, 8, 2
    ),
    "decode-paged": lambda: compiled(
        decode_attention._decode_kernel, "bf16", {**storage(16, 128), **tile(16, 64)}, 4, 3
    ),
    "decode-contiguous-windowed": lambda: compiled(
        decode_attention._decode_kernel, "bf16", {**storage(0, 80), **tile(16, 64), "WINDOWED": True}, 4, 3
    ),
    "merge": lambda: compiled(
        decode_attention._merge_kernel, "bf16", {"HEAD_DIM": 128, "BLOCK_D": 128, "SPLITS": 64, "WRITE_LSE": True}, 4, 2
    ),
    "rms-norm": lambda: compiled(rmsnorm._rms_norm_kernel, "bf16", {"WIDTH": 896, "BLOCK": 1024, "ADD": False}, 2, 1),
    "rms-norm-add": lambda: compiled(
        rmsnorm._rms_norm_kernel, "bf16", {"WIDTH": 4096, "BLOCK": 4096, "ADD": True}, 8, 1
    ),
    "rope-kv-write": lambda: compiled(
        rope_kv_write._rope_kv_write_kernel, "bf16", {"HEAD_DIM": 80, "BLOCK": 128, "ROTATE": True}, 1, 1
    ),
    "swiglu": lambda: compiled(swiglu._swiglu_kernel, "bf16", {"BLOCK": swiglu.BLOCK}, 4, 1),
    "row": lambda: compiled(attention_row._row_kernel, "bf16", row_constants(), 4, 2),
}  # fmt: skip


def row_constants() -> dict[str, Any]:
    constants = {**storage(16, 128), "BLOCK_N": 64, "WINDOWED": True}
    return {name: value for name, value in constants.items() if name not in ("PRECISION", "WRITE_LSE")}


def compiled(kernel: Any, floats: str, constants: dict[str, Any], warps: int, stages: int) -> dict[str, Any]:
    """Compile to PTX: shared memory it takes, and whether it multiplies and copies as a GPU does best."""
    names = kernel.arg_names
    free = {names[index] for index, param in enumerate(kernel.params) if param.do_not_specialize}
    anywhere = {names[index] for index, param in enumerate(kernel.params) if param.do_not_specialize_on_alignment}
    signature: dict[str, str] = {}
    attributes: dict[tuple[int, ...], Any] = {}
    for index, name in enumerate(names):
        if name in constants:
            signature[name] = "constexpr"
            continue
        if name == "where_ptr":
            signature[name] = "*i64" if constants["BLOCK_SIZE"] == 0 else "*i32"
        elif name == "slots_ptr":
            signature[name] = "*i64"
        elif name in FLOATS or name in FLOATS_32:
            signature[name] = f"*{floats}" if name in FLOATS else "*fp32" if name.endswith("_ptr") else "fp32"
        else:
            signature[name] = "*i32" if name.endswith("_ptr") else "i32"
        aligned = name not in anywhere if signature[name][0] == "*" else name.startswith("stride_q") or (
            name in ("stride_block", "stride_pos", "stride_head")
        )  # fmt: skip
        if aligned and name not in free:
            attributes[(index,)] = [["tt.divisibility", 16]]
    values = {(names.index(name),): value for name, value in constants.items()}
    options = {"num_warps": warps, "num_stages": stages}
    built = triton.compile(ASTSource(kernel, signature, values, attributes), target=HOPPER, options=options)
    ptx = built.asm["ptx"]
    return {
        "shared_bytes": built.metadata.shared,
        "tensor_cores": "wgmma.mma" in ptx or "mma.sync" in ptx,
        "copies_16_bytes": any("0x10" in line for line in ptx.splitlines() if "cp.async.cg" in line),
    }


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        print(json.dumps({"kernel": wanted, **KERNELS[wanted]()}), flush=True)
