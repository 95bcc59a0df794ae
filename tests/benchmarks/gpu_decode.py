"""Decoding on a GPU: MBU by shape, attention kernels against bandwidth and PyTorch's flash, `generate` compiled.

Times are medians of CUDA events or of whole runs; every figure's budget stands beside it. Needs a CUDA device, and
TRITON_INTERPRET must not be 1.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable
from typing import Any, Final

import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine.decode.engine import Engine
from engine.decode.settings import Observation, RequestSpec, RunSpec, Switches
from engine.errors import UnavailableError
from engine.model.loader import LoadedModel
from engine.session.schema import AnyEvent, Step, Token
from tests.benchmarks.random_llama import HALF_BILLION, SEVEN_BILLION, Shape, random_llama

TOKENS: Final = 256
SKIPPED: Final = 32
"""First replays, which are left out: clocks and caches settle."""
ROUNDS: Final = 5
PROMPT: Final = "The cat sits on the"
BEST: Final = Switches(kv="paged", attention="triton", graphs=True)
HEADS, KV_HEADS, HEAD_DIM, BLOCK = 32, 8, 128, 16


def run() -> list[dict[str, Any]]:
    """One row a figure: what was measured, its budget, whether it was met. Raises UnavailableError without a GPU."""
    if not torch.cuda.is_available():
        raise UnavailableError("gpu_decode needs a CUDA device, and there is none here.")
    if os.environ.get("TRITON_INTERPRET") == "1":
        raise UnavailableError("gpu_decode needs compiled kernels: unset TRITON_INTERPRET.")
    device = torch.device("cuda", 0)
    copy = copy_bytes_per_s(device)
    rows = [row("copy bandwidth", "2 GiB, read and written", copy / 1e12, "TB/s", None)]
    for shape, budget in ((SEVEN_BILLION, 0.85), (HALF_BILLION, 0.55)):
        rows += shape_rows(shape, budget, copy, device)
    rows.append(decode_attention_row(copy, device))
    rows.append(prefill_attention_row(device))
    return rows


def row(what: str, how: str, value: float, unit: str, budget: float | None) -> dict[str, Any]:
    """A figure beside the budget that it must reach."""
    met = "" if budget is None else "yes" if value >= budget else "NO"
    return {
        "what": what, "how": how, "figure": round(value, 4), "unit": unit,
        "budget": "" if budget is None else budget, "met": met,
    }  # fmt: skip


def copy_bytes_per_s(device: torch.device) -> float:
    """Bytes read and written a second by a copy of 2 GiB."""
    source = torch.ones(2**29, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / seconds_of(lambda: target.copy_(source))


def seconds_of(work: Callable[[], object], rounds: int = 20) -> float:
    """Median device time of a call; what it touches is larger than L2, so each run finds that cache cold."""
    for _ in range(3):
        work()
    times = []
    for _ in range(rounds):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / 1e3)
    return statistics.median(times)


def shape_rows(shape: Shape, budget: float, copy: float, device: torch.device) -> list[dict[str, Any]]:
    """MBU at batch 1, and tokens/s against transformers' `generate` with a static cache and compile, in turn."""
    theirs, ours = random_llama(shape, device, torch.bfloat16)
    mbus = [mbu(decode_steps(ours, BEST), copy) for _ in range(ROUNDS)]
    rows = [
        row(f"{shape.name}, MBU", "bf16, batch 1, paged, triton, graphs, phase", statistics.median(mbus), "", budget)
    ]
    ids = torch.tensor([ours.tokenizer.encode(PROMPT)], device=device)
    speeds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(ROUNDS + 2):  # the first two compile and settle
        their_rate = (TOKENS - SKIPPED) / (generate_s(theirs, ids, TOKENS) - generate_s(theirs, ids, SKIPPED))
        our_rate = tokens_per_s(ours, BEST)
        if number >= 2:
            speeds["theirs"].append(their_rate)
            speeds["ours"].append(our_rate)
    ratios = [a / b for a, b in zip(speeds["ours"], speeds["theirs"], strict=True)]
    rows.append(row(f"{shape.name}, decoding", "DecodeScope", statistics.median(speeds["ours"]), "tokens/s", None))
    rows.append(
        row(f"{shape.name}, decoding", "generate, compiled", statistics.median(speeds["theirs"]), "tokens/s", None)
    )
    rows.append(row(f"{shape.name}, ratio", "median of rounds in turn", statistics.median(ratios), "", 1.0))
    del theirs, ours
    gc.collect()
    torch.cuda.empty_cache()
    return rows


