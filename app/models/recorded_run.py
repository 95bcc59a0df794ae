"""The run of a recording as it could be made again: its requests, switches and what was observed."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QCoreApplication

from app.core.engine_sentences import in_window_language
from engine.core.sampling import Sampling
from engine.core.settings import Detail, Observation, Probe, RequestSpec, RunSpec, SwitchChange, Switches
from engine.errors import InputError
from engine.figures.metrics import by_id
from engine.figures.precision import precision_fact
from engine.session.joining import KIND as OF_A_SUITE
from engine.session.paced import pace_of
from engine.session.store import STEP_KINDS, Session

translate = QCoreApplication.translate
TOKENS: Final = 64
"""New tokens of a request that does not say how many it asked for."""
DETAILS: Final[dict[str, Detail]] = {"off": "off", "step": "step", "phase": "phase", "layer": "layer"}


def recorded_run(session: Session) -> RunSpec:
    """The run of a session; raises InputError, whose message says, in the window's language, why there is none that
    could be made again.
    """
    if precision_fact(session) is not None:
        raise InputError(
            translate("RecordedRun", "A comparison of precisions has no prompt and no settings that a run could have.")
        )
    if session.serving is not None and session.serving.imported:
        raise InputError(translate("RecordedRun", "A profiler's trace tells no settings that a run could have."))
    if session.serving is not None:
        raise InputError(
            translate(
                "RecordedRun",
                "A server made this recording: its settings are not those of DecodeScope's own engine.",
            )
        )
    if any(mark.kind == OF_A_SUITE for mark in list(session.marks)):
        raise InputError(translate("RecordedRun", "This recording is of several runs, each with settings of its own."))
    try:
        requests = specs_of(session)
        switches = switches_of(session)
        changes = _changes_of(session, switches)
    except (InputError, TypeError, ValueError) as error:
        words = translate("RecordedRun", "The settings of this recording make no sense to this version: {}")
        raise InputError(words.format(in_window_language(str(error)))) from error
    if not requests:
        raise InputError(translate("RecordedRun", "This recording has no request."))
    kinds = session.steps["kind"]
    paces = [found for mark in list(session.marks) if (found := pace_of(mark.label)) is not None]
    return RunSpec(
        requests, switches, Observation(DETAILS.get(session.meta.get("detail", ""), "phase"), _probe_of(session)),
        changes, bool((kinds == STEP_KINDS.index("teacher")).any()), paces[0] if paces else 0.0,
    )  # fmt: skip


def specs_of(session: Session) -> tuple[RequestSpec, ...]:
    """The requests as they were asked for; raises InputError or TypeError where their parameters make no sense."""
    return tuple(_spec(request.prompt, request.params) for request in by_id(session))


def switches_of(session: Session, place: int = 0) -> Switches:
    """The switches of a setting, the first by default; raises InputError or TypeError where they make no sense."""
    switches = Switches()
    if len(session.configs) <= place:
        return switches
    given = session.configs[place].switches
    return switches.changed(**{name: value for name, value in given.items() if hasattr(switches, name)})


def _changes_of(session: Session, first: Switches) -> tuple[SwitchChange, ...]:
    """What was flipped after the start, and before which step."""
    found, before = [], first
    for place, config in enumerate(session.configs[1:], 1):
        now = switches_of(session, place)
        flipped = {
            name: getattr(now, name) for name in Switches.__dataclass_fields__
            if getattr(now, name) != getattr(before, name)
        }  # fmt: skip
        if flipped:
            found.append(SwitchChange(config.step_id, flipped))
        before = now
    return tuple(found)


def _probe_of(session: Session) -> Probe | None:
    """Which attention was recorded first; None where none was."""
    for word in session.steps.words["attention_probe"]:
        layer, _, head = word.partition("/")
        if layer.isdecimal() and (head == "*" or head.isdecimal()):
            return Probe(int(layer), None if head == "*" else int(head))
    return None


def _spec(prompt: str, params: dict[str, Any]) -> RequestSpec:
    sampling = params.get("sampling") or {}
    drawn = Sampling(**{name: value for name, value in sampling.items() if name in Sampling.__dataclass_fields__})
    return RequestSpec(
        prompt,
        int(params.get("max_new_tokens", TOKENS)),
        float(params.get("arrival_s", 0.0)),
        bool(params.get("ignore_eos", False)),
        tuple(str(stop) for stop in params.get("stop", ())),
        drawn,
        bool(params.get("chat", False)),
        tuple((str(role), str(content)) for role, content in params.get("messages", ())),
    )
