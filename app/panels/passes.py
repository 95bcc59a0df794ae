"""The number of teacher-forced passes beside the generating steps, in words."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.look.units import count


def passes_words(passes: int) -> str:
    """`1 teacher-forced pass`, `4 teacher-forced passes`; the figures of steps leave these passes out."""
    if passes == 1:
        return QCoreApplication.translate("Passes", "1 teacher-forced pass")
    return QCoreApplication.translate("Passes", "{n} teacher-forced passes").format(n=count(passes))
