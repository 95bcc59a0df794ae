"""What a checkpoint suggests is a button that a person may press, there as long as it would change something."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.widgets.sampling_controls import SamplingControls
from engine.core.sampling import FILTERS, KINDS, Sampling


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


def test_every_setting_has_its_control_and_every_filter_its_words(qtbot: QtBot) -> None:
    controls = SamplingControls()
    qtbot.addWidget(controls)
    values: dict[str, Any] = {"temperature": 0.5}
    for number, one in enumerate(FILTERS, 2):
        values[one.name] = KINDS[one.name](number) if KINDS[one.name] is int else number / 10
    controls.show_sampling(Sampling(**values, seed=9))
    assert controls.sampling == Sampling(**values, seed=9)
    controls.suggest({"temperature": 1.0, **{one.name: one.neutral for one in FILTERS}})
    assert controls.suggestion.text() == "Use the model's: temperature 1"
    controls.suggest(values)
    for one in FILTERS:
        assert f"{one.name.replace('_', '-')} {values[one.name]:g}" in controls.suggestion.text()
