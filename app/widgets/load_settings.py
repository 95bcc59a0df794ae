"""How a model is loaded: device, precision, threads, draft model. A change needs the model to be loaded again."""

from __future__ import annotations

import re
from typing import Final, get_args

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QLineEdit, QPushButton, QSpinBox, QToolButton, QWidget

from app.look.icons import icon
from app.look.theme import CAPTION_SCALE
from app.widgets.plain import plain
from app.widgets.setting_rows import SettingRows
from app.widgets.themed_label import ThemedLabel
from engine.core.settings import Dtype, LoadSpec

DEVICES: Final = ("auto", "cpu", "cuda")
DEVICE: Final = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?")
MOST_THREADS: Final = 4096


class LoadSettings(SettingRows):
    """Edits a LoadSpec, all but its model. `reload_wanted` asks for the model to be loaded with it."""

    reload_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._loaded: LoadSpec | None = None
        self._running = ""
        self.device = QComboBox()
        self.device.setEditable(True)
        self.device.addItems(DEVICES)
        self.device.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.device.setMinimumContentsLength(6)
        self.dtype = QComboBox()
        self.dtype.addItems(get_args(Dtype))
        self.threads = QSpinBox()
        self.threads.setRange(0, MOST_THREADS)
        self.draft = QLineEdit()
        self._folder = QToolButton()
        self._folder.clicked.connect(self._choose_draft)
        self.reload = QPushButton()
        self.reload.clicked.connect(self.reload_wanted)
        self.note = ThemedLabel(scale=CAPTION_SCALE, wrap=True)
        self.add("device", self.device)
        self.add("dtype", self.dtype)
        self.add("threads", self.threads)
        self.add("draft_model", self.draft, self._folder)
        self.add_wide(self.note)
        self.add_wide(self.reload)
        self.device.currentTextChanged.connect(self._on_change)
        self.dtype.currentTextChanged.connect(self._on_change)
        self.threads.valueChanged.connect(self._on_change)
        self.draft.textChanged.connect(self._on_change)
        self.restyle()
        self.retranslate()

    def spec(self, model: str) -> LoadSpec:
        """How this model is to be loaded. A device that is none counts as auto: `fault` says so."""
        dtype = next(one for one in get_args(Dtype) if one == self.dtype.currentText())
        device = self.device.currentText().strip()
        return LoadSpec(
            model, self.draft.text().strip() or None, device if DEVICE.fullmatch(device) else "auto", dtype,
            self.threads.value(),
        )  # fmt: skip

    def show_loaded(self, spec: LoadSpec | None) -> None:
        """Show how the model was loaded that is loaded now; None where none is."""
        self._loaded = spec
        self._on_change()

    def forget_draft(self) -> None:
        """Another model is chosen: a draft model shares the vocabulary of one model only."""
        self.draft.clear()

    def show_running(self, reason: str) -> None:
        """Disable everything for this reason, that a run goes on; an empty one enables it again."""
        self._running = reason
        for name in self.rows:
            self.lock(name, reason)
        self._folder.setEnabled(not reason)
        self._on_change()

    @property
    def changed(self) -> bool:
        """Whether the model was loaded otherwise than these settings say, or none is loaded."""
        return self._loaded is None or self.spec(self._loaded.model) != self._loaded

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        self.heading.setText(self.tr("Loading the model"))
        self.describe(
            "device", self.tr("Device"),
            self.tr("auto (a GPU where there is one), cpu, cuda, or cuda:1 for the second GPU"),
        )  # fmt: skip
        self.describe(
            "dtype", self.tr("Precision"),
            self.tr("What is computed in; auto is float32 on a CPU, and the checkpoint's own on a GPU"),
        )  # fmt: skip
        self.describe("threads", self.tr("Threads"), self.tr("CPU threads; auto lets the engine choose by the model"))
        self.threads.setSpecialValueText(self.tr("auto"))
        self.describe(
            "draft_model", self.tr("Draft model"),
            self.tr("Folder of a smaller model with the same vocabulary, which proposes tokens (switch Speculate); "
                    "auto: the demo has its own, other models none"),
        )  # fmt: skip
        self.draft.setPlaceholderText(self.tr("auto"))
        self._folder.setToolTip(self.tr("Choose the folder of the draft model"))
        self._folder.setAccessibleName(self.tr("Choose the folder of the draft model"))
        self.reload.setText(self.tr("Load the model again"))
        self._on_change()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self._folder.setIcon(icon("folder"))

    def _choose_draft(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, self.tr("Draft model"), self.draft.text(), QFileDialog.Option.ShowDirsOnly
        )
        if folder:
            self.draft.setText(folder)

    def _on_change(self, *_: object) -> None:
        device = self.device.currentText().strip()
        wrong = "" if DEVICE.fullmatch(device) else self.tr("“{}” is no device: auto, cpu, cuda or cuda:N.")
        self.show_fault("device", wrong.format(device))
        self.reload.setEnabled(self.changed and not self.fault and not self._running)
        waits = self._loaded is not None and self.changed
        self.note.setText(self.tr("Not in force yet: these take effect when the model is loaded again."))
        self.note.setVisible(waits)
        tip = self.tr("Load the model with these settings; what is generated and recorded stays")
        nothing = self.tr("The model is loaded with these settings")
        self.reload.setToolTip(plain(self._running or (tip if self.changed else nothing)))
