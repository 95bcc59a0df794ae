"""Draws the lane of one request: the wait, then its tokens one by one or as a density, with symbols for drafts."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from app.look.theme import CAPTION_SCALE, GRID, mono_font, ui_font
from app.look.units import seconds, visible_token
from app.panels.timeline_paint import Scene, text_in
from app.widgets.painted import draw_turned
from app.widgets.pixels import blend, image, stacked_columns
from engine.figures.request_times import waited_s
from engine.session.store import TOKEN_SOURCES, RecordedRequest


def draw_request(
    painter: QPainter, scene: Scene, box: QRectF, request: RecordedRequest, waiting_text: str, chosen: int | None
) -> None:
    """Draw one request: hatched while it waits, then its tokens; `chosen` is the row of the selected token."""
    colour = scene.colours.request(request.id)
    end_of_data = scene.model.extent("time")[1]
    scheduled = request.scheduled_ns
    waited = waited_s(scene.model.session, request)
    if scheduled is None or waited is not None:
        left = max(scene.time_x(request.arrived_ns), scene.left)
        right = min(scene.time_x(end_of_data if scheduled is None else scheduled), scene.left + scene.width)
        if right - left >= 1:
            area = QRectF(left, box.top(), right - left, box.height())
            painter.fillRect(area, QBrush(QColor(scene.colours.muted), Qt.BrushStyle.BDiagPattern))
            if waited is not None:
                painter.setPen(QColor(scene.colours.text))
                painter.setFont(ui_font(CAPTION_SCALE))
                text = waiting_text.format(seconds(waited))
                text_in(painter, area, text, scene.colours.panel)
    if scheduled is not None:
        left = max(scene.time_x(scheduled), scene.left)
        right = scene.time_x(end_of_data if request.finished_ns is None else request.finished_ns)
        right = min(right, scene.left + scene.width)
        if right >= left:
            painter.fillRect(QRectF(left, box.bottom() - 2, max(right - left, 1.0), 2), QColor(colour))
    if request.id not in scene.model.lanes:
        return
    cells = box.adjusted(0, 0, 0, -3)
    if scene.dense:
        _draw_token_density(painter, scene, cells, request.id, colour)
    else:
        _draw_tokens(painter, scene, cells, request.id, colour)
    if chosen is not None:
        outline_token(painter, scene, cells, request.id, chosen)


def _draw_token_density(painter: QPainter, scene: Scene, box: QRectF, request_id: int, colour: str) -> None:
    """Draw the tokens per pixel column as bars, relative to the largest column in view."""
    counts = scene.model.token_columns(request_id, scene.axis, scene.edges())
    most = int(counts.max(initial=0))
    if most == 0:
        return
    shares = np.where(counts > 0, 0.25 + 0.75 * counts / most, 0.0)[:, None]
    height = max(1, round(box.height() * scene.ratio))
    picture = stacked_columns(shares, [blend(colour, scene.colours.panel, 0.75)], height)
    painter.drawImage(QPointF(scene.left, box.top()), image(picture, scene.ratio))


def token_cells(scene: Scene, request_id: int, first: int, end: int) -> list[tuple[int, float, float]]:
    """(row of the token, left, right) for the tokens that the steps [first, end) emitted for a request.

    Several tokens of a step share its width. Rejected drafts have their share at the end of the step, and row −1.
    """
    lane = scene.model.lanes[request_id]
    a, b = np.searchsorted(lane.steps, (first, end))
    rows, steps = lane.rows[a:b].tolist(), lane.steps[a:b].tolist()
    pixels = scene.pixels(first, end)
    cells: list[tuple[int, float, float]] = []
    index = 0
    while index < len(rows):
        step, start = steps[index], index
        while index < len(rows) and steps[index] == step:
            index += 1
        proposed, accepted = scene.model.proposals.get((request_id, step), (0, 0))
        parts = index - start + proposed - accepted
        left, right = pixels[step - first]
        width = (right - left) / parts
        for part in range(parts):
            row = rows[start + part] if part < index - start else -1
            cells.append((row, left + part * width, left + (part + 1) * width))
    return cells


def _draw_tokens(painter: QPainter, scene: Scene, box: QRectF, request_id: int, colour: str) -> None:
    first, end = scene.visible()
    fill = QColor(blend(colour, scene.colours.panel, 0.32))
    solid = QColor(blend(colour, scene.colours.panel, 0.75))
    rejected = QColor(scene.colours.positions["rejected"])
    texts, sources = scene.model.session.tokens["text"], scene.model.session.tokens["source"]
    font = mono_font()
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    for row, left, right in token_cells(scene, request_id, first, end):
        width = max(right - left - (1 if right - left >= 4 else 0), 1.0)
        area = QRectF(left, box.top(), width, box.height())
        if row < 0:
            painter.fillRect(area, QBrush(rejected, Qt.BrushStyle.DiagCrossPattern))
            if width >= 8:
                painter.setPen(rejected)
                painter.drawRect(area.adjusted(0, 0, -1, -1))
            continue
        if width < 7:
            painter.fillRect(area, solid)
            continue
        painter.fillRect(area, fill)
        painter.fillRect(QRectF(left, box.top(), 1, box.height()), solid)
        source = TOKEN_SOURCES[sources[row]]
        if source != "target":
            _draw_source(painter, area, source, QColor(scene.colours.groups["draft"]))
        if width >= 12 and box.height() >= metrics.height():
            _draw_token_text(painter, scene, area, row, visible_token(texts[row]))


def _draw_token_text(painter: QPainter, scene: Scene, area: QRectF, row: int, text: str) -> None:
    """Write the token's text, turned by 90° if it fits only that way; in large cells also its step's time below it."""
    token_font = painter.font()
    metrics = QFontMetricsF(token_font)
    line, width = metrics.height(), metrics.horizontalAdvance(text)
    painter.setPen(QColor(scene.colours.text))
    if width > area.width() - 4:
        small_mono = mono_font(CAPTION_SCALE)
        turned = QFontMetricsF(small_mono)
        if area.width() >= 0.8 * turned.height() and area.height() > 3 * area.width() / 2:
            painter.setFont(small_mono)
            draw_turned(painter, area, turned.elidedText(text, Qt.TextElideMode.ElideRight, area.height() - 6))
            painter.setFont(token_font)
            return
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, area.width() - 3)
        if text == "…":
            return
    small = ui_font(CAPTION_SCALE)
    below = QFontMetricsF(small)
    wall = scene.model.wall_of_token(row)
    latency = "" if wall is None else seconds(wall / 1e9)
    fits = area.height() >= line + below.height() + 2 * GRID
    if not latency or not fits or area.width() < below.horizontalAdvance(latency) + GRID:
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)
        return
    top = area.center().y() - (line + below.height()) / 2
    painter.drawText(QRectF(area.left(), top, area.width(), line), Qt.AlignmentFlag.AlignCenter, text)
    painter.setFont(small)
    painter.setPen(QColor(scene.colours.muted))
    under = QRectF(area.left(), top + line, area.width(), below.height())
    painter.drawText(under, Qt.AlignmentFlag.AlignCenter, latency)
    painter.setFont(token_font)


def _draw_source(painter: QPainter, area: QRectF, source: str, colour: QColor) -> None:
    """Draw ▲ in the corner of an accepted draft, ◆ in the corner of a bonus token."""
    x, y = area.left() + 3, area.top() + 2
    points = [(0, 6), (3, 0), (6, 6)] if source == "draft" else [(3, 0), (6, 3), (3, 6), (0, 3)]
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawPolygon(QPolygonF([QPointF(x + dx, y + dy) for dx, dy in points]))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def outline_token(painter: QPainter, scene: Scene, box: QRectF, request_id: int, row: int) -> None:
    """Draw a frame around the selected token, at least three pixels wide."""
    step = int(scene.model.session.tokens["step_id"][row])
    for candidate, left, right in token_cells(scene, request_id, step, step + 1):
        if candidate == row:
            painter.setPen(QPen(QColor(scene.colours.accent), 2))
            painter.drawRect(QRectF(left, box.top() + 1, max(right - left - 1, 3), box.height() - 2))
