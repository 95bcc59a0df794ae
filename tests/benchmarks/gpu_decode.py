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
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine.core.settings import Observation, RequestSpec, RunSpec, Switches
from engine.errors import UnavailableError
from engine.graphs.device import GraphDevice
from engine.measure.cuda_event import CudaEvent
from engine.model.device import make_current
from engine.model.loader import LoadedModel
from engine.session.schema import AnyEvent, Step, Token
from tests.benchmarks.random_llama import HALF_BILLION, SEVEN_BILLION, Shape, random_llama
from tests.engine.drive import drive

SKIPPED: Final = 32
"""First replays, which are left out: clocks and caches settle."""
PROMPT: Final = "The cat sits on the"
BEST: Final = Switches(kv="paged", attention="triton", graphs=True)
BUDGETS: Final = ((SEVEN_BILLION, 0.85), (HALF_BILLION, 0.55))
"""The MBU that each shape must reach."""
BLOCK: Final = 16


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a decoding run is made: its length, how often, and what captures its steps (None: what the device has)."""

    tokens: int = 256
    rounds: int = 5
    switches: Switches = BEST
    graphs: GraphDevice | None = None


@dataclass(frozen=True, slots=True)
class AttentionSizes:
    """One decode step of `batch` requests at `context` positions, and one prompt of `prompt`."""

    batch: int = 64
    context: int = 4096
    prompt: int = 8192
    heads: int = 32
    kv_heads: int = 8
    head_dim: int = 128
    dtype: torch.dtype = torch.bfloat16


def run() -> list[dict[str, Any]]:
    """One row a figure: what was measured, its budget, whether it was met. Raises UnavailableError without a GPU."""
    if not torch.cuda.is_available():
        raise UnavailableError("gpu_decode needs a CUDA device, and there is none here.")
    if os.environ.get("TRITON_INTERPRET") == "1":
        raise UnavailableError("gpu_decode needs compiled kernels: unset TRITON_INTERPRET.")
    device = torch.device("cuda", 0)
    make_current(device)
    copy = copy_bytes_per_s(device)
    rows = [row("copy bandwidth", "2 GiB, read and written", copy / 1e12, "TB/s", None)]
    for shape, budget in BUDGETS:
        theirs, ours = random_llama(shape, device, torch.bfloat16)
        rows.append(mbu_row(shape, ours, copy, budget))
        rows += generate_rows(shape, theirs, ours)
        del theirs, ours
        gc.collect()
        torch.cuda.empty_cache()
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


def copy_bytes_per_s(device: torch.device, size: int = 2**31) -> float:
    """Bytes read and written a second by a copy of `size` bytes."""
    source = torch.ones(size // 4, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / seconds_of(lambda: target.copy_(source), device)


def seconds_of(work: Callable[[], object], device: torch.device, rounds: int = 20) -> float:
    """Median time of a call, by events on a GPU; it touches more than L2 holds, so each run finds that cache cold."""
    for _ in range(3):
        work()
    times = []
    for _ in range(rounds):
        if device.type == "cuda":
            start, end = CudaEvent(device), CudaEvent(device)
            start.record()
            work()
            end.record()
            end.synchronize()
            times.append(start.elapsed_time(end) / 1e3)
        else:
            begun = time.perf_counter()
            work()
            times.append(time.perf_counter() - begun)
    return statistics.median(times)


# --- decoding ---------------------------------------------------------------------------------------------------------


def mbu_row(
    shape: Shape, ours: LoadedModel, copy: float, budget: float | None, how: Decoding | None = None
) -> dict[str, Any]:  # fmt: skip
    """MBU at batch 1: bytes moved over the time from replay to replay, over the copy bandwidth."""
    how = how or Decoding()
    found = [mbu(decode_steps(ours, how), copy) for _ in range(how.rounds)]
    words = f"{str(ours.dtype).removeprefix('torch.')}, batch 1, paged, {how.switches.attention}, graphs, phase"
    return row(f"{shape.name}, MBU", words, statistics.median(found), "", budget)


def generate_rows(shape: Shape, theirs: Any, ours: LoadedModel, how: Decoding | None = None) -> list[dict[str, Any]]:
    """Tokens/s against transformers' `generate` with a static cache and compile, in turn."""
    how = how or Decoding()
    ids = torch.tensor([ours.tokenizer.encode(PROMPT)], device=ours.device)
    speeds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(how.rounds + 2):  # the first two compile and settle
        long_s, short_s = (generate_s(theirs, ids, tokens) for tokens in (how.tokens, SKIPPED))
        our_rate = tokens_per_s(ours, how)
        if number >= 2:
            speeds["theirs"].append((how.tokens - SKIPPED) / (long_s - short_s))
            speeds["ours"].append(our_rate)
    ratios = [a / b for a, b in zip(speeds["ours"], speeds["theirs"], strict=True)]
    return [
        row(f"{shape.name}, decoding", "DecodeScope", statistics.median(speeds["ours"]), "tokens/s", None),
        row(f"{shape.name}, decoding", "generate, compiled", statistics.median(speeds["theirs"]), "tokens/s", None),
        row(f"{shape.name}, ratio", "median of rounds in turn", statistics.median(ratios), "", 1.0),
    ]


