"""What watching costs: the same run at each level of detail, in turn; and whether the profiler's own figure agrees."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import get_args

import torch

from engine.core.settings import Detail, Observation, RequestSpec, RunSpec, Switches
from engine.measure import overhead
from engine.model.loader import LoadedModel
from engine.session.schema import Overhead
from tests.benchmarks.random_llama import HALF_BILLION, Shape, random_model
from tests.engine.drive import drive, session_of
from tests.gpu.stages.setting import Setting, median

TINY = Shape("tiny", 2, 64, 4, 2, 96, 5000, tied=True, context=1024)
ROUNDS = {True: 5, False: 3}
TOKENS = {True: 600, False: 200}
"""With graphs and without: a step takes several times as long without."""
TOLD_EVERY_NS = 50_000_000
LEAST: dict[Detail, float] = {"step": 0.99, "phase": 0.99, "layer": 0.98}
"""Share of the rate of `off` that each level keeps at least."""
APART = 0.004
"""The figure may be off by a third of what is measured, or by this much of a step where little is measured."""


def run(setting: Setting) -> None:
    """With graphs and without, on the 0.5 B shape: with graphs the device is the limit, without them the host."""
    shape, dtype = (TINY, torch.float32) if setting.rehearse else (HALF_BILLION, torch.bfloat16)
    model = random_model(shape, setting.device, dtype)
    attention = "sdpa" if setting.rehearse else "triton"
    overhead.TELL_EVERY_NS = TOLD_EVERY_NS  # type: ignore[misc] # often enough for runs as short as these
    for graphs in (True, False):
        switches = Switches(kv="paged", attention=attention, graphs=graphs)  # type: ignore[arg-type]
        compare(setting, model, switches, "graphs" if graphs else "one by one")


def compare(setting: Setting, model: LoadedModel, switches: Switches, name: str) -> None:
    """Rates by level as shares of `off`, and what the profiler says of its own cost beside what it lost."""
    details: tuple[Detail, ...] = get_args(Detail)
    rates: dict[str, list[float]] = defaultdict(list)
    told: dict[str, list[float]] = defaultdict(list)
    rounds = 1 if setting.rehearse else ROUNDS[bool(switches.graphs)]
    for number, detail in product(range(rounds + 1), details):
        rate, chunks = one_run(setting, model, switches, detail)
        if number:  # the first of each compiles and settles
            rates[detail].append(rate)
            told[detail] += chunks
    setting.report.figure(f"{name}: off", median(rates["off"]), "tokens/s", how=f"{rounds} rounds in turn")
    for detail, least in LEAST.items():
        kept = median([own / off for own, off in zip(rates[detail], rates["off"], strict=True)])
        setting.report.figure(f"{name}: {detail} against off", kept, least=setting.bound(least))
        says = median(told[detail])
        if detail == "step" or not told[detail]:
            continue
        room = max(APART, abs(1 - kept) / 3)
        setting.report.figure(
            f"{name}: {detail}, what the profiler says it costs", says, how=f"measured {1 - kept:.4f}",
            least=setting.bound(max(0.0, 1 - kept - room)), most=setting.bound(max(0.0, 1 - kept) + room),
        )  # fmt: skip


def one_run(
    setting: Setting, model: LoadedModel, switches: Switches, detail: Detail
) -> tuple[float, list[float]]:  # fmt: skip
    """(tokens a second of the decode steps, what the profiler said of its cost)."""
    tokens = 48 if setting.rehearse else TOKENS[bool(switches.graphs)]
    spec = RunSpec((RequestSpec("The cat sits on", tokens, ignore_eos=True),), switches, Observation(detail))
    events = drive(model, spec, graph_device=setting.graphs)
    emitted = session_of(events).tokens["emitted_ns"]
    settled = emitted[len(emitted) // 8 :]  # prompt and captures are over
    rate = (len(settled) - 1) / (float(settled[-1] - settled[0]) / 1e9)
    return rate, [event.share for event in events if isinstance(event, Overhead)][1:]
