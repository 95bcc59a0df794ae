"""The histogram of step times: what it counts, what a band of it selects, and the way from outlier to outlier."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.look import theme
from app.look.units import seconds
from app.models.latency_histogram import histogram, next_of
from app.models.ticks import log_ticks
from app.panels.latency import LatencyPanel
from engine.figures.latency import outlier_us
from tests.app.panels.helpers import colour_at, show
from tests.app.panels.sessions import MS, Recorder

SLOW = (7, 23, 38)


def slow_run() -> Recorder:
    """40 steps of 10 to 13 ms, three of which take 50, 60 and 70 ms; the device works half of each."""
    recorder = Recorder()
    recorder.switches(kv="contiguous")
    recorder.request(0, ["<s>"])
    for step in range(40):
        ns = (50 + 10 * SLOW.index(step)) * MS if step in SLOW else (10 + step % 4) * MS
        recorder.step([(0, step, step, step + 1, 0, step)], [(0, " t", "target")], ns=ns, device_ns=ns // 2,
                      gap_ns=MS, phases={"attention": 0.6e-3 * ns, "ffn": 0.3e-3 * ns})  # fmt: skip
    return recorder


def latency_panel(qtbot: QtBot, width: int = 1200, height: int = 700) -> LatencyPanel:
    return cast(LatencyPanel, show(qtbot, LatencyPanel, slow_run().session, width, height))


def test_every_step_is_in_one_bin() -> None:
    walls = np.array([1.0, 2.0, 2.0, 4.0, 99.0, 100.0])
    bins = histogram(walls, 4)
    np.testing.assert_allclose(bins.edges_us, [1, 10**0.5, 10, 10**1.5, 100])
    assert bins.counts.tolist() == [3, 1, 0, 2]
    assert [bins.bin_of(us) for us in (0.5, 1, 4, 100, 1000)] == [0, 0, 1, 3, 3]


def test_steps_all_alike_stand_in_the_middle() -> None:
    bins = histogram(np.full(9, 7.0), 20)
    assert bins.counts.tolist() == [0, 9, 0]
    assert histogram(np.empty(0), 20).counts.tolist() == [0]


def test_outliers_lie_beyond_the_far_fence() -> None:
    walls = np.array([10.0, 11, 12, 13] * 5)
    assert outlier_us(walls) == np.percentile(walls, 75) + 3 * (np.percentile(walls, 75) - np.percentile(walls, 25))
    assert outlier_us(walls[:7]) is None


def test_the_next_goes_round_the_end() -> None:
    steps = np.array([3, 8, 20])
    assert [next_of(steps, now, 1) for now in (None, 3, 4, 20)] == [3, 8, 8, 3]
    assert [next_of(steps, now, -1) for now in (None, 3, 4, 20)] == [20, 20, 3, 8]
    assert next_of(steps[:0], 3, 1) is None


def test_ticks_are_round() -> None:
    assert log_ticks(900.0, 60_000.0) == [1000, 2000, 5000, 10_000, 20_000, 50_000]
    assert log_ticks(2010.0, 2600.0) == [2200, 2400, 2600]


def test_the_bars_are_the_counts(qtbot: QtBot) -> None:
    panel = latency_panel(qtbot)
    shown = panel.histogram.histogram
    assert shown is not None
    assert int(shown.counts.sum()) == 40
    assert panel.histogram.describe(len(shown.counts) - 1).endswith("steps: 1 ● measured")
    assert panel.outliers.text() == "3 outliers ƒ"
    assert panel.picked_steps().tolist() == list(SLOW)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_outliers_have_the_colour_of_a_warning_and_a_line(qtbot: QtBot, scheme: theme.Scheme) -> None:
    theme.apply(scheme)
    panel = latency_panel(qtbot)
    widget, colours = panel.histogram, theme.theme()
    assert widget.histogram is not None
    box = widget.plot_box()
    edges = widget.histogram.edges_us
    middle = (widget.x_of(edges[-2]) + widget.x_of(edges[-1])) / 2
    assert colour_at(widget, middle - 1, box.bottom() - 2) == colours.warn
    first = (widget.x_of(edges[0]) + widget.x_of(edges[1])) / 2
    assert colour_at(widget, first - 1, box.bottom() - 2) == colours.positions["new"]


def test_dragging_over_the_slow_ones_limits_every_figure(qtbot: QtBot) -> None:
    panel = latency_panel(qtbot)
    widget = panel.histogram
    start, end = QPoint(round(widget.x_of(45_000)), 60), QPoint(round(widget.x_of(69_900)), 60)
    qtbot.mousePress(widget, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(widget, end)
    QApplication.processEvents()
    qtbot.mouseRelease(widget, Qt.MouseButton.LeftButton, pos=end)
    assert panel.picked_steps().tolist() == list(SLOW)
    assert panel.outliers.text() == "3 selected"
    assert panel.table.cell("total", "mean") == seconds(60e-3)
    assert panel.table.cell("attention", "mean") == seconds(36e-3)
    assert panel.range_line.text().startswith("3 steps of ")
    assert [kind for kind, _ in panel.split.parts] == ["device", "host"]
    assert "between steps" not in panel.range_line.text()
    np.testing.assert_allclose([value for _, value in panel.split.parts], [0.09, 0.09])
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=start + QPoint(6, 0))  # a click on the band gives it up
    assert widget.band is None
    assert "all 40 steps" in panel.range_line.text()
    walls = [70 if step == 38 else 60 if step == 23 else 50 if step == 7 else 10 + step % 4 for step in range(40)]
    assert panel.table.cell("total", "p50") == seconds(float(np.median(walls[1:])) / 1e3)  # step 0 is the prompt's


def test_from_outlier_to_outlier_by_key_and_button(qtbot: QtBot) -> None:
    panel = latency_panel(qtbot)
    chosen = panel.context.selection
    found = []
    for _ in range(4):
        qtbot.keyClick(panel.histogram, Qt.Key.Key_N)
        found.append(chosen.now.step)
    assert found == [7, 23, 38, 7]
    qtbot.keyClick(panel.histogram, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    assert chosen.now.step == 38
    qtbot.mouseClick(panel.previous_button, Qt.MouseButton.LeftButton)
    assert chosen.now.step == 23
    qtbot.mouseClick(panel.next_button, Qt.MouseButton.LeftButton)
    assert chosen.now.step == 38


def test_a_band_by_keys(qtbot: QtBot) -> None:
    panel = latency_panel(qtbot)
    widget = panel.histogram
    qtbot.keyClick(widget, Qt.Key.Key_Right)
    assert widget.histogram is not None
    edges = widget.histogram.edges_us
    assert widget.band == (edges[0], edges[1])
    qtbot.keyClick(widget, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert widget.band == (edges[0], edges[2])
    assert "steps: " in widget.accessibleDescription()
    qtbot.keyClick(widget, Qt.Key.Key_Backspace)
    assert widget.band is None


def test_a_selected_range_limits_the_histogram(qtbot: QtBot) -> None:
    panel = latency_panel(qtbot)
    panel.context.selection.change(steps=(0, 20))
    assert panel.histogram.histogram is not None
    assert int(panel.histogram.histogram.counts.sum()) == 21
    assert panel.picked_steps().tolist() == [7]


def test_device_host_and_gaps_add_up(qtbot: QtBot) -> None:
    panel = latency_panel(qtbot)
    parts = dict(panel.split.parts)
    walls = [10 + step % 4 for step in range(40) if step not in SLOW]
    busy = (sum(walls) + 180) / 1e3
    np.testing.assert_allclose([parts["device"], parts["host"], parts["gap"]], [busy / 2, busy / 2, 0.039])
    assert "device busy" in panel.split.toolTip()
    assert "between steps" in panel.split.toolTip()


def test_where_it_is_narrow_one_picture_at_a_time(qtbot: QtBot) -> None:
    panel = latency_panel(qtbot, 560, 420)
    assert panel.chart.isVisible()
    assert not panel.histogram.isVisible()
    panel.picture.buttons["histogram"].click()
    QApplication.processEvents()
    assert panel.histogram.isVisible()
    assert not panel.chart.isVisible()
    assert panel.histogram.histogram is not None
    assert int(panel.histogram.histogram.counts.sum()) == 40
    for widget in (panel.table, panel.histogram):
        assert panel.rect().contains(widget.geometry())
