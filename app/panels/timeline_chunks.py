"""The timeline where no steps are told: chunks of tokens at the moments when our client received them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen

from app.look.theme import CAPTION_SCALE, mono_font, ui_font
from app.look.units import count, seconds, visible_token
from app.models.timeline import TimelineModel
from app.panels.timeline_paint import Scene, text_in
from app.panels.untold import not_told
from app.widgets.painted import draw_turned
from app.widgets.pixels import blend, image, stacked_columns
from engine.figures.request_times import ttft_s
from engine.session.store import RecordedRequest

MARK: Final = 3.0
"""Width of a chunk's mark in pixels. Its left edge is the moment when the chunk came."""
CELL_PIXELS: Final = 3.0
"""Mean distance of the chunks of a request in pixels from which they are drawn one by one."""
MOST_TEXT: Final = 160.0
"""Most pixels that the texts of a chunk take beside its mark, where no other chunk follows."""
NEAR: Final = 2.0
"""A chunk is found up to this many pixels left of its mark."""


@dataclass(frozen=True, slots=True)
class ChunkCell:
    """One chunk on the picture: its tokens (rows of Session.tokens), its mark at `left`, and the end of its texts."""

    rows: tuple[int, ...]
    left: float
    right: float


def steps_word() -> str:
    """The name of the lane that stands for the steps."""
    return QCoreApplication.translate("TimelineCanvas", "steps")


def draw_no_steps(painter: QPainter, scene: Scene, box: QRectF) -> None:
    """Write into the lane of the steps that the server does not tell them."""
    painter.setFont(ui_font(CAPTION_SCALE))
    painter.setPen(QColor(scene.colours.muted))
    text_in(painter, box, not_told(), scene.colours.window)


def draw_stream(painter: QPainter, scene: Scene, box: QRectF, request: RecordedRequest, chosen: int | None) -> None:
    """Draw one request: hatched until its first token, then its chunks; `chosen` is the row of the selected token."""
    colour = scene.colours.request(request.id)
    end_of_data = scene.model.extent("time")[1]
    first_ns = request.first_token_ns
    waits_until = first_ns if first_ns is not None else request.finished_ns
    left = max(scene.x(request.arrived_ns), scene.left)
    right = min(scene.x(end_of_data if waits_until is None else waits_until), scene.left + scene.width)
    if right - left >= 1:
        area = QRectF(left, box.top(), right - left, box.height())
        painter.fillRect(area, QBrush(QColor(scene.colours.muted), Qt.BrushStyle.BDiagPattern))
        waited = ttft_s(scene.model.session, request)
        if waited is not None:
            painter.setPen(QColor(scene.colours.text))
            painter.setFont(ui_font(CAPTION_SCALE))
            words = QCoreApplication.translate("TimelineCanvas", "first token after {}")
            text_in(painter, area, words.format(seconds(waited)), scene.colours.panel)
    if first_ns is not None:
        left = max(scene.x(first_ns), scene.left)
        right = scene.x(end_of_data if request.finished_ns is None else request.finished_ns)
        right = min(right, scene.left + scene.width)
        if right >= left:
            painter.fillRect(QRectF(left, box.bottom() - 2, max(right - left, 1.0), 2), QColor(colour))
    if request.id not in scene.model.chunks:
        return
    cells = _boxed(box)
    if is_dense(scene, request.id):
        _draw_density(painter, scene, cells, request.id, colour)
    else:
        for cell in chunk_cells(scene, request.id):
            _draw_chunk(painter, scene, cells, cell, colour)
    if chosen is not None:
        _outline(painter, scene, cells, request.id, chosen)


def is_dense(scene: Scene, request_id: int) -> bool:
    """Whether there are too many chunks in view to draw them one by one."""
    first, end = scene.model.chunks[request_id].within(scene.lo, scene.hi)
    return (end - first) * CELL_PIXELS > scene.width


def chunk_cells(scene: Scene, request_id: int) -> list[ChunkCell]:
    """The chunks of a request whose marks are in view, and the last one before, whose text may reach into it."""
    lane = scene.model.chunks[request_id]
    first, end = lane.within(scene.lo, scene.hi)
    first = max(0, first - 1)
    lefts = [scene.x(float(t_ns)) for t_ns in lane.t_ns[first : min(end + 1, len(lane))].tolist()]
    rights = [*lefts[1:], float("inf")]
    return [
        ChunkCell(tuple(lane.rows_of(chunk).tolist()), left, min(right, left + MARK + MOST_TEXT))
        for chunk, left, right in zip(range(first, end), lefts, rights, strict=False)
    ]


def token_at(scene: Scene, box: QRectF, request_id: int, place: QPointF) -> int | None:
    """The token (row of Session.tokens) at a point of its request's lane, `box`; None where none is near.

    The tokens of a chunk are below each other. Where there is no room for that, it is the first one.
    """
    if request_id not in scene.model.chunks:
        return None
    lane = scene.model.chunks[request_id]
    if is_dense(scene, request_id):
        chunk = lane.within(scene.lo, scene.value(place.x() + NEAR))[1] - 1
        if chunk < 0 or scene.x(float(lane.t_ns[chunk])) < place.x() - MARK - NEAR:
            return None
        return int(lane.rows_of(chunk)[0])
    cells = [one for one in chunk_cells(scene, request_id) if one.left - NEAR <= place.x() < one.right]
    if not cells:
        return None
    cell = cells[-1]
    at = next((n for n in range(len(cell.rows)) if place.y() < token_box(_boxed(box), cell, n).bottom()), 0)
    return cell.rows[at]


