"""The switches as live controls: a change takes effect at the next step of the current run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_args

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QSpinBox, QWidget

from app.look.theme import ROW_GAP
from app.widgets.plain import PlainLabel, plain
from app.widgets.segments import Segments
from engine.core.settings import Attention, Batching, Kv, Speculate, Switches


class SwitchControls(QWidget):
    """Shows one `Switches` value; `flipped` carries {name: value} when the user changes one."""

    flipped = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._switches = Switches().settled({})
        self._unavailable: dict[str, str] = {}
        self._locked = ""
        """Why no switch can be flipped; empty where they can."""
        self._segments = {
            "kv": Segments(get_args(Kv), self._switches.kv),
            "attention": Segments([one for one in get_args(Attention) if one != "auto"], self._switches.attention),
            "speculate": Segments(get_args(Speculate), self._switches.speculate),
            "batching": Segments(get_args(Batching), self._switches.batching),
        }
        self._k = QSpinBox()
        self._k.setRange(1, 64)
        self._k.setValue(self._switches.k)
        self._k.setPrefix("k ")
        self._k.setKeyboardTracking(False)
        self._k.valueChanged.connect(lambda k: self._flip({"k": k}))
        self._labels = {name: PlainLabel() for name in self._segments}
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(ROW_GAP)
        layout.setHorizontalSpacing(ROW_GAP)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, segments in self._segments.items():
            segments.picked.connect(lambda value, name=name: self._flip({name: value}))
            field: QWidget = segments
            if name == "speculate":
                field = QWidget()
                row = QHBoxLayout(field)
                row.setContentsMargins(0, 0, 0, 0)
                row.setSpacing(ROW_GAP)
                row.addWidget(segments, 1)
                row.addWidget(self._k)
            layout.addRow(self._labels[name], field)
            self._labels[name].setBuddy(segments)
        self._show_k()
        self.retranslate()

    @property
    def switches(self) -> Switches:
        return self._switches

    def show_switches(self, switches: Switches) -> None:
        """Show these values without emitting `flipped`."""
        self._switches = switches
        values = asdict(switches)
        for name, segments in self._segments.items():
            segments.set_value(values[name])
        self._k.blockSignals(True)
        self._k.setValue(switches.k)
        self._k.blockSignals(False)
        self._show_k()

    def set_unavailable(self, unavailable: dict[str, str]) -> None:
        """Disable values that cannot run here (`ModelReady.unavailable`), and replace chosen ones by the defaults."""
        self._unavailable = unavailable
        self._show_reasons()
        values = asdict(self._switches)
        default = asdict(Switches().settled(unavailable))
        lost = {name: default[name] for name in self._segments if f"{name}={values[name]}" in unavailable}
        if lost:
            self.show_switches(self._switches.changed(**lost))
        self._show_k()

    def lock(self, reason: str) -> None:
        """Disable every switch for this reason; an empty one enables them again."""
        self._locked = reason
        self._show_reasons()

    def label_width(self) -> int:
        """Width in pixels of the widest label, so that a form below can align with it."""
        return max(label.sizeHint().width() for label in self._labels.values())

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        names = {
            "kv": self.tr("KV cache"),
            "attention": self.tr("Attention"),
            "speculate": self.tr("Speculate"),
            "batching": self.tr("Batching"),
        }
        tips = {
            "kv": {
                "none": self.tr("Recompute every position in every step"),
                "contiguous": self.tr("Keep keys and values in one buffer a request"),
                "paged": self.tr("Keep keys and values in blocks that requests can share"),
            },
            "attention": {
                "reference": self.tr("Softmax of QKᵀ times V, written out"),
                "sdpa": self.tr("PyTorch's fused kernels"),
                "native": self.tr("This project's tiled kernels for a CPU"),
                "triton": self.tr("This project's tiled kernels for a GPU"),
            },
            "speculate": {
                "off": self.tr("One token a pass"),
                "draft": self.tr("A smaller model proposes k tokens, this one verifies them in one pass"),
                "ngram": self.tr("The text so far proposes k tokens, the model verifies them in one pass"),
            },
            "batching": {
                "single": self.tr("One request at a time"),
                "static": self.tr("Pad to the longest request, wait for the slowest"),
                "continuous": self.tr("Requests join and leave at every step"),
            },
        }
        for name, segments in self._segments.items():
            self._labels[name].setText(names[name])
            segments.name(names[name], {}, tips[name])
        self._k.setAccessibleName(self.tr("Tokens proposed at a time"))
        self._show_reasons()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def _flip(self, change: dict[str, Any]) -> None:
        new = self._switches.changed(**change)
        if new != self._switches:
            self._switches = new
            self._show_k()
            self.flipped.emit(change)

    def _show_reasons(self) -> None:
        for name, segments in self._segments.items():
            prefix = f"{name}="
            reasons = {
                key.removeprefix(prefix): why for key, why in self._unavailable.items() if key.startswith(prefix)
            }
            segments.set_unavailable(dict.fromkeys(segments.buttons, self._locked) if self._locked else reasons)
        self._k.setEnabled(not self._locked)
        self._k.setToolTip(plain(self._locked or self.tr("How many tokens are proposed at a time")))

    def _show_k(self) -> None:
        self._k.setVisible(self._switches.speculate != "off")
