"""The dialog that asks which models to compare, and over which text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast, get_args

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.dialogs.fitting import fit
from app.look.theme import GRID, GROUP_GAP, PANEL_PADDING, ROW_GAP, theme
from app.look.units import straight
from app.widgets.elided_label import ElidedLabel
from app.widgets.plain import PlainLabel, plain
from engine.core.settings import CompareSpec, Dtype

WIDTH: Final = 150 * GRID
MOST: Final = 2**20
"""The largest number of tokens that the dialog offers."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the dialog's fields say. `text` is a file, "" for the text that comes with the program."""

    model: str
    text: str
    dtype: Dtype
    window: int
    most_tokens: int
    layer_tokens: int


class PrecisionDialog(QDialog):
    """Asks for model B and a text; model A is the loaded one. It opens no file itself: its signals ask for that."""

    compare_wanted = Signal()
    folder_wanted = Signal()
    file_wanted = Signal()
    text_wanted = Signal()

    def __init__(self, of_a: str, models: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("precision-dialog")
        self.setWindowTitle(self.tr("Compare precision"))
        usual = CompareSpec("", "", "")
        self.of_a = ElidedLabel()
        self.of_a.setText(straight(of_a))
        self.of_a.setToolTip(plain(of_a))
        self.model = QComboBox()
        self.model.setEditable(True)
        self.model.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.model.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.model.addItems(list(models))
        self.model.setCurrentIndex(-1)
        line = self.model.lineEdit()
        if line is not None:
            line.setPlaceholderText(self.tr("a checkpoint folder or a GGUF file of the same model"))
        self.folder, self.file = QPushButton(self.tr("&Folder…")), QPushButton(self.tr("&GGUF file…"))
        self.dtype = QComboBox()
        self.dtype.addItems(get_args(Dtype))
        self.text = QLineEdit()
        self.text.setPlaceholderText(self.tr("empty: a text that comes with the program"))
        self.text_file = QPushButton(self.tr("&Text file…"))
        self.window_tokens = _tokens(2, usual.window)
        self.most_tokens = _tokens(2, usual.most_tokens)
        self.layer_tokens = _tokens(0, usual.layer_tokens)
        self.said = PlainLabel()
        self.said.setWordWrap(True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.compare = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.compare.setText(self.tr("Compare"))
        self._build()
        self._explain()
        self.show_fault("")
        self.model.setFocus()

    @property
    def asked(self) -> Asked:
        """What the fields say, as it was typed."""
        return Asked(
            self.model.currentText().strip(), self.text.text().strip(), cast(Dtype, self.dtype.currentText()),
            self.window_tokens.value(), self.most_tokens.value(), self.layer_tokens.value(),
        )  # fmt: skip

    def show_fault(self, sentence: str) -> None:
        """Say why it cannot be done; the fields stay."""
        self.said.setStyleSheet(f"color: {theme().error}")
        self.said.setText(straight(sentence))
        self.said.setVisible(bool(sentence))
        fit(self, WIDTH)

    def _build(self) -> None:
        form = QFormLayout()
        form.setHorizontalSpacing(GROUP_GAP)
        form.setVerticalSpacing(ROW_GAP)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for text, widget, beside in (
            (self.tr("A, the reference"), self.of_a, ()),
            (self.tr("&B"), self.model, (self.folder, self.file)),
            (self.tr("B computes &in"), self.dtype, ()),
            (self.tr("T&ext"), self.text, (self.text_file,)),
            (self.tr("&Window"), self.window_tokens, ()),
            (self.tr("T&okens"), self.most_tokens, ()),
            (self.tr("Tokens for each &layer"), self.layer_tokens, ()),
        ):
            label = PlainLabel(text)
            label.setBuddy(widget)
            row = QHBoxLayout()
            row.setSpacing(ROW_GAP)
            row.addWidget(widget, 1)
            for button in beside:
                button.setAutoDefault(False)  # Enter compares
                row.addWidget(button)
            form.addRow(label, row)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GROUP_GAP, GROUP_GAP, GROUP_GAP, PANEL_PADDING)
        layout.setSpacing(ROW_GAP)
        layout.addLayout(form)
        layout.addWidget(self.said)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(WIDTH)
        self.compare.clicked.disconnect()  # the dialog stays open until the text has been read
        self.compare.clicked.connect(self.compare_wanted)
        self.compare.setDefault(True)
        self.buttons.rejected.connect(self.reject)
        self.folder.clicked.connect(self.folder_wanted)
        self.file.clicked.connect(self.file_wanted)
        self.text_file.clicked.connect(self.text_wanted)

    def _explain(self) -> None:
        for widget, name, tip in (
            (self.of_a, self.tr("A, the reference"), ""),
            (self.model, self.tr("Model B"), self.tr("A checkpoint folder or a GGUF file of the same model")),
            (self.folder, self.folder.text(), self.tr("Choose a checkpoint folder")),
            (self.file, self.file.text(), self.tr("Choose a GGUF file")),
            (self.dtype, self.tr("B computes in"), self.tr("The precision of B's activations and sums")),
            (self.text, self.tr("Text"), self.tr("A text file in UTF-8 that both models read")),
            (self.text_file, self.text_file.text(), self.tr("Choose a text file")),
            (self.window_tokens, self.tr("Window"),
             self.tr("The text is cut into contexts of so many tokens, each on its own")),
            (self.most_tokens, self.tr("Tokens"), self.tr("Compare on so many tokens from the beginning of the text")),
            (self.layer_tokens, self.tr("Tokens for each layer"),
             self.tr("Judge each layer of B alone on so many tokens; 0: judge none")),
            (self.compare, self.compare.text(), self.tr("Load B and compare; Stop ends it at any time")),
        ):  # fmt: skip
            widget.setAccessibleName(name.replace("&", ""))
            if tip:
                widget.setToolTip(plain(tip))


def _tokens(least: int, value: int) -> QSpinBox:
    box = QSpinBox()
    box.setRange(least, MOST)
    box.setValue(value)
    return box
