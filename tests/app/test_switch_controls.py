"""The switches as controls: they show what the engine will choose; what cannot run, or has no effect, says so."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.widgets.segments import Segments
from app.widgets.switch_controls import SwitchControls
from app.window.main_window import MainWindow
from engine.core.settings import Switches
from engine.host import protocol
from engine.session.schema import ModelReady
from tests.app.conftest import Engines, switches_sent

NO_COMPILER = {"attention=native": "No C compiler.", "graphs=True": "A step cannot be compiled here: no C compiler."}
ON_GPU = {"attention=native": "The C kernels run on a CPU."}


@pytest.fixture
def controls(qtbot: QtBot) -> SwitchControls:
    made = SwitchControls()
    qtbot.addWidget(made)
    made.show()
    return made


def button(controls: SwitchControls, name: str) -> QPushButton:
    """The button of this accessible name, as a screen reader gives it."""
    (found,) = (one for one in controls.findChildren(QPushButton) if one.accessibleName() == name)
    return found


def flips(controls: SwitchControls) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    controls.flipped.connect(found.append)
    return found


def test_on_a_cpu_it_is_the_compiled_step_and_on(controls: SwitchControls) -> None:
    controls.set_unavailable({"attention=triton": "No GPU."}, "cpu")
    assert (controls.switches.attention, controls.switches.graphs) == ("native", True)
    assert button(controls, "Compiled step: on").isChecked()
    assert not controls.note.isVisible()
    assert "one native call" in button(controls, "Compiled step: on").toolTip()


def test_on_a_gpu_it_is_cuda_graphs_and_off(controls: SwitchControls) -> None:
    controls.set_unavailable(ON_GPU, "cuda:0")
    assert (controls.switches.attention, controls.switches.graphs) == ("sdpa", False)
    assert button(controls, "CUDA graphs: off").isChecked()
    assert button(controls, "Attention: sdpa").isChecked()
    assert button(controls, "CUDA graphs: on").isEnabled()


def test_it_is_flipped_like_any_other(controls: SwitchControls) -> None:
    controls.set_unavailable({}, "cpu")
    asked = flips(controls)
    button(controls, "Compiled step: off").click()
    button(controls, "Compiled step: off").click()
    button(controls, "Compiled step: on").click()
    assert asked == [{"graphs": False}, {"graphs": True}]
    assert controls.switches == Switches(attention="native", graphs=True)


def test_where_a_step_cannot_be_compiled_it_is_grey_with_the_reason(controls: SwitchControls) -> None:
    controls.set_unavailable(NO_COMPILER, "cpu")
    on = button(controls, "Compiled step: on")
    assert not on.isEnabled()
    assert NO_COMPILER["graphs=True"] in on.toolTip()
    assert button(controls, "Compiled step: off").isChecked()
    assert controls.switches == Switches(attention="sdpa", graphs=False)


def test_a_choice_that_the_next_model_cannot_run_is_left_to_the_engine(controls: SwitchControls) -> None:
    controls.set_unavailable({}, "cpu")
    controls.show_switches(Switches(kv="paged", attention="native", graphs=True))
    controls.set_unavailable(NO_COMPILER, "cpu")
    assert controls.switches == Switches(kv="paged", attention="sdpa", graphs=False)
    assert button(controls, "KV cache: paged").isChecked()


@pytest.mark.parametrize("attention", ["reference", "sdpa"])
def test_another_kernel_leaves_it_on_and_the_note_says_that_it_has_no_effect(
    controls: SwitchControls, attention: str
) -> None:
    controls.set_unavailable({}, "cpu")
    asked = flips(controls)
    button(controls, f"Attention: {attention}").click()
    assert asked == [{"attention": attention}]
    assert controls.switches == Switches(attention=attention, graphs=True)  # type: ignore[arg-type]
    assert controls.note.isVisible()
    assert controls.note.text() == f"No effect with attention {attention}"
    button(controls, "Attention: native").click()
    assert not controls.note.isVisible()
    button(controls, f"Attention: {attention}").click()
    button(controls, "Compiled step: off").click()
    assert not controls.note.isVisible()


def test_the_note_says_that_recorded_attention_keeps_it_from_running(controls: SwitchControls) -> None:
    controls.set_unavailable({}, "cpu")
    controls.show_recording(True)
    controls.show_switches(Switches(attention="native", graphs=True))
    assert not controls.note.isVisible()  # a compiled step records it
    controls.set_unavailable(ON_GPU, "cuda:0")
    controls.show_switches(Switches(attention="sdpa", graphs=True))
    assert controls.note.isVisible()
    assert controls.note.text() == "No effect while attention is recorded"
    controls.lock("A server's switches cannot be flipped from here.")
    assert not controls.note.isVisible()
    controls.lock("")
    assert controls.note.isVisible()
    controls.show_recording(False)
    assert not controls.note.isVisible()


def test_steps_without_a_cache_are_compiled_but_not_captured(controls: SwitchControls) -> None:
    controls.set_unavailable({}, "cpu")
    controls.show_switches(Switches(kv="none", graphs=True))
    assert not controls.note.isVisible()
    controls.set_unavailable(ON_GPU, "cuda:0")
    assert controls.note.text() == "No effect without a KV cache"
    assert controls.note.isVisible()


def test_what_a_scenario_leaves_open_is_shown_as_the_engine_chooses_it(controls: SwitchControls) -> None:
    controls.set_unavailable({}, "cpu")
    controls.show_switches(Switches(attention="reference"))
    assert controls.switches.graphs is False
    assert button(controls, "Compiled step: off").isChecked()
    controls.show_switches(Switches())
    assert button(controls, "Attention: native").isChecked()
    assert button(controls, "Compiled step: on").isChecked()


def test_the_window_flips_it_while_a_run_goes_on(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    panel = window.run_panel
    assert panel.probe.isChecked()
    assert not panel.switches.note.text()
    window.control.run_prompt(paused=True)
    qtbot.waitUntil(lambda: window.control.state == "paused")
    button(panel.switches, "Compiled step: off").click()
    qtbot.waitUntil(lambda: switches_sent(engines) == [{"graphs": False}])
    (start,) = engines.commands(protocol.Start)
    assert isinstance(start, protocol.Start)
    assert (start.run.switches.attention, start.run.switches.graphs) == ("native", True)


def test_the_detail_stays_below_the_switches_whatever_their_names(qtbot: QtBot, window: MainWindow) -> None:
    panel = window.run_panel

    def lefts() -> set[int]:
        rows = [*panel.switches.findChildren(Segments), panel.detail]
        return {one.mapTo(panel, one.rect().topLeft()).x() for one in rows}

    wide = lefts()
    assert len(wide) == 1
    panel.show_model(ModelReady({"device": "cuda:0"}, ON_GPU))
    qtbot.waitUntil(lambda: len(lefts()) == 1 and lefts() != wide)
    panel.show_model(ModelReady({"device": "cpu"}, {}))
    qtbot.waitUntil(lambda: lefts() == wide)


def test_every_value_and_the_note_fit_into_the_narrowest_panel(window: MainWindow) -> None:
    panel = window.run_panel
    panel.switches.show_switches(Switches(attention="reference", speculate="draft", graphs=True))
    panel.resize(panel.minimumWidth(), 800)
    for one in panel.switches.findChildren(QPushButton):
        assert one.width() >= one.fontMetrics().horizontalAdvance(one.text()), one.accessibleName()
    for segments in panel.switches.findChildren(Segments):
        assert segments.mapTo(panel, segments.rect().topRight()).x() < panel.width()
    assert panel.switches.note.shown_lines() == ["No effect with attention reference"]
