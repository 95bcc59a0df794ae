"""Draws the whole timeline: its lanes one under the other, and over them the selection, pauses and marks."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from app.core.selection import Selected
from app.look.theme import CAPTION_SCALE, GRID, ui_font
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


def draw_timeline(painter: QPainter, scene: Scene, lanes: Lanes, selected: Selected, scrolled: int) -> None:
    """Draw all lanes from the axis down, over them the selection, pauses and marks, and the legend below.

    The lanes of requests are scrolled by `scrolled` pixels.
    """
    requests = list(scene.model.session.requests.values())
    bottom = lanes.requests.top() + min(len(requests) * lanes.request_height, lanes.requests.height())
    plot = QRectF(scene.left, 0, scene.width, lanes.legend.bottom())
    for box in (lanes.host, lanes.device):
        painter.fillRect(box.intersected(plot), QColor(scene.colours.window))
    _label(painter, lanes.host, QCoreApplication.translate("TimelineCanvas", "host"), scene.colours.muted)
    _label(painter, lanes.device, QCoreApplication.translate("TimelineCanvas", "device"), scene.colours.muted)
    if scene.model.speculates:
        _label(painter, lanes.drafts, QCoreApplication.translate("TimelineCanvas", "drafts"), scene.colours.muted)
    painter.save()
    painter.setClipRect(plot)
    draw_axis(painter, scene, lanes.axis, bottom)
    draw_host(painter, scene, lanes.host, QCoreApplication.translate("TimelineCanvas", "idle {}"))
    not_reported = QCoreApplication.translate("TimelineCanvas", "not reported by this device")
    draw_device(painter, scene, lanes.device.intersected(plot), not_reported)
    if scene.model.speculates:
        painter.fillRect(lanes.drafts.intersected(plot), QColor(scene.colours.window))
        draw_drafts(painter, scene, lanes.drafts)
    painter.restore()
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
        first_step, end_step = scene.visible()
        bands = scene.model.bands_present(first_step, end_step)
        untimed = QCoreApplication.translate("TimelineCanvas", "phases not timed; detail “phase” does")
        right = draw_legend(painter, scene, lanes.legend, bands, untimed if bands == ["other"] else "")
        if scene.model.speculates:
            draw_drafts_legend(painter, scene, lanes.legend, right)


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
    waits = QCoreApplication.translate("TimelineCanvas", "waits {}")
    draw_request(painter, scene, box, request, waits, token if owns else None)
    painter.restore()


def _label(painter: QPainter, box: QRectF, text: str, colour: str) -> None:
    painter.setFont(ui_font(CAPTION_SCALE))
    painter.setPen(QColor(colour))
    area = QRectF(2 * GRID, box.top(), GUTTER - 3 * GRID, box.height())
    painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