def generate_s(model: Any, ids: torch.Tensor, tokens: int) -> float:
    """Wall time of one greedy `generate` with a static cache, which transformers then compiles on a GPU."""
    start = time.perf_counter()
    with torch.inference_mode():
        model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False,
            cache_implementation="static", disable_compile=False,
        )  # fmt: skip
    if ids.is_cuda:
        torch.cuda.synchronize(ids.device)
    return time.perf_counter() - start


def run_events(model: LoadedModel, how: Decoding) -> list[AnyEvent]:
    """One greedy request in this process, watched at detail `phase`."""
    spec = RunSpec((RequestSpec(PROMPT, how.tokens, ignore_eos=True),), how.switches, Observation("phase"))
    return drive(model, spec, graph_device=how.graphs)


def decode_steps(model: LoadedModel, how: Decoding) -> list[Step]:
    """The steps that count: replays, after the first ones."""
    steps = [event for event in run_events(model, how) if isinstance(event, Step) and event.launch != "eager"]
    return steps[SKIPPED:]


def mbu(steps: list[Step], copy: float) -> float:
    """Bytes moved over the wall time from the first of these steps to the last, over the copy bandwidth."""
    moved = sum(step.bytes_moved for step in steps[1:])
    return moved / ((steps[-1].end_ns - steps[0].end_ns) / 1e9) / copy


def tokens_per_s(model: LoadedModel, how: Decoding) -> float:
    """Tokens a second after the first SKIPPED ones, so that prompt and captures are left out, as for `generate`."""
    emitted = [event.emitted_ns for event in run_events(model, how) if isinstance(event, Token)]
    return (len(emitted) - 1 - SKIPPED) / ((emitted[-1] - emitted[SKIPPED]) / 1e9)


# --- attention --------------------------------------------------------------------------------------------------------


def decode_attention_row(
    copy: float, device: torch.device, sizes: AttentionSizes | None = None, budget: float | None = 0.8
) -> dict[str, Any]:
    """Batch 64 at 4096 positions, one query each: K and V read once, as a share of the copy bandwidth."""
    from kernels.decode_attention import decode_attention
    from kernels.kv import PagedKV

    sizes = sizes or AttentionSizes()
    batch, length = sizes.batch, sizes.context
    blocks = batch * length // BLOCK
    pool = torch.randn(2, blocks, BLOCK, sizes.kv_heads, sizes.head_dim, device=device, dtype=sizes.dtype)
    tables = torch.randperm(blocks, device=device).int().view(batch, -1)
    q = torch.randn(batch, sizes.heads, sizes.head_dim, device=device, dtype=sizes.dtype)
    starts = torch.arange(batch + 1, device=device, dtype=torch.int32)
    lengths = torch.full((batch,), length, device=device, dtype=torch.int32)
    kv = PagedKV(pool, tables)
    taken_s = seconds_of(lambda: decode_attention(q, kv, starts, lengths, max_rows=1, max_length=length), device)
    how = f"batch {batch} at {length}, {words_of(sizes)}, of copy"
    return row("decode attention", how, pool.nbytes / taken_s / copy, "", budget)


def prefill_attention_row(
    device: torch.device, sizes: AttentionSizes | None = None, budget: float | None = 0.7
) -> dict[str, Any]:
    """8192 causal positions of one sequence, as a ratio to PyTorch's flash kernel on the same numbers."""
    from kernels.kv import PagedKV
    from kernels.prefill_attention import prefill_attention

    sizes = sizes or AttentionSizes()
    length = sizes.prompt
    pool = torch.randn(2, length // BLOCK, BLOCK, sizes.kv_heads, sizes.head_dim, device=device, dtype=sizes.dtype)
    tables = torch.arange(length // BLOCK, device=device, dtype=torch.int32)[None]
    q = torch.randn(length, sizes.heads, sizes.head_dim, device=device, dtype=sizes.dtype)
    starts = torch.tensor([0, length], device=device, dtype=torch.int32)
    kv = PagedKV(pool, tables)
    ours_s = seconds_of(lambda: prefill_attention(q, kv, starts, starts[1:], max_rows=length), device)
    k, v = pool.flatten(1, 2).transpose(1, 2).unsqueeze(1).contiguous().unbind(0)  # [1, kv_heads, T, head_dim]
    queries = q.transpose(0, 1).unsqueeze(0).contiguous()

    def flash() -> object:
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            return functional.scaled_dot_product_attention(queries, k, v, is_causal=True, enable_gqa=True)

    how = f"{length} positions, {words_of(sizes)}, of flash"
    return row("prefill attention", how, seconds_of(flash, device) / ours_s, "", budget)


def words_of(sizes: AttentionSizes) -> str:
    """Heads and dtype, for a row."""
    return f"{sizes.heads}/{sizes.kv_heads} heads, {str(sizes.dtype).removeprefix('torch.')}"
