"""What a checkpoint suggests is a button that a person may press, there as long as it would change something."""

from __future__ import annotations

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.widgets.sampling_controls import SamplingControls
from engine.core.settings import Sampling


def test_a_suggestion_is_offered_and_taken_by_hand(qtbot: QtBot) -> None:
    controls = SamplingControls()
    qtbot.addWidget(controls)
    before = controls.sampling
    assert controls.suggestion.isHidden()
    controls.suggest({"temperature": 1.0, "top_k": 64, "top_p": 0.9})
    assert controls.sampling == before
    assert not controls.suggestion.isHidden()
    assert controls.suggestion.text() == "Use the model's: temperature 1, top-k 64, top-p 0.9"
    controls.field("seed").setValue(7)
    qtbot.mouseClick(controls.suggestion, Qt.MouseButton.LeftButton)
    assert controls.sampling == Sampling(temperature=1.0, top_k=64, top_p=0.9, seed=7)
    assert controls.suggestion.isHidden()
    controls.field("temperature").setValue(0.5)
    assert not controls.suggestion.isHidden()
    controls.suggest({})  # another model, which suggests nothing
    assert controls.suggestion.isHidden()


def test_what_no_draw_can_follow_is_no_suggestion(qtbot: QtBot) -> None:
    controls = SamplingControls()
    qtbot.addWidget(controls)
    controls.suggest({"temperature": 1.0, "top_p": 3.0})
    assert controls.suggestion.isHidden()
