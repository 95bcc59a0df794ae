"""`decodescope export`: writes a session for other programs."""

from __future__ import annotations

import argparse

from app.cli.opening import opened
from app.cli.output import print_path
from engine.errors import InputError
from engine.export.span import check_steps
from engine.figures.step_range import StepRange


def run(options: argparse.Namespace) -> int:
    """Write the session, or a range of its steps, as a trace, as tables, as a report or as a picture."""
    if options.utf8_mark and options.to != "csv":
        raise InputError(f"--utf8-mark is for csv, not for {options.to}.")
    if options.to in ("png", "svg"):
        from app.cli.screenshot import draw

        return draw(options.session, options.output, options.panel, options.size, options.to, options.steps)
    if options.panel is not None:
        raise InputError(f"--panel is for png and svg; {options.to} holds the whole session.")
    steps: StepRange = options.steps
    with opened(options.session) as session:
        check_steps(session, steps)
        if options.to == "chrome":
            from engine.export.chrome import write_chrome

            write_chrome(session, options.output, steps)
        elif options.to == "perfetto":
            from engine.export.perfetto import write_perfetto

            write_perfetto(session, options.output, steps)
        elif options.to == "html":
            from app.cli.report import make_report
            from app.window.gui import panel_pictures
            from engine.export.report import write_report

            write_report(make_report(session, panel_pictures(session, steps), steps), options.output)
        elif options.to == "parquet":
            from engine.export.parquet import write_parquet

            write_parquet(session, options.output, steps)
        else:
            from engine.export.tables import write_tables

            write_tables(session, options.output, options.utf8_mark, steps)
    print_path(options.output)
    return 0
