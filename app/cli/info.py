"""`decodescope info`: the figures of a recorded session, or of a range of its steps."""

from __future__ import annotations

import argparse

from app.cli.opening import opened
from app.cli.output import print_json
from app.cli.precision_table import precision_text
from app.cli.table import summary_text
from app.cli.trace_table import trace_text
from engine.export.span import check_steps
from engine.figures.json_figures import json_figures
from engine.figures.kernels import trace_of_session
from engine.figures.metrics import summarise
from engine.figures.precision import precision_fact


def run(options: argparse.Namespace) -> int:
    """Print the figures as a table or as the JSON object that `record --json` prints."""
    with opened(options.session) as session:
        check_steps(session, options.steps)
        if options.json:
            print_json({**json_figures(session, options.steps), "session": options.session})
        elif precision_fact(session) is not None:
            print(precision_text(session))
        else:
            summary, fact = summarise(session, options.steps), trace_of_session(session)
            print(summary_text(summary) if fact is None else trace_text(session, summary, fact, options.steps))
    return 0
