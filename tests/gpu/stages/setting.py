"""Where a stage runs: on a GPU at full size, or rehearsed on a CPU with tiny shapes and kernels in the interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tests.gpu.stages.report import Report

if TYPE_CHECKING:
    import torch

    from engine.graphs.device import GraphDevice

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Setting:
    """What every stage is given. `out` is the folder of results, `scratch` a folder that is thrown away."""

    report: Report
    out: Path
    scratch: Path
    rehearse: bool

    @cached_property
    def device(self) -> torch.device:
        """The first GPU, made current; the CPU in a rehearsal."""
        from engine.model.device import choose_device, make_current
        from tests.interpreting import look_once

        if self.rehearse:
            look_once()
        device = choose_device("cpu" if self.rehearse else "cuda:0")
        make_current(device)
        return device

    @property
    def device_name(self) -> str:
        """The device as the command line names it."""
        return "cpu" if self.rehearse else "cuda:0"

    @property
    def graphs(self) -> GraphDevice | None:
        """What captures steps: the engine's own choice on a GPU, plain calls in a rehearsal."""
        from engine.graphs.device import PlainDevice

        return PlainDevice() if self.rehearse else None

    def bound(self, value: float) -> float | None:
        """A bound on speed, which a rehearsal does not have."""
        return None if self.rehearse else value

    def synchronize(self) -> None:
        """Wait until the device has done everything."""
        if not self.rehearse:
            import torch

            torch.cuda.synchronize(self.device)

    def tiny_models(self) -> tuple[str, str]:
        """Folders of a tiny target and a draft that agrees with it now and then, made by transformers."""
        target, draft = self.scratch / "target", self.scratch / "draft"
        if not draft.exists():
            from tests.engine.tiny import disturb, save_tiny_llama

            save_tiny_llama(target, layers=1)
            disturb(target, draft, 0.01)
        return str(target), str(draft)

    def models(self) -> tuple[str, str | None]:
        """Target and draft as options name them: the demo pair, or the tiny one in a rehearsal."""
        return self.tiny_models() if self.rehearse else ("demo", None)

    def decodescope(self, *arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run the command line as a user would; its exit status is the caller's to check."""
        return subprocess.run(
            [sys.executable, "-m", "app.main", *arguments],
            capture_output=True, text=True, timeout=timeout_s, cwd=ROOT, env=environment(self.rehearse), check=False,
        )  # fmt: skip


def environment(rehearse: bool) -> dict[str, str]:
    """The environment of everything that a check starts: this checkout first, kernels compiled or interpreted."""
    inherited = os.environ.get("PYTHONPATH", "")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), inherited))),
        "PYTHONUNBUFFERED": "1",
        "TRITON_INTERPRET": "1" if rehearse else "0",
        "HF_HUB_OFFLINE": "1",
    }


def last_line(text: str) -> str:
    """What a program said last."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""


def median(values: list[float]) -> float:
    """The median; NaN of none, which keeps no bound."""
    from statistics import median as middle

    return middle(values) if values else float("nan")
