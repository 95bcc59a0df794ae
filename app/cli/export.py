"""`decodescope export`: a session for other programs."""

from __future__ import annotations

import argparse

from app.cli.opening import opened
from engine.errors import UnavailableError


def run(options: argparse.Namespace) -> int:
    """Write the session as a Chrome trace, as CSV tables or as a picture."""
    if options.to in ("png", "svg"):
        from app.cli.screenshot import draw

        return draw(options.session, options.output, options.panel, options.size, options.to)
    if options.to not in ("chrome", "csv"):
        raise UnavailableError(f"Export to {options.to} is not there yet; there are chrome, csv, png and svg.")
    with opened(options.session) as session:
        if options.to == "chrome":
            from engine.export.chrome import write_chrome

            write_chrome(session, options.output)
        else:
            from engine.export.tables import write_tables

            write_tables(session, options.output)
    print(options.output)
    return 0
