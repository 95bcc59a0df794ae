"""The sizes among the switches: blocks of the KV cache, its limit, and requests in a batch; each is flipped at once."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QSpinBox, QWidget

from app.widgets.setting_rows import SettingRows
from engine.core.settings import Switches
from engine.core.typed import byte_size, typed_size
from engine.errors import InputError


class PoolSettings(SettingRows):
    """Shows the sizes of a `Switches` value; `flipped` carries {name: value} when the user changes one."""

    flipped = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = Switches()
        self.block_size = self._whole("block_size", 1024)
        self.max_batch = self._whole("max_batch", 4096)
        self.kv_memory = QLineEdit()
        self.kv_memory.editingFinished.connect(self._on_memory)
        self.add("block_size", self.block_size)
        self.add("kv_memory", self.kv_memory)
        self.add("max_batch", self.max_batch)
        self.show_switches(self._shown)
        self.retranslate()

    def show_switches(self, switches: Switches) -> None:
        """Show these values without emitting `flipped`."""
        self._shown = switches
        for box, value in ((self.block_size, switches.block_size), (self.max_batch, switches.max_batch)):
            box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(False)
        self.kv_memory.setText(typed_size(switches.kv_memory))
        self.show_fault("kv_memory", "")

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        self.heading.setText(self.tr("Memory and batch"))
        self.describe(
            "block_size", self.tr("Block size"), self.tr("Positions that a block of the paged KV cache holds")
        )
        self.describe(
            "kv_memory", self.tr("KV budget"),
            self.tr("The most memory of the KV cache, for example 512MiB; requests that do not fit wait"),
        )  # fmt: skip
        self.kv_memory.setPlaceholderText(self.tr("no limit"))
        self.describe("max_batch", self.tr("Max batch"), self.tr("The most requests that one step computes"))

    def _whole(self, name: str, most: int) -> QSpinBox:
        box = QSpinBox()
        box.setRange(1, most)
        box.setKeyboardTracking(False)
        box.valueChanged.connect(lambda value: self._flip({name: value}))
        return box

    def _on_memory(self) -> None:
        text = self.kv_memory.text().strip()
        try:
            change = {"kv_memory": byte_size(text) if text else None}
            self._shown.changed(**change)
        except InputError:
            self.show_fault("kv_memory", self.tr("“{}” is no size of memory, for example 512MiB.").format(text))
            return
        self.show_fault("kv_memory", "")
        self._flip(change)

    def _flip(self, change: dict[str, Any]) -> None:
        wanted = self._shown.changed(**change)
        if wanted != self._shown:
            self._shown = wanted
            self.flipped.emit(change)
