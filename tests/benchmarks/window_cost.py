"""What the window costs the engine: the same run headless and under a window that shows it, in turn."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from typing import Any

TOKENS = 900
ROUNDS = 9
RUN = ("--max-new-tokens", str(TOKENS), "--ignore-eos", "--detail", "layer")
PROBE = ("--attention-layer", "0", "--attention-head", "0")


def run() -> list[dict[str, Any]]:
    """Medians of tokens/s, headless and with the window, and their ratio (the budget is at least 0.97).

    The window once as it opens, at 1600×1000, and once with all twelve panels visible beside each other, at 2560×1440.
    """
    rates: dict[str, list[float]] = {"headless": [], "as it opens": [], "every panel visible": []}
    window = [sys.executable, "-m", "tests.benchmarks.window_driver", str(TOKENS)]
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            **{f"XDG_{name}_HOME": os.path.join(folder, name.lower()) for name in ("DATA", "CONFIG", "CACHE")},
        }
        for _ in range(ROUNDS + 1):
            rates["headless"].append(
                _rate([sys.executable, "-m", "app.main", "record", "--json", *RUN, *PROBE], environment)
            )
            rates["as it opens"].append(_rate(window, environment))
            rates["every panel visible"].append(_rate([*window, "all"], environment))
    headless = rates.pop("headless")[1:]  # the first round warms up
    return [_row(name, headless, seen[1:]) for name, seen in rates.items()]


def _row(name: str, headless: list[float], window: list[float]) -> dict[str, Any]:
    ratios = [w / h for w, h in zip(window, headless, strict=True)]
    return {
        "display": os.environ.get("DISPLAY") or "offscreen",
        "window": name,
        "headless tokens/s": round(statistics.median(headless), 1),
        "window tokens/s": round(statistics.median(window), 1),
        "window / headless": round(statistics.median(ratios), 4),
        "least": round(min(ratios), 4),
        "most": round(max(ratios), 4),
    }


def _rate(command: list[str], environment: dict[str, str]) -> float:
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    rate: float = json.loads(done.stdout.splitlines()[-1])["tokens_per_s"]
    return rate
