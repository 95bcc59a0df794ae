"""`python -m tests.fuzz sessions --seed 7 --count 2000`: see the package."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.fuzz.cases import Make
    from tests.fuzz.running import Running

for name, to in {
    "TRITON_INTERPRET": "1", "HF_HUB_OFFLINE": "1", "QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1",
}.items():  # fmt: skip
    os.environ.setdefault(name, to)

KINDS: Final = ("sessions", "checkpoints", "templates", "requests", "gguf")
FOUND: Final = "found"
"""In place of a kind: what was found before, from its recipes; its cases are numbered in the order of their names."""
SHORT: Final = "short"
"""In place of a kind: all of FOUND, and a few of each kind with two commands each. This is what the suite runs."""
SHORT_COUNTS: Final = {"sessions": 4, "checkpoints": 6, "templates": 3, "requests": 3, "gguf": 12}


def main() -> int:
    """Search; 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Feed the program what it should refuse.")
    parser.add_argument("kind", choices=(*KINDS, FOUND, SHORT))
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the search; the time, if it is left out")
    parser.add_argument("--count", type=int, help="how many cases (default: 100, and all that were found)")
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
    from tests.fuzz import bases
    from tests.prepared.importing import import_everything

    recorded = options.kind in ("sessions", FOUND, SHORT)
    import_everything(window=recorded, engine=options.kind != "sessions", fork=not options.real)
    if recorded:
        import tests.fuzz.walking  # noqa: F401 - before the cases are forked
    if options.kind != SHORT:  # the suite has a cache of its own, in which the C kernels are compiled already
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    if recorded:
        bases.make_sessions(folder)
    if options.kind != "sessions":
        bases.make_models(folder)
    counts: Counter[str] = Counter()
    cases, failed, began = 0, 0, time.monotonic()
    for kind, one in _cases(options, folder):
        cases += 1
        if options.case is not None:
            print(one.what)
        if one.found:
            failed += 1
            counts.update({found.kind for found in one.found})
            print(f"FAILED: python -m tests.fuzz {kind} --seed {options.seed} --case {one.index}   ({one.what})")
            for found in one.found[:8]:
                print(f"  {found.kind}: {found.text if options.case is not None else found.text[-300:]}", flush=True)
        if cases % 100 == 0:
            print(f"{cases} cases, {failed} failed, {time.monotonic() - began:.0f} s", flush=True)
    print(f"{options.kind}, seed {options.seed}: {cases} cases, {failed} failed, {time.monotonic() - began:.0f} s")
    for name, count in counts.most_common():
        print(f"  {count:4d} {name}")
    return 1 if failed else 0


def _cases(options: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Running]]:
    """The cases that were asked for, as they end, each with its kind."""
    from tests.fuzz import gguf, models, recipes, requests, sessions
    from tests.fuzz.cases import short
    from tests.fuzz.running import run

    drawn: dict[str, Make] = {
        "sessions": sessions.make, "checkpoints": models.make, "templates": models.make_template,
        "requests": requests.make, "gguf": gguf.make,
    }  # fmt: skip
    if options.kind in KINDS:
        first = options.first if options.case is None else options.case
        count = 1 if options.case is not None else 100 if options.count is None else options.count
        wanted = [(options.kind, drawn[options.kind], index) for index in range(first, first + count)]
    else:
        known = [(FOUND, recipes.maker(one), index) for index, one in enumerate(recipes.recipes().values())]
        wanted = [one for one in known if options.case in (None, one[2])]
        if options.kind == SHORT:
            wanted += [(kind, short(drawn[kind]), i) for kind, count in SHORT_COUNTS.items() for i in range(count)]
    yield from run(wanted, folder, options.seed, options.jobs)


if __name__ == "__main__":
    sys.exit(main())
