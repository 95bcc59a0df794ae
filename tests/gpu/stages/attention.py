"""Attention against its limits (decode: the copy bandwidth, prefill: PyTorch's flash), then every kernel timed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import torch

from engine.measure import kernel_speed
from engine.measure.ceilings import Ceilings
from engine.measure.triton_cases import cases
from tests.benchmarks.gpu_decode import AttentionSizes, copy_bytes_per_s, decode_attention_row, prefill_attention_row
from tests.gpu.stages.rehearsed import ATTENTION, TINY
from tests.gpu.stages.setting import ROOT, Setting, environment, last_line


def run(setting: Setting) -> None:
    """The two figures that have budgets, then `decodescope bench --suite kernels` as a user runs it."""
    device = setting.device
    sizes = ATTENTION if setting.rehearse else AttentionSizes()
    copy = copy_bytes_per_s(device, 2**24 if setting.rehearse else 2**31)
    with torch.inference_mode():
        tell(setting, decode_attention_row(copy, device, sizes, setting.bound(0.8)))
        tell(setting, prefill_attention_row(device, sizes, setting.bound(0.7)))
    time_all_kernels(setting)


def tell(setting: Setting, row: dict[str, Any]) -> None:
    """A benchmark's row as a figure."""
    least = None if row["budget"] == "" else row["budget"]
    setting.report.figure(row["what"], row["figure"], row["unit"], how=row["how"], least=least)


def time_all_kernels(setting: Setting) -> None:
    """Each kernel beside PyTorch's own form; the whole table is kept as kernels.json."""
    if setting.rehearse:
        kernel_speed.WARM_UP, kernel_speed.REPEATS["cpu"] = 1, 2  # type: ignore[misc] # each runs in the interpreter
        small = replace(TINY, rows=(3,), decode=((1, 24),))
        listed = cases(small, setting.device, torch.float32, True)
        found = kernel_speed.rows_of(listed, Ceilings(1e10, 1e11), setting.device)
        text = json.dumps({"rows": found})
    else:
        done = subprocess.run(
            [sys.executable, "-m", "engine.measure.kernel_speed"],
            capture_output=True, text=True, check=False, cwd=ROOT, env=environment(setting.rehearse),
        )  # fmt: skip
        setting.report.holds("bench --suite kernels", done.returncode == 0, last_line(done.stderr))
        if done.returncode:
            print(done.stderr)
            return
        text = done.stdout
    (setting.out / "kernels.json").write_text(text, encoding="utf-8")
    for row in json.loads(text)["rows"]:
        against = "" if row["against_peer"] is None else f"; {row['against_peer']:.2f}× {row['peer']}"
        how = f"{row['shape']}: {1e6 * row['time_s']:.1f} µs, {row['bound']}{against}"
        setting.report.figure(f"{row['kernel']}, of its ceiling", row["share"], how=how)
