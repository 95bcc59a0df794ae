"""Requests have one order, that in which they were given, whenever they arrived and wherever they are told of."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from app.models.parallel import taught_run
from engine.core.settings import RequestSpec, RunSpec, Sampling, Switches
from engine.export.chrome import events as trace_events
from engine.export.span import Span
from engine.export.tables import write_tables
from engine.figures.json_figures import json_figures
from engine.model.loader import LoadedModel
from engine.session.loading import load
from engine.session.reader import SessionFile
from engine.session.schema import SessionStarted
from engine.session.store import Session
from engine.session.writer import SessionWriter
from tests.engine.drive import drive
from tests.engine.scripted import load_scripted, save_scripted

SPECS = (
    RequestSpec("a b", 4, 0.3, ignore_eos=True, sampling=Sampling(0.5)),
    RequestSpec("b c", 6, ignore_eos=True),
    RequestSpec("c", 3, 0.1, ignore_eos=True, sampling=Sampling(0.7, top_k=2)),
)
"""Their arrival is in none of their orders."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load_scripted(save_scripted(tmp_path_factory.mktemp("scripted") / "chain", "a b c d e f g a"))


@pytest.fixture(scope="module")
def both(model: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> tuple[Session, Session]:
    """A session as it is while it is recorded, and as it is read from its file."""
    events = [SessionStarted({"model": "chain"}), *drive(model, RunSpec(SPECS, Switches(batching="continuous")))]
    path = tmp_path_factory.mktemp("sessions") / "run.dscope"
    with SessionWriter(path) as writer:
        writer.append(events)
    live = Session()
    live.apply(events)
    return live, load(SessionFile(path))


def test_figures_while_recording_are_those_of_the_file(both: tuple[Session, Session]) -> None:
    live, read = (json_figures(session) for session in both)
    assert [one["id"] for one in live["requests"]] == [0, 1, 2]
    assert live["settings"]["sampling"]["temperature"] == 0.5
    assert live == read


def test_exports_while_recording_are_those_of_the_file(both: tuple[Session, Session], tmp_path: Path) -> None:
    texts = []
    for index, session in enumerate(both):
        write_tables(session, tmp_path / str(index))
        text = (tmp_path / str(index) / "requests.csv").read_text(encoding="utf-8")
        assert [row["id"] for row in csv.DictReader(text.splitlines())] == ["0", "1", "2"]
        texts.append(text)
    assert texts[0] == texts[1]
    live, read = ([e for e in trace_events(Span(session)) if e.get("cat") == "request"] for session in both)
    assert live == read


def test_a_run_is_taught_again_with_the_numbers_it_had(both: tuple[Session, Session]) -> None:
    """What a request draws depends on its number."""
    for session in both:
        assert taught_run(session).requests == SPECS
