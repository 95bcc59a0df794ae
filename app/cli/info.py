"""`decodescope info`: the figures of a recorded session."""

from __future__ import annotations

import argparse

from app.cli.opening import opened
from app.cli.output import print_json
from app.cli.table import summary_text
from engine.session.json_figures import json_figures
from engine.session.metrics import summarise


def run(options: argparse.Namespace) -> int:
    """Print the figures as a table or as the JSON object that `record --json` prints."""
    with opened(options.session) as session:
        summary, plain = summarise(session), json_figures(session)
    if options.json:
        print_json({**plain, "session": options.session})
    else:
        print(summary_text(summary))
    return 0
