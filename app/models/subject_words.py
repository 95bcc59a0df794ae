"""The request, step and position that a panel shows, in the words that all panels use; the context is Subject."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.core.subject import Subject
from app.look.units import count


def subject_parts(subject: Subject) -> list[str]:
    """The request, then the step and the position where they are known; a panel without room leaves out the last."""
    translate = QCoreApplication.translate
    parts = [translate("Subject", "request {id}").format(id=subject.request)]
    if subject.step is not None:
        parts.append(translate("Subject", "step {step}").format(step=count(subject.step)))
    if subject.position is not None:
        words = translate("Subject", "position {n}")
        if subject.row is None:
            words = translate("Subject", "position {n} of the prompt")
        parts.append(words.format(n=count(subject.position)))
    elif subject.step is not None:
        parts.append(translate("Subject", "no token"))
    return parts


def subject_words(subject: Subject) -> str:
    """All parts in one line."""
    return " · ".join(subject_parts(subject))
