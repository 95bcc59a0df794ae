"""A person's marks in a session: where one belongs, which one is meant, and which comes next."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.core.subject import Chosen
from engine.session.edits import USER
from engine.session.schema import Mark
from engine.session.store import Session


def is_own(mark: Mark) -> bool:
    """Whether a person put the mark, and may change it."""
    return mark.kind == USER


def own_marks(session: Session) -> list[Mark]:
    """The marks that a person put, in order of time."""
    return sorted(filter(is_own, list(session.marks)), key=lambda mark: mark.t_ns)


def moment_of(session: Session, selected: Chosen) -> int | None:
    """The time of what is selected, ns: the begin of the step, or the token's emission where it has none.

    None where neither is selected.
    """
    if selected.step is not None and 0 <= selected.step < len(session.steps):
        return int(session.steps["start_ns"][selected.step])
    if selected.token is not None and 0 <= selected.token < len(session.tokens):
        return int(session.tokens["emitted_ns"][selected.token])
    return None


def place_of(session: Session, mark: Mark) -> dict[str, Any]:
    """What to select to see a mark, as arguments of `Selection.change`: the step it lies in, or that comes next.

    After the last step it is that one; where no steps are told, the first token that came at the mark or later. Empty
    where there is neither.
    """
    if len(session.steps):
        return {"step": _steps_at(session, [mark])[0], "token": None}
    if tokens := len(session.tokens):
        came = np.maximum.accumulate(session.tokens["emitted_ns"][:tokens])
        return {"token": min(int(np.searchsorted(came, mark.t_ns)), tokens - 1)}
    return {}


def marks_of_step(session: Session, step: int) -> list[Mark]:
    """A person's marks that lie in a step, or between it and the one before."""
    marks = own_marks(session)
    return [mark for mark, at in zip(marks, marked_steps(session), strict=False) if at == step]


def marked_steps(session: Session) -> list[int]:
    """The step of each of a person's marks, ascending; for a mark after the last step, that one."""
    marks = own_marks(session)
    return _steps_at(session, marks) if marks and len(session.steps) else []


def _steps_at(session: Session, marks: list[Mark]) -> list[int]:
    """The step that each mark lies in, or that comes next, or else the last one; of a session that has steps."""
    steps = len(session.steps)
    ended = np.maximum.accumulate(session.steps["end_ns"][:steps])
    return [min(int(at), steps - 1) for at in ended.searchsorted([mark.t_ns for mark in marks], "right")]


def mark_of(session: Session, selected: Chosen) -> Mark | None:
    """The mark of what is selected, the last one of several; None where it has none."""
    if selected.step is not None:
        return next(reversed(marks_of_step(session, selected.step)), None)
    moment = moment_of(session, selected)
    return next((mark for mark in own_marks(session) if mark.t_ns == moment), None)


def next_mark(session: Session, from_ns: int | None, by: int) -> Mark | None:
    """The next mark after a moment (`by` 1) or before it (-1), from the other end behind the last one; None without
    marks.

    Without a moment it is the first one, or the last.
    """
    marks = own_marks(session)
    if not marks:
        return None
    beyond = [mark for mark in marks if from_ns is None or (mark.t_ns - from_ns) * by > 0]
    beyond = beyond or marks
    return beyond[0] if by > 0 else beyond[-1]


def new_label(session: Session, words: str) -> str:
    """`words`, a text with one `{}`, with the first number above those of the marks that are there."""
    labels = {mark.label for mark in own_marks(session)}
    number = 1 + len(labels)
    while words.format(number) in labels:
        number += 1
    return words.format(number)
