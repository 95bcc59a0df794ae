"""How the next token is drawn: five numbers, folded into one line that summarises them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.look.theme import GRID, ROW_GAP
from app.widgets.plain import PlainLabel, plain
from engine.core.settings import Sampling
from engine.errors import InputError

DEFAULT: Final = Sampling(temperature=0.8, top_p=0.95)
"""The window's default; not greedy, as small models repeat themselves under greedy decoding."""


class SamplingControls(QWidget):
    """Edits one `Sampling` value."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fold = QToolButton()
        self._fold.setCheckable(True)
        self._fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._fold.toggled.connect(self._on_fold)
        self.temperature = _decimal(0.0, 5.0, 0.1, DEFAULT.temperature)
        self._top_k = QSpinBox()
        self._top_k.setRange(0, 1_000_000)
        self._top_p = _decimal(0.01, 1.0, 0.05, DEFAULT.top_p)
        self._min_p = _decimal(0.0, 1.0, 0.01, 0.0)
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self._rows = QWidget()
        form = QFormLayout(self._rows)
        form.setContentsMargins(4 * GRID, 0, 0, 0)
        form.setVerticalSpacing(GRID)
        self._fields: dict[str, tuple[QLabel, QWidget]] = {}
        for name, field in (
            ("temperature", self.temperature),
            ("top_k", self._top_k),
            ("top_p", self._top_p),
            ("min_p", self._min_p),
            ("seed", self.seed),
        ):
            label = PlainLabel()
            label.setBuddy(field)
            form.addRow(label, field)
            self._fields[name] = (label, field)
            field.valueChanged.connect(self._summarise)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(ROW_GAP)
        self._suggested: Sampling | None = None
        self.suggestion = QPushButton()
        self.suggestion.clicked.connect(self._take_suggestion)
        self.suggestion.hide()
        layout.addWidget(self._fold)
        layout.addWidget(self.suggestion)
        layout.addWidget(self._rows)
        self._rows.hide()
        self.retranslate()

    @property
    def sampling(self) -> Sampling:
        return Sampling(
            temperature=round(self.temperature.value(), 2),
            top_k=self._top_k.value(),
            top_p=round(self._top_p.value(), 2),
            min_p=round(self._min_p.value(), 2),
            seed=self.seed.value(),
        )

    def show_sampling(self, sampling: Sampling) -> None:
        """Show these settings."""
        self.temperature.setValue(sampling.temperature)
        self._top_k.setValue(sampling.top_k)
        self._top_p.setValue(sampling.top_p)
        self._min_p.setValue(sampling.min_p)
        self.seed.setValue(sampling.seed)

    def suggest(self, values: dict[str, float]) -> None:
        """Offer what a checkpoint suggests: sampling by name, empty where it suggests nothing."""
        try:
            self._suggested = Sampling(
                temperature=values.get("temperature", 1.0), top_k=int(values.get("top_k", 0)),
                top_p=values.get("top_p", 1.0), min_p=values.get("min_p", 0.0),
            ) if values else None  # fmt: skip
        except InputError:  # invalid values are no suggestion
            self._suggested = None
        self._summarise()

    def _take_suggestion(self) -> None:
        if self._suggested is not None:
            self.show_sampling(replace(self._suggested, seed=self.seed.value()))

    def retranslate(self) -> None:
        """Take the texts of the language in force."""
        texts = {
            "temperature": (self.tr("Temperature"), self.tr("0 is greedy: always the most likely token")),
            "top_k": (self.tr("Top-k"), self.tr("Draw among the k most likely tokens; 0 is off")),
            "top_p": (self.tr("Top-p"), self.tr("Draw among the fewest tokens with this much probability; 1 is off")),
            "min_p": (self.tr("Min-p"), self.tr("Drop what is less likely than this share of the likeliest; 0 is off")),
            "seed": (self.tr("Seed"), self.tr("The same seed draws the same tokens")),
        }  # fmt: skip
        for name, (text, tip) in texts.items():
            label, field = self._fields[name]
            label.setText(text)
            field.setToolTip(plain(tip))
            field.setAccessibleName(text)
        self._top_k.setSpecialValueText(self.tr("off"))
        self._summarise()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def _on_fold(self, open_: bool) -> None:
        self._rows.setVisible(open_)
        self._summarise()

    def _summarise(self) -> None:
        sampling = self.sampling
        text = self.tr("Sampling: greedy") if sampling.greedy else self.tr("Sampling: {}").format(self._words(sampling))
        offered = self._suggested
        self.suggestion.setVisible(offered is not None and replace(offered, seed=sampling.seed) != sampling)
        if offered is not None:
            self.suggestion.setText(self.tr("Use the model's: {}").format(self._words(offered)))
            self.suggestion.setToolTip(plain(self.tr("The model's makers suggest this (generation_config.json)")))
        self._fold.setText(text)
        self._fold.setArrowType(Qt.ArrowType.DownArrow if self._fold.isChecked() else Qt.ArrowType.RightArrow)
        self._fold.setAccessibleName(text)
        self._fold.setToolTip(self.tr("How the next token is drawn; takes effect with the next run"))

    def _words(self, sampling: Sampling) -> str:
        parts = [self.tr("temperature {}").format(f"{sampling.temperature:g}")]
        if sampling.top_k:
            parts.append(f"top-k {sampling.top_k}")
        if sampling.top_p < 1:
            parts.append(f"top-p {sampling.top_p:g}")
        if sampling.min_p > 0:
            parts.append(f"min-p {sampling.min_p:g}")
        return ", ".join(parts)


def _decimal(low: float, high: float, step: float, value: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setSingleStep(step)
    box.setDecimals(2)
    box.setValue(value)
    return box
