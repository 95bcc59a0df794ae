"""Writes the HTML report of a session file in a process of its own.

The report's pictures are drawn by widgets in the light theme. In the window's process that would take the theme of the
whole window, and hold it still for seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from engine.errors import InputError
from engine.figures.step_range import StepRange
from engine.session.patience import Patience

LOOK_EVERY_S: Final = 0.1
SPEAKER: Final = "decodescope: "
"""What stands before a sentence of the command line."""


def write_report_of(session: str, out: Path, steps: StepRange, patience: Patience) -> None:
    """Write the report of a session file, or of a range of its steps, to `out`; blocks until it is written.

    Raises InputError with the sentence of `decodescope export`, or where `patience` was given up.
    """
    root = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-P", "-m", "app.main", "export", session, "--to", "html", "-o", str(out)]
    if steps is not None:
        command += ["--steps", f"{steps[0]}:{steps[1]}"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    while True:
        try:
            said = process.communicate(timeout=LOOK_EVERY_S)[1].decode(errors="replace")
            break
        except subprocess.TimeoutExpired:
            if patience.over:
                process.kill()
    if process.returncode:
        last = (said.strip().splitlines() or [""])[-1].removeprefix(SPEAKER)
        raise InputError(last or f"The report {out} was not written to its end.")
