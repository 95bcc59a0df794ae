"""What a checkpoint suggests is where sampling begins; a button where the user has chosen other settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.widgets.sampling_controls import SamplingControls
from engine.core.sampling import FILTERS, KINDS, Sampling

SUGGESTED = {"temperature": 1.0, "top_k": 64, "top_p": 0.9}


def controls_in(qtbot: QtBot) -> SamplingControls:
    controls = SamplingControls()
    qtbot.addWidget(controls)
    return controls


def test_a_run_begins_with_what_the_model_suggests(qtbot: QtBot) -> None:
    controls = controls_in(qtbot)
    usual = controls.sampling
    assert controls.note.parentWidget().isHidden()
    controls.field("seed").setValue(7)
    controls.suggest(SUGGESTED)
    assert controls.sampling == Sampling(temperature=1.0, top_k=64, top_p=0.9, seed=7)
    assert not controls.note.parentWidget().isHidden()
    assert controls.note.text() == "As the model's makers suggest"
    assert controls.suggestion.isHidden()
    controls.suggest({})  # another model, which suggests nothing
    assert controls.sampling == replace(usual, seed=7)
    assert controls.note.parentWidget().isHidden()


def test_one_click_leads_to_greedy_which_stays(qtbot: QtBot) -> None:
    controls = controls_in(qtbot)
    controls.suggest(SUGGESTED)
    qtbot.mouseClick(controls.greedy, Qt.MouseButton.LeftButton)
    assert controls.sampling.greedy
    assert controls.note.parentWidget().isHidden()
    assert controls.suggestion.text() == "Use the model's: temperature 1, top-k 64, top-p 0.9"
    controls.suggest({"temperature": 0.6})
    assert controls.sampling.greedy


def test_what_the_user_chose_is_not_replaced(qtbot: QtBot) -> None:
    edited, shown = controls_in(qtbot), controls_in(qtbot)
    edited.field("temperature").setValue(0.5)
    shown.show_sampling(Sampling(temperature=0.25))
    for controls in (edited, shown):
        before = controls.sampling
        controls.suggest(SUGGESTED)
        assert controls.sampling == before
        assert not controls.suggestion.isHidden()
        qtbot.mouseClick(controls.suggestion, Qt.MouseButton.LeftButton)
        assert controls.sampling == Sampling(temperature=1.0, top_k=64, top_p=0.9)
        assert controls.suggestion.isHidden()
        controls.suggest({"temperature": 0.75})  # a suggestion was asked for: that of the next model is taken too
        assert controls.sampling == Sampling(temperature=0.75)


def test_a_suggestion_with_more_digits_than_a_box_has_is_in_force(qtbot: QtBot) -> None:
    controls = controls_in(qtbot)
    controls.suggest({"temperature": 0.6, "top_p": 0.9512})
    assert controls.sampling.top_p == 0.95
    assert not controls.note.parentWidget().isHidden()
    assert controls.suggestion.isHidden()


def test_a_long_summary_makes_its_column_no_wider(qtbot: QtBot) -> None:
    controls = controls_in(qtbot)
    for shown in ({}, {"temperature": 1.25, "top_k": 64, "top_p": 0.9, "min_p": 0.25}):
        controls.suggest(shown)
        assert controls.minimumSizeHint().width() <= 240
    controls.field("temperature").setValue(0.5)
    assert controls.minimumSizeHint().width() <= 240
    controls.resize(240, controls.sizeHint().height())
    controls.grab()


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
    assert not controls.suggestion.isHidden()
    assert controls.suggestion.text() == "Use the model's: temperature 1"
    controls.suggest(values)
    assert controls.suggestion.isHidden()
    for one in FILTERS:
        assert f"{one.name.replace('_', '-')} {values[one.name]:g}" in controls.suggestion.text()
