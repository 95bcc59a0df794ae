"""How OpenMP's threads wait for each other in a process that multiplies matrices."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Final

SPINS: Final = "10000"
"""About half a millisecond: longer than the gaps inside a step, shorter than a time slice."""


def wait_briefly(environment: MutableMapping[str, str]) -> None:
    """Set what a process must find in its environment before it loads PyTorch; what the user has set stays.

    A worker that spins for long at a barrier starves the one it waits for as soon as anything else (the window!) wants
    a core: tokens/s fell to a tenth. One that sleeps at once is woken hundreds of times a step: 0.36 B parameters in
    float32 took 78 ms instead of 54.
    """
    if "OMP_WAIT_POLICY" not in environment:
        environment.setdefault("GOMP_SPINCOUNT", SPINS)
