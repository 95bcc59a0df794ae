"""Why two times of a request are not known that a server had already when it was attached to."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication


def ran_before() -> str:
    """The sentence for a request that had been computed before the recording began."""
    return QCoreApplication.translate(
        "Requests", "It ran before the recording began: its wait and its first token are not in it."
    )
