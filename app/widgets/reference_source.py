"""The source of a reference value as a tool tip, in the language of the window."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.models.references import CONTEXT, Subject, source


def reference_source(subject: Subject) -> str:
    """A sentence that names the text and its section."""
    return source(subject, lambda text: QCoreApplication.translate(CONTEXT, text))
