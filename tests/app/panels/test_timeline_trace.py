"""The timeline of an imported trace: each kernel at its time, in its stream's row and its phase's colour."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from app.core.selection import Selected
from app.look.theme import theme
from app.models.timeline import BANDS
from app.models.timeline_trace import TraceLanes
from app.panels.timeline import TimelinePanel
from app.panels.timeline_canvas import TimelineCanvas
from app.panels.timeline_trace import Placed, placed_rows, short_threads
from engine.session.store import Session
from tests.app.panels.acting import shown
from tests.engine.importing.made import MadeTrace, serving_trace, session_of


def overlapping() -> MadeTrace:
    """Three steps of 100 µs; in each two streams whose kernels overlap, and a copy that nothing launched."""
    made = MadeTrace()
    for step in range(3):
        at = 120.0 * step
        made.range("user_annotation", f"ProfilerStep#{step}", at, 100.0)
        made.range("user_annotation", "attention", at + 1, 30.0)
        made.launched("flash_fwd", at + 2, at + 10, 50.0, stream=7, step=step)
        made.range("user_annotation", "mlp", at + 40, 30.0)
        made.launched("gemm_kernel", at + 41, at + 45, 40.0, stream=9, step=step)
        made.kernel("Memcpy DtoD", at + 95, 3.0, stream=9, cat="gpu_memcpy", bytes=4096)
    return made


def panel_of(qtbot: QtBot, session: Session, width: int = 1000, height: int = 420) -> TimelinePanel:
    panel = shown(TimelinePanel, session, width, height)
    assert isinstance(panel, TimelinePanel)
    qtbot.addWidget(panel)
    panel.show()
    return panel


def row_of(canvas: TimelineCanvas, label: str) -> Placed:
    assert canvas.model is not None
    assert canvas.model.trace is not None
    return next(one for one in placed_rows(canvas.model.trace, canvas.lanes()) if one.label == label)


def place(canvas: TimelineCanvas, label: str, t_us: float) -> QPointF:
    """Where a moment is in a row."""
    scene = canvas.scene()
    assert scene is not None
    return QPointF(scene.time_x(t_us * 1000), row_of(canvas, label).box.center().y())


@pytest.mark.parametrize("axis", ["time", "steps"])
def test_a_kernel_is_in_the_row_of_its_stream_in_the_colour_of_its_phase(qtbot: QtBot, axis: str) -> None:
    canvas = panel_of(qtbot, session_of(overlapping())).canvas
    canvas.set_axis("steps" if axis == "steps" else "time")
    picture = canvas.grab().toImage()
    groups = theme().groups

    def colour(label: str, t_us: float) -> QColor:
        at = place(canvas, label, t_us)
        return picture.pixelColor(round(at.x()), round(at.y()) + 5)

    assert colour("stream 7", 55.0) == QColor(groups["attention"])
    assert colour("stream 9", 55.0) == QColor(groups["ffn"])
    assert colour("stream 7", 80.0) == colour("stream 9", 20.0) == QColor(theme().window)
    assert colour("stream 9", 120.0 + 96.5) == QColor(groups["other"])


def test_the_tool_tip_names_the_kernel_its_time_stream_shape_and_step(qtbot: QtBot) -> None:
    canvas = panel_of(qtbot, session_of(overlapping())).canvas
    canvas.view.show(0.0, 110_000.0)
    assert canvas.tooltip(place(canvas, "stream 7", 30.0)).splitlines() == [
        "flash_fwd",
        "kernel · 50.0 µs ●",
        "stream 7 · grid 132×1×1 · block 384×1×1",
        "phase attention (in attention), by names",
        "launched in step 0",
        "launched by attention",
    ]
    copy = canvas.tooltip(place(canvas, "stream 9", 96.0)).splitlines()
    assert copy[:3] == ["Memcpy DtoD", "copy · 3.00 µs ●", "stream 9 · 4.00 KiB"]
    assert copy[-1] == "in no step: nothing tells where it was launched"
    assert canvas.tooltip(place(canvas, "stream 9", 20.0)) == ""
    host = canvas.tooltip(place(canvas, "41/41", 50.0)).splitlines()
    assert host[:2] == ["ProfilerStep#0", "annotation · 100 µs ●, 40.0 µs of it its own"]


def test_a_click_on_a_kernel_selects_the_step_that_launched_it_and_the_keys_walk_steps(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, session_of(overlapping()))
    canvas = panel.canvas
    canvas.pick(place(canvas, "stream 9", 120.0 + 60))
    assert panel.context.selection.now.step == 1
    qtbot.keyClick(canvas, Qt.Key.Key_Right)
    assert panel.context.selection.now.step == 2
    qtbot.keyClick(canvas, Qt.Key.Key_Home)
    assert panel.context.selection.now.step == 0


def test_a_double_click_shows_one_kernel(qtbot: QtBot) -> None:
    canvas = panel_of(qtbot, session_of(overlapping())).canvas
    at = place(canvas, "stream 7", 150.0).toPoint()
    qtbot.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=at)
    assert (canvas.view.lo + canvas.view.hi) / 2 == pytest.approx(155_000, abs=1000)
    assert 50_000 <= canvas.view.span <= 70_000


def test_a_trace_that_names_no_steps_is_drawn_over_time(qtbot: QtBot) -> None:
    made = MadeTrace()
    for number in range(40):
        made.kernel("softmax_kernel", 10.0 * number, 6.0)
    panel = panel_of(qtbot, session_of(made))
    assert panel.figures() == "40 kernels · 0 ranges · 396 µs ●"
    assert not panel.axis_button.isVisible()
    panel.canvas.select(Selected())
    colour = panel.canvas.grab().toImage().pixelColor(place(panel.canvas, "stream 7", 83.0).toPoint())
    assert colour == QColor(theme().groups["attention"])
    names, rows = panel.rows()
    assert len(rows) == 40
    assert dict(zip(names, rows[3], strict=True)) == {
        "what": "kernel", "name": "softmax_kernel", "kind": "kernel", "phase": "attention", "step": None,
        "start_ns": 30_000, "end_ns": 36_000, "self_ns": None, "device": 0, "stream": 7, "thread": None, "depth": None,
    }  # fmt: skip


def test_streams_without_room_share_a_row_and_rows_of_the_host_are_counted(qtbot: QtBot) -> None:
    made = MadeTrace()
    for stream in range(30):
        made.kernel("k", 5.0 * stream, 4.0, stream=stream)
    for depth in range(40):
        made.range("cpu_op", f"f{depth}", float(depth), 300.0 - 2 * depth)
    panel = panel_of(qtbot, session_of(made), height=260)
    canvas = panel.canvas
    assert canvas.model is not None
    assert canvas.model.trace is not None
    rows = placed_rows(canvas.model.trace, canvas.lanes())
    shared = rows[-1]
    assert shared.label.endswith(" streams")
    of_device = [one for one in rows if one.row.side == "device"]
    assert sum(len(one.row) for one in of_device) == 30  # nothing is left out
    assert any(one.label.startswith("and ") for one in rows)


def test_shares_of_pixels_sum_to_the_time_that_the_kernels_took() -> None:
    session = session_of(serving_trace(6, layers=3))
    trace = TraceLanes(session, BANDS)
    edges = np.linspace(trace.first_ns, trace.last_ns, 301)
    for stream in trace.streams:
        took = float((stream.row.ends - stream.row.starts).sum())
        assert (stream.row.shares(edges) * np.diff(edges)[:, None]).sum() == pytest.approx(took, rel=1e-9)
    row = trace.streams[0].row
    for least in (0, 5_000, 40_000, 300_000):
        for lo, hi in ((edges[0], edges[-1]), (edges[40], edges[44])):
            inside = (row.starts < hi) & (row.ends > lo) & (row.ends - row.starts >= least)
            assert row.long_ones(lo, hi, least).tolist() == np.flatnonzero(inside).tolist()


def test_a_thread_is_called_by_what_runs_in_it_where_that_is_known_of_one_only() -> None:
    assert short_threads(["thread 41 (python)", "thread 7 (pt_autograd)", "main"]) == ["python", "pt_autograd", "main"]
    assert short_threads(["thread 41 (python)", "thread 42 (python)"]) == ["41", "42"]
