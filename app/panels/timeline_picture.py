"""Draws the whole timeline: its lanes one under the other, and over them the selection, pauses and marks."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QCoreApplication, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter

from app.core.selection import Selected
from app.look.theme import CAPTION_SCALE, GRID, ui_font
from app.models.request_lanes import RequestLanes
from app.models.timeline_trace import TraceLanes
from app.panels.timeline_chunks import draw_no_steps, draw_stream, steps_word
from app.panels.timeline_drafts import draw_drafts
from app.panels.timeline_groups import draw_group, draw_note, note_words
from app.panels.timeline_lanes import Lanes
from app.panels.timeline_layers import draw_layers
from app.panels.timeline_marks import draw_marks
from app.panels.timeline_paint import (
    Scene,
    draw_axis,
    draw_device,
    draw_host,
    draw_not_reported,
    draw_range,
    draw_step,
)
from app.panels.timeline_pauses import draw_pauses
from app.panels.timeline_requests import draw_request
from app.panels.timeline_trace import draw_trace, placed_rows
from app.widgets.line_chart import GUTTER
from app.widgets.painted import caption_height
from engine.figures.told import told

LABEL_WIDTH: Final = GUTTER - 3 * GRID
"""Pixels of the label of a lane."""


def draw_timeline(
    painter: QPainter, scene: Scene, lanes: Lanes, shown: RequestLanes, selected: Selected, scrolled: int
) -> None:
    """Draw all lanes from the axis down, over them selection, pauses and marks, and then texts that these may cross.

    The rows of requests are scrolled by `scrolled` pixels.
    """
    bottom = lanes.requests.top() + min(lanes.rows_height(shown), lanes.requests.height())
    plot = QRectF(scene.left, 0, scene.width, lanes.legend.bottom())
    painter.save()
    painter.setClipRect(plot)
    draw_axis(painter, scene, lanes.axis, bottom)
    painter.restore()
    if scene.model.trace is not None:
        _draw_trace(painter, scene, scene.model.trace, lanes)
    else:
        _draw_steps(painter, scene, lanes, plot, selected)
    painter.save()
    painter.setClipRect(lanes.requests)
    for row in shown.rows:
        box = lanes.row_box(row, scrolled)
        if not box.intersects(lanes.requests):
            continue
        if row.group is not None:
            draw_group(painter, scene, box, shown, row.group)
        elif row.request is not None:
            _draw_request(painter, scene, lanes, box, row.request, selected)
    painter.restore()
    painter.setClipRect(plot)
    if selected.steps is not None:
        draw_range(painter, scene, selected.steps, lanes.axis.bottom(), bottom)
    if selected.step is not None:
        draw_step(painter, scene, selected.step, lanes.host)
    draw_pauses(painter, scene, lanes.host.top(), bottom)
    draw_marks(painter, scene, lanes.marks, bottom)
    if scene.model.stepped and not scene.model.device_reported and scene.model.trace is None:
        draw_not_reported(painter, scene, lanes.device.intersected(plot), _no_device_time(scene))
    painter.setClipping(False)
    if lanes.note.height():
        draw_note(painter, scene, lanes.note, note_words(shown, lanes, scrolled))


def _draw_trace(painter: QPainter, scene: Scene, trace: TraceLanes, lanes: Lanes) -> None:
    """Draw the lanes of an imported trace, and beside each stream and thread what it is called."""
    draw_trace(painter, scene, trace, lanes)
    metrics = QFontMetrics(ui_font(CAPTION_SCALE))
    for one in placed_rows(trace, lanes):
        if one.label:
            words = metrics.elidedText(one.label, Qt.TextElideMode.ElideRight, LABEL_WIDTH)
            _label(painter, one.box, words, scene.colours.muted)
    if not trace.streams:
        _label(painter, lanes.device, QCoreApplication.translate("TimelineCanvas", "device"), scene.colours.muted)


def _draw_steps(painter: QPainter, scene: Scene, lanes: Lanes, plot: QRectF, selected: Selected) -> None:
    """Draw the lanes of host, layers, device and drafts; where no steps are told, one lane that says so."""
    colours, stepped = scene.colours, scene.model.stepped
    translate = QCoreApplication.translate
    host = translate("TimelineCanvas", "host")
    if lanes.host.height() >= 2 * caption_height():
        host += "\n" + translate("TimelineCanvas", "(shares)")
    else:
        shares = translate("TimelineCanvas", "host shares")
        host = shares if QFontMetrics(ui_font(CAPTION_SCALE)).horizontalAdvance(shares) <= LABEL_WIDTH else host
    names = [(lanes.host, host), (lanes.device, translate("TimelineCanvas", "device"))]
    if lanes.layers.height():
        names.append((lanes.layers, translate("TimelineCanvas", "layers")))
    if scene.model.speculates:
        names.append((lanes.drafts, translate("TimelineCanvas", "drafts")))
    for box, name in names if stepped else [(lanes.host, steps_word())]:
        painter.fillRect(box.intersected(plot), QColor(colours.window))
        _label(painter, box, name, colours.muted)
    painter.save()
    painter.setClipRect(plot)
    if stepped:
        draw_host(painter, scene, lanes.host, translate("TimelineCanvas", "idle {}"))
        if lanes.layers.height():
            draw_layers(painter, scene, lanes.layers, selected)
        if scene.model.device_reported:
            draw_device(painter, scene, lanes.device.intersected(plot))
    else:
        draw_no_steps(painter, scene, lanes.host.intersected(plot))
    if scene.model.speculates:
        draw_drafts(painter, scene, lanes.drafts)
    painter.restore()


def _draw_request(
    painter: QPainter, scene: Scene, lanes: Lanes, box: QRectF, request_id: int, selected: Selected
) -> None:
    request = scene.model.session.requests[request_id]
    colour = scene.colours.request(request_id)
    if request_id == selected.request:
        painter.fillRect(QRectF(0, box.top(), 3, box.height()), QColor(colour))
    _label(painter, box, QCoreApplication.translate("TimelineCanvas", "req {}").format(request_id), colour)
    token = selected.token
    owns = token is not None and token < len(scene.model.session.tokens)
    if owns and int(scene.model.session.tokens["request_id"][token]) != request_id:
        owns = False
    painter.save()
    plot = QRectF(scene.left, box.top() - 1, scene.width, box.height() + 2)
    painter.setClipRect(plot.intersected(lanes.requests))
    chosen = token if owns else None
    if scene.model.stepped:
        waits = QCoreApplication.translate("TimelineCanvas", "waits {}")
        draw_request(painter, scene, box, request, waits, chosen)
    else:
        draw_stream(painter, scene, box, request, chosen)
    painter.restore()


def _no_device_time(scene: Scene) -> str:
    """Why the lane of the device is empty, where it is."""
    if told(scene.model.session, "device_time"):
        return QCoreApplication.translate("TimelineCanvas", "not reported by this device")
    return QCoreApplication.translate("TimelineCanvas", "not told by this server")


def _label(painter: QPainter, box: QRectF, text: str, colour: str) -> None:
    painter.setFont(ui_font(CAPTION_SCALE))
    painter.setPen(QColor(colour))
    area = QRectF(2 * GRID, box.top(), LABEL_WIDTH, box.height())
    painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
