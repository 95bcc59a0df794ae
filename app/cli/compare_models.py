"""`decodescope compare-models`: two precisions of one model over the same text."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.model_options import output_path
from app.cli.one_run import command_line, record_with
from app.cli.output import print_json
from app.cli.precision_table import precision_text
from app.cli.progress import Progress
from app.cli.recording import Recording
from app.look.units import percent
from engine.client.compared_text import read_text
from engine.client.requests_file import check_text
from engine.core.ranges import check_range
from engine.core.settings import CompareSpec, LoadSpec
from engine.figures.precision import precision_figures, precision_json
from engine.session.destination import check_destination
from engine.session.store import Session


class ComparisonProgress(Progress):
    """Reports loading, and then which share of the predictions is there."""

    def __init__(self) -> None:
        super().__init__(0)

    def line(self, session: Session) -> str:
        """`34 % done, 1500 tokens, 3 layers`."""
        found = precision_figures(session)
        if found is None:
            return ""
        return f"{percent(found.done)} done, {found.positions} tokens, {len(found.layers)} layers"


def run(options: argparse.Namespace) -> int:
    """Compare the two models. Without -o the session is kept in the current folder, or with `--json` not at all."""
    check_range("threads", options.threads, 0, 4096)
    for path in (options.a, options.b):
        check_text(f"The model's path {path!r}", path)
    spec = CompareSpec(
        options.b, read_text(options.text), Path(options.text).name, options.dtype_b or options.dtype, options.window,
        options.most_tokens, options.layer_tokens,
    )  # fmt: skip
    path = output_path(options)
    if path is not None:
        check_destination(path)
    progress = ComparisonProgress()
    load = LoadSpec(options.a, None, options.device, options.dtype_a or options.dtype, options.threads)
    recording = Recording(load, progress.watch)
    session = record_with(recording, progress, lambda: recording.compare(spec, path, command_line()))
    if options.json:
        print_json({**(precision_json(session) or {}), "session": str(path) if path else None})
    else:
        print(precision_text(session))
        print(f"\nRecorded to {path}")
    return 0
