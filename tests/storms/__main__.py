"""`python -m tests.storms kills|signals [--seed S] [--count N] [--at-once N] [--only CASE]`: see the package.

Prints counts and the worst, and for each case that failed what was wrong and the command that runs it again.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.listening import listen
from tests.storms import kills, signals
from tests.storms.setting import Outcome, Setting, setting

STORMS: dict[str, tuple[Callable[[Setting, str], Outcome], str]] = {
    "kills": (kills.case, "ms from the last step in the file to the kill"),
    "signals": (signals.case, "s to the end"),
}


def main() -> int:
    """Run the cases; returns 1 where any failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.storms")
    parser.add_argument("storm", choices=tuple(STORMS))
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=1, help="cases side by side")
    parser.add_argument("--only", type=int, help="this case alone")
    options = parser.parse_args()
    listen()
    run, what = STORMS[options.storm]
    cases = range(options.count) if options.only is None else [options.only]
    print(f"{options.storm}: seed {options.seed}, {len(cases)} cases", flush=True)
    kinds: Counter[str] = Counter()
    figures: list[tuple[float, int]] = []
    failed = 0
    with setting() as place, ThreadPoolExecutor(options.at_once) as pool:
        outcomes = pool.map(lambda number: run(place, f"{options.seed}:{number}"), cases)
        for number, outcome in zip(cases, outcomes, strict=True):
            kinds[outcome.kind] += 1
            figures.append((outcome.figure, number))
            if outcome.faults:
                failed += 1
                print(f"case {number}: " + "\n  ".join(outcome.faults))
                again = f"python -m tests.storms {options.storm} --seed {options.seed} --only {number}"
                print(f"  again: {again}", flush=True)
    ordered = sorted(figures)
    print("; ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items())))
    print(f"{what}: median {ordered[len(ordered) // 2][0]:.3g}, worst {ordered[-1][0]:.3g} (case {ordered[-1][1]})")
    print(f"{len(cases) - failed} of {len(cases)} went well")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
