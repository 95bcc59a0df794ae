"""Which switch values cannot run here, and why; a value never silently becomes another one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engine.decode.settings import Switches
from engine.errors import UnavailableError


def unavailable_switches(device_type: str, has_draft: bool) -> dict[str, str]:
    """{"switch=value": the reason it cannot run on this device with these models}."""
    cuda = device_type == "cuda"
    reasons = {
        "attention=triton": "The Triton kernels are not part of this version yet.",
        "graphs=True": "CUDA graphs are not part of this version yet." if cuda else "CUDA graphs need a CUDA device.",
    }
    if not has_draft:
        reasons["speculate=draft"] = "No draft model is loaded."
    return reasons


def check_available(switches: Switches, unavailable: dict[str, str]) -> None:
    """Raise UnavailableError with the reason of the first switch that cannot run here."""
    values: dict[str, Any] = asdict(switches)
    for name, value in values.items():
        reason = unavailable.get(f"{name}={value}")
        if reason is not None:
            raise UnavailableError(f"{name}={value} cannot run here: {reason}")
