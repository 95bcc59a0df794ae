"""Device time by phase: what a twin's events say, against the kernels that an ordinary profiler saw in its replays.

A profiler cannot tell which phase a kernel of a graph belongs to. So the step's code runs once operation by operation,
with a range of the profiler around each phase: that gives the order of kernels and their phases. A replay runs the same
kernels in the same order. In a rehearsal there are no kernels, and the ranges themselves are compared.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile, record_function

from engine.core.settings import Observation, RequestSpec, RunSpec, Switches
from engine.core.timing import NoTimer
from engine.decode.engine import Engine
from engine.graphs.captured import CapturedStep, KernelRan, step_work
from engine.measure.nvtx import NvtxTimer
from engine.measure.timers import HOST_PHASES
from engine.model.loader import LoadedModel
from engine.session.schema import PHASES, AnyEvent, Step
from tests.benchmarks.random_llama import Shape, random_model
from tests.engine.drive import drive
from tests.gpu.stages.setting import Setting, median

FULL = Shape("layers of 7 B", 4, 4096, 32, 32, 11008, 32_000, tied=False)
TINY = Shape("tiny", 2, 64, 4, 2, 96, 5000, tied=True, context=128)
REPEATS = 20
LONG_US = 20.0
"""A phase whose kernels last this long on average is bounded; in a shorter one the gaps between kernels show."""
ON_DEVICE = {"kernel", "gpu_memcpy", "gpu_memset"}
DEVICE_PHASES = [index for index, phase in enumerate(PHASES) if phase not in {*HOST_PHASES, "other"}]


@dataclass(frozen=True, slots=True)
class Kernel:
    """One thing the device ran, in µs of the profiler's clock."""

    name: str
    start_us: float
    took_us: float
    correlation: int


class ProfilerRanges:
    """Ranges of the profiler in place of NVTX's, so that `NvtxTimer` puts one around each phase."""

    def __init__(self) -> None:
        self._open: list[record_function] = []

    def range_push(self, msg: str) -> None:
        """Open a range inside of those that are open."""
        self._open.append(record_function(f"phase:{msg}"))
        self._open[-1].__enter__()  # type: ignore[no-untyped-call]

    def range_pop(self) -> None:
        """Close the innermost range."""
        self._open.pop().__exit__(None, None, None)


def run(setting: Setting) -> None:
    """One decode step of a few layers, replayed."""
    shape, dtype = (TINY, torch.float32) if setting.rehearse else (FULL, torch.bfloat16)
    model = random_model(shape, setting.device, dtype)
    spec = RunSpec(
        (RequestSpec("The cat sits on", 10 if setting.rehearse else 200, ignore_eos=True),),
        Switches(kv="paged", attention="sdpa" if setting.rehearse else "triton", graphs=True), Observation("layer"),
    )  # fmt: skip
    events: list[AnyEvent] = []
    engine = Engine(model, spec, {}, events.extend, graph_device=setting.graphs)
    engine.begin(0)
    with torch.inference_mode():
        for _ in range(5):
            engine.step()
        setting.synchronize()
        compare_twin(setting, engine)
    while not engine.done:
        engine.step()
    compare_with_device_ns(setting, events)
    if not setting.rehearse:
        tell_waits_of_plain_steps(setting, model)


def compare_twin(setting: Setting, engine: Engine) -> None:
    """The twin's phases against the profiler's, phase by phase."""
    graphs = engine.runner.graphs
    assert graphs is not None
    variant, sizes = next(iter(graphs.captured.items()))
    step = sizes[1]
    twin_us = timed_twin(setting, step)
    labelled = step_work(graphs.parts, variant, 1, NvtxTimer(NoTimer(), ProfilerRanges()), KernelRan())
    if setting.rehearse:
        seen_us = ranges_of(traced(setting, labelled, REPEATS))
        counts: dict[str, int] = dict.fromkeys(seen_us, 1)
    else:
        assert step.twin is not None
        eager = traced(setting, labelled, 1)
        order = phases_of_kernels(eager)
        replayed = kernels_of(traced(setting, step.twin, REPEATS))
        setting.report.figure(
            "kernels of a replay", len(replayed) / REPEATS, how="as many as one by one", least=len(order),
            most=len(order),
        )  # fmt: skip
        names = [kernel.name for kernel in kernels_of(eager)]
        same = [kernel.name == names[place % len(names)] for place, kernel in enumerate(replayed)]
        setting.report.figure("of them in the same order", sum(same) / len(same), least=0.9)
        seen_us, counts = sums_by_phase(replayed, order)
    for phase, seen in sorted(seen_us.items(), key=lambda pair: -pair[1]):
        ratio = twin_us.get(phase, 0.0) / seen
        bounded = not setting.rehearse and seen / counts[phase] >= LONG_US
        setting.report.figure(
            f"{phase}: events over kernels", ratio, how=f"{twin_us.get(phase, 0.0):.1f} over {seen:.1f} µs",
            least=0.95 if bounded else None, most=1.1 if bounded else None,
        )  # fmt: skip
    gap_us = (sum(twin_us.values()) - sum(seen_us.values())) / max(1, sum(counts.values()))
    setting.report.figure("what events see between two kernels", gap_us, "µs", most=setting.bound(3.0))
    missing = {phase for phase, spent in twin_us.items() if spent > 0} ^ set(seen_us)
    setting.report.holds("events and profiler know the same phases", not missing, ", ".join(sorted(missing)))


