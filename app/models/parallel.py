"""A teacher-forced pass compared with the serial steps of the same text: the drawn data, and a run with both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.models.recorded_run import TOKENS, specs_of, switches_of
from engine.core.settings import Observation, RequestSpec, RunSpec, Switches
from engine.errors import InputError
from engine.figures.metrics import by_id
from engine.figures.teacher import TeacherFigures, serial_steps
from engine.session.store import STEP_KINDS, Session

PROMPT: Final = "The cat sits on"
"""The prompt of the default run, which is used if there is no session to repeat."""


@dataclass(frozen=True, slots=True)
class SerialSteps:
    """The steps of a request end to end, without the gaps between them: seconds from the start of the first step."""

    ids: NDArray[np.int64]
    ends: NDArray[np.float64]
    kinds: NDArray[np.uint8]

    @property
    def total_s(self) -> float:
        return float(self.ends[-1]) if len(self.ends) else 0.0

    def place_of(self, step: int) -> int | None:
        """The index of a step among these; None if it is not one of them."""
        place = int(np.searchsorted(self.ids, step))
        return place if place < len(self.ids) and self.ids[place] == step else None

    def span_s(self, place: int) -> tuple[float, float]:
        """Start and end of the step at an index, in seconds."""
        return (float(self.ends[place - 1]) if place else 0.0), float(self.ends[place])

    def at_s(self, seconds: float) -> int | None:
        """The step at a time in seconds; None before the first step and after the last."""
        place = int(np.searchsorted(self.ends, seconds, "right"))
        return int(self.ids[place]) if seconds >= 0 and place < len(self.ids) else None

    def columns(self, edges: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """(index of the step in each column between `edges`, -1 after the last step; whether a step begins there)."""
        places = np.searchsorted(self.ends, (edges[:-1] + edges[1:]) / 2, "right").astype(np.int64)
        begins = np.append(False, np.diff(places) > 0)
        return np.where(places < len(self.ids), places, -1), begins & (places < len(self.ids))


def serial_of(session: Session, figures: TeacherFigures) -> SerialSteps:
    """The steps that a teacher-forced pass is compared with."""
    ids = serial_steps(session, figures.request_id)
    table = session.steps
    ends = np.cumsum((table["end_ns"][ids] - table["start_ns"][ids]) / 1e9)
    return SerialSteps(ids, ends, table["kind"][ids])


def temperature_of(session: Session, request_id: int) -> float:
    """The sampling temperature of a request; 0 is greedy."""
    return float((session.requests[request_id].params.get("sampling") or {}).get("temperature", 0.0))


def kind_word(kind: int) -> str:
    """The name of a kind of step, which is also its key in the theme."""
    return STEP_KINDS[kind]


def taught_run(session: Session | None) -> RunSpec:
    """The run of a session again, with its switches and a teacher-forced pass at the end; else the default run."""
    requests = by_id(session) if session is not None else []
    specs: tuple[RequestSpec, ...] = ()
    switches = Switches()
    if session is not None:
        try:
            specs = specs_of(session)
        except (InputError, TypeError):  # damaged settings; the prompts are still valid
            specs = tuple(RequestSpec(request.prompt, TOKENS) for request in requests)
        try:
            switches = switches_of(session)
        except (InputError, TypeError):  # written by a version with other values; the prompts are still valid
            switches = Switches()
    specs = specs or (RequestSpec(PROMPT, TOKENS),)
    return RunSpec(specs, switches, Observation(), teacher_pass=True)
