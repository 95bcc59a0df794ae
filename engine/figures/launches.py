"""Why a step ran operation by operation although `graphs` was on, as far as settings and recording tell it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np

from engine.figures.step_range import StepRange, generation_rows
from engine.figures.switches import switches_at
from engine.figures.told import column_told
from engine.session.store import LAUNCHES, STEP_KINDS, Session

Obstacle = Literal["attention", "cache", "recorded", "kind"]
"""The attention kernel; no KV cache; attention that is recorded; a kind of step that is never launched as one."""
ATTENTION_ON_GPU: Final = ("sdpa", "triton")
ATTENTION_ON_CPU: Final = ("native",)
KINDS_ON_GPU: Final = ("decode", "verify")
"""The kinds of step that are captured; others have too many shapes."""


def is_gpu(device: str) -> bool:
    """Whether `graphs` means CUDA graphs on a device, named as in `meta`; elsewhere it means the compiled step."""
    return device.startswith("cuda")


def obstacle(switches: Mapping[str, Any], device: str, records: bool) -> Obstacle | None:
    """What keeps steps with these switches from being launched as one; None where nothing does, or `graphs` is off.

    `records` says whether attention is recorded.
    """
    if not switches.get("graphs"):
        return None
    if switches.get("attention") not in (ATTENTION_ON_GPU if is_gpu(device) else ATTENTION_ON_CPU):
        return "attention"
    if is_gpu(device) and switches.get("kv") == "none":
        return "cache"
    return "recorded" if records and is_gpu(device) else None


def why_eager(session: Session, step: int) -> Obstacle | None:
    """Why a step ran operation by operation with `graphs` on; None where it did not, or the session does not tell."""
    steps = session.steps
    switches = switches_at(session, step)
    if LAUNCHES[steps["launch"][step]] != "eager" or not switches.get("graphs"):
        return None
    device = session.meta.get("device", "")
    if is_gpu(device) and STEP_KINDS[steps["kind"][step]] not in KINDS_ON_GPU:
        return "kind"
    return obstacle(switches, device, bool(session.details.attention_maps()))


def eager_counts(session: Session, steps: StepRange = None) -> dict[str, int]:
    """The number of generating steps that ran operation by operation with `graphs` on, by a known reason."""
    found: dict[str, int] = {}
    if not column_told(session, "launch") or not any(config.switches.get("graphs") for config in session.configs):
        return found
    table = session.steps
    rows = np.arange(len(table))[generation_rows(session, steps)]
    rows = rows[table["launch"][rows] == LAUNCHES.index("eager")]
    alike = table["config_id"][rows] * len(STEP_KINDS) + table["kind"][rows]
    _, firsts, counts = np.unique(alike, return_index=True, return_counts=True)
    for first, count in zip(firsts.tolist(), counts.tolist(), strict=True):
        why = why_eager(session, int(rows[first]))
        if why is not None:
            found[why] = found.get(why, 0) + count
    return found
