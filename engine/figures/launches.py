"""Why a step ran operation by operation although `graphs` was on, as far as settings and recording tell it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from engine.figures.switches import switches_at
from engine.session.store import LAUNCHES, STEP_KINDS, Session

Obstacle = Literal["attention", "cache", "recorded", "kind"]
"""The attention kernel; no KV cache; attention that is recorded; a kind of step that is never launched as one."""
ATTENTION_ON_GPU: Final = ("sdpa", "triton")
ATTENTION_ON_CPU: Final = ("native",)
KINDS_ON_GPU: Final = ("decode", "verify")
"""The kinds of step that are captured; others have too many shapes."""
KINDS_ON_CPU: Final = ("prefill", "decode", "mixed", "verify")


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
    return "recorded" if records else None


def why_eager(session: Session, step: int) -> Obstacle | None:
    """Why a step ran operation by operation with `graphs` on; None where it did not, or the session does not tell."""
    steps = session.steps
    switches = switches_at(session, step)
    if LAUNCHES[steps["launch"][step]] != "eager" or not switches.get("graphs"):
        return None
    device = session.meta.get("device", "")
    if STEP_KINDS[steps["kind"][step]] not in (KINDS_ON_GPU if is_gpu(device) else KINDS_ON_CPU):
        return "kind"
    return obstacle(switches, device, bool(session.details.attention_maps()))
