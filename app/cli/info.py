"""`decodescope info`: the figures of a recorded session, or of a range of its steps."""

from __future__ import annotations

import argparse

from app.cli.opening import opened
from app.cli.output import print_json
from app.cli.table import summary_text
from engine.errors import InputError
from engine.figures.json_figures import json_figures
from engine.figures.metrics import summarise
from engine.figures.step_range import StepRange
from engine.figures.told import told
from engine.session.store import Session


def run(options: argparse.Namespace) -> int:
    """Print the figures as a table or as the JSON object that `record --json` prints."""
    with opened(options.session) as session:
        check_steps(session, options.steps)
        if options.json:
            print_json({**json_figures(session, options.steps), "session": options.session})
        else:
            print(summary_text(summarise(session, options.steps)))
    return 0


def check_steps(session: Session, steps: StepRange) -> None:
    """Raise InputError unless the session has all steps of the range."""
    if steps is not None and not told(session, "steps"):
        raise InputError("--steps: this session has no steps to choose from, because its server does not tell them.")
    count = len(session.steps)
    if steps is None or steps[1] < count:
        return
    there_are = f"steps 0 to {count - 1}" if count else "no steps"
    raise InputError(f"--steps {steps[0]}:{steps[1]} reaches beyond the session, which has {there_are}.")
