"""Back and forward lead to where a panel looked: zoom, pan, axis and filter of every panel along the steps."""

from __future__ import annotations

from typing import cast

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.panels.batch import BatchPanel
from app.panels.latency import LatencyPanel
from app.panels.timeline import TimelinePanel
from app.panels.utilisation import UtilisationPanel
from app.window.step_strip import StepStrip
from engine.session.store import Session
from tests.app.panels.helpers import show
from tests.engine.session.synthetic import synthetic_session


@pytest.fixture(scope="module")
def session() -> Session:
    return synthetic_session(600)


def test_the_timeline_goes_back_and_forward(qtbot: QtBot, session: Session) -> None:
    panel = cast(TimelinePanel, show(qtbot, TimelinePanel, session))
    canvas, selection = panel.canvas, panel.context.selection
    whole = (canvas.view.lo, canvas.view.hi)
    qtbot.keyClick(canvas, Qt.Key.Key_W)
    near = (canvas.view.lo, canvas.view.hi)
    selection.change(step=300)
    selection.back()
    assert (canvas.view.lo, canvas.view.hi) == near
    selection.back()
    assert ((canvas.view.lo, canvas.view.hi), canvas.view.mode) == (whole, "fit")
    assert not panel.follow_button.isVisible()
    selection.forward()
    assert (canvas.view.lo, canvas.view.hi) == near
    assert panel.follow_button.isVisible()


def test_the_axis_of_the_timeline_goes_back_too(qtbot: QtBot, session: Session) -> None:
    panel = cast(TimelinePanel, show(qtbot, TimelinePanel, session))
    panel.axis_button.click()
    assert panel.canvas.axis == "steps"
    panel.context.selection.back()
    assert (panel.canvas.axis, panel.axis_button.isChecked()) == ("time", False)
    panel.context.selection.forward()
    assert (panel.canvas.axis, panel.axis_button.isChecked()) == ("steps", True)


def test_a_step_selected_elsewhere_comes_into_view(qtbot: QtBot, session: Session) -> None:
    panel = cast(TimelinePanel, show(qtbot, TimelinePanel, session))
    panel.axis_button.click()
    canvas, selection = panel.canvas, panel.context.selection
    canvas.view.show(10, 30)
    selection.change(step=400)
    assert canvas.view.lo <= 400
    assert canvas.view.hi >= 401
    selection.back()
    assert (canvas.view.lo, canvas.view.hi) == (10, 30)


def test_a_range_selected_elsewhere_comes_into_view(qtbot: QtBot, session: Session) -> None:
    panel = cast(TimelinePanel, show(qtbot, TimelinePanel, session))
    panel.axis_button.click()
    canvas, selection = panel.canvas, panel.context.selection
    canvas.follow()
    selection.change(steps=(100, 199))
    assert canvas.view.lo <= 100
    assert canvas.view.hi >= 200
    assert canvas.view.span < 110
    assert panel.follow_button.isVisible()
    seen = (canvas.view.lo, canvas.view.hi)
    selection.change(steps=(120, 140))  # in sight already
    assert (canvas.view.lo, canvas.view.hi) == seen
    selection.back()
    selection.back()
    assert canvas.view.mode == "follow"


def test_the_step_strip_goes_back_and_forward(qtbot: QtBot, session: Session) -> None:
    selection = Selection()
    strip = StepStrip(selection)
    qtbot.addWidget(strip)
    strip.resize(800, strip.sizeHint().height())
    strip.show_session(session)
    qtbot.keyClick(strip, Qt.Key.Key_W)
    near = strip.view
    assert near != (0.0, 600.0)
    selection.change(step=599)
    assert strip.view[0] <= 599 < strip.view[1]
    selection.back()
    assert strip.view == near
    selection.back()
    assert strip.view == (0.0, 600.0)
    assert strip.following
    selection.forward()
    assert strip.view == near
    assert not strip.following


def test_the_bars_of_the_latency_panel_go_back(qtbot: QtBot, session: Session) -> None:
    panel = cast(LatencyPanel, show(qtbot, LatencyPanel, session, 1200, 700))
    whole = (panel.chart.view.lo, panel.chart.view.hi)
    qtbot.keyClick(panel.chart, Qt.Key.Key_W)
    assert (panel.chart.view.lo, panel.chart.view.hi) != whole
    panel.context.selection.back()
    assert (panel.chart.view.lo, panel.chart.view.hi) == whole


def test_the_filter_of_the_latency_panel_goes_back(qtbot: QtBot, session: Session) -> None:
    panel = cast(LatencyPanel, show(qtbot, LatencyPanel, session, 1200, 700))
    assert panel.range_figures is not None
    everything = panel.range_figures.steps
    qtbot.keyClick(panel.histogram, Qt.Key.Key_Home)
    band = panel.histogram.band
    assert band == panel.context.selection.now.band_us
    assert panel.range_figures.steps < everything
    panel.context.selection.back()
    assert panel.histogram.band is None
    assert panel.range_figures.steps == everything
    panel.context.selection.forward()
    assert panel.histogram.band == band
    assert panel.range_figures.steps < everything


def test_the_slots_of_the_batch_panel_go_back_and_forward(qtbot: QtBot, session: Session) -> None:
    panel = cast(BatchPanel, show(qtbot, BatchPanel, session, 900, 600))
    whole = (panel.view.lo, panel.view.hi)
    qtbot.keyClick(panel, Qt.Key.Key_W)
    near = (panel.view.lo, panel.view.hi)
    assert near != whole
    panel.context.selection.back()
    assert ((panel.view.lo, panel.view.hi), panel.view.mode) == (whole, "fit")
    panel.context.selection.forward()
    assert (panel.view.lo, panel.view.hi) == near
    chart = panel.charts[0]
    wheel = QWheelEvent(
        QPointF(chart.rect().center()), chart.mapToGlobal(QPointF(chart.rect().center())), QPoint(), QPoint(0, 240),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    chart.wheelEvent(wheel)
    assert panel.view.span < near[1] - near[0]
    panel.context.selection.back()
    assert (panel.view.lo, panel.view.hi) == near


def test_the_lanes_of_the_utilisation_panel_go_back(qtbot: QtBot, session: Session) -> None:
    panel = cast(UtilisationPanel, show(qtbot, UtilisationPanel, session, 800, 600))
    qtbot.keyClick(panel.chart, Qt.Key.Key_W)
    near = (panel.chart.view.lo, panel.chart.view.hi)
    panel.axis_picker.setCurrentIndex(1)
    QApplication.processEvents()
    panel.context.selection.back()
    assert panel.axis_picker.currentIndex() == 0
    assert (panel.chart.view.lo, panel.chart.view.hi) == near
    panel.context.selection.back()
    assert panel.chart.view.mode == "fit"
    panel.context.selection.forward()
    panel.context.selection.forward()
    assert panel.axis_picker.currentIndex() == 1
