"""The height of dialogs whose labels wrap."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog


def fit(dialog: QDialog, width: int) -> None:
    """Make a dialog at least so wide, and high enough for what is shown: Qt counts wrapped labels as one line."""
    layout = dialog.layout()
    if layout is not None:
        layout.activate()
        wide = max(dialog.width(), width)
        dialog.resize(wide, layout.totalHeightForWidth(wide))
