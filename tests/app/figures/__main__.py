"""`python -m tests.app.figures SESSION ...`: every figure of every panel, for session files of any model.

Prints what a panel shows otherwise than `decodescope info --json` tells it, or SQL by FORMAT.md gives it; exits 1 then.
Generated tokens that are digits are taken for figures, and told as such.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication

from engine.session.file import SessionFile, open_session
from tests.app.figures.checking import against_sql, walk_through
from tests.app.figures.recorded import Recorded
from tests.app.figures.walk import Book


def main() -> int:
    """Walk through each file that is named."""
    parser = argparse.ArgumentParser(prog="python -m tests.app.figures", description=__doc__)
    parser.add_argument("sessions", nargs="+", type=Path)
    parser.add_argument("--panel", action="append", help="only these panels")
    chosen = parser.parse_args()
    app = QApplication([])
    found = 0
    for path in chosen.sessions:
        recorded = Recorded(path.stem, path, steps_of(path))
        book = Book()
        wrong, asked = walk_through(recorded, book, chosen.panel)
        in_sql, paths, _ = against_sql(recorded, asked)
        lines = [*dict.fromkeys(map(str, wrong)), *in_sql]
        print(f"{path.name}: {sum(book.figures.values())} texts with figures, {len(paths)} kinds of values in SQL, "
              f"{len(lines)} not as they should be")  # fmt: skip
        print("".join(f"  {line}\n" for line in lines), end="")
        found += len(lines)
    app.quit()
    return 1 if found else 0


def steps_of(path: Path) -> int:
    """How many steps a session has."""
    session = open_session(path)
    steps = len(session.steps)
    assert isinstance(session.source, SessionFile)
    session.source.close()
    return steps


if __name__ == "__main__":
    sys.exit(main())