def token_box(box: QRectF, cell: ChunkCell, index: int) -> QRectF:
    """The place of one token of a chunk: the tokens are below each other, because all came at the same moment."""
    height = box.height() / len(cell.rows)
    return QRectF(cell.left, box.top() + index * height, max(cell.right - cell.left, MARK), height)


def token_span(model: TimelineModel, row: int | None) -> tuple[float, float] | None:
    """From the chunk before a token (from its request's arrival for the first) to the token's own, ns."""
    session = model.session
    if row is None or row >= len(session.tokens):
        return None
    request = session.requests[int(session.tokens["request_id"][row])]
    lane = model.chunks.get(request.id)
    if lane is None or not len(lane.rows) or row > int(lane.rows[-1]):
        return None
    chunk = lane.chunk_of(row)
    before = int(lane.t_ns[chunk - 1]) if chunk else request.arrived_ns
    return float(min(before, int(lane.t_ns[chunk]))), float(lane.t_ns[chunk])


def chunk_words(tokens: int) -> str:
    """How many tokens came in a chunk, and what that means for their times; "" for one alone."""
    if tokens < 2:
        return ""
    words = QCoreApplication.translate("Timeline", "{} tokens in one chunk; nothing is known about the times within it")
    return words.format(count(tokens))


def _boxed(box: QRectF) -> QRectF:
    """The part of a request's lane in which its tokens are."""
    return box.adjusted(0, 0, 0, -3)


def _draw_density(painter: QPainter, scene: Scene, box: QRectF, request_id: int, colour: str) -> None:
    """Draw the tokens per pixel column as bars, relative to the largest column in view."""
    counts = scene.model.chunks[request_id].counts(scene.edges())
    most = int(counts.max(initial=0))
    if most == 0:
        return
    shares = np.where(counts > 0, 0.25 + 0.75 * counts / most, 0.0)[:, None]
    height = max(1, round(box.height() * scene.ratio))
    picture = stacked_columns(shares, [blend(colour, scene.colours.panel, 0.75)], height)
    painter.drawImage(QPointF(scene.left, box.top()), image(picture, scene.ratio))


def _draw_chunk(painter: QPainter, scene: Scene, box: QRectF, cell: ChunkCell, colour: str) -> None:
    """Draw a mark, divided by the number of its tokens, and their texts beside it, where there is room."""
    gap = 1.0 if len(cell.rows) > 1 and box.height() / len(cell.rows) >= 4 else 0.0
    solid = QColor(blend(colour, scene.colours.panel, 0.75))
    texts = scene.model.session.tokens["text"]
    room = box.height() / len(cell.rows) - gap >= QFontMetricsF(mono_font()).height() - 2
    for index, row in enumerate(cell.rows):
        area = token_box(box, cell, index)
        painter.fillRect(QRectF(cell.left, area.top(), MARK, max(area.height() - gap, 1.0)), solid)
        beside = area.adjusted(MARK + 2, 0, 0, -gap)
        if beside.width() >= 8 and room:
            painter.setPen(QColor(scene.colours.text))
            _draw_text(painter, beside, visible_token(texts[row]))
    if len(cell.rows) > 1 and not room:
        _draw_count(painter, scene, box, cell)


def _draw_text(painter: QPainter, area: QRectF, text: str) -> None:
    """Write a token's text, turned by 90° if it fits only that way, or as much of it as fits."""
    painter.setFont(mono_font())
    metrics = QFontMetricsF(painter.font())
    if metrics.horizontalAdvance(text) > area.width():
        small = mono_font(CAPTION_SCALE)
        turned = QFontMetricsF(small)
        if area.width() >= 0.8 * turned.height() and area.height() > 3 * area.width() / 2:
            painter.setFont(small)
            draw_turned(painter, area, turned.elidedText(text, Qt.TextElideMode.ElideRight, area.height() - 6))
            return
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, area.width())
    if text != "…":
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


def _draw_count(painter: QPainter, scene: Scene, box: QRectF, cell: ChunkCell) -> None:
    """Write how many tokens a chunk has, where their texts do not fit below each other."""
    painter.setFont(ui_font(CAPTION_SCALE))
    metrics = QFontMetricsF(painter.font())
    words = f"×{count(len(cell.rows))}"
    if metrics.horizontalAdvance(words) <= cell.right - cell.left - MARK - 2:
        painter.setPen(QColor(scene.colours.text))
        area = QRectF(cell.left + MARK + 2, box.top(), cell.right - cell.left - MARK, box.height())
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, words)


def _outline(painter: QPainter, scene: Scene, box: QRectF, request_id: int, row: int) -> None:
    """Draw a frame around the selected token; where chunks are too dense, around its mark."""
    lane = scene.model.chunks[request_id]
    if row > int(lane.rows[-1]):
        return
    chunk = lane.chunk_of(row)
    left = scene.x(float(lane.t_ns[chunk]))
    right = scene.x(float(lane.t_ns[chunk + 1])) if chunk + 1 < len(lane) else float("inf")
    cell = ChunkCell(tuple(lane.rows_of(chunk).tolist()), left, min(right, left + MARK + MOST_TEXT))
    area = token_box(box, cell, cell.rows.index(row))
    painter.setPen(QPen(QColor(scene.colours.accent), 2))
    painter.drawRect(QRectF(area.left() - 1, area.top() + 1, max(area.width() - 2, MARK + 2), area.height() - 2))
