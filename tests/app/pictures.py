"""Compares what a widget draws with a small picture kept beside the tests, so that a change of the look is seen.

Pictures are kept at an eighth of the size: what is where, and in what colour, survives that, and another machine's
letter shapes do not matter. `UPDATE_PICTURES=1` writes them anew; look at them before committing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QImage
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.look.theme import Scheme, apply, theme
from app.panels.base import Panel

FOLDER: Final = Path(__file__).parent / "looks"
FONT, FIXED_FONT = "DejaVu Sans", "DejaVu Sans Mono"
SMALLER: Final = 8
MEAN: Final = 4.0
"""Most difference of a channel, of 255, on average over the picture."""
FAR: Final = 48
"""From here on a pixel is another colour."""
FAR_SHARE: Final = 0.03
"""Most pixels that may be."""


def check_panel(qtbot: QtBot, make: Callable[[], Panel], name: str, scheme: Scheme) -> None:
    """Assert that a panel, made under this theme and shown, looks as `name` does."""
    apply(scheme)
    panel = make()
    qtbot.addWidget(panel)
    panel.show()
    qtbot.waitExposed(panel)
    QApplication.processEvents()
    panel.refresh()
    check_picture(panel, name)


def check_picture(widget: QWidget, name: str) -> None:
    """Assert that a widget looks as `name` does in the theme in force; skips where the pictures' fonts are missing."""
    missing = {FONT, FIXED_FONT} - set(QFontDatabase.families())
    if missing:
        pytest.skip(f"the pictures were made with {', '.join(sorted(missing))}")
    QApplication.processEvents()
    seen = pixels(small(widget.grab().toImage()))
    path = FOLDER / f"{name}-{theme().name}.png"
    if os.environ.get("UPDATE_PICTURES"):
        FOLDER.mkdir(exist_ok=True)
        assert small(widget.grab().toImage()).save(str(path))
        return
    assert path.exists(), f"there is no picture {path.name}; UPDATE_PICTURES=1 writes it"
    kept = pixels(QImage(str(path)))
    assert seen.shape == kept.shape, f"{path.name} has another size"
    apart = np.abs(seen.astype(np.int16) - kept.astype(np.int16))
    far = float((apart.max(axis=2) > FAR).mean())
    assert apart.mean() <= MEAN, f"{path.name}: {apart.mean():.1f} of 255 apart on average"
    assert far <= FAR_SHARE, f"{path.name}: {100 * far:.1f} % of its pixels have another colour"


def small(image: QImage) -> QImage:
    return image.scaled(
        max(1, image.width() // SMALLER), max(1, image.height() // SMALLER), Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    ).convertToFormat(QImage.Format.Format_RGB888)  # fmt: skip


def pixels(image: QImage) -> NDArray[np.uint8]:
    """uint8 [height, width, 3]."""
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()
