"""The switches as live controls: a change takes effect at the next step of the current run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_args

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from app.core.engine_sentences import in_window_language
from app.look.theme import CAPTION_SCALE, GRID, ROW_GAP
from app.widgets.plain import PlainLabel, plain
from app.widgets.segments import Segments
from app.widgets.themed_label import ThemedLabel
from engine.core.settings import Attention, Batching, Kv, Speculate, Switches, as_typed
from engine.figures.launches import is_gpu, obstacle


class SwitchControls(QWidget):
    """Shows one `Switches` value; `flipped` carries {name: value} when the user changes one.

    What nobody chose is left to the engine, and shown as the engine will choose it.
    """

    flipped = Signal(dict)
    shown = Signal(object)
    """Carries the switches that are shown from now on, also those without a control here."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._wanted = Switches()
        """What was chosen; attention "auto" and graphs None where nobody did."""
        self._unavailable: dict[str, str] = {}
        self._device = ""
        self._records = False
        self._locked = ""
        """Why no switch can be flipped; empty where they can."""
        shown = self.switches
        self._segments = {
            "kv": Segments(get_args(Kv), shown.kv),
            "attention": Segments([one for one in get_args(Attention) if one != "auto"], shown.attention),
            "graphs": Segments(("off", "on"), as_typed(shown.graphs)),
            "speculate": Segments(get_args(Speculate), shown.speculate),
            "batching": Segments(get_args(Batching), shown.batching),
        }
        self.note = ThemedLabel(scale=CAPTION_SCALE, wrap=True)
        """Why `graphs` is on and has no effect; hidden where it has one."""
        self._k = QSpinBox()
        self._k.setRange(1, 64)
        self._k.setValue(shown.k)
        self._k.setPrefix("k ")
        self._k.setKeyboardTracking(False)
        self._k.valueChanged.connect(lambda k: self.flip({"k": k}))
        self._labels = {name: PlainLabel() for name in self._segments}
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(ROW_GAP)
        layout.setHorizontalSpacing(ROW_GAP)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, segments in self._segments.items():
            segments.picked.connect(lambda button, name=name: self.flip({name: value_of(name, button)}))
            layout.addRow(self._labels[name], self._field(name))
            self._labels[name].setBuddy(segments)
        self._show_dependent()
        self.retranslate()

    @property
    def switches(self) -> Switches:
        return self._wanted.settled(self._unavailable)

    def show_switches(self, switches: Switches) -> None:
        """Show these values without emitting `flipped`."""
        self._wanted = switches
        values = asdict(self.switches)
        for name, segments in self._segments.items():
            segments.set_value(as_typed(values[name]))
        self._k.blockSignals(True)
        self._k.setValue(switches.k)
        self._k.blockSignals(False)
        self._show_dependent()
        self.shown.emit(switches)

    def set_unavailable(self, unavailable: dict[str, str], device: str = "") -> None:
        """Disable values that cannot run on `device` with the model (`ModelReady`); chosen ones become the defaults."""
        self._unavailable, self._device = unavailable, device
        values, default = asdict(self._wanted), asdict(Switches())
        lost = {name: default[name] for name in self._segments if f"{name}={values[name]}" in unavailable}
        self.show_switches(self._wanted.changed(**lost))
        self.retranslate()

    def show_recording(self, records: bool) -> None:
        """Whether attention is recorded, which a step that is launched as one cannot do."""
        self._records = records
        self._show_dependent()

    def lock(self, reason: str) -> None:
        """Disable every switch for this reason; an empty one enables them again."""
        self._locked = reason
        self._show_reasons()
        self._show_dependent()

    def rows(self) -> dict[str, tuple[str, Segments]]:
        """By the name of each switch: its label and the buttons of its values."""
        return {name: (self._labels[name].text(), segments) for name, segments in self._segments.items()}

    def label_width(self) -> int:
        """Width in pixels of the widest label, so that a form below can align with it."""
        return max(label.sizeHint().width() for label in self._labels.values())

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        names = {
            "kv": self.tr("KV cache"),
            "attention": self.tr("Attention"),
            "graphs": self.tr("CUDA graphs") if is_gpu(self._device) else self.tr("Compiled step"),
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
            "graphs": {
                "off": self.tr("Run each step operation by operation"),
                "on": self.tr("Launch each decode step as one recorded graph of kernels")
                if is_gpu(self._device)
                else self.tr("Run each step as one native call over all layers"),
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
        self._show_dependent()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def _field(self, name: str) -> QWidget:
        """The buttons of a switch, with what belongs beside or below them."""
        segments = self._segments[name]
        if name not in ("speculate", "graphs"):
            return segments
        field = QWidget()
        layout = QHBoxLayout(field) if name == "speculate" else QVBoxLayout(field)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(ROW_GAP if name == "speculate" else GRID)
        layout.addWidget(segments, 1)
        layout.addWidget(self._k if name == "speculate" else self.note)
        return field

    @property
    def names(self) -> tuple[str, ...]:
        """The switches that have their buttons here."""
        return tuple(self._segments)

    def control(self, name: str) -> QWidget:
        """What edits this switch."""
        return self._k if name == "k" else self._segments[name]

    def flip(self, change: dict[str, Any]) -> None:
        """Flip switches, as a control does, also those that have their control elsewhere."""
        before = self.switches
        new = self._wanted.changed(**change)
        if "attention" in change:  # another kernel leaves `graphs` as it is in a run that goes on
            new = new.changed(graphs=before.graphs)
        if new.settled(self._unavailable) != before:
            self._wanted = new
            self._show_dependent()
            self.flipped.emit(change)

    def _show_reasons(self) -> None:
        for name, segments in self._segments.items():
            keys = {button: f"{name}={value_of(name, button)}" for button in segments.buttons}
            reasons = {
                button: in_window_language(self._unavailable[key])
                for button, key in keys.items()
                if key in self._unavailable
            }
            segments.set_unavailable(dict.fromkeys(segments.buttons, self._locked) if self._locked else reasons)
        self._k.setEnabled(not self._locked)
        self._k.setToolTip(plain(self._locked or self.tr("How many tokens are proposed at a time")))

    def _show_dependent(self) -> None:
        """Show what depends on the values: the number of drafts, and why `graphs` has no effect."""
        switches = self.switches
        self._k.setVisible(switches.speculate != "off")
        found = None if self._locked else obstacle(asdict(switches), self._device, self._records)
        words = {
            "attention": self.tr("No effect with attention {}").format(switches.attention),
            "cache": self.tr("No effect without a KV cache"),
            "recorded": self.tr("No effect while attention is recorded"),
        }
        self.note.setText(words.get(found or "", ""))
        self.note.setVisible(found is not None)


def value_of(name: str, button: str) -> str | bool:
    """The value of a switch that its button stands for."""
    return button == "on" if name == "graphs" else button
