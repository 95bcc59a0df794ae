"""Ceilings measured quiet, beside one busy process, and quiet again: the second is marked and does not stand.

The machine must have nothing else to do: `marked` says of each measurement whether it had, and the columns before it by
which reading (`engine.measure.load`). Nothing that was measured before counts, and nothing is kept.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch

from engine.measure import ceilings
from engine.measure.ceilings import Ceilings, ceilings_of, measure, read_size
from tests.benchmarks.shapes import DEMO

AGREE: Final = 0.1
"""How far the third may be from the first."""


def run() -> list[dict[str, Any]]:
    """A row a measurement: its figures, its load, and whether it stands; the last row says whether all is as it should
    be: first and third quiet and within 10 % of each other, the second marked and not kept.

    The ceilings are those of the demo model on a CPU, measured as when a run starts and kept in a folder of their own.
    """
    device = torch.device("cpu")
    weight_bytes = sum(file.stat().st_size for file in DEMO.glob("*.safetensors"))
    size = read_size(device, weight_bytes)
    measure(device, torch.float32, size)  # pages, clocks and the compiled reader
    found: list[Ceilings] = []
    kept: list[Ceilings] = []
    with tempfile.TemporaryDirectory() as folder, noted(found):

        def again() -> None:
            kept.append(ceilings_of(device, torch.float32, "this CPU", weight_bytes, Path(folder), anew=True))

        again()
        with busy_process():
            again()
        again()
    names = ("quiet", "busy", "quiet again")
    rows = [_row(name, one, after) for name, one, after in zip(names, found, kept, strict=True)]
    return [*rows, {**dict.fromkeys(rows[0], ""), "when": _verdict(found, kept)}]


@contextmanager
def noted(found: list[Ceilings]) -> Iterator[None]:
    """Note every measurement, also one that does not stand."""
    original = ceilings.measure

    def measure_and_note(*of: Any, **named: Any) -> Ceilings:
        found.append(original(*of, **named))
        return found[-1]

    ceilings.measure = measure_and_note  # type: ignore[assignment]
    try:
        yield
    finally:
        ceilings.measure = original


@contextmanager
def busy_process() -> Iterator[None]:
    """Another process that reads memory and computes as fast as it can."""
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=_work, args=(started,), daemon=True)
    process.start()
    try:
        if not started.wait(60):
            raise RuntimeError("the busy process did not start")
        yield
    finally:
        process.terminate()
        process.join()


def _work(started: Any) -> None:
    torch.set_num_threads(1)
    array = torch.ones(2**25)
    started.set()
    while True:
        array.sum()


def _row(name: str, found: Ceilings, kept: Ceilings) -> dict[str, Any]:
    load = found.conditions
    assert load is not None
    return {
        "when": name,
        "memory GB/s": round(found.read_bytes_per_s / 1e9, 2),
        **{
            f"{level.name} {level.size_bytes >> 20} MiB": round(level.read_bytes_per_s / 1e9, 1)
            for level in found.levels
        },
        "GFLOP/s": round(found.flops_per_s / 1e9, 1),
        "reader": found.reader,
        "others": _number(load.others_cores),
        "stolen": _number(load.stolen_cores),
        "waiting": _number(load.waiting_threads),
        "spread": _number(load.spread),
        "marked": "busy" if load.busy else "",
        "stands": "yes" if kept.measured_s == found.measured_s else "no",
    }


def _verdict(found: list[Ceilings], kept: list[Ceilings]) -> str:
    first, second, third = found
    apart = abs(third.read_bytes_per_s / first.read_bytes_per_s - 1)
    if not (first.quiet and third.quiet):
        said = "nothing is shown, the machine was not quiet: run it again"
    else:
        holds = not second.quiet and kept[1] == first and apart <= AGREE
        said = "as it should be" if holds else "NOT as it should be"
    return f"third {100 * apart:.1f} % from first: {said}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
