"""The dialog of a closing window that waits for a file which the user asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QMessageBox, QWidget

SILENT_S: Final = 0.7
"""Time before the dialog appears: most files are complete before it could be read."""
UNATTENDED_S: Final = 5.0
"""Longest wait if the system closes the window; systems that shut down kill after ten seconds or later."""


class Waiting:
    """Decides whether to go on waiting. After SILENT_S it names the files, with a button to stop waiting."""

    def __init__(self, parent: QWidget, unattended: Callable[[], bool]) -> None:
        self._parent = parent
        self._unattended = unattended
        self._since = time.monotonic()
        self._alone_since: float | None = None
        self._box: QMessageBox | None = None
        self.enough = False
        """Whether the user stopped the waiting, or it took too long without a user."""

    def go_on(self, written: list[Path]) -> bool:
        """Whether to go on waiting for these files."""
        now = time.monotonic()
        if self._unattended():
            self._alone_since = self._alone_since or now
            self.enough = now - self._alone_since > UNATTENDED_S
        elif now - self._since > SILENT_S:
            self._say(written)
        return not self.enough

    def close(self) -> None:
        """Close the dialog: the waiting is over."""
        if self._box is not None:
            self._box.done(0)
            self._box = None

    def _say(self, written: list[Path]) -> None:
        translate = QCoreApplication.translate
        if self._box is None:
            self._box = box = QMessageBox(self._parent)
            box.setObjectName("waiting-dialog")
            box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            box.setIcon(QMessageBox.Icon.Information)
            box.setWindowTitle("DecodeScope")
            box.setTextFormat(Qt.TextFormat.PlainText)
            box.addButton(translate("Waiting", "Close without it"), QMessageBox.ButtonRole.DestructiveRole)
            box.finished.connect(self._on_finished)
            box.open()
        text = translate("Waiting", "{} is still being written. The window closes when it is whole.")
        self._box.setText(text.format(", ".join(path.name for path in written)))
        QCoreApplication.processEvents()

    def _on_finished(self) -> None:
        self._box = None
        self.enough = self.enough or not self._unattended()
