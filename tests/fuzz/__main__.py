"""`python -m tests.fuzz sessions --seed 7 --count 2000`: see the package."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

for name, to in {
    "TRITON_INTERPRET": "1", "HF_HUB_OFFLINE": "1", "QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1",
}.items():  # fmt: skip
    os.environ.setdefault(name, to)

KINDS: Final = ("sessions", "checkpoints", "templates", "requests")


def main() -> int:
    """Search; 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Feed the program what it should refuse.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the search; the time, if it is left out")
    parser.add_argument("--count", type=int, default=100, help="how many cases")
    parser.add_argument("--first", type=int, default=0, help="the first case")
    parser.add_argument("--case", type=int, help="this case only, told in full")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cases at a time")
    parser.add_argument("--real", action="store_true", help="start engine processes as users do, not by forking")
    parser.add_argument("--keep", type=Path, help="folder for the unharmed inputs; a temporary one, if it is left out")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="fuzz-bases-"))
    try:
        return _search(options, folder)
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _search(options: argparse.Namespace, folder: Path) -> int:
    from tests.fuzz import bases, models, preparing, requests, sessions
    from tests.fuzz.running import run

    preparing.import_everything(options.kind, fork=not options.real)
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    (bases.make_sessions if options.kind == "sessions" else bases.make_models)(folder)
    make = {
        "sessions": sessions.make,
        "checkpoints": models.make,
        "templates": models.make_template,
        "requests": requests.make,
    }
    first = options.first if options.case is None else options.case
    indices = list(range(first, first + (options.count if options.case is None else 1)))
    counts: Counter[str] = Counter()
    failed, began = 0, time.monotonic()
    for done, one in enumerate(run(options.kind, make[options.kind], folder, options.seed, indices, options.jobs), 1):
        if options.case is not None:
            print(one.what)
        if one.found:
            failed += 1
            counts.update({found.kind for found in one.found})
            print(
                f"FAILED: python -m tests.fuzz {options.kind} --seed {options.seed} --case {one.index}   ({one.what})"
            )
            for found in one.found[:8]:
                print(f"  {found.kind}: {found.text if options.case is not None else found.text[-300:]}", flush=True)
        if done % 100 == 0:
            print(f"{done} cases, {failed} failed, {time.monotonic() - began:.0f} s", flush=True)
    print(
        f"{options.kind}, seed {options.seed}: {len(indices)} cases, {failed} failed, {time.monotonic() - began:.0f} s"
    )
    for kind, count in counts.most_common():
        print(f"  {count:4d} {kind}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
