"""`decodescope bench --suite switches`: every improvement off and on, as the panel “Before and after” measures them."""

from __future__ import annotations

from app.cli.output import print_json
from app.cli.suite_recording import record_suite
from app.cli.table import columns
from app.look.units import NOT_APPLICABLE
from app.models.before_after import HEADS, NAMES, OFF, english, lines_of, plain_rows
from app.models.references import source
from engine.figures.before_after import before_after


def run_switches(output: str | None, as_json: bool) -> int:
    """Measure all improvements on the demo model; print the table, and write the runs to `output` if it is given."""
    pairs = before_after(record_suite("switches", output))
    if as_json:
        header, rows = plain_rows(pairs)
        print_json({"suite": "switches", "rows": [dict(zip(header, row, strict=True)) for row in rows]})
        return 0
    dash = NOT_APPLICABLE
    rows_of = [
        (*line.cells[:OFF], dash, dash, *line.cells[OFF + 2 :]) if line.pair.factor is None else line.cells
        for line in lines_of(pairs)
    ]
    print(columns([tuple(name for name, _ in HEADS), *rows_of]))
    for pair in pairs:
        if pair.reason:
            print(f"\n{NAMES[pair.improvement.key][0]} cannot run here: {pair.reason}")
    print(f"\n{source('improvements', english)}")
    return 0
