"""`decodescope bench --suite switches`: every improvement off and on, as the panel “Before and after” measures them."""

from __future__ import annotations

import sys
from pathlib import Path

from app.cli.output import print_json
from app.cli.parser import DEFAULT_PROMPT
from app.cli.recording import Recording
from app.cli.table import columns
from app.look.units import NOT_APPLICABLE
from app.models.before_after import HEADS, NAMES, lines_of, plain_rows
from app.start import signals
from engine.client.changes import Change, SuiteRunSent
from engine.client.suite import Suite
from engine.core.settings import LoadSpec
from engine.figures.before_after import before_after
from engine.figures.improvements import TOKENS
from engine.session.destination import check_destination
from engine.session.store import Session


def run_switches(output: str | None, as_json: bool) -> int:
    """Measure all improvements on the demo model; print the table, and write the runs to `output` if it is given."""
    session = measure(Path(output) if output is not None else None)
    pairs = before_after(session)
    if as_json:
        header, rows = plain_rows(pairs)
        print_json({"suite": "switches", "rows": [dict(zip(header, row, strict=True)) for row in rows]})
        return 0
    dash = NOT_APPLICABLE
    rows_of = [
        (*line.cells[:2], dash, dash, *line.cells[4:]) if line.pair.factor is None else line.cells
        for line in lines_of(pairs)
    ]
    print(columns([tuple(name for name, _ in HEADS), *rows_of]))
    for pair in pairs:
        if pair.reason:
            print(f"\n{NAMES[pair.improvement.key][0]} cannot run here: {pair.reason}")
    return 0


def measure(output: Path | None, load: LoadSpec | None = None, tokens: int = TOKENS) -> Session:
    """Run the whole suite; returns all its runs as one Session, and writes them to `output` too (None: no file).

    `load` is the model (None: the demo pair). A request generates `tokens` tokens; in a batch 0.35 to 1.2 times that.
    """
    if output is not None:
        check_destination(output)

    def tell(_session: Session, changes: list[Change]) -> None:
        for change in changes:
            if isinstance(change, SuiteRunSent):
                print(f"run {change.number} of {change.total}: {change.label}", file=sys.stderr)

    with signals.noted(), Recording(load or LoadSpec(), tell) as recording:
        recording.load()
        unavailable = recording.client.now.unavailable
        return recording.run_suite(Suite.of_improvements(DEFAULT_PROMPT, unavailable, tokens), output)
