"""What a step costs beside its forward pass and its draw: the engine's own work, from one begin to the next."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from app.cli.recording import Recording
from engine.core.settings import LoadSpec, RequestSpec, RunSpec, Switches
from engine.session.schema import PHASES
from engine.session.store import LAUNCHES, STEP_KINDS, Session

ROUNDS = 5
TOKENS = 400
ENGINE: Final = ("schedule", "prepare", "detokenize", "other")
"""The phases of the engine's own work. Of a step that runs operation by operation, `other` has the cost of its timed
spans too; that of a step launched as one call has nothing but the step's record."""
SWITCHES: Final = {
    "contiguous": (1, Switches()),
    "paged": (1, Switches(kv="paged")),
    "paged, 16 requests": (16, Switches(kv="paged", batching="continuous", max_batch=16)),
}


def run() -> list[dict[str, Any]]:
    """µs a step of the demo model by part: medians of decode steps, then of rounds (budget: 150 for one request)."""
    parts: dict[str, list[dict[str, float]]] = {name: [] for name in SWITCHES}
    launches: dict[str, str] = {}
    with Recording(LoadSpec("demo", dtype="bfloat16")) as recording:
        recording.load()
        for _ in range(ROUNDS + 1):
            for name, (count, switches) in SWITCHES.items():
                requests = tuple(RequestSpec(f"Tale {i}: the cat", TOKENS, ignore_eos=True) for i in range(count))
                session = recording.run(RunSpec(requests, switches), None)
                parts[name].append(_parts_us(session))
                launches[name] = LAUNCHES[int(session.steps["launch"][-1])]
    return [
        {"cache": name, "launch": launches[name]}
        | {part: round(float(np.median([one[part] for one in rounds[1:]])), 1) for part in rounds[0]}
        for name, rounds in parts.items()
    ]


def _parts_us(session: Session) -> dict[str, float]:
    """The median µs of the decode steps by part; `between` is from a step's end to the next one's begin."""
    steps = session.steps
    decode = np.flatnonzero(steps["kind"][:-1] == STEP_KINDS.index("decode"))
    spent_us = session.phases["us"][decode]
    between_us = (steps["start_ns"][decode + 1] - steps["end_ns"][decode]) / 1e3
    own = {phase: spent_us[:, PHASES.index(phase)] for phase in ENGINE} | {"between": between_us}
    beside_us = sum(own.values())
    period_us = spent_us.sum(axis=1) + between_us
    found = own | {"beside the forward pass": beside_us, "whole step": period_us}
    return {part: float(np.median(us)) for part, us in found.items()}
