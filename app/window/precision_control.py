"""Compares the loaded model with another precision of it: asks for both in a dialog, and brings the panel up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from app.core.background import Failure
from app.core.engine_sentences import in_window_language
from app.core.jobs import Jobs
from app.core.preferences import Preferences
from app.window.feed import Feed
from app.window.model_control import ModelControl
from app.window.shown_session import ShownSession
from engine.client.compared_text import SAMPLE_NAME, read_text, sample_text
from engine.core.settings import CompareSpec
from engine.errors import InputError
from engine.figures.precision import precision_fact

if TYPE_CHECKING:
    from app.dialogs.precision import Asked, PrecisionDialog


class PrecisionControl(QObject):
    """Opens the dialog; the text is read in the background, and the engine does the rest as it does a run."""

    panel_wanted = Signal(str)
    """The name of the panel that is to come up."""

    def __init__(
        self,
        window: QWidget,
        feed: Feed,
        shown: ShownSession,
        model: ModelControl,
        jobs: Jobs,
        preferences: Preferences,
    ) -> None:
        super().__init__(window)
        self._window, self._feed, self._model = window, feed, model
        self._jobs, self._preferences = jobs, preferences
        self.dialog: PrecisionDialog | None = None
        self._shown = shown
        shown.changed.connect(self._on_shown)

    def ask(self) -> None:
        """Open the dialog; one that is open comes to the front."""
        from app.dialogs.precision import PrecisionDialog

        if self.dialog is not None:
            self.dialog.raise_()
            return
        models = [one for one in ("demo", *self._preferences.recent_models) if one != self._model.model]
        dialog = self.dialog = PrecisionDialog(self._model.model, [*models, self._model.model], self._window)
        dialog.compare_wanted.connect(self._compare)
        dialog.folder_wanted.connect(self._choose_folder)
        dialog.file_wanted.connect(self._choose_file)
        dialog.text_wanted.connect(self._choose_text)
        dialog.finished.connect(self._on_closed)
        dialog.open()

    # --- the dialog asks --------------------------------------------------------------------------------------------

    @Slot()
    def _compare(self) -> None:
        dialog = self.dialog
        if dialog is None:
            return
        asked = dialog.asked
        if not asked.model:
            dialog.show_fault(self.tr("Name model B: a checkpoint folder or a GGUF file."))
            return

        def start(found: object) -> None:
            if self.dialog is dialog:
                dialog.accept()
                self._feed.compare(cast(CompareSpec, found))

        def fail(failure: Failure) -> None:
            if self.dialog is dialog:
                dialog.show_fault(in_window_language(failure.sentence))

        self._jobs.start(lambda: spec_of(asked), start, fail)

    @Slot()
    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self.dialog, self.tr("Model folder"), self._preferences.folder("model"), QFileDialog.Option.ShowDirsOnly
        )
        if folder:
            self._preferences.remember_folder("model", str(Path(folder).parent))
            self._show_model(folder)

    @Slot()
    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self.dialog, self.tr("GGUF file"), self._preferences.folder("model"), self.tr("GGUF files (*.gguf)")
        )
        if path:
            self._preferences.remember_folder("model", str(Path(path).parent))
            self._show_model(path)

    def _show_model(self, path: str) -> None:
        if self.dialog is not None:
            self.dialog.model.setEditText(path)

    @Slot()
    def _choose_text(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self.dialog, self.tr("Text file"), self._preferences.folder("text"))
        if path and self.dialog is not None:
            self._preferences.remember_folder("text", str(Path(path).parent))
            self.dialog.text.setText(path)

    @Slot()
    def _on_closed(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
        self.dialog = None

    # --- what is shown ----------------------------------------------------------------------------------------------

    @Slot()
    def _on_shown(self) -> None:
        """A comparison begins, or is opened: only one panel shows it."""
        session = self._shown.session
        if session is not None and precision_fact(session) is not None:
            self.panel_wanted.emit("precision")


def spec_of(asked: Asked) -> CompareSpec:
    """The comparison that the dialog's fields ask for; raises InputError for a model or a text that is not there."""
    if asked.model != "demo" and os.sep in asked.model and not os.path.exists(asked.model):
        raise InputError(f"There is no file or folder {asked.model}.")
    text = read_text(asked.text) if asked.text else sample_text()
    name = Path(asked.text).name if asked.text else SAMPLE_NAME
    return CompareSpec(asked.model, text, name, asked.dtype, asked.window, asked.most_tokens, asked.layer_tokens)
