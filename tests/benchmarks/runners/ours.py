"""DecodeScope without its window, the engine in its own process: `python -m ... FOLDER THREADS DTYPE`."""

from __future__ import annotations

import sys
from typing import cast

from app.cli.recording import Recording
from engine.client.changes import Change
from engine.core.settings import Dtype, LoadSpec
from engine.host import protocol
from engine.session.store import Session
from tests.benchmarks.runners.recorded import Limit, outcome_of, run_of
from tests.benchmarks.runners.work import Wire


def main() -> None:
    """Load, then record a run for each work."""
    folder, threads, dtype = sys.argv[1:]
    wire = Wire()
    limits: list[Limit] = []

    def watch(session: Session, _changes: list[Change]) -> None:
        if limits and limits[-1].passed(session):
            recording.client.post(protocol.Stop())

    with Recording(LoadSpec(folder, dtype=cast("Dtype", dtype), threads=int(threads)), watch) as recording:
        recording.load()
        wire.ready()
        for work in wire.works():
            limits.append(Limit(work))
            wire.answer(outcome_of(recording.run(run_of(work), None), work))


if __name__ == "__main__":
    main()
