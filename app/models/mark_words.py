"""What a mark on the timeline says, in words."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.core.engine_sentences import in_window_language
from app.look.units import pace
from engine.session.paced import pace_of
from engine.session.schema import BETWEEN_RUNS, PAUSE, RESUME, Mark
from engine.session.teacher_mark import TEACHER_MARK


def mark_words(mark: Mark) -> str:
    """The user's name of a mark, what the engine says in it, or what kind it is."""
    paced = pace_of(mark.label)
    if paced is not None:
        return pace_words(paced)
    taught = TEACHER_MARK.fullmatch(mark.label) if mark.kind == "teacher" else None
    if taught is not None:
        words = QCoreApplication.translate("Marks", "request {id}: {same} of {all} tokens agree")
        if taught[4]:
            words = QCoreApplication.translate("Marks", "request {id}: {same} of {all} tokens agree, not {others}")
        return words.format(id=taught[1], same=taught[2], all=taught[3], others=taught[4])
    if mark.label == BETWEEN_RUNS:
        return QCoreApplication.translate("Marks", "between runs")
    if mark.label:
        return mark.label if mark.kind == "user" else in_window_language(mark.label)
    kinds = {
        PAUSE: QCoreApplication.translate("Marks", "pause"),
        RESUME: QCoreApplication.translate("Marks", "resume"),
        "stop": QCoreApplication.translate("Marks", "stop"),
    }
    return kinds.get(mark.kind, mark.kind)


def pace_words(tokens_per_s: float) -> str:
    """At which pace steps were slowed down."""
    return QCoreApplication.translate("Marks", "paced at {}").format(pace(tokens_per_s))
