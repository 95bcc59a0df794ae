"""The error that kernels raise."""

from __future__ import annotations


class KernelUnavailableError(RuntimeError):
    """A kernel cannot run here: tensors of another device, no compiler, a shape or dtype it was not written for."""
