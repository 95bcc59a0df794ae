"""The rows about a person's marks: the name of each, when it is and at which step, which a click selects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from PySide6.QtCore import QCoreApplication

from app.look.units import MEASURED, count, seconds
from app.models.info_row import InfoRow
from app.models.marks import marked_steps, own_marks
from engine.session.store import Session

MOST_SHOWN: Final = 200
"""Marks that are listed; of more the number is said, and "copy as CSV" has them all."""


def mark_rows(session: Session, most: int | None = MOST_SHOWN) -> Iterator[InfoRow]:
    """A row a mark in order of time, the first `most` of them (None: all); none where nobody put one."""
    translate = QCoreApplication.translate
    group = translate("SessionInfo", "Marks")
    marks, steps = own_marks(session), marked_steps(session)
    for place, mark in enumerate(marks[:most]):
        value = translate("SessionInfo", "at {time} {mark}").format(time=seconds(mark.t_ns / 1e9), mark=MEASURED)
        step = steps[place] if steps else None
        if step is not None:
            words = translate("SessionInfo", "step {}").format(count(step))
            value = f"{value} · {words}"
        tip = translate("SessionInfo", "A click selects this step.") if step is not None else ""
        yield InfoRow(group, mark.label, value, tip, step=step)
    more = 0 if most is None else len(marks) - most
    if more > 0:
        words = translate("SessionInfo", "{} further marks").format(count(more))
        yield InfoRow(group, translate("SessionInfo", "and more"), words)
