"""The lane of layers: each step as the model runs it, layer by layer, and below each layer its phases.

The durations are measured; the places are derived (`engine/figures/chronology.py`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen

from app.core.engine_sentences import in_window_language
from app.core.selection import Selected
from app.look.theme import CAPTION_SCALE, GRID, ui_font
from app.look.units import DERIVED, MEASURED, count, percent, seconds
from app.models.timeline import BAND_OF
from app.panels.timeline_paint import Scene, text_in
from app.widgets.pixels import argb, blend, image
from engine.errors import SessionFileError
from engine.figures.chronology import OUTSIDE, Chronology
from engine.session.schema import PHASES

STEP_PIXELS: Final = 48.0
"""Width for each step in view in pixels from which their layers are drawn."""
EDGE: Final = 6.0
"""Pixels of a piece from which its left edge is drawn."""


class Piece(NamedTuple):
    """A place in the lane: a step, and in it a layer (None: of no layer) and the index of a part of its order."""

    step: int
    layer: int | None
    part: int


def draw_layers(painter: QPainter, scene: Scene, box: QRectF, selected: Selected) -> None:
    """Draw the steps in view, layers above and phases below; where they are too narrow, what to do about it."""
    painter.setFont(ui_font(CAPTION_SCALE))
    painter.setPen(QColor(scene.colours.muted))
    words = _why_not(scene)
    if words:
        text_in(painter, box.intersected(_plot(scene, box)), words, scene.colours.window)
        return
    first, end = scene.visible()
    for step, (left, right) in enumerate(scene.pixels(first, end), first):
        order = scene.model.layers.of(step)
        if order is not None and right > left:
            _draw_step(painter, scene, order, QRectF(left, box.top(), right - left, box.height()))
            if step == selected.step:
                _outline(painter, scene, order, selected.layer, QRectF(left, box.top(), right - left, box.height()))


def piece_at(scene: Scene, box: QRectF, place: QPointF) -> Piece | None:
    """The piece at a point of the lane; None where nothing is drawn."""
    if not box.contains(place) or _why_not(scene):
        return None
    step = scene.model.step_at(scene.axis, scene.value(place.x()))
    order = scene.model.layers.of(step) if step is not None else None
    if step is None or order is None:
        return None
    left, right = scene.pixels(step, step + 1)[0]
    index = order.at((place.x() - left) / max(right - left, 1e-9) * order.span_us)
    if index is None:
        return None
    layer = int(order.layer[index])
    return Piece(step, None if layer == OUTSIDE else layer, index)


def span_of(scene: Scene, piece: Piece) -> tuple[float, float] | None:
    """(begin, end) on the axis of the layer of a piece, or of the piece itself where it belongs to no layer."""
    order = scene.model.layers.of(piece.step)
    if order is None:
        return None
    begin = float(order.start_us[piece.part])
    end = begin + float(order.us[piece.part])
    if piece.layer is not None:
        begin, end = next((a, b) for layer, a, b in order.layers() if layer == piece.layer)
    lefts, rights = scene.model.span_of(scene.axis, piece.step, piece.step + 1)
    left, scale = float(lefts[0]), float(rights[0] - lefts[0]) / order.span_us
    return left + begin * scale, left + end * scale


def piece_text(scene: Scene, piece: Piece) -> str:
    """The tool tip of a piece: its layer and phase, how long it took, and what is known about when."""
    translate = QCoreApplication.translate
    order = scene.model.layers.of(piece.step)
    if order is None:
        return ""
    us, phase = float(order.us[piece.part]), PHASES[int(order.phase[piece.part])]
    time, share = seconds(us / 1e6), percent(us / order.span_us)
    if piece.layer is not None:
        words = translate(
            "Timeline", "step {step}, layer {layer}, {phase}: {time} {measured} ({share} of the step {derived})"
        )
        text = words.format(
            step=count(piece.step), layer=piece.layer, phase=phase, time=time, share=share, measured=MEASURED,
            derived=DERIVED,
        )  # fmt: skip
    else:
        words = translate("Timeline", "step {step}, {phase}: {time} {measured} ({share} of the step {derived})")
        text = words.format(
            step=count(piece.step), phase=phase, time=time, share=share, measured=MEASURED, derived=DERIVED
        )
    if phase == "other":
        untold = translate("Timeline", "no phase accounts for it: when it was is not known; drawn last")
        return f"{text}\n{untold}"
    where = translate(
        "Timeline", "its place {derived}: measured times end to end, in the order in which the model runs"
    )
    lines = [text, where.format(derived=DERIVED)]
    if phase == "norm" and piece.layer is not None:
        lines.append(translate("Timeline", "all norms of the layer; some run later, before ffn"))
    return "\n".join(lines)


def layers_words() -> str:
    """What the lane of layers shows."""
    return QCoreApplication.translate(
        "Timeline",
        "Each step in the order in which the model runs: its layers, and below them their phases.\n"
        "Durations are measured ●. Places are derived ƒ: the durations end to end, as moments are not recorded.\n"
        "A double click shows one layer.",
    )


def _why_not(scene: Scene) -> str:
    """Why no layers are drawn; "" where they are."""
    translate = QCoreApplication.translate
    first, end = scene.visible()
    if end <= first:
        return ""
    if (end - first) * STEP_PIXELS > scene.width:
        return translate("Timeline", "zoom in to see the layers of each step in their order (W, wheel)")
    try:
        if not scene.model.layers.read(first, end):
            return translate("Timeline", "reading the layers…")
    except SessionFileError as error:
        return in_window_language(str(error))
    return ""


def _plot(scene: Scene, box: QRectF) -> QRectF:
    return QRectF(scene.left, box.top(), scene.width, box.height())


def _rows(box: QRectF) -> tuple[QRectF, QRectF]:
    """The line of the layers and the line of their phases."""
    half = box.height() / 2
    return QRectF(box.left(), box.top(), box.width(), half), QRectF(box.left(), box.bottom() - half, box.width(), half)


def _draw_step(painter: QPainter, scene: Scene, order: Chronology, box: QRectF) -> None:
    """Draw one step: a colour for each pixel column, then edges and names where there is room."""
    begin, stop = max(box.left(), scene.left), min(box.right(), scene.left + scene.width)
    columns = round((stop - begin) * scene.ratio)
    if columns < 1:
        return
    above, below = _rows(box)
    middles = begin - box.left() + (np.arange(columns) + 0.5) / scene.ratio
    index = order.start_us.searchsorted(middles / box.width() * order.span_us, "right") - 1
    index = np.clip(index, 0, len(order.us) - 1)
    groups = scene.colours.groups
    by_phase = np.array([argb(groups[BAND_OF[phase]]) for phase in PHASES], np.uint32)
    even, odd = (argb(blend(scene.colours.muted, scene.colours.window, share)) for share in (0.30, 0.42))
    of_layer = np.where(order.layer % 2 == 0, np.uint32(even), np.uint32(odd))
    of_layer = np.where(order.layer == OUTSIDE, by_phase[order.phase], of_layer)
    for row, colours in ((above, of_layer), (below, by_phase[order.phase])):
        line: NDArray[np.uint32] = colours[index].astype(np.uint32)
        height = max(1, round(row.height() * scene.ratio))
        painter.drawImage(QPointF(begin, row.top()), image(np.tile(line, (height, 1)), scene.ratio))
    scale = box.width() / order.span_us
    visible = QRectF(begin, box.top(), stop - begin, box.height())
    metrics = QFontMetricsF(painter.font())
    _draw_other(painter, scene, order, box, scale)
    for layer, since, until in order.layers():
        area = QRectF(box.left() + since * scale, above.top(), (until - since) * scale, above.height())
        _write(painter, scene, area.intersected(visible), metrics, _layer_names(layer), scene.colours.text)
    starts, widths = (order.start_us * scale + box.left()).tolist(), (order.us * scale).tolist()
    for layer, phase, left, width in zip(order.layer.tolist(), order.phase.tolist(), starts, widths, strict=True):
        if width < EDGE or left > stop or left + width < begin or PHASES[phase] == "other":
            continue
        whole = layer == OUTSIDE
        area = QRectF(left, box.top() if whole else below.top(), width, box.height() if whole else below.height())
        _write(painter, scene, area.intersected(visible), metrics, (PHASES[phase],), scene.colours.on_accent)


def _layer_names(layer: int) -> tuple[str, ...]:
    """The name of a layer, long and short."""
    return QCoreApplication.translate("Timeline", "layer {}").format(layer), str(layer)


def _write(
    painter: QPainter, scene: Scene, area: QRectF, metrics: QFontMetricsF, names: tuple[str, ...], colour: str
) -> None:
    """Draw the left edge of a piece, and the longest of its names that fits."""
    if area.width() < EDGE:
        return
    painter.fillRect(QRectF(area.left(), area.top(), 1, area.height()), QColor(scene.colours.panel))
    name = next((one for one in names if metrics.horizontalAdvance(one) + 2 * GRID <= area.width()), "")
    if name:
        painter.setPen(QColor(colour))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip, name)


def _draw_other(painter: QPainter, scene: Scene, order: Chronology, box: QRectF, scale: float) -> None:
    """Hatch what no phase accounts for: it has a length and no known place."""
    if PHASES[int(order.phase[-1])] != "other":
        return
    area = QRectF(box.left() + float(order.start_us[-1]) * scale, box.top(), float(order.us[-1]) * scale, box.height())
    area = area.intersected(_plot(scene, box))
    painter.fillRect(area, QColor(scene.colours.panel))
    painter.fillRect(area, QBrush(QColor(scene.colours.groups["other"]), Qt.BrushStyle.BDiagPattern))
    painter.setPen(QColor(scene.colours.text))
    painter.setFont(ui_font(CAPTION_SCALE))
    text_in(painter, area, "other", scene.colours.panel)


def _outline(painter: QPainter, scene: Scene, order: Chronology, layer: int, box: QRectF) -> None:
    """Frame the selected layer of the selected step."""
    scale = box.width() / order.span_us
    for one, since, until in order.layers():
        if one == layer:
            painter.setPen(QPen(QColor(scene.colours.accent), 2))
            left = box.left() + since * scale
            painter.drawRect(QRectF(left, box.top() + 1, max((until - since) * scale, 3.0), box.height() - 2))
