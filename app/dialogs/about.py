"""The About dialog: what this program is and what it runs on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from PySide6.QtCore import QCoreApplication, Qt, qVersion
from PySide6.QtWidgets import QMessageBox, QWidget

from app.look.icons import picture


def show_about(parent: QWidget) -> QMessageBox:
    """Open the dialog and return at once."""
    translate = QCoreApplication.translate
    try:
        own = version("decodescope")
    except PackageNotFoundError:
        own = "?"
    box = QMessageBox(parent)
    box.setObjectName("about-dialog")
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle(translate("About", "About DecodeScope"))
    box.setIconPixmap(picture("decodescope", "", 64))
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(f"DecodeScope {own}")
    box.setInformativeText(
        translate(
            "About",
            "Shows a language model generating text, token by token, on your own hardware.\n"
            "Nothing leaves this machine. Apache License 2.0.",
        )
        + f"\n\nPython {platform.python_version()} · Qt {qVersion()} · {platform.platform(terse=True)}"
    )
    box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    box.open()
    return box
