"""Prints tables of measured figures: `python -m tests.benchmarks [SUITE ...] [--json FILE]`. Never part of tests."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from engine.errors import UnavailableError
from engine.host.threads import wait_briefly
from tests.benchmarks.machine import facts
from tests.benchmarks.peer_options import add_peer_options, peer_options

SUITES = (
    "batched_decode",
    "beside_forward",
    "block_map",
    "ceilings",
    "compare",
    "delays",
    "detail_cost",
    "find",
    "first_paint",
    "long_session",
    "panel_refresh",
    "probe_stamps",
    "sampling",
    "session_file",
    "window_cost",
)


GPU_SUITES = ("gpu_decode",)
"""Run only where they are named: without a GPU they refuse."""
PEERS = "peers"
"""Run only where it is named: it has options, and what it compares with may have to be installed first."""


def main() -> int:
    """Run the suites named, or all that need no GPU; 2 where one of them cannot run here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "suites",
        nargs="*",
        metavar="SUITE",
        help=f"of {', '.join(SUITES)} (all where none is named), {PEERS}; on a GPU: {', '.join(GPU_SUITES)}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write machine, versions, date and rows there")
    add_peer_options(parser)
    options = parser.parse_args()
    wait_briefly(os.environ)  # PyTorch is not loaded yet: every suite, and every peer, runs as the engine process does
    known = (*SUITES, PEERS, *GPU_SUITES)
    unknown = set(options.suites) - set(known)
    if unknown:
        parser.error(f"there is no suite {sorted(unknown)[0]!r}; there are {', '.join(known)}")
    result: dict[str, Any] = {"machine": facts(), "suites": {}}
    print(", ".join(f"{name} {value}" for name, value in facts().items()))
    for name in options.suites or SUITES:
        module = importlib.import_module(f"tests.benchmarks.{name}")
        print(f"\n{name}: {str(module.__doc__).splitlines()[0]}", flush=True)
        try:
            rows = result["suites"][name] = module.run(peer_options(options)) if name == PEERS else module.run()
        except UnavailableError as error:
            print(error, file=sys.stderr)
            return 2
        _print(rows)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def _print(rows: list[dict[str, Any]]) -> None:
    table = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
