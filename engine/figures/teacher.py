"""The teacher-forced passes of a session, each beside the steps that made the same text one after the other."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.figures.metrics import utilisation_of
from engine.figures.step_range import TEACHER, step_slice
from engine.session.store import Session
from engine.session.teacher_mark import TEACHER_MARK, positions_of


@dataclass(frozen=True, slots=True)
class TeacherFigures:
    """One teacher-forced pass beside the steps that made the same text."""

    request_id: int
    step_id: int
    positions: int
    tokens: int
    """Generated tokens that the pass checked."""
    agreeing: int | None
    """How many of these tokens are the likeliest in the pass; None where the session does not say."""
    differing: tuple[int, ...] | None
    """Positions of the other tokens; None where the session does not say which."""
    pass_s: float
    serial_s: float
    """Wall time of the steps that computed the request, from the first to the last."""
    serial_steps: int
    factor: float | None
    """How many times longer the steps took than the pass."""
    pass_tokens_per_s: float | None
    serial_tokens_per_s: float | None
    pass_mbu: float | None
    pass_mfu: float | None
    serial_mbu: float | None
    serial_mfu: float | None


def teacher_figures(session: Session) -> list[TeacherFigures]:
    """The teacher-forced passes of a session, in the order in which they ran."""
    table, work, found = session.steps, session.work, []
    said = {
        int(match[1]): (int(match[2]), _differing(match, len(session.tokens)))
        for mark in session.marks
        if mark.kind == "teacher" and (match := TEACHER_MARK.match(mark.label))
    }
    for row in np.flatnonzero(table["kind"][: step_slice(session).stop] == TEACHER).tolist():
        place = int(np.searchsorted(work["step_id"], row))
        if place == len(work) or int(work["step_id"][place]) != row:
            continue
        request_id, end = int(work["request_id"][place]), int(work["end"][place])
        one, serial = slice(row, row + 1), serial_steps(session, request_id)
        tokens = len(session.requests[request_id].token_rows)
        pass_s = float(table["end_ns"][row] - table["start_ns"][row]) / 1e9
        serial_s = float((table["end_ns"][serial] - table["start_ns"][serial]).sum()) / 1e9
        found.append(
            TeacherFigures(
                request_id=request_id,
                step_id=row,
                positions=end,
                tokens=tokens,
                agreeing=said.get(request_id, (None, None))[0],
                differing=said.get(request_id, (None, None))[1],
                pass_s=pass_s,
                serial_s=serial_s,
                serial_steps=len(serial),
                factor=serial_s / pass_s if pass_s > 0 else None,
                pass_tokens_per_s=tokens / pass_s if pass_s > 0 else None,
                serial_tokens_per_s=tokens / serial_s if serial_s > 0 else None,
                pass_mbu=utilisation_of(session, "bytes_moved", "read_bytes_per_s", one),
                pass_mfu=utilisation_of(session, "flops", "flops_per_s", one),
                serial_mbu=utilisation_of(session, "bytes_moved", "read_bytes_per_s", serial),
                serial_mfu=utilisation_of(session, "flops", "flops_per_s", serial),
            )
        )
    return found


def serial_steps(session: Session, request_id: int) -> NDArray[np.int64]:
    """The steps that computed a request one after the other, in order: all but its teacher-forced pass."""
    work = session.work
    own: NDArray[np.int64] = np.unique(work["step_id"][work["request_id"] == request_id])
    own = own[own < step_slice(session).stop]
    serial: NDArray[np.int64] = own[session.steps["kind"][own] != TEACHER]
    return serial


def _differing(match: re.Match[str], tokens: int) -> tuple[int, ...] | None:
    if match[2] == match[3]:
        return ()
    return positions_of(match[4], tokens) if match[4] else None
