"""`decodescope info`: the figures of a recorded session."""

from __future__ import annotations

import argparse
import json

from app.cli.table import summary_text
from engine.session.file import open_session
from engine.session.metrics import summarise


def run(options: argparse.Namespace) -> int:
    """Print the figures as a table or as the JSON object that `record --json` prints."""
    summary = summarise(open_session(options.session))
    if options.json:
        print(json.dumps({**summary.to_json(), "session": options.session}, ensure_ascii=False))
    else:
        print(summary_text(summary))
    return 0
