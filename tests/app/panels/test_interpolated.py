"""Phases that were scaled from another step are never shown as measured."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
from pytestqt.qtbot import QtBot

from app.models.timeline import TimelineModel
from app.panels.inspector import InspectorPanel
from app.panels.timeline_text import step_text
from engine.export.tables import write_tables
from engine.figures.metrics import launch_counts, summarise
from engine.session.schema import AnyEvent, Launch, Step
from engine.session.store import Session
from tests.app.panels.acting import shown
from tests.engine.session.synthetic import synthetic_events

LAUNCHED: tuple[Launch, ...] = ("eager", "twin", "graph")


def session_of_launches() -> Session:
    """Steps that were launched eagerly, as a twin and as a graph, in turn."""
    session = Session()
    for batch in synthetic_events(12):
        session.apply([with_launch(event) for event in batch])
    return session


def with_launch(event: AnyEvent) -> AnyEvent:
    return msgspec.structs.replace(event, launch=LAUNCHED[event.id % 3]) if isinstance(event, Step) else event


def test_the_timeline_and_the_inspector_say_which_phases_were_scaled(qtbot: QtBot) -> None:
    session = session_of_launches()
    model = TimelineModel(session)
    model.update()
    panel = shown(InspectorPanel, session, 900)
    qtbot.addWidget(panel)
    assert isinstance(panel, InspectorPanel)
    for row in range(12):
        scaled = LAUNCHED[row % 3] == "graph"
        assert ("of the last timed replay" in step_text(model, row)) == scaled
        panel.context.selection.change(token=row)
        assert ("of the last timed replay" in panel.fact_labels["step"].text()) == scaled


def test_figures_and_tables_tell_them_apart(tmp_path: Path) -> None:
    session = session_of_launches()
    assert launch_counts(session) == {"eager": 4, "twin": 4, "graph": 4}
    assert summarise(session, (0, 1)).to_json()["launches"] == {"eager": 1, "twin": 1}
    write_tables(session, tmp_path)
    with (tmp_path / "steps.csv").open(encoding="utf-8", newline="") as file:
        assert [row["launch"] for row in csv.DictReader(file)] == list(LAUNCHED) * 4
