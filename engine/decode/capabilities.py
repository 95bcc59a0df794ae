"""Which switch values cannot run here, and why; such a value is refused, never silently replaced by another."""

from __future__ import annotations

import os
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

import torch

from engine.core.settings import Switches, as_typed
from engine.errors import UnavailableError
from engine.graphs import compiled
from engine.model.loader import LoadedModel
from kernels.cpu import library


def unavailable_switches(
    device_type: str, has_draft: bool, dtype: torch.dtype = torch.float32, not_compiled: str | None = None
) -> dict[str, str]:
    """{"switch=value": the reason it cannot run on this device with these models, whose activations are `dtype`}.

    `not_compiled` is why the model cannot run as a compiled step on a CPU (`engine.graphs.compiled.unavailable`).
    """
    reasons = {}
    if device_type != "cuda" and not_compiled is not None:
        reasons["graphs=True"] = library.unavailable() or f"A step cannot be compiled here: {not_compiled}."
    if device_type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        reasons["attention=triton"] = (
            "The Triton kernels need a CUDA device; elsewhere they run only in Triton's interpreter, very slowly, "
            "if TRITON_INTERPRET=1 is set before the program starts."
        )
    elif find_spec("triton") is None:
        reasons["attention=triton"] = "The package triton is not installed; it exists for Linux."
    if (reason := no_native(device_type, dtype)) is not None:
        reasons["attention=native"] = reason
    if not has_draft:
        reasons["speculate=draft"] = "No draft model is loaded."
    return reasons


def unavailable_for(model: LoadedModel, has_draft: bool) -> dict[str, str]:
    """`unavailable_switches` of a loaded model."""
    return unavailable_switches(model.device.type, has_draft, model.dtype, compiled.unavailable(model.decoder))


def no_native(device_type: str, dtype: torch.dtype) -> str | None:
    """Why this project's attention for a CPU cannot run; None where it can."""
    if device_type != "cpu":
        return "The C kernels run on a CPU; on a GPU it is the Triton kernels that read the cache in place."
    if dtype not in library.DTYPES:
        name = str(dtype).removeprefix("torch.")
        return f"The C kernels compute in {' and '.join(library.DTYPES.values())}, not in {name}."
    return library.unavailable()


def check_available(switches: Switches, unavailable: dict[str, str]) -> None:
    """Raise UnavailableError with the reason of the first switch that cannot run here, named as a user writes it."""
    values: dict[str, Any] = asdict(switches)
    for name, value in values.items():
        reason = unavailable.get(f"{name}={value}")
        if reason is not None:
            raise UnavailableError(f"{name}={as_typed(value)} cannot run here: {reason}")
