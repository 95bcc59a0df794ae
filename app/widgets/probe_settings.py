"""Which attention is recorded, and whether phases are named for Nsight Systems."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QSpinBox, QWidget

from app.core.selection import Selected, Selection
from app.widgets.setting_rows import SettingRows
from engine.figures.launches import is_gpu

ALL_HEADS = -1


class ProbeSettings(SettingRows):
    """The selected layer and head, which the Attention panel shows too; `changed` tells that `nvtx` was flipped."""

    changed = Signal()

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection = selection
        self.layer, self.head = QSpinBox(), QSpinBox()
        self.head.setMinimum(ALL_HEADS)
        for box in (self.layer, self.head):
            box.setKeyboardTracking(False)
            box.valueChanged.connect(self._on_pick)
        self.nvtx = QCheckBox()
        self.nvtx.toggled.connect(self.changed)
        self.add("attention_layer", self.layer)
        self.add("attention_head", self.head)
        self.add("nvtx", self.nvtx)
        selection.changed.connect(self._on_selection)
        self.show_model({}, "")
        self._on_selection(selection.now)
        self.retranslate()

    def show_model(self, config: dict[str, int], device: str) -> None:
        """Offer the layers and heads of a model (`model_config`), and names for Nsight Systems on a GPU only."""
        for box, name in ((self.layer, "layers"), (self.head, "heads")):
            box.blockSignals(True)
            box.setMaximum(max(0, config.get(name, 1) - 1))
            box.blockSignals(False)
        self._on_selection(self._selection.now)
        on_gpu = is_gpu(device)
        if not on_gpu:
            self.nvtx.setChecked(False)
        self._on_gpu = on_gpu
        self._show_nvtx()

    def _show_nvtx(self) -> None:
        self.lock("nvtx", "" if self._on_gpu else self.tr("Needs a CUDA device: Nsight Systems traces its kernels."))

    def show_recording(self, reason: str) -> None:
        """Disable layer and head for this reason, that no attention is recorded; an empty one enables them again."""
        for name in ("attention_layer", "attention_head"):
            self.lock(name, reason)

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        self.heading.setText(self.tr("Observation"))
        tip = self.tr("The attention that is recorded, and that the Attention panel shows; counted from 0")
        self.describe("attention_layer", self.tr("Attention layer"), tip)
        self.describe("attention_head", self.tr("Attention head"), tip)
        self.head.setSpecialValueText(self.tr("all heads"))
        self.describe("nvtx", self.tr("Nsight ranges"), self.tr("Name the phases of each step for Nsight Systems"))
        self._show_nvtx()

    def _on_pick(self) -> None:
        head = self.head.value()
        if head == ALL_HEADS:
            self._selection.change(layer=self.layer.value(), all_heads=True)
        else:
            self._selection.change(layer=self.layer.value(), head=head, all_heads=False)

    def _on_selection(self, selected: Selected) -> None:
        """Show what is selected; the mean of the heads needs every head to be recorded."""
        every = selected.all_heads or selected.head is None
        for box, value in ((self.layer, selected.layer), (self.head, ALL_HEADS if every else selected.head or 0)):
            box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(False)
