"""Which stages there are, in what order, and how long each may take. Imports nothing but the standard library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: the module of its name in this folder, and the seconds it may take on a GPU and in a rehearsal."""

    name: str
    limit_s: float
    rehearsal_s: float
    what: str


STAGES: Final = (
    Stage("environment", 40, 60, "packages, driver and device; a kernel, a graph, an event and the ceilings"),
    Stage("switches", 120, 120, "every combination of switches gives the tokens of the reference in float32"),
    Stage("recording", 45, 90, "sessions as a user records them, with every panel's figures"),
    Stage("kernels", 60, 60, "each kernel against float64 at full size"),
    Stage("phases", 45, 60, "device time by phase against a profiler's kernels, and their sum against device_ns"),
    Stage("watching", 60, 60, "what detail costs against off, and what the profiler says of its own cost"),
    Stage("decoding", 75, 60, "MBU at batch 1: 7 B and 0.5 B shape in bfloat16"),
    Stage("attention", 45, 60, "decode and prefill attention against bandwidth and PyTorch's flash, all kernels timed"),
    Stage("readings", 30, 60, "NVML and the allocator against what the session says"),
    Stage("suite", 150, 90, "pytest tests/gpu, in parallel parts"),
    Stage("improvements", 60, 90, "what each switch buys, as the panel Before and after measures it"),
    Stage("generate", 240, 90, "transformers generate with a static cache and compile, in turn with ours"),
)
"""The longest come last, where they can only cost themselves."""


def chosen(names: str) -> list[Stage]:
    """The stages that a comma-separated list names, in the plan's order; all for an empty one.

    Raises ValueError for a name that is none.
    """
    wanted = [name for name in names.split(",") if name]
    known = {stage.name for stage in STAGES}
    for name in wanted:
        if name not in known:
            raise ValueError(f"there is no stage {name!r}; there are {', '.join(stage.name for stage in STAGES)}")
    return [stage for stage in STAGES if not wanted or stage.name in wanted]
