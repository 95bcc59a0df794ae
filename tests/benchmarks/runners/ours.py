"""DecodeScope without its window, the engine in its own process: `python -m ... FOLDER THREADS DTYPE`."""

from __future__ import annotations

import sys
from typing import cast

from app.cli.recording import Recording
from engine.core.settings import Dtype, LoadSpec
from tests.benchmarks.runners.recorded import outcome_of, run_of
from tests.benchmarks.runners.work import Wire


def main() -> None:
    """Load, then record a run for each work."""
    folder, threads, dtype = sys.argv[1:]
    wire = Wire()
    with Recording(LoadSpec(folder, dtype=cast("Dtype", dtype), threads=int(threads))) as recording:
        recording.load()
        wire.ready()
        for work in wire.works():
            wire.answer(outcome_of(recording.run(run_of(work), None), work))


if __name__ == "__main__":
    main()
