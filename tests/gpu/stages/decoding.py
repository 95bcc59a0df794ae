"""MBU at batch 1 in bfloat16: the 7 B and the 0.5 B shape with random weights, captured steps, our own kernels."""

from __future__ import annotations

import gc

import torch

from tests.benchmarks.gpu_decode import BUDGETS, Decoding, copy_bytes_per_s, decode_steps, mbu_row, tokens_per_s
from tests.benchmarks.random_llama import Shape, random_model
from tests.gpu.stages.rehearsed import DECODING, SHAPE
from tests.gpu.stages.setting import Setting

ROUNDS = 3


def run(setting: Setting) -> None:
    """One shape after the other, so that memory is needed for one alone."""
    device, report = setting.device, setting.report
    copy = copy_bytes_per_s(device, 2**24 if setting.rehearse else 2**31)
    report.figure("copy bandwidth", copy / 1e12, "TB/s", how="read and written")
    for shape, budget in ((SHAPE, 0.0),) if setting.rehearse else BUDGETS:
        decode(setting, shape, setting.bound(budget), copy)
        gc.collect()
        if not setting.rehearse:
            torch.cuda.empty_cache()


def decode(setting: Setting, shape: Shape, budget: float | None, copy: float) -> None:
    """MBU, rate, and the device's share of a step's wall time."""
    report = setting.report
    dtype = torch.float32 if setting.rehearse else torch.bfloat16
    ours = random_model(shape, setting.device, dtype)
    how = DECODING if setting.rehearse else Decoding(rounds=ROUNDS)
    found = mbu_row(shape, ours, copy, budget, how)
    report.figure(found["what"], found["figure"], how=found["how"], least=budget, most=setting.bound(1.0))
    report.figure(f"{shape.name}, rate", tokens_per_s(ours, how), "tokens/s", how="batch 1")
    steps = decode_steps(ours, how)
    wall_ns = steps[-1].end_ns - steps[0].end_ns
    report.figure(f"{shape.name}, a step", wall_ns / (len(steps) - 1) / 1e3, "µs", how="wall time from step to step")
    busy_ns = sum(step.device_ns for step in steps[1:])
    if busy_ns > 0:
        report.figure(f"{shape.name}, device busy", busy_ns / wall_ns, most=1.01)
