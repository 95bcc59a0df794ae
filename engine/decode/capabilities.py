"""Which switch values cannot run here, and why; such a value is refused, never silently replaced by another."""

from __future__ import annotations

import os
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from engine.core.settings import Switches, as_typed
from engine.errors import UnavailableError


def unavailable_switches(device_type: str, has_draft: bool) -> dict[str, str]:
    """{"switch=value": the reason it cannot run on this device with these models}."""
    reasons = {}
    if device_type != "cuda":
        reasons["graphs=True"] = "CUDA graphs need a CUDA device."
    if device_type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        reasons["attention=triton"] = (
            "The Triton kernels need a CUDA device; elsewhere they run only in Triton's interpreter, very slowly, "
            "if TRITON_INTERPRET=1 is set before the program starts."
        )
    elif find_spec("triton") is None:
        reasons["attention=triton"] = "The package triton is not installed; it exists for Linux."
    if not has_draft:
        reasons["speculate=draft"] = "No draft model is loaded."
    return reasons


def check_available(switches: Switches, unavailable: dict[str, str]) -> None:
    """Raise UnavailableError with the reason of the first switch that cannot run here, named as a user writes it."""
    values: dict[str, Any] = asdict(switches)
    for name, value in values.items():
        reason = unavailable.get(f"{name}={value}")
        if reason is not None:
            raise UnavailableError(f"{name}={as_typed(value)} cannot run here: {reason}")
