"""The attention back ends that any test on a CPU can use."""

from __future__ import annotations

from typing import Final, Literal

from kernels.cpu import library

NATIVE: Final[tuple[Literal["native"], ...]] = ("native",) if library.unavailable() is None else ()
"""Empty where this machine has no C kernels."""
ATTENTIONS: Final = ("reference", "sdpa", *NATIVE)
PASSES: Final = (*ATTENTIONS, *(("compiled",) if NATIVE else ()))
"""The same, and the compiled step, for `tests.engine.model.forward`."""
