"""`python -m tests.search --seed 7 --count 3000`: see the package."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter

os.environ.setdefault("TRITON_INTERPRET", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def main() -> int:
    """Search; 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.search", description="Search for faults by random runs.")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the search; the time, if it is left out")
    parser.add_argument("--count", type=int, default=100, help="how many cases")
    parser.add_argument("--first", type=int, default=0, help="the first case")
    parser.add_argument("--case", type=int, help="this case only")
    parser.add_argument("--leave-out", action="append", default=[], metavar="KIND", help="findings that are known")
    parser.add_argument("--verbose", action="store_true", help="print what each case is")
    options = parser.parse_args()
    import torch

    from tests.search.checking import search_case
    from tests.search.drawing import draw_case
    from tests.search.findings import TIE

    torch.set_num_threads(1)
    first = options.first if options.case is None else options.case
    cases = range(first, first + (options.count if options.case is None else 1))
    kinds: Counter[str] = Counter()
    failed = 0
    began = time.monotonic()
    for index in cases:
        if options.verbose:
            print(draw_case(options.seed, index))
        found = [one for one in search_case(options.seed, index) if one.kind not in options.leave_out]
        kinds.update(one.kind for one in found)
        for one in found[:6]:
            print(f"  {one.kind}: {one.text}")
        if any(one.kind != TIE for one in found):
            failed += 1
            print(f"FAILED: python -m tests.search --seed {options.seed} --case {index}", flush=True)
        if (index - first + 1) % 100 == 0:
            print(
                f"{index - first + 1} cases, {failed} failed, {time.monotonic() - began:.0f} s {dict(kinds)}",
                flush=True,
            )
    print(f"seed {options.seed}: {len(cases)} cases, {failed} failed, {time.monotonic() - began:.0f} s {dict(kinds)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
