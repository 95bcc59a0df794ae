"""Times each kernel and PyTorch's own form of it: `decodescope bench --suite kernels` runs this as a module.

Prints progress on standard error and one JSON object on standard output: {"device", "reason", "ceilings", "rows"}.
Every repeat starts with a cold L2, as a large buffer is written in between. Times are medians, with quartiles. Without
a CUDA device the C kernels are timed; `reason` says why the Triton kernels cannot run, and PyTorch's forms are timed in
their place, at smaller sizes.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from itertools import chain
from time import perf_counter
from typing import Any, Final

import torch

from engine.measure.ceilings import BYTES, Ceilings, measure
from engine.measure.cpu_cases import cpu_cases
from engine.measure.cuda_event import CudaEvent
from engine.measure.kernel_case import Case, Run
from engine.measure.triton_cases import CPU, GPU, cases
from engine.model.device import choose_device, device_name, make_current
from engine.spawning import die_with
from kernels.cpu import library

FLUSH_BYTES: Final = {"cuda": 256 * 2**20, "cpu": 64 * 2**20}
REPEATS: Final = {"cuda": 50, "cpu": 9}
WARM_UP: Final = 5
NO_CUDA: Final = "The Triton kernels need a CUDA device; PyTorch's own forms are timed instead."
NO_TRITON: Final = "The package triton is not installed; PyTorch's own forms are timed instead."


def main() -> int:
    """Measure everything and print it; the optional argument is the id of a process with whose death this one ends."""
    if len(sys.argv) > 1:
        die_with(int(sys.argv[1]))
    device = choose_device("auto")
    make_current(device)
    cuda = device.type == "cuda"
    reason = (None if find_spec("triton") else NO_TRITON) if cuda else NO_CUDA
    dtype = torch.bfloat16 if cuda else torch.float32
    ceilings = measure(device, dtype, BYTES[device.type][1])
    of_cpu = () if cuda or library.unavailable() else cpu_cases()
    rows = rows_of(chain(of_cpu, cases(GPU if cuda else CPU, device, dtype, reason is None)), ceilings, device)
    facts = {"read_bytes_per_s": ceilings.read_bytes_per_s, "flops_per_s": ceilings.flops_per_s}
    found = {"device": device_name(device), "dtype": str(dtype).removeprefix("torch."), "reason": reason}
    print(json.dumps({**found, "ceilings": facts, "rows": rows}))
    return 0


def rows_of(found: Iterable[Case], ceilings: Ceilings, device: torch.device) -> list[dict[str, Any]]:
    """The figures of every case, one after the other."""
    flush = torch.empty(FLUSH_BYTES[device.type], dtype=torch.int8, device=device)
    rows = []
    with torch.inference_mode():
        for case in found:
            print(f"{case.kernel} {case.shape}", file=sys.stderr, flush=True)
            rows.append(row_of(case, ceilings, flush))
    return rows


def row_of(case: Case, ceilings: Ceilings, flush: torch.Tensor) -> dict[str, Any]:
    """The figures of one case; `share`: time at the ceilings (of bytes or FLOPs, the longer one) over measured time."""
    theirs = times_s(case.theirs, flush)
    ours = None if case.ours is None else times_s(case.ours, flush)
    shown = theirs if ours is None else ours
    median = statistics.median(shown)
    low, _, high = statistics.quantiles(shown, n=4)
    floor_s = max(case.moved / ceilings.read_bytes_per_s, case.flops / ceilings.flops_per_s)
    return {
        "kernel": case.kernel, "shape": case.shape, "measured": "kernel" if ours else case.peer, "peer": case.peer,
        "time_s": median, "quartiles_s": [low, high], "bytes_per_s": case.moved / median,
        "flops_per_s": case.flops / median, "share": floor_s / median,
        "bound": "compute" if case.flops / ceilings.flops_per_s >= floor_s else "memory",
        "against_peer": statistics.median(theirs) / median if ours else None,
    }  # fmt: skip


def times_s(run: Run, flush: torch.Tensor) -> list[float]:
    """Seconds of each repeat, by CUDA events on a GPU and by the clock on a CPU."""
    for _ in range(WARM_UP):
        run()
    cuda, times = flush.is_cuda, []
    for _ in range(REPEATS[flush.device.type]):
        flush.zero_()
        if cuda:
            begin, end = CudaEvent(flush.device), CudaEvent(flush.device)
            begin.record()
            run()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) / 1e3)
        else:
            start = perf_counter()
            run()
            times.append(perf_counter() - start)
    return times


if __name__ == "__main__":
    sys.exit(main())
