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
ROUNDS = 5
RUN = ("--max-new-tokens", str(TOKENS), "--ignore-eos", "--detail", "layer")
PROBE = ("--attention-layer", "0", "--attention-head", "0")


def run() -> list[dict[str, Any]]:
    """Medians of tokens/s, headless and with the window, and their ratio (the budget is at least 0.97)."""
    rates: dict[str, list[float]] = {"headless": [], "window": []}
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            **{f"XDG_{name}_HOME": os.path.join(folder, name.lower()) for name in ("DATA", "CONFIG", "CACHE")},
        }
        for _ in range(ROUNDS + 1):
            rates["headless"].append(
                _rate([sys.executable, "-m", "app.main", "record", "--json", *RUN, *PROBE], environment)
            )
            rates["window"].append(
                _rate([sys.executable, "-m", "tests.benchmarks.window_driver", str(TOKENS)], environment)
            )
    headless, window = (rates[name][1:] for name in ("headless", "window"))  # the first round warms up
    ratios = [w / h for w, h in zip(window, headless, strict=True)]
    return [
        {
            "display": os.environ.get("DISPLAY") or "offscreen",
            "headless tokens/s": round(statistics.median(headless), 1),
            "window tokens/s": round(statistics.median(window), 1),
            "window / headless": round(statistics.median(ratios), 4),
            "least": round(min(ratios), 4),
            "most": round(max(ratios), 4),
        }
    ]


def _rate(command: list[str], environment: dict[str, str]) -> float:
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    rate: float = json.loads(done.stdout.splitlines()[-1])["tokens_per_s"]
    return rate
