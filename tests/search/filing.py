"""Checks of the session: what was written to a file comes back, and every figure can be computed from it."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from unittest import mock

from engine.figures.json_figures import json_figures
from engine.figures.kv_blocks import BlockHistory
from engine.session import pack_writer, schema
from engine.session.file import SessionFile, SessionWriter, open_session
from engine.session.store import Session
from tests.engine.session.test_file import assert_same
from tests.search.findings import Finding, Findings, unequal
from tests.search.running import Outcome


def session_of(outcome: Outcome) -> tuple[Session, list[list[schema.AnyEvent]]]:
    """The session as the window has it while the run goes on, and the batches it came in."""
    rng = random.Random(outcome.case.index)
    batches: list[list[schema.AnyEvent]] = []
    at = 0
    while at < len(outcome.events):
        size = rng.choice([1, 2, 5, 20, 200])
        batches.append(schema.decode(schema.encode(outcome.events[at : at + size])))
        at += size
    session = Session()
    for batch in batches:
        session.apply(batch)
    return session, batches


def check_file(outcome: Outcome, live: Session, batches: list[list[schema.AnyEvent]]) -> Findings:
    """Write, close, open, compare."""
    with tempfile.TemporaryDirectory(prefix="decodescope-search-") as folder:
        path = Path(folder, "run.dscope")
        with mock.patch.object(pack_writer, "PACK_ROWS", outcome.case.pack_rows), SessionWriter(path) as file:
            for batch in batches:
                file.append(batch)
        opened = open_session(path)
        try:
            assert_same(live, opened)
        except AssertionError as error:
            yield Finding("file", " ".join(str(error).split())[:300])
        figures = [json.loads(json.dumps(json_figures(session))) for session in (live, opened)]
        for name in figures[0]:
            yield from unequal("figures", f"the figure {name} of the file", figures[1].get(name), figures[0][name])
        assert isinstance(opened.source, SessionFile)
        opened.source.close()
    history = BlockHistory(live)
    history.update()
    for step in range(0, len(live.steps), 7):
        history.at(step)
