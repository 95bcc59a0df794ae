"""The folded settings of the run panel: every option of `record` has its control, and each reaches the engine."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QPlainTextEdit, QSpinBox, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from app.cli.parser import parse_command
from app.core.preferences import Preferences
from app.window.main_window import MainWindow
from app.window.run_panel import RunPanel
from engine.core.settings import LoadSpec, Probe, RunSpec, SwitchChange
from engine.host import protocol
from engine.session.schema import ModelReady
from tests.app.conftest import READY, Engines, switches_sent

OF_OUTPUT = {"output", "json", "scenario"}
"""Options that say where a recording goes and how it is told, or choose a scenario, which is a menu of its own."""


def more(window: MainWindow) -> QToolButton:
    (found,) = (one for one in window.run_panel.findChildren(QToolButton) if one.text() == "More settings")
    return found


def loads(engines: Engines) -> list[LoadSpec]:
    return [one.spec for one in engines.commands(protocol.Load)]  # type: ignore[attr-defined]


def test_every_option_of_record_has_its_control(window: MainWindow) -> None:
    options = set(vars(parse_command(["record"])[1])) - OF_OUTPUT
    controls = window.run_panel.controls
    assert options - controls.keys() == set(), "an option that the window cannot set"
    assert controls.keys() - options == {"teacher_pass"}
    for name, control in controls.items():
        assert window.run_panel.isAncestorOf(control), name
        assert control.accessibleName() or name in ("chat", "ignore_eos", "model", "kv", "detail", *SEGMENTS), name
        assert control.toolTip() or name in ("model", "detail", *SEGMENTS), name


SEGMENTS = ("kv", "attention", "graphs", "speculate", "batching")


def set_to(control: QWidget, value: Any) -> None:
    match control:
        case QSpinBox():
            control.setValue(value)
        case QComboBox():
            control.setCurrentText(value)
        case QPlainTextEdit():
            control.setPlainText(value)
        case QLineEdit():
            control.setText(value)
            control.editingFinished.emit()
        case _:
            control.click()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "value", "of_spec"),
    [
        ("stop", "END\n\\n\\n", lambda spec: spec.requests[0].stop == ("END", "\n\n")),
        ("switch_at", "20:kv=paged; 30:k=2,max_batch=3", lambda spec: spec.switch_at == (
            SwitchChange(20, {"kv": "paged"}), SwitchChange(30, {"k": 2, "max_batch": 3}))),
        ("teacher_pass", True, lambda spec: spec.teacher_pass),
        ("block_size", 32, lambda spec: spec.switches.block_size == 32),
        ("max_batch", 3, lambda spec: spec.switches.max_batch == 3),
        ("kv_memory", "512MiB", lambda spec: spec.switches.kv_memory == 512 * 2**20),
        ("k", 7, lambda spec: spec.switches.k == 7),
        ("attention_layer", 5, lambda spec: spec.observation.probe == Probe(5, 0)),
        ("attention_head", -1, lambda spec: spec.observation.probe == Probe(0, None)),
    ],
)  # fmt: skip
def test_a_setting_is_in_the_run(window: MainWindow, name: str, value: Any, of_spec: Any) -> None:
    panel = window.run_panel
    panel.show_model(ModelReady({**READY.meta, "model_config": '{"layers": 8, "heads": 4}'}, {}))
    assert not of_spec(panel.run_spec())
    set_to(panel.controls[name], value)
    spec: RunSpec = panel.run_spec()
    assert of_spec(spec)
    assert panel.blocked == ""


def test_sizes_are_flipped_in_a_run_and_follow_what_else_sets_them(
    qtbot: QtBot, window: MainWindow, engines: Engines
) -> None:
    engines.now.steps = 50_000
    window.control.run_prompt()
    qtbot.waitUntil(lambda: window.control.state == "running")
    set_to(window.run_panel.controls["block_size"], 64)
    qtbot.waitUntil(lambda: switches_sent(engines) == [{"block_size": 64}])
    window.run_panel.switches.show_switches(window.run_panel.switches.switches.changed(max_batch=5, kv_memory=2**30))
    pool = window.run_panel.more.pool
    assert (pool.block_size.value(), pool.max_batch.value(), pool.kv_memory.text()) == (64, 5, "1GiB")
    window.control.stop()
    qtbot.waitUntil(lambda: window.control.state == "idle")


def test_the_model_is_loaded_again_on_demand_only(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    load = window.run_panel.more.load
    assert not load.reload.isEnabled()
    before = len(loads(engines))
    load.device.setCurrentText("cpu")
    load.dtype.setCurrentText("bfloat16")
    load.threads.setValue(2)
    load.draft.setText("/models/small")
    assert not load.note.isHidden()
    assert len(loads(engines)) == before
    load.reload.click()
    qtbot.waitUntil(lambda: len(loads(engines)) == before + 1 and window.control.state == "idle")
    assert loads(engines)[-1] == LoadSpec("demo", "/models/small", "cpu", "bfloat16", 2)
    qtbot.waitUntil(lambda: not load.reload.isEnabled())
    assert load.note.isHidden()
    load.device.setCurrentText("gpu")
    assert load.fault == "“gpu” is no device: auto, cpu, cuda or cuda:N."
    assert not load.reload.isEnabled()
    load.device.setCurrentText("auto")
    window.run_panel.model.pick("another")  # its vocabulary is another one: the draft is not its own
    qtbot.waitUntil(lambda: loads(engines)[-1] == LoadSpec("another", None, "auto", "bfloat16", 2))


def test_what_a_run_cannot_change_is_grey_while_it_goes_on(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    engines.now.steps = 50_000
    more_settings = window.run_panel.more
    window.control.run_prompt()
    qtbot.waitUntil(lambda: not more_settings.load.device.isEnabled())
    for field in (more_settings.load.threads, more_settings.next_run.stop, more_settings.next_run.switch_at):
        assert not field.isEnabled()
        assert "A run goes on" in field.toolTip()
    assert more_settings.pool.block_size.isEnabled()
    window.control.stop()
    qtbot.waitUntil(more_settings.load.device.isEnabled)
    assert "A run goes on" not in more_settings.load.device.toolTip()


def test_a_wrong_value_is_told_beside_it_and_keeps_the_run_from_starting(window: MainWindow) -> None:
    panel = window.run_panel
    panel.more.next_run.switch_at.setText("20:kv=round")
    assert panel.more.next_run.fault == "kv must be one of none, contiguous, paged, not 'round'."
    assert not panel.run_button.isEnabled()
    assert "not 'round'" in panel.run_button.toolTip()
    panel.more.next_run.switch_at.setText("20:kv=paged")
    assert panel.run_button.isEnabled()
    set_to(panel.more.pool.kv_memory, "lots")
    assert panel.more.pool.fault == "“lots” is no size of memory, for example 512MiB."
    assert panel.run_spec().switches.kv_memory is None


def test_they_are_folded_at_first_and_remember_being_open(
    qtbot: QtBot, window: MainWindow, preferences: Preferences
) -> None:
    assert not window.run_panel.more.load.isVisible()
    more(window).click()
    qtbot.waitUntil(window.run_panel.more.load.isVisible)
    assert preferences.more_settings
    more(window).click()
    assert not preferences.more_settings


def test_what_auto_became_is_said(window: MainWindow) -> None:
    meta = {**READY.meta, "weight_dtype": "bfloat16", "threads": "2", "cores": "4"}
    window.feed.model_ready.emit(ModelReady(meta, READY.unavailable))
    assert window.run_panel.settled.text() == (
        "bfloat16 weights, computing in float32 · 2 of 4 threads · auto: attention native, compiled step on"
    )


def test_a_wheel_over_a_field_scrolls_and_changes_nothing(window: MainWindow) -> None:
    panel = window.run_panel
    for field in (panel.tokens, panel.more.load.device, panel.more.pool.block_size, panel.sampling.field("top_k")):
        before = field.currentText() if isinstance(field, QComboBox) else field.text()
        middle = QPointF(field.rect().center())
        for turned in (-120, 120):
            QApplication.sendEvent(field, QWheelEvent(
                middle, field.mapToGlobal(middle), QPoint(), QPoint(0, turned), Qt.MouseButton.NoButton,
                Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
            ))  # fmt: skip
            assert before == (field.currentText() if isinstance(field, QComboBox) else field.text())


def test_the_panel_is_narrow_also_with_all_settings(window: MainWindow) -> None:
    more(window).click()
    assert isinstance(window.run_panel, RunPanel)
    assert window.run_panel.minimumSizeHint().width() <= 340
