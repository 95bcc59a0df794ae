"""Picks a model: the bundled demo, a recent one, one that another program keeps, or any folder or GGUF file."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QToolButton, QWidget

from app.core.local_models import LocalModel
from app.core.preferences import Preferences
from app.look.icons import icon
from app.look.theme import GRID
from app.look.units import memory
from app.widgets.elided_combo import ElidedCombo
from app.widgets.plain import plain
from engine.model.hub import model_name

DEMO = "demo"
PATH = Qt.ItemDataRole.UserRole


class ModelPicker(QWidget):
    """Shows one model, "demo", a folder or a GGUF file; `picked` is emitted when the user picks another."""

    picked = Signal(str)

    def __init__(self, preferences: Preferences, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._preferences = preferences
        self._cached: list[LocalModel] | None = None
        self._model = DEMO
        self._box = ElidedCombo()
        self._box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._box.setMinimumContentsLength(12)
        self._box.activated.connect(self._on_activated)
        self._folder = QToolButton()
        self._folder.clicked.connect(self.choose_folder)
        self._file = QToolButton()
        self._file.clicked.connect(self.choose_file)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID)
        layout.addWidget(self._box, 1)
        layout.addWidget(self._folder)
        layout.addWidget(self._file)
        self.setFocusProxy(self._box)
        self.retranslate()
        self.restyle()

    @property
    def model(self) -> str:
        return self._model

    def set_model(self, model: str) -> None:
        """Show this model without emitting `picked`; all but the demo are remembered."""
        self._model = model
        if model != DEMO:
            self._preferences.remember_model(model)
        self._fill()

    def offer(self, models: list[LocalModel]) -> None:
        """Add these models, which other programs keep, to the list."""
        self._cached = models
        self._fill()

    def choose_folder(self) -> None:
        """Ask the user for a folder, and pick it."""
        folder = QFileDialog.getExistingDirectory(
            self, self.tr("Model folder"), self._preferences.folder("model"), QFileDialog.Option.ShowDirsOnly
        )
        if folder:
            self._preferences.remember_folder("model", str(Path(folder).parent))
            self.pick(folder)

    def choose_file(self) -> None:
        """Ask the user for a GGUF file, and pick it."""
        file, _ = QFileDialog.getOpenFileName(
            self,
            self.tr("Model in a GGUF file"),
            self._preferences.folder("model"),
            self.tr("GGUF models (*.gguf);;All files (*)"),
        )
        if file:
            self._preferences.remember_folder("model", str(Path(file).parent))
            self.pick(file)

    def pick(self, model: str) -> None:
        """Show this model and emit `picked`."""
        self.set_model(model)
        self.picked.emit(model)

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        self._box.setAccessibleName(self.tr("Model"))
        self._folder.setToolTip(self.tr("Choose a model folder (config.json, safetensors, tokenizer.json)"))
        self._folder.setAccessibleName(self.tr("Choose a model folder"))
        self._file.setToolTip(self.tr("Choose a model in a GGUF file"))
        self._file.setAccessibleName(self.tr("Choose a model in a GGUF file"))
        self._fill()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self._folder.setIcon(icon("folder"))
        self._file.setIcon(icon("file"))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def _fill(self) -> None:
        self._box.clear()
        self._box.addItem(self.tr("Demo model (bundled)"), DEMO)
        shown = {DEMO}
        known = {one.path: one for one in self._cached or []}
        for path in self._preferences.recent_models:
            if path not in shown:
                self._add(known.get(path) or LocalModel(model_name(path), path))
                shown.add(path)
        cached = [one for one in self._cached or [] if one.path not in shown]
        if cached:
            self._box.insertSeparator(self._box.count())
            for one in cached:
                self._add(one)
        self._box.setCurrentIndex(max(0, self._box.findData(self._model, PATH)))
        self._box.setToolTip(plain(self._model))

    def _add(self, one: LocalModel) -> None:
        name = self.tr("{name} · {size}").format(name=one.name, size=memory(one.bytes)) if one.bytes else one.name
        self._box.addItem(name, one.path)
        self._box.setItemData(self._box.count() - 1, plain(one.path), Qt.ItemDataRole.ToolTipRole)

    def _on_activated(self, index: int) -> None:
        model = self._box.itemData(index, PATH)
        if isinstance(model, str) and model != self._model:
            self.pick(model)
