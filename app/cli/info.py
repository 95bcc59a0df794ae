"""`decodescope info`: the figures of a recorded session, or of a range of its steps."""

from __future__ import annotations

import argparse

from app.cli.opening import opened
from app.cli.output import print_json
from app.cli.table import summary_text
from engine.export.span import check_steps
from engine.figures.json_figures import json_figures
from engine.figures.metrics import summarise


def run(options: argparse.Namespace) -> int:
    """Print the figures as a table or as the JSON object that `record --json` prints."""
    with opened(options.session) as session:
        check_steps(session, options.steps)
        if options.json:
            print_json({**json_figures(session, options.steps), "session": options.session})
        else:
            print(summary_text(summarise(session, options.steps)))
    return 0
