"""What the window costs the engine: the same run headless and under a window that shows it, in turn."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.smollm2_shape import smollm2

ROUNDS: Final = 9
RATE_MARK: Final = 0.97
P99_MARK: Final = 1.5
PROBE: Final = ("--attention-layer", "0", "--attention-head", "0")


@dataclass(frozen=True, slots=True)
class Workload:
    """One run, with the options of `record`; 0 threads: as many as the engine chooses."""

    name: str
    model: str = "demo"
    tokens: int = 900
    threads: int = 0
    dtype: str = "auto"
    temperature: float = 0.0
    top_p: float = 1.0
    detail: str = "layer"

    @property
    def options(self) -> list[str]:
        """On the command line of `record`, and of `window_driver`."""
        return [
            "--model", self.model, "--max-new-tokens", str(self.tokens), "--threads", str(self.threads),
            "--dtype", self.dtype, "--temperature", str(self.temperature), "--top-p", str(self.top_p),
            "--detail", self.detail,
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run measured."""

    tokens_per_s: float
    p99_s: float
    """Of the gaps between tokens, which are the steps."""
    app_cores: float | None = None
    """Processor time of the window's process, seconds a second; None without a window."""


def run() -> list[dict[str, Any]]:
    """Medians of tokens/s and of the 99th percentile of a step, headless and with the window, and their ratios.

    The window once as it opens, at 1600×1000, and once with all twelve panels visible beside each other, at 2560×1440.
    The demo model leaves a core free where there are two; the SmolLM2 shape computes on all of them.
    """
    with tempfile.TemporaryDirectory() as folder:
        model = str(smollm2(Path(folder)))
        return [
            *compare(Workload("demo"), ROUNDS),
            *compare(Workload("SmolLM2 shape, every core", model, tokens=100), ROUNDS),
            *compare(Workload("the same, sampled", model, tokens=100, temperature=0.8, top_p=0.95), ROUNDS),
        ]


def compare(workload: Workload, rounds: int) -> list[dict[str, Any]]:
    """A row for the window as it opens and one with every panel; a round before the first warms up."""
    outcomes: dict[str, list[Outcome]] = {"headless": [], "as it opens": [], "every panel visible": []}
    with tempfile.TemporaryDirectory() as folder:
        environment = own_folders(folder)
        for _ in range(rounds + 1):
            outcomes["headless"].append(headless(workload, environment))
            outcomes["as it opens"].append(under_window(workload, environment))
            outcomes["every panel visible"].append(under_window(workload, environment, every_panel=True))
    alone = outcomes.pop("headless")[1:]
    return [_row(workload.name, name, alone, shown[1:]) for name, shown in outcomes.items()]


def own_folders(folder: str) -> dict[str, str]:
    """An environment in which the program keeps its files in a folder, away from the user's."""
    own = {f"XDG_{name}_HOME": os.path.join(folder, name.lower()) for name in ("DATA", "CONFIG", "CACHE")}
    return {**os.environ, **own}


def headless(workload: Workload, environment: Mapping[str, str]) -> Outcome:
    """The run by the command line."""
    record = ["-m", "app.main", "record", "--json", "--ignore-eos", *workload.options, *PROBE]
    return _outcome(record, environment)


def under_window(workload: Workload, environment: Mapping[str, str], every_panel: bool = False) -> Outcome:
    """The run in a window that shows it: its default panels, or every panel."""
    window = ["-m", "tests.benchmarks.window_driver", *workload.options, *(["--every-panel"] if every_panel else [])]
    return _outcome(window, environment)


def _outcome(arguments: list[str], environment: Mapping[str, str]) -> Outcome:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    return Outcome(told["tokens_per_s"], told["itl_s"]["p99"], told.get("app_cores"))


def _row(workload: str, name: str, alone: list[Outcome], shown: list[Outcome]) -> dict[str, Any]:
    pairs = list(zip(shown, alone, strict=True))
    rates = [one.tokens_per_s / other.tokens_per_s for one, other in pairs]
    slowest = [one.p99_s / other.p99_s for one, other in pairs]
    return {
        "display": os.environ.get("DISPLAY") or "offscreen",
        "run": workload,
        "window": name,
        "headless tokens/s": round(statistics.median(one.tokens_per_s for one in alone), 1),
        "window tokens/s": round(statistics.median(one.tokens_per_s for one in shown), 1),
        f"ratio (at least {RATE_MARK})": round(statistics.median(rates), 3),
        "least": round(min(rates), 3),
        "most": round(max(rates), 3),
        "p99 of a step, ms": round(1e3 * statistics.median(one.p99_s for one in shown), 1),
        f"of headless (at most {P99_MARK})": round(statistics.median(slowest), 2),
        "cores of the window": round(statistics.median(one.app_cores or 0.0 for one in shown), 3),
    }