def tell_waits_of_plain_steps(setting: Setting, model: LoadedModel) -> None:
    """How far `device_ns` of steps launched one by one is above what their kernels take: the device's waits."""
    spec = RunSpec(
        (RequestSpec("The cat sits on", 60, ignore_eos=True),), Switches(kv="paged", attention="triton"),
        Observation("phase"),
    )  # fmt: skip
    steps = [event for event in drive(model, spec) if isinstance(event, Step) and event.kind == "decode"]
    engine = Engine(model, spec, {}, lambda events: None)
    engine.begin(0)
    with torch.inference_mode():
        for _ in range(5):
            engine.step()
        seen = kernels_of(traced(setting, engine.step, REPEATS))
    kernels_us = sum(kernel.took_us for kernel in seen) / REPEATS
    told_us = median([step.device_ns / 1e3 for step in steps[5:]])
    how = f"{told_us:.0f} over {kernels_us:.0f} µs; what is above 1 the device waits for launches"
    setting.report.figure("one by one: device_ns over kernels", told_us / kernels_us, how=how)


def timed_twin(setting: Setting, step: CapturedStep) -> dict[str, float]:
    """µs by phase of a replay with events, the median of several."""
    assert step.twin is not None
    assert step.timer is not None
    runs = []
    for _ in range(REPEATS):
        step.twin()
        setting.synchronize()
        runs.append(step.timer.spent_us().sum(0))
    middle = np.median(runs, axis=0)
    return {PHASES[index]: float(middle[index]) for index in DEVICE_PHASES if middle[index] > 0}


def traced(setting: Setting, work: Callable[[], object], repeats: int) -> list[dict[str, Any]]:
    """What the profiler saw of so many runs, after one that it did not see."""
    activities = [ProfilerActivity.CPU] if setting.rehearse else [ProfilerActivity.CPU, ProfilerActivity.CUDA]
    work()
    setting.synchronize()
    with profile(activities=activities) as profiler:
        for _ in range(repeats):
            work()
        setting.synchronize()
    path = setting.scratch / "trace.json"
    profiler.export_chrome_trace(str(path))
    events: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    return [event for event in events if event.get("ph") == "X"]


def kernels_of(events: list[dict[str, Any]]) -> list[Kernel]:
    """What ran on the device, in order."""
    found = [
        Kernel(event["name"], float(event["ts"]), float(event["dur"]), int(event["args"].get("correlation", -1)))
        for event in events
        if event.get("cat") in ON_DEVICE
    ]
    return sorted(found, key=lambda kernel: kernel.start_us)


def phases_of_kernels(events: list[dict[str, Any]]) -> list[str]:
    """The phase of each kernel, in order: that of the range in which the host launched it."""
    ranges = sorted(
        (float(event["ts"]), float(event["ts"]) + float(event["dur"]), event["name"].removeprefix("phase:"))
        for event in events
        if event.get("cat") == "user_annotation" and event["name"].startswith("phase:")
    )
    starts = [start for start, _, _ in ranges]
    launched = {
        int(event["args"]["correlation"]): float(event["ts"])
        for event in events
        if event.get("cat") in ("cuda_runtime", "cuda_driver") and "correlation" in event.get("args", {})
    }
    order = []
    for kernel in kernels_of(events):
        at_us = launched.get(kernel.correlation, -1.0)
        place = bisect_right(starts, at_us) - 1
        inside = place >= 0 and at_us <= ranges[place][1]
        order.append(ranges[place][2] if inside else "other")
    return order


def sums_by_phase(replayed: list[Kernel], order: list[str]) -> tuple[dict[str, float], dict[str, int]]:
    """(µs of a replay, kernels of a replay) by phase."""
    spent: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    for place, kernel in enumerate(replayed):
        spent[order[place % len(order)]] += kernel.took_us / REPEATS
    for phase in order:
        counts[phase] += 1
    return dict(spent), dict(counts)


def ranges_of(events: list[dict[str, Any]]) -> dict[str, float]:
    """µs of a run by phase, from the ranges themselves."""
    spent: dict[str, float] = defaultdict(float)
    for event in events:
        if event.get("cat") == "user_annotation" and event["name"].startswith("phase:"):
            spent[event["name"].removeprefix("phase:")] += float(event["dur"]) / REPEATS
    return dict(spent)


def compare_with_device_ns(setting: Setting, events: list[AnyEvent]) -> None:
    """The sum of a step's device phases against the time its device was busy (its wall time in a rehearsal)."""
    ratios: dict[str, list[float]] = defaultdict(list)
    for step in events:
        if isinstance(step, Step):
            phases = np.frombuffer(step.phases, np.float32).reshape(-1, len(PHASES)).sum(0)
            whole = step.end_ns - step.start_ns if setting.rehearse else step.device_ns
            part = phases.sum() if setting.rehearse else phases[DEVICE_PHASES].sum()
            ratios[step.launch].append(1e3 * float(part) / whole)
    for launch, found in sorted(ratios.items()):
        what = "wall time" if setting.rehearse else "device_ns"
        setting.report.figure(
            f"{launch}: phases over {what}", median(found), how=f"{len(found)} steps", least=0.97, most=1.03
        )
