"""`decodescope screenshot`: the window or a panel of a recorded session, drawn without a display."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

from app.cli.output import print_path
from engine.errors import InputError
from engine.figures.step_range import StepRange


def run(options: argparse.Namespace) -> int:
    """Draw to a .png or .svg file."""
    suffix = Path(options.output).suffix.lower().removeprefix(".")
    if suffix not in ("png", "svg"):
        raise InputError(f"A screenshot is a .png or .svg file; {options.output} is neither.")
    return draw(options.session, options.output, options.panel, options.size, "png" if suffix == "png" else "svg")


def draw(
    session: str, out: str, panel: str | None, size: tuple[int, int], form: Literal["png", "svg"],
    steps: StepRange = None,
) -> int:  # fmt: skip
    """Draw a session's window, or one panel of it, at this size in logical pixels, with these steps selected."""
    from app.window.gui import render

    render(session, out, panel, size, form, steps)
    print_path(out)
    return 0
