"""Draws the whole timeline: its lanes one under the other, and over them the selection, pauses and marks."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from app.core.selection import Selected
from app.look.theme import CAPTION_SCALE, GRID, ui_font
from app.panels.timeline_chunks import draw_chunk_legend, draw_no_steps, draw_stream, steps_word
from app.panels.timeline_drafts import draw_drafts, draw_drafts_legend
from app.panels.timeline_lanes import Lanes
from app.panels.timeline_paint import (
    Scene,
    draw_axis,
    draw_device,
    draw_host,
    draw_legend,
    draw_marks,
    draw_range,
    draw_step,
)
from app.panels.timeline_pauses import draw_pauses
from app.panels.timeline_requests import draw_request
from app.widgets.line_chart import GUTTER
from engine.figures.told import told


def draw_timeline(painter: QPainter, scene: Scene, lanes: Lanes, selected: Selected, scrolled: int) -> None:
    """Draw all lanes from the axis down, over them the selection, pauses and marks, and the legend below.

    The lanes of requests are scrolled by `scrolled` pixels.
    """
    requests = list(scene.model.session.requests.values())
    bottom = lanes.requests.top() + min(len(requests) * lanes.request_height, lanes.requests.height())
    plot = QRectF(scene.left, 0, scene.width, lanes.legend.bottom())
    painter.save()
    painter.setClipRect(plot)
    draw_axis(painter, scene, lanes.axis, bottom)
    painter.restore()
    _draw_steps(painter, scene, lanes, plot)
    painter.save()
    painter.setClipRect(lanes.requests)
    first = int(scrolled // lanes.request_height)
    last = int((scrolled + lanes.requests.height()) // lanes.request_height) + 1
    for index, request in list(enumerate(requests))[first:last]:
        _draw_request(painter, scene, lanes, lanes.request_box(index, scrolled), request.id, selected)
    painter.restore()
    painter.setClipRect(plot)
    if selected.steps is not None:
        draw_range(painter, scene, selected.steps, lanes.axis.bottom(), bottom)
    if selected.step is not None:
        draw_step(painter, scene, selected.step, lanes.host)
    draw_pauses(painter, scene, lanes.host.top(), bottom)
    draw_marks(painter, scene, lanes.marks, bottom)
    painter.setClipping(False)
    if lanes.legend.height():
        _draw_legend(painter, scene, lanes.legend)


def _draw_steps(painter: QPainter, scene: Scene, lanes: Lanes, plot: QRectF) -> None:
    """Draw the lanes of host, device and drafts; where no steps are told, one lane that says so."""
    colours, stepped = scene.colours, scene.model.stepped
    translate = QCoreApplication.translate
    names = [(lanes.host, translate("TimelineCanvas", "host")), (lanes.device, translate("TimelineCanvas", "device"))]
    if scene.model.speculates:
        names.append((lanes.drafts, translate("TimelineCanvas", "drafts")))
    for box, name in names if stepped else [(lanes.host, steps_word())]:
        painter.fillRect(box.intersected(plot), QColor(colours.window))
        _label(painter, box, name, colours.muted)
    painter.save()
    painter.setClipRect(plot)
    if stepped:
        draw_host(painter, scene, lanes.host, translate("TimelineCanvas", "idle {}"))
        draw_device(painter, scene, lanes.device.intersected(plot), _no_device_time(scene))
    else:
        draw_no_steps(painter, scene, lanes.host.intersected(plot))
    if scene.model.speculates:
        draw_drafts(painter, scene, lanes.drafts)
    painter.restore()


def _draw_legend(painter: QPainter, scene: Scene, box: QRectF) -> None:
    if not scene.model.stepped:
        draw_chunk_legend(painter, scene, box)
        return
    bands = scene.model.bands_present(*scene.visible())
    untimed = QCoreApplication.translate("TimelineCanvas", "phases not timed; detail “phase” does")
    if not told(scene.model.session, "phases"):
        untimed = QCoreApplication.translate("TimelineCanvas", "phases: not told by this server")
    right = draw_legend(painter, scene, box, bands, untimed if bands == ["other"] else "")
    if scene.model.speculates:
        draw_drafts_legend(painter, scene, box, right)


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
    area = QRectF(2 * GRID, box.top(), GUTTER - 3 * GRID, box.height())
    painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
