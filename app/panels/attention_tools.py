"""The controls above the attention map: the choice of layer and head, and how probabilities become colours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QSpinBox, QToolButton, QWidget

from app.core.selection import Selected
from app.look.theme import ROW_GAP
from app.models.head_maps import MOST_HEADS
from app.widgets.flow_row import FlowRow
from app.widgets.labelled import labelled
from app.widgets.themed_label import ThemedLabel

CLAMPS: Final = (100.0, 99.9, 99.0, 95.0, 90.0)
"""Percentiles of the map at which the colours can end; 100 means a probability of 1."""
FIRST_CLAMP: Final = 95.0
"""The one that is chosen at first: in most heads of real models a few keys, often the first one, take nearly all of the
attention, and up to 1 the rest of the map has one colour."""


class AttentionTools(QWidget):
    """The controls; their signals report what the user changed.

    `picked`: another layer or head. `heads_wanted`: all heads switched on or off. `scale_changed`: the colours stand
    for other probabilities. `fit_wanted`: the whole map is to be shown.
    """

    picked = Signal()
    heads_wanted = Signal(bool)
    scale_changed = Signal()
    fit_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._build_pickers()
        self._build_scale()
        self.note = ThemedLabel()
        self.note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        controls = FlowRow(spacing=ROW_GAP)  # in a narrow panel the controls wrap to a second row
        for text, field in ((self.tr("&Layer"), self.layer_picker), (self.tr("&Head"), self.head_picker)):
            controls.add(labelled(text, field, ROW_GAP)[0])
        for control in (self.heads_box, self.log_box, self.clamp, self.fit_button):
            controls.add(control)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(ROW_GAP)
        row.addWidget(controls, 1)
        row.addWidget(self.note)

    def _build_pickers(self) -> None:
        self.layer_picker = QSpinBox()
        self.layer_picker.setAccessibleName(self.tr("Layer"))
        self.layer_picker.setToolTip(self.tr("The layer whose attention is recorded and shown; layers count from 0."))
        self.head_picker = QComboBox()
        self.head_picker.setAccessibleName(self.tr("Head"))
        self.head_picker.setToolTip(
            self.tr("The head whose attention is recorded and shown, or the mean of all heads.")
        )
        self.heads_box = QCheckBox(self.tr("&All heads"))
        self.heads_box.setToolTip(
            self.tr(
                "Record every head of the layer from the next step on, and show them side by side with their entropy."
            )
        )
        self.layer_picker.valueChanged.connect(lambda _: self.picked.emit())
        self.head_picker.currentIndexChanged.connect(lambda _: self.picked.emit())
        self.heads_box.toggled.connect(self.heads_wanted)

    def _build_scale(self) -> None:
        self.log_box = QCheckBox(self.tr("Lo&g"))
        self.log_box.setAccessibleName(self.tr("Logarithmic scale"))
        self.log_box.setToolTip(self.tr("Colours follow the logarithm of the probability, so that small ones show."))
        self.clamp = QComboBox()
        for value in CLAMPS:
            words = self.tr("colours to 1") if value == 100 else self.tr("colours to p{}").format(f"{value:g}")
            self.clamp.addItem(words, value)
        self.clamp.setCurrentIndex(CLAMPS.index(FIRST_CLAMP))
        self.clamp.setAccessibleName(self.tr("Percentile at which the colours end"))
        self.clamp.setToolTip(
            self.tr(
                "The colours end at this percentile of the map, so that a few large values do not hide the rest. "
                "Larger ones have a colour of their own, which the colour bar shows."
            )
        )
        self.fit_button = QToolButton()
        self.fit_button.setText(self.tr("Follow"))
        self.fit_button.setAccessibleName(self.tr("Follow the map as it grows"))
        self.fit_button.setToolTip(self.tr("Show the whole map again and follow it as it grows (F)."))
        self.fit_button.hide()
        self.log_box.toggled.connect(lambda _: self.scale_changed.emit())
        self.clamp.currentIndexChanged.connect(lambda _: self.scale_changed.emit())
        self.fit_button.clicked.connect(self.fit_wanted)

    @property
    def layer(self) -> int:
        """The chosen layer."""
        return self.layer_picker.value()

    @property
    def head(self) -> int | None:
        """The chosen head; None for the mean of the heads."""
        index = self.head_picker.currentIndex()
        return index - 1 if index > 0 else None

    @property
    def all_heads(self) -> bool:
        """Whether every head of the layer is to be recorded and shown."""
        return self.heads_box.isChecked()

    @property
    def log(self) -> bool:
        """Whether colours follow the logarithm of the probability."""
        return self.log_box.isChecked()

    @property
    def percentile(self) -> float:
        """The percentile of the map that has the last colour."""
        return float(self.clamp.currentData())

    def offers(self, layers: int) -> bool:
        """Whether the pickers offer this number of layers, and at least one head."""
        return self.layer_picker.maximum() == max(0, layers - 1) and self.head_picker.count() > 1

    def offer(self, layers: int, heads: int) -> None:
        """Offer this number of layers and of heads (at most MOST_HEADS), and the mean of the heads."""
        with self._silent():
            self.layer_picker.setMaximum(max(0, layers - 1))
            self.head_picker.clear()
            self.head_picker.addItem(self.tr("mean"))
            self.head_picker.addItems([str(head) for head in range(min(heads, MOST_HEADS))])

    def show_selected(self, selected: Selected) -> None:
        """Show the selection without emitting a signal; this never switches `all_heads` off."""
        with self._silent():
            if selected.all_heads:
                self.heads_box.setChecked(True)
            self.layer_picker.setValue(selected.layer)
            self.head_picker.setCurrentIndex(0 if selected.head is None else selected.head + 1)

    def show_all_heads(self) -> None:
        """Show that every head of the layer is recorded, without emitting `heads_wanted`."""
        with self._silent():
            self.heads_box.setChecked(True)

    @contextmanager
    def _silent(self) -> Iterator[None]:
        pickers = (self.layer_picker, self.head_picker, self.heads_box)
        for picker in pickers:
            picker.blockSignals(True)
        yield
        for picker in pickers:
            picker.blockSignals(False)
