"""How a step was launched is said wherever a step is explained, and why one ran operation by operation."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from app.cli.table import figures
from app.models.timeline import TimelineModel
from app.panels.inspector import InspectorPanel
from app.panels.launch_words import launch_words
from app.panels.timeline_text import step_text
from engine.figures.metrics import summarise
from engine.session.store import Session
from tests.app.panels.acting import shown
from tests.engine.figures.launched import CAPTURED, COMPILED, launched

RECORDED = launched(CAPTURED, "cuda:0", recorded=True)
IN_ONE = launched(COMPILED, "cpu", launch="compiled")


@pytest.mark.parametrize(
    ("session", "words"),
    [
        (IN_ONE, "compiled step"),
        (launched(CAPTURED, "cuda:0", launch="twin"), "timed replay of a CUDA graph"),
        (launched(COMPILED | {"attention": "sdpa"}, "cpu"), "operation by operation, because attention is sdpa"),
        (RECORDED, "operation by operation, because attention was recorded"),
        (launched(CAPTURED, "cuda:0", "teacher"), "operation by operation, as every teacher-forced step here"),
        (launched(CAPTURED | {"kv": "none"}, "cuda:0"), "operation by operation, because there is no KV cache"),
        (launched(COMPILED, "cpu"), "operation by operation"),
        (launched(COMPILED | {"graphs": False}, "cpu"), ""),
        (launched({"kv": "contiguous"}, ""), ""),
    ],
)
def test_words_of_a_step(session: Session, words: str) -> None:
    assert launch_words(session, 3) == words


def test_the_timeline_and_the_inspector_say_it(qtbot: QtBot) -> None:
    for session in (RECORDED, IN_ONE):
        words = launch_words(session, 3)
        model = TimelineModel(session)
        model.update()
        assert f"   {words}" in step_text(model, 3).split("\n")
        panel = shown(InspectorPanel, session, 900)
        qtbot.addWidget(panel)
        assert isinstance(panel, InspectorPanel)
        panel.context.selection.change(token=3)
        assert panel.fact_labels["step"].text().endswith(f" · {words}")


def test_the_table_counts_them_in_words() -> None:
    assert dict(figures(summarise(IN_ONE)))["launched"] == "compiled step ×4"
    assert "graphs on, without effect" not in dict(figures(summarise(IN_ONE)))
    assert dict(figures(summarise(RECORDED)))["graphs on, without effect"] == "attention was recorded ×4"
    assert "graphs on, without effect" not in dict(figures(summarise(launched(CAPTURED, "cuda:0", "prefill"))))
    off = dict(figures(summarise(launched(COMPILED | {"graphs": False}, "cpu", recorded=True))))
    assert not {"launched", "graphs on, without effect"} & off.keys()
