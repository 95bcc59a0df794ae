"""The lane of drafts: how many drafts each step verified, and how many of them were accepted and rejected."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter

from app.look.theme import CAPTION_SCALE, GRID, ui_font
from app.look.units import DERIVED, MEASURED, count, percent
from app.models.timeline import TimelineModel
from app.panels.timeline_paint import Scene
from app.widgets.pixels import argb, image, stacked_columns


def draw_drafts(painter: QPainter, scene: Scene, box: QRectF) -> None:
    """Draw a bar per step: accepted drafts solid, rejected drafts crossed on top; a density for too many steps."""
    if scene.dense:
        _draw_density(painter, scene, box)
        return
    first, end = scene.visible()
    drafts = scene.model.draft_sums(np.arange(first, end + 1))
    proposed, accepted = np.diff(drafts, axis=0).T
    most = max(int(proposed.max(initial=0)), 1)
    colours = scene.colours.positions
    solid, crossed = QColor(colours["new"]), QBrush(QColor(colours["rejected"]), Qt.BrushStyle.DiagCrossPattern)
    painter.setFont(ui_font(CAPTION_SCALE))
    metrics = QFontMetricsF(painter.font())
    rows = zip(scene.pixels(first, end), proposed.tolist(), accepted.tolist(), strict=True)
    for (left, right), all_drafts, good in rows:
        if not all_drafts:
            continue
        width = max(right - left - (1 if right - left >= 4 else 0), 1.0)
        height, of_good = all_drafts / most * box.height(), good / most * box.height()
        lost = QRectF(left, box.bottom() - height, width, height - of_good)
        painter.fillRect(QRectF(left, box.bottom() - of_good, width, of_good), solid)
        painter.fillRect(lost, crossed)
        if width >= 8 and good < all_drafts:
            painter.setPen(QColor(colours["rejected"]))
            painter.drawRect(lost.adjusted(0, 0, -1, -1))
        text = f"{good}/{all_drafts}"
        text_width = metrics.horizontalAdvance(text) + GRID
        if text_width <= width and metrics.height() <= box.height():
            patch = QRectF(left + (width - text_width) / 2, box.center().y() - metrics.height() / 2, text_width,
                           metrics.height())  # fmt: skip
            painter.fillRect(patch, QColor(scene.colours.panel))
            painter.setPen(QColor(scene.colours.text))
            painter.drawText(patch, Qt.AlignmentFlag.AlignCenter, text)


def _draw_density(painter: QPainter, scene: Scene, box: QRectF) -> None:
    """Draw the drafts per pixel column, split into accepted and rejected, relative to the largest column in view."""
    drafts = scene.model.draft_sums(scene.model.steps_ended_by(scene.axis, scene.edges()))
    proposed, accepted = np.diff(drafts, axis=0).T.astype(np.float64)
    most = proposed.max(initial=0.0)
    if not most:
        return
    ground, rejected = scene.colours.window, scene.colours.positions["rejected"]
    shares = np.stack([accepted / most, (proposed - accepted) / most, 1.0 - proposed / most], axis=1)
    height = max(1, round(box.height() * scene.ratio))
    picture = stacked_columns(shares, [scene.colours.positions["new"], rejected, ground], height)
    picture[picture == argb(rejected)] = 0  # transparent, so that the hatch under the picture is visible
    lane = QRectF(scene.left, box.top(), scene.width, box.height())
    painter.fillRect(lane, QBrush(QColor(rejected), Qt.BrushStyle.DiagCrossPattern))
    painter.drawImage(QPointF(scene.left, box.top()), image(picture, scene.ratio))


def drafts_text(model: TimelineModel, step: int) -> str:
    """The tool tip of a step's drafts: how many were accepted and rejected; "" without drafts."""
    proposed, accepted = (int(n) for n in np.diff(model.draft_sums(np.array([step, step + 1])), axis=0)[0])
    if not proposed:
        return ""
    text = QCoreApplication.translate(
        "Timeline",
        "step {step}: {proposed} drafts proposed and verified {measured}\n"
        "{accepted} accepted ({share} {derived}), {rejected} rejected {measured}",
    )
    return text.format(
        step=count(step), proposed=count(proposed), accepted=count(accepted), share=percent(accepted / proposed),
        rejected=count(proposed - accepted), measured=MEASURED, derived=DERIVED,
    )  # fmt: skip
