"""The capacity calculator: the memory of a cache for any model, length and precision, and how many requests fit."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QLabel, QSpinBox, QWidget

from app.look.theme import CAPTION_SCALE, GRID, PANEL_PADDING
from app.look.units import PREDICTED, count, memory, name_of
from app.models.kv_memory import ITEMSIZES, LLAMA_7B, LLAMA_7B_PARAMETERS, LLAMA_7B_POSITIONS
from app.widgets.flow_row import FlowRow
from app.widgets.kept_look import keep_look
from app.widgets.labelled import labelled
from app.widgets.plain import PlainLabel, plain
from app.widgets.reference_source import reference_source
from engine.figures.metrics import requests_that_fit
from engine.session.kv_shape import KvShape

CUSTOM: Final = "custom"
CURRENT: Final = "current"
LLAMA: Final = "llama-7b"
GIB: Final = 2**30


class KvCalculator(FlowRow):
    """Presets and editable fields, the cache size that the formula gives, and how many such requests fit."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, spacing=2 * GRID)
        self._current: tuple[KvShape, int] | None = None
        self._weight_bytes = 0
        self._filling = False
        self.preset = QComboBox()
        self.preset.addItem(self.tr("LLaMA-7B, T = 2048, fp16"), LLAMA)
        self.preset.addItem(self.tr("custom"), CUSTOM)
        self.fields = {name: QSpinBox() for name in ("layers", "kv_heads", "head_dim", "positions")}
        self.dtype = QComboBox()
        for name, size in ITEMSIZES.items():
            self.dtype.addItem(name, size)
        self.result = PlainLabel()
        self._captions: list[QLabel] = []
        self.setContentsMargins(PANEL_PADDING, GRID, PANEL_PADDING, GRID)
        self.add(self._captioned(self.tr("a cache for"), self.preset, self.tr("Preset of the calculator")))
        captions = {
            "layers": self.tr("layers"), "kv_heads": self.tr("KV heads"), "head_dim": self.tr("head dim"),
            "positions": self.tr("positions"),
        }  # fmt: skip
        tips = {
            "layers": self.tr("Transformer layers, each with a cache of its own"),
            "kv_heads": self.tr("Heads with keys and values of their own; fewer than query heads in grouped attention"),
            "head_dim": self.tr("How many numbers a head keeps of a position"),
            "positions": self.tr("Tokens that a request's cache holds, of prompt and answer together"),
        }
        known = self.tr("A known model, the session's own, or any numbers")
        self.preset.setToolTip(plain(f"{known}\n{reference_source('memory')}"))
        self.dtype.setToolTip(self.tr("Number format of the cache"))
        for name, field in self.fields.items():
            field.setToolTip(plain(tips[name]))
            field.setRange(1, 100_000_000 if name == "positions" else 65_536)
            field.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
            field.setGroupSeparatorShown(False)
            field.setMaximumWidth(84 if name == "positions" else 52)
            self.add(self._captioned(captions[name], field, captions[name]))
            field.valueChanged.connect(self._edited)
        self.add(self._captioned(self.tr("of"), self.dtype, self.tr("Number format of the cache")))
        self.add(self.result)
        self.device, self.weights = QDoubleSpinBox(), QDoubleSpinBox()
        for box, caption, name, tip in (
            (self.device, self.tr("device"), self.tr("Memory of the device"),
             self.tr("Memory of the device; that of the session's own device to begin with.")),
            (self.weights, self.tr("weights"), self.tr("Memory of the weights"),
             self.tr("What the weights take of it before any cache; those of the preset to begin with.")),
        ):  # fmt: skip
            box.setRange(0, 1_000_000)
            box.setDecimals(2)
            box.setSuffix("\u2009GiB")
            box.setMaximumWidth(96)
            box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
            box.setToolTip(plain(tip))
            box.valueChanged.connect(self._write)
            self.add(self._captioned(caption, box, name))
        self.device.setSpecialValueText(self.tr("not reported"))
        self.fit = PlainLabel()
        self.fit.setAccessibleName(self.tr("How many requests fit"))
        self.fit.setToolTip(self.tr("(memory of the device − weights) / one request's cache, rounded down"))
        self.add(self.fit)
        self.dtype.currentIndexChanged.connect(self._edited)
        self.preset.currentIndexChanged.connect(self._chosen)
        self.result.setAccessibleName(self.tr("Predicted size of the cache"))
        self.result.setToolTip(self.tr("2 · layers · positions · KV heads · head dim · bytes an element"))
        self._fill(LLAMA_7B, LLAMA_7B_POSITIONS, "float16")
        self.weights.setValue(LLAMA_7B_PARAMETERS * LLAMA_7B.itemsize / GIB)
        keep_look(
            *self._captions, *self.fields.values(), self.dtype, self.preset, self.device, self.weights,
            scale=CAPTION_SCALE,
        )  # fmt: skip
        keep_look(self.result, self.fit, bold=True)

    def _captioned(self, caption: str, field: QWidget, name: str) -> QWidget:
        """A field with its caption before it; both wrap together."""
        both, label = labelled(caption, field, GRID)
        self._captions.append(label)
        field.setAccessibleName(name)
        return both

    # --- the value --------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> KvShape:
        """The shape of the cache in the fields."""
        values = {name: field.value() for name, field in self.fields.items()}
        return KvShape(values["layers"], values["kv_heads"], values["head_dim"], int(self.dtype.currentData()))

    @property
    def predicted_bytes(self) -> int:
        return self.shape.total_bytes(self.fields["positions"].value())

    @property
    def requests_fit(self) -> int | None:
        """How many such requests fit in the device beside the weights; None where its memory is not known, or that of
        the weights.
        """
        device = round(self.device.value() * GIB)
        untold = bool(self.weights.specialValueText()) and self.weights.value() <= 0
        if device <= 0 or untold:
            return None
        return requests_that_fit(device, round(self.weights.value() * GIB), self.predicted_bytes)

    def offer_device(self, meta: dict[str, str], *configs: dict[str, Any]) -> None:
        """Take the memory of the session's device, and the weight bytes of its models for the preset of its model."""
        self._weight_bytes = sum(int(config.get("weight_bytes", 0)) for config in configs)
        served = bool(meta.get("serving"))
        self.device.setSpecialValueText(self.tr("not told") if served else self.tr("not reported"))
        self.weights.setSpecialValueText(self.tr("not told") if served else "")
        if meta.get("device_memory_bytes"):
            self.device.setValue(int(meta["device_memory_bytes"]) / GIB)
        if self.preset.currentData() == CURRENT:
            self.weights.setValue(self._weight_bytes / GIB)

    def offer_current(self, shape: KvShape, positions: int, name: str) -> None:
        """Offer the session's own model as a preset; while it is chosen, the fields follow the run."""
        known = self._current is not None
        self._current = (shape, positions)
        if not known:
            self.preset.insertItem(1, self.tr("current model"), CURRENT)
        if self.preset.currentData() == CURRENT:
            self._fill(*self._current, None)
        self.preset.setItemText(self.preset.findData(CURRENT), self.tr("current: {}").format(name_of(name)))

    def withdraw_current(self) -> None:
        """Remove the preset of the session's model."""
        self._current = None
        index = self.preset.findData(CURRENT)
        if index >= 0:
            self.preset.removeItem(index)

    def _chosen(self) -> None:
        match self.preset.currentData():
            case "llama-7b":
                self._fill(LLAMA_7B, LLAMA_7B_POSITIONS, "float16")
                self.weights.setValue(LLAMA_7B_PARAMETERS * LLAMA_7B.itemsize / GIB)
            case "current" if self._current is not None:
                self._fill(*self._current, None)
                self.weights.setValue(self._weight_bytes / GIB)

    def _fill(self, shape: KvShape, positions: int, dtype: str | None) -> None:
        self._filling = True
        for name, value in (("layers", shape.layers), ("kv_heads", shape.kv_heads), ("head_dim", shape.head_dim)):
            self.fields[name].setValue(value)
        self.fields["positions"].setValue(max(positions, 1))
        index = self.dtype.findText(dtype) if dtype else self.dtype.findData(shape.itemsize)
        self.dtype.setCurrentIndex(max(index, 0))
        self._filling = False
        self._write()

    def _edited(self) -> None:
        if not self._filling:
            self.preset.setCurrentIndex(self.preset.findData(CUSTOM))
            self._write()

    def _write(self) -> None:
        self.result.setText(f"= {memory(self.predicted_bytes)} {PREDICTED}")
        self.fit.setText(self.tr("{n} such requests fit {mark}").format(n=count(self.requests_fit), mark=PREDICTED))