def generate_s(model: Any, ids: torch.Tensor, tokens: int) -> float:
    """Wall time of one greedy `generate` with a static cache, which transformers then compiles."""
    start = time.perf_counter()
    with torch.inference_mode():
        model.generate(
            ids, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False, cache_implementation="static",
            disable_compile=False,
        )  # fmt: skip
    torch.cuda.synchronize()
    return time.perf_counter() - start


def run_events(model: LoadedModel, switches: Switches, tokens: int = TOKENS) -> list[AnyEvent]:
    """One greedy request in this process, watched at detail `phase`."""
    events: list[AnyEvent] = []
    spec = RunSpec((RequestSpec(PROMPT, tokens, ignore_eos=True),), switches, Observation("phase"))
    engine = Engine(model, spec, {}, events.extend)
    engine.begin(time.perf_counter_ns())
    while not engine.done:
        engine.step()
    return events


def decode_steps(model: LoadedModel, switches: Switches) -> list[Step]:
    """The steps that count: replays, after the first ones."""
    steps = [event for event in run_events(model, switches) if isinstance(event, Step) and event.launch != "eager"]
    return steps[SKIPPED:]


def mbu(steps: list[Step], copy: float) -> float:
    """Bytes moved over the wall time from the first of these steps to the last, over the copy bandwidth."""
    moved = sum(step.bytes_moved for step in steps[1:])
    return moved / ((steps[-1].end_ns - steps[0].end_ns) / 1e9) / copy


def tokens_per_s(model: LoadedModel, switches: Switches) -> float:
    """Tokens a second after the first SKIPPED ones, so that prompt and captures are left out, as for `generate`."""
    emitted = [event.emitted_ns for event in run_events(model, switches) if isinstance(event, Token)]
    return (len(emitted) - 1 - SKIPPED) / ((emitted[-1] - emitted[SKIPPED]) / 1e9)


def decode_attention_row(copy: float, device: torch.device) -> dict[str, Any]:
    """Batch 64 at 4096 positions, one query each: K and V read once, as a share of the copy bandwidth."""
    from kernels.decode_attention import decode_attention
    from kernels.kv import PagedKV

    batch, length = 64, 4096
    blocks = batch * length // BLOCK
    pool = torch.randn(2, blocks, BLOCK, KV_HEADS, HEAD_DIM, device=device, dtype=torch.bfloat16)
    tables = torch.randperm(blocks, device=device).int().view(batch, -1)
    q = torch.randn(batch, HEADS, HEAD_DIM, device=device, dtype=torch.bfloat16)
    starts = torch.arange(batch + 1, device=device, dtype=torch.int32)
    lengths = torch.full((batch,), length, device=device, dtype=torch.int32)
    kv = PagedKV(pool, tables)
    taken_s = seconds_of(lambda: decode_attention(q, kv, starts, lengths, max_rows=1, max_length=length))
    return row("decode attention", "batch 64 at 4096, 32/8 heads, bf16, of copy", pool.nbytes / taken_s / copy, "", 0.8)


def prefill_attention_row(device: torch.device) -> dict[str, Any]:
    """8192 causal positions of one sequence, as a ratio to PyTorch's flash kernel on the same numbers."""
    from kernels.kv import PagedKV
    from kernels.prefill_attention import prefill_attention

    length = 8192
    pool = torch.randn(2, length // BLOCK, BLOCK, KV_HEADS, HEAD_DIM, device=device, dtype=torch.bfloat16)
    tables = torch.arange(length // BLOCK, device=device, dtype=torch.int32)[None]
    q = torch.randn(length, HEADS, HEAD_DIM, device=device, dtype=torch.bfloat16)
    starts = torch.tensor([0, length], device=device, dtype=torch.int32)
    kv = PagedKV(pool, tables)
    ours_s = seconds_of(lambda: prefill_attention(q, kv, starts, starts[1:], max_rows=length))
    k, v = pool.flatten(1, 2).transpose(1, 2).unsqueeze(1).contiguous().unbind(0)  # [1, kv_heads, T, head_dim]
    queries = q.transpose(0, 1).unsqueeze(0).contiguous()

    def flash() -> object:
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            return functional.scaled_dot_product_attention(queries, k, v, is_causal=True, enable_gqa=True)

    return row("prefill attention", "8192 positions, 32/8 heads, bf16, of flash", seconds_of(flash) / ours_s, "", 0.7)
