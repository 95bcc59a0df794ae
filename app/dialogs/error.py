"""An error as one sentence that can be read, selected and copied."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox, QWidget

from app.look.units import straight


def show_error(parent: QWidget, sentence: str, details: str = "") -> QMessageBox:
    """Open a dialog with this sentence and return at once; the dialog deletes itself when it is closed."""
    sentence, details = straight(sentence), straight(details)
    box = QMessageBox(parent)
    box.setObjectName("error-dialog")
    box.setTextFormat(Qt.TextFormat.PlainText)  # before setText: Qt could read the text as HTML
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle("DecodeScope")
    box.setText(sentence)
    box.setStandardButtons(QMessageBox.StandardButton.Close)
    box.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    if details:
        box.setDetailedText(details)
    copy = box.addButton(QCoreApplication.translate("ErrorDialog", "Copy text"), QMessageBox.ButtonRole.ActionRole)
    copy.clicked.disconnect()  # copying does not close the dialog
    copy.clicked.connect(lambda: QGuiApplication.clipboard().setText("\n\n".join(filter(None, (sentence, details)))))
    box.setDefaultButton(QMessageBox.StandardButton.Close)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
    return box
