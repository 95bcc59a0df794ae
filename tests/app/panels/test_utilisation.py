"""Utilisation panel: lanes hold the readings; what is not reported says so; MBU and MFU are those of `summarise`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from app.look.units import memory, percent, rate
from app.panels.utilisation import GPU_READINGS, UtilisationPanel
from app.widgets.lane_chart import Lane
from engine.figures.metrics import summarise
from engine.measure.device import READINGS
from engine.session import schema
from engine.session.store import Session
from tests.app.panels.acting import shown
from tests.engine.figures.test_comparison import taught
from tests.engine.figures.test_latency import small_session
from tests.engine.session.synthetic import synthetic_session


def utilisation_panel(qtbot: QtBot, session: Session) -> UtilisationPanel:
    panel = shown(UtilisationPanel, session)
    qtbot.addWidget(panel)
    assert isinstance(panel, UtilisationPanel)
    return panel


def lane(panel: UtilisationPanel, start: str) -> Lane:
    return next(lane for lane in panel.chart.lanes if lane.title.startswith(start))


def gpu_session() -> Session:
    session = small_session()  # steps at 0-100, 150-350, 500-1100 µs
    samples = []
    for t_us, busy, watts, celsius in ((50, 20.0, 100.0, 40.0), (250, 90.0, 200.0, 45.0), (1200, 60.0, 400.0, 50.0)):
        for name, value in (("utilisation_percent", busy), ("power_watts", watts), ("temperature_celsius", celsius)):
            samples.append(schema.DeviceSample(1000 * t_us, "cuda", name, value))
        samples.append(schema.DeviceSample(1000 * t_us, "cpu", "process_cpu_percent", 150.0))
    session.apply(samples)
    return session


def test_lanes_hold_the_readings_on_the_step_axis(qtbot: QtBot) -> None:
    panel = utilisation_panel(qtbot, gpu_session())
    busy = lane(panel, "GPU busy")
    assert busy.x.tolist() == [0.5, 1.5, 3.0]
    assert busy.y.tolist() == [20.0, 90.0, 60.0]
    assert busy.top == 100.0
    assert f"{percent(0.6)} ●" in busy.heading
    assert f"max {percent(0.9)}" in busy.heading
    assert "W" in lane(panel, "Power").heading
    assert "°C" in lane(panel, "Temperature").heading


def test_the_time_axis(qtbot: QtBot) -> None:
    panel = utilisation_panel(qtbot, gpu_session())
    panel.axis_picker.setCurrentIndex(1)
    assert lane(panel, "GPU busy").x.tolist() == pytest.approx([50e-6, 250e-6, 1200e-6])
    assert panel.chart.x_title == "time"


def test_what_a_device_does_not_report_says_so(qtbot: QtBot) -> None:
    panel = utilisation_panel(qtbot, gpu_session())
    clock = lane(panel, "SM clock")
    assert clock.heading == "SM clock: not reported by cuda"
    assert len(clock.x) == 0
    panel = utilisation_panel(qtbot, synthetic_session(60))
    assert panel.note.text() == "GPU and power: not reported"
    assert not any(lane.title == "Power" for lane in panel.chart.lanes)


def test_without_ceilings_mbu_and_mfu_are_not_reported(qtbot: QtBot) -> None:
    panel = utilisation_panel(qtbot, gpu_session())
    moved = lane(panel, "Memory bandwidth")
    assert "not reported" in moved.heading
    assert moved.y.tolist() == pytest.approx([20 / 100e-6, 20 / 200e-6, 20 / 600e-6])
    assert "MBU not reported" in panel.figures()


@pytest.mark.parametrize("steps", [None, (5, 30)])
def test_mbu_and_mfu_are_those_of_summarise(qtbot: QtBot, steps: tuple[int, int] | None) -> None:
    session = synthetic_session(64)
    panel = utilisation_panel(qtbot, session)
    panel.context.selection.change(steps=steps)
    summary = summarise(session, steps)
    assert summary.mbu is not None
    assert f"MBU {percent(summary.mbu)} ƒ" in panel.figures()
    assert f"MFU {percent(summary.mfu)} ƒ" in panel.figures()
    moved = lane(panel, "Memory bandwidth")
    assert f"{percent(summary.mbu)} ƒ" in moved.heading
    walls = (session.steps["end_ns"] - session.steps["start_ns"]) / 1e9
    np.testing.assert_allclose(moved.y, 100 * session.steps["bytes_moved"] / walls / 3.0e10)
    assert panel.chart.region == (None if steps is None else (5.0, 31.0))


def test_a_range_limits_the_figures(qtbot: QtBot) -> None:
    panel = utilisation_panel(qtbot, gpu_session())
    panel.context.selection.change(steps=(1, 1))
    assert f"{percent(0.9)} ● · mean {percent(0.9)}" in lane(panel, "GPU busy").heading
    assert "figures of steps 1–1" in panel.note.text()
    panel.context.selection.change(steps=(2, 2))
    assert "no reading in the selected steps" in lane(panel, "GPU busy").heading


def test_a_teacher_forced_pass_is_left_out_of_the_lanes_figures_as_of_the_headers(qtbot: QtBot) -> None:
    session = taught()
    panel = utilisation_panel(qtbot, session)
    summary = summarise(session)
    assert f"{percent(summary.mbu)} ƒ" in lane(panel, "Memory bandwidth").heading
    assert f"{percent(summary.mfu)} ƒ" in lane(panel, "Arithmetic").heading


@pytest.mark.parametrize("x", [3.02, 3.5, 3.98])
def test_the_tip_says_the_figure_of_the_step_it_names(qtbot: QtBot, x: float) -> None:
    session = synthetic_session(64)
    panel = utilisation_panel(qtbot, session)
    lines = panel.chart.describe(x).splitlines()
    assert lines[0] == "step 3"
    assert f"Memory bandwidth used (MBU): {percent(summarise(session, (3, 3)).mbu)}" in lines


def test_beside_the_last_step_the_tip_names_the_last(qtbot: QtBot) -> None:
    session = synthetic_session(64)
    panel = utilisation_panel(qtbot, session)
    last = len(session.steps) - 1
    assert panel.chart.describe(last + 1.4).startswith(f"step {last}\n")
    assert panel.chart.describe(-0.4).startswith("step 0\n")


def test_joules_a_token(qtbot: QtBot) -> None:
    panel = utilisation_panel(qtbot, gpu_session())
    # trapezoids: 200 µs at 150 W and 950 µs at 300 W, over the 4 tokens emitted between
    assert "78.8\u2009mJ a token ƒ" in panel.figures()


def test_memory_in_binary_units(qtbot: QtBot) -> None:
    panel = utilisation_panel(qtbot, synthetic_session(60))
    rss = lane(panel, "Memory of the engine")
    assert f"{memory(4.0e8 + 1e4 * 50)} ●" in rss.heading


def test_readings_are_those_the_engine_gives() -> None:
    assert set(GPU_READINGS) <= set(READINGS)


def test_a_click_selects_the_step(qtbot: QtBot) -> None:
    panel = utilisation_panel(qtbot, synthetic_session(40))
    panel.show()
    qtbot.waitExposed(panel)
    at = QPoint(round(panel.chart.x_of(12.5)), 40)
    qtbot.mouseClick(panel.chart, Qt.MouseButton.LeftButton, pos=at)
    assert panel.context.selection.now.step == 12
    assert panel.chart.marker == 12.0
    panel.axis_picker.setCurrentIndex(1)
    assert panel.session is not None
    assert panel.chart.marker == pytest.approx(panel.session.steps["start_ns"][12] / 1e9)


def test_only_what_is_new_is_taken(qtbot: QtBot) -> None:
    session = gpu_session()
    panel = utilisation_panel(qtbot, session)
    session.apply([schema.DeviceSample(1_300_000, "cuda", "utilisation_percent", 10.0)])
    panel.refresh()
    assert lane(panel, "GPU busy").y.tolist() == [20.0, 90.0, 60.0, 10.0]
    assert len(panel.rows()[1]) == 13


def test_an_empty_session_draws_nothing_and_says_what_will_come(qtbot: QtBot) -> None:
    panel = utilisation_panel(qtbot, Session())
    assert panel.is_empty
    assert panel.empty_text().endswith(".")
    panel.grab()


def with_ceilings(read: float, busy: bool, *levels: dict[str, object]) -> Session:
    session = synthetic_session(30)
    facts = {"read_bytes_per_s": read, "flops_per_s": 2e11, "levels": levels, "conditions": {"busy": busy}}
    session.meta["ceilings"] = json.dumps(facts)
    return session


def test_a_ceiling_of_a_busy_machine_is_said_and_stretches_no_axis(qtbot: QtBot) -> None:
    session = with_ceilings(1e9, True)
    panel = utilisation_panel(qtbot, session)
    mbu = lane(panel, "Memory bandwidth used")
    assert mbu.y.max() > 100
    assert (mbu.top, mbu.cut) == (100.0, True)
    assert mbu.heading.endswith("ceiling measured under load; measure again")
    assert "ceilings measured on a busy machine" in panel.figures()
    session.meta["ceilings"] = json.dumps(
        {"read_bytes_per_s": 1e12, "flops_per_s": 2e11, "conditions": {"busy": False}}
    )
    panel.refresh()
    mbu = lane(panel, "Memory bandwidth used")
    assert (mbu.top, mbu.cut) == (None, False)
    assert "load" not in mbu.heading + panel.figures()


def test_a_model_in_a_cache_uses_the_bandwidth_of_the_cache(qtbot: QtBot) -> None:
    level = {"name": "L3", "size_bytes": 2**30, "read_bytes_per_s": 5e10}
    session = with_ceilings(1e9, False, level)
    panel = utilisation_panel(qtbot, session)
    summary = summarise(session)
    assert summary.mbu is not None
    mbu = lane(panel, "Memory bandwidth used")
    assert f"{percent(summary.mbu)} ƒ" in mbu.heading
    assert f"of {rate(5e10, 'B/s')} measured" in mbu.heading
    moved, wall = session.steps["bytes_moved"], session.steps["end_ns"] - session.steps["start_ns"]
    assert mbu.y.tolist() == pytest.approx((100 * moved / (wall / 1e9) / 5e10).tolist())
