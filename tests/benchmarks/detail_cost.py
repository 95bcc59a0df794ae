"""What watching costs, and what the profiler says of it: the same run at each level of detail, in turn."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any, get_args

from app.cli.recording import Recording
from engine.client.changes import Change
from engine.core.settings import Detail, LoadSpec, Observation, RequestSpec, RunSpec
from engine.figures.metrics import summarise
from engine.session.schema import Overhead
from engine.session.store import Session
from tests.benchmarks.shapes import half_billion

ROUNDS = 5


def run() -> list[dict[str, Any]]:
    """Tokens/s against `off` for the demo model and a 0.5 B shape (budgets on the latter: phase 0.99, layer 0.98)."""
    with tempfile.TemporaryDirectory() as folder:
        rows = _rows("demo", "demo", 400)
        return rows + _rows("0.5 B shape", str(half_billion(Path(folder), "float32")), 24)


def _rows(name: str, model: str, tokens: int) -> list[dict[str, Any]]:
    details = get_args(Detail)
    rates: dict[str, list[float]] = {detail: [] for detail in details}
    said: dict[str, list[float]] = {detail: [] for detail in details}
    told: list[float] = []

    def hear(_session: Session, changes: list[Change]) -> None:
        told.extend(change.share for change in changes if isinstance(change, Overhead))

    with Recording(LoadSpec(model), hear) as recording:
        recording.load()
        for _ in range(ROUNDS + 1):
            for detail in details:
                spec = RunSpec((RequestSpec("The cat", tokens, ignore_eos=True),), observation=Observation(detail))
                rates[detail].append(summarise(recording.run(spec, None)).tokens_per_s or 0.0)
                said[detail] += told
                told.clear()
    off = rates["off"][1:]
    return [
        {
            "model": name,
            "detail": detail,
            "tokens/s": round(statistics.median(rates[detail][1:]), 2),
            "against off": round(statistics.median(r / o for r, o in zip(rates[detail][1:], off, strict=True)), 4),
            "profiler says": round(1 - statistics.median(said[detail]), 4) if said[detail] else None,
        }
        for detail in details
    ]
