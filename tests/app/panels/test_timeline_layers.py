"""The lane of layers: a step in the order in which the model runs it, down to one layer."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.look.theme import theme
from app.panels.timeline import TimelinePanel
from engine.session import schema
from engine.session.schema import PHASES
from engine.session.store import Session
from tests.app.figures.shown import listening
from tests.app.panels.helpers import click, colour_at, show
from tests.app.panels.sessions import MS, decode_run

LAYER_US = {"norm": 500.0, "qkv": 1000.0, "attention": 1500.0, "ffn": 1000.0}
OUTSIDE_US = {"prepare": 500.0, "lm_head": 1000.0}


def layered(steps: int = 2) -> Session:
    """Steps of 10 ms: 0.5 to prepare, two layers of 4 ms, 1 for the LM head, and 0.5 that no phase accounts for."""
    session = decode_run(1, "contiguous").session
    made = Session()
    made.apply([schema.SessionStarted({**session.meta, "detail": "layer"})])
    made.apply([schema.ConfigChanged(0, 0, "{}"), schema.RequestArrived(0, "a", [1], ["a"], "{}", 0)])
    made.apply([schema.RequestScheduled(0, 0)])
    table = np.zeros((3, len(PHASES)), np.float32)
    for phase, us in LAYER_US.items():
        table[:2, PHASES.index(phase)] = us
    for phase, us in OUTSIDE_US.items():
        table[2, PHASES.index(phase)] = us
    for step in range(steps):
        start, end = step * 10 * MS, (step + 1) * 10 * MS
        zeros = np.zeros((2, 2), np.int64).tobytes()
        made.apply([schema.Work(step, 0, 0, step, step, step + 1, 0, 0)])
        made.apply([schema.Step(step, 0, "decode", start, end, -1, 1, 1, *([0] * 12), "sdpa", table.tobytes(), zeros)])
        made.apply([schema.Token(step, 0, step, step + 1, 5, "x", -0.5, 1.0, "target", end, b"")])
    return made


def shown(qtbot: QtBot, session: Session, height: int = 420) -> TimelinePanel:
    return cast(TimelinePanel, show(qtbot, TimelinePanel, session, 1000, height))


def at(panel: TimelinePanel, ms: float, share: float) -> QPointF:
    """The place of a moment in the lane of layers, `share` of its height from the top."""
    scene, box = panel.canvas.scene(), panel.canvas.lanes().layers
    assert scene is not None
    return QPointF(scene.time_x(ms * MS), box.top() + share * box.height())


def test_layers_and_phases_stand_in_the_order_of_the_model(qtbot: QtBot) -> None:
    panel = shown(qtbot, layered())
    groups = theme().groups
    wanted = [(0.25, "prepare"), (0.75, "norm"), (1.5, "attention"), (3.0, "attention"), (4.2, "ffn"), (4.8, "norm"),
              (8.2, "ffn"), (9.2, "sampling")]  # fmt: skip
    for ms, group in wanted:
        place = at(panel, ms, 0.9)
        assert colour_at(panel.canvas, place.x(), place.y()) == groups[group], ms
    with listening() as heard:
        panel.grab()
    texts = [one.text for one in heard.painted]
    assert texts.count("layer 0") == texts.count("layer 1") == 2
    assert "layers: measured times ● in the model’s order ƒ" in texts


@pytest.mark.parametrize("axis", ["time", "steps"])
def test_hovering_names_layer_phase_and_time(qtbot: QtBot, axis: str) -> None:
    panel = shown(qtbot, layered())
    panel.canvas.set_axis("steps" if axis == "steps" else "time")
    text = panel.canvas.tooltip(at(panel, 12.5, 0.5)).replace("\u2009", " ")
    assert text.splitlines() == [
        "step 1, layer 0, attention: 1.50 ms ● (15.0 % of the step ƒ)",
        "its place ƒ: measured times end to end, in the order in which the model runs",
    ]
    assert "all norms of the layer" in panel.canvas.tooltip(at(panel, 0.7, 0.5))
    assert panel.canvas.tooltip(at(panel, 9.2, 0.5)).startswith("step 0, lm_head: ")
    rest = panel.canvas.tooltip(at(panel, 9.75, 0.5)).replace("\u2009", " ")
    assert rest.splitlines()[0] == "step 0, other: 500 µs ● (5.00 % of the step ƒ)"
    assert "when it was is not known" in rest


def test_a_click_selects_step_and_layer_and_a_double_click_shows_the_layer(qtbot: QtBot) -> None:
    panel = shown(qtbot, layered())
    place = at(panel, 17.0, 0.2)
    click(panel.canvas, place.x(), place.y())
    now = panel.context.selection.now
    assert (now.step, now.layer) == (1, 1)
    place = at(panel, 17.0, 0.2)
    event = QMouseEvent(
        QMouseEvent.Type.MouseButtonDblClick, place, panel.canvas.mapToGlobal(place), Qt.MouseButton.LeftButton,
        Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(panel.canvas, event)
    view = panel.canvas.view
    assert (view.lo / MS, view.hi / MS) == pytest.approx((14.1, 18.9))
    panel.context.selection.back()
    assert view.hi / MS > 19


def test_steps_too_narrow_say_how_to_see_their_layers(qtbot: QtBot) -> None:
    panel = shown(qtbot, layered(60))
    panel.canvas.view.fit()
    with listening() as heard:
        panel.grab()
    assert "zoom in to see the layers of each step in their order (W, wheel)" in [one.text for one in heard.painted]
    panel.canvas.view.show(100 * MS, 110 * MS)
    with listening() as heard:
        panel.grab()
    assert "layer 1" in [one.text for one in heard.painted]


def test_the_lane_is_there_only_where_layers_were_timed_and_can_be_hidden(qtbot: QtBot) -> None:
    assert shown(qtbot, decode_run(3, "contiguous").session).canvas.lanes().layers.height() == 0
    assert shown(qtbot, layered(), 130).canvas.lanes().layers.height() > 0, "a low panel, but one request"
    panel = shown(qtbot, layered())
    assert panel.lane_menu.isVisible()
    assert panel.canvas.lanes().layers.height() > 0
    menu = panel.lane_menu
    menu.choices.aboutToShow.emit()
    assert menu.layers.isChecked()
    menu.layers.trigger()
    assert panel.canvas.lanes().layers.height() == 0
    session = layered()
    session.apply([schema.RequestArrived(one, "b", [1], ["b"], "{}", 0) for one in range(1, 20)])
    low = shown(qtbot, session, 180)
    assert low.canvas.lanes().layers.height() == 0, "the requests need the room"
    low.lane_menu.choices.aboutToShow.emit()
    assert not low.lane_menu.layers.isChecked()
    low.lane_menu.layers.trigger()
    assert low.canvas.lanes().layers.height() > 0, "asked for"
