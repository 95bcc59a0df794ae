"""The sampling settings: a number for each, folded into one line that summarises them.

What a model's makers suggest is where its settings begin, unless the user has chosen other ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.look.theme import GRID, ROW_GAP
from app.widgets.elided_button import ElidedPushButton, ElidedToolButton
from app.widgets.plain import PlainLabel, plain
from app.widgets.themed_label import ThemedLabel
from engine.core.sampling import FILTERS, KINDS, Sampling
from engine.errors import InputError

DEFAULT: Final = Sampling(temperature=0.8, top_p=0.95)
"""The window's default; not greedy, as small models repeat themselves under greedy decoding."""

DECIMALS: Final = 2
NEUTRAL: Final = {one.name: one.neutral for one in FILTERS}


@dataclass(frozen=True, slots=True)
class Control:
    """How one field of `Sampling` is edited and described, in the current language.

    `make` makes its box. `words` is its format in the summary line; where it is empty or the filter is off, the summary
    omits the field. `least` is the text that the box shows instead of its lowest value.
    """

    name: str
    label: str
    tip: str
    make: Callable[[], QSpinBox | QDoubleSpinBox]
    words: str = ""
    least: str = ""


class SamplingControls(QWidget):
    """Edits one `Sampling` value."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fold = ElidedToolButton()
        self._fold.setCheckable(True)
        self._fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._fold.toggled.connect(self._on_fold)
        self._rows = QWidget()
        form = QFormLayout(self._rows)
        form.setContentsMargins(4 * GRID, 0, 0, 0)
        form.setVerticalSpacing(GRID)
        self._fields: dict[str, tuple[QLabel, QSpinBox | QDoubleSpinBox]] = {}
        for one in self._controls():
            label, field = PlainLabel(), one.make()
            field.setValue(getattr(DEFAULT, one.name))
            label.setBuddy(field)
            form.addRow(label, field)
            self._fields[one.name] = (label, field)
            field.valueChanged.connect(partial(self._on_edited, one.name))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(ROW_GAP)
        self._suggested: Sampling | None = None
        self.suggestion = ElidedPushButton()
        self.suggestion.clicked.connect(self._take_suggestion)
        self.suggestion.hide()
        self._chosen = False
        """Whether the settings are the user's own, which another model's suggestion does not replace."""
        self._showing = False
        self.note = ThemedLabel()
        self.greedy = QToolButton()
        self.greedy.setAutoRaise(True)
        self.greedy.clicked.connect(self._take_greedy)
        self._in_force = QWidget()
        line = QHBoxLayout(self._in_force)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(GRID)
        line.addWidget(self.note, 1)
        line.addWidget(self.greedy)
        self._in_force.hide()
        layout.addWidget(self._fold)
        layout.addWidget(self.suggestion)
        layout.addWidget(self._in_force)
        layout.addWidget(self._rows)
        self._rows.hide()
        self.retranslate()

    def _controls(self) -> tuple[Control, ...]:
        """The control of each field of `Sampling`, from top to bottom."""
        return (
            Control(
                "temperature", self.tr("Temperature"), self.tr("0 is greedy: always the most likely token"),
                partial(_decimal, 0.0, 5.0, 0.1), self.tr("temperature {}"),
            ),
            Control(
                "top_k", self.tr("Top-k"), self.tr("Draw among the k most likely tokens; 0 is off"),
                partial(_whole, 1_000_000), "top-k {}", self.tr("off"),
            ),
            Control(
                "top_p", self.tr("Top-p"), self.tr("Draw among the fewest tokens with this much probability; 1 is off"),
                partial(_decimal, 0.01, 1.0, 0.05), "top-p {}",
            ),
            Control(
                "min_p", self.tr("Min-p"),
                self.tr("Drop what is less likely than this share of the likeliest; 0 is off"),
                partial(_decimal, 0.0, 1.0, 0.01), "min-p {}",
            ),
            Control(
                "seed", self.tr("Seed"), self.tr("The same seed draws the same tokens"),
                partial(_whole, 2**31 - 1),
            ),
        )  # fmt: skip

    def field(self, name: str) -> QSpinBox | QDoubleSpinBox:
        """The box that edits this field of `Sampling`."""
        return self._fields[name][1]

    @property
    def sampling(self) -> Sampling:
        values: dict[str, Any] = {}
        for name, (_, field) in self._fields.items():
            values[name] = field.value() if isinstance(field, QSpinBox) else round(field.value(), field.decimals())
        return Sampling(**values)

    def show_sampling(self, sampling: Sampling) -> None:
        """Show these settings, chosen by the user: of a recording, or of a scenario."""
        self._chosen = True
        self._show(sampling)

    def suggest(self, values: dict[str, float]) -> None:
        """Take the settings that a checkpoint suggests: values by name, empty where it suggests nothing.

        Where the user has chosen settings, the suggestion is only offered.
        """
        given: dict[str, Any] = {name: KINDS[name](value) for name, value in values.items() if name in KINDS}
        try:
            self._suggested = Sampling(**{"temperature": 1.0, **given}) if values else None
        except InputError:  # a suggestion with invalid values is ignored
            self._suggested = None
        if self._chosen:
            self._summarise()
        else:
            self._show(replace(self._suggested or DEFAULT, seed=self.sampling.seed))

    def _show(self, sampling: Sampling) -> None:
        self._showing = True
        for name, (_, field) in self._fields.items():
            field.setValue(getattr(sampling, name))
        self._showing = False
        self._summarise()

    def _on_edited(self, name: str, _value: float) -> None:
        if not self._showing:
            self._chosen = self._chosen or name != "seed"
            self._summarise()

    def _take_suggestion(self) -> None:
        if self._suggested is not None:
            self._chosen = False  # the user wants what the model's makers suggest, of the next model too
            self._show(replace(self._suggested, seed=self.sampling.seed))

    def _take_greedy(self) -> None:
        self.show_sampling(Sampling(seed=self.sampling.seed))

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        for one in self._controls():
            label, field = self._fields[one.name]
            label.setText(one.label)
            field.setToolTip(plain(one.tip))
            field.setAccessibleName(one.label)
            field.setSpecialValueText(one.least)
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
        in_force = offered is not None and self._is_shown(offered)
        self.suggestion.setVisible(offered is not None and not in_force)
        self._in_force.setVisible(in_force)
        if offered is not None:
            says = self.tr("The model's makers suggest this, in generation_config.json or in the GGUF file")
            self.suggestion.setText(self.tr("Use the model's: {}").format(self._words(offered)))
            self.suggestion.setToolTip(plain(f"{self.suggestion.text()}\n{says}"))
            self.note.setText(self.tr("As the model's makers suggest"))
            self.note.setToolTip(plain(says))
        self.greedy.setText(self.tr("Greedy instead"))
        self.greedy.setToolTip(self.tr("Always the most likely token, in every run until you choose otherwise"))
        self._fold.setText(text)
        self._fold.setArrowType(Qt.ArrowType.DownArrow if self._fold.isChecked() else Qt.ArrowType.RightArrow)
        self._fold.setAccessibleName(text)
        says = self.tr("How the next token is drawn; takes effect with the next run")
        self._fold.setToolTip(plain(f"{text}\n{says}"))

    def _is_shown(self, sampling: Sampling) -> bool:
        """Whether the boxes show these settings, to as many digits as a box has; the seed is the user's own."""
        shown = self.sampling
        return all(
            abs(getattr(shown, name) - getattr(sampling, name)) <= 0.5 * 10**-DECIMALS
            for name in self._fields
            if name != "seed"
        )

    def _words(self, sampling: Sampling) -> str:
        parts = []
        for one in self._controls():
            value = getattr(sampling, one.name)
            if one.words and NEUTRAL.get(one.name) != value:
                parts.append(one.words.format(f"{value:g}" if isinstance(value, float) else value))
        return ", ".join(parts)


def _decimal(low: float, high: float, step: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setSingleStep(step)
    box.setDecimals(DECIMALS)
    return box


def _whole(high: int) -> QSpinBox:
    box = QSpinBox()
    box.setRange(0, high)
    return box
