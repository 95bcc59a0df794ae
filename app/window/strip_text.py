"""The texts of the step strip: the kinds of steps, the selected range, one step, and the switches that changed."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.look.units import count, rate, seconds
from app.models import counted
from app.models.bar_scale import BarScale
from app.models.step_words import kind_name
from app.window.strip_pauses import pauses_before
from engine.core.settings import as_typed
from engine.figures.metrics import run_wall_s, tokens_per_s
from engine.figures.told import told
from engine.session.store import STEP_KINDS, Session


def kind_names(session: Session) -> dict[str, str]:
    """The translated names of the kinds of steps; a legend has room to say what is mixed, and that none is told."""
    if not told(session, "step_kinds"):
        return dict.fromkeys(STEP_KINDS, QCoreApplication.translate("StepStrip", "its kind is not told"))
    mixed = QCoreApplication.translate("StepStrip", "prefill and decode")
    return {kind: kind_name(kind) for kind in STEP_KINDS} | {"mixed": mixed}


def range_text(session: Session, chosen: tuple[int, int] | None, steps: int) -> str:
    """Steps, time, tokens and rate of the chosen range, or of all `steps`."""
    first, last = chosen if chosen is not None else (0, steps - 1)
    last = min(last, steps - 1)
    if last < first:
        return ""
    tokens = int(session.steps["tokens_out"][first : last + 1].sum())
    shown = last - first + 1
    parts = [counted.steps(shown), seconds(run_wall_s(session, (first, last)))]
    if told(session, "tokens"):
        parts += [counted.tokens(tokens), rate(tokens_per_s(session, (first, last)), "tokens/s")]
    facts = " · ".join(parts)
    if chosen is None:
        return facts
    return QCoreApplication.translate("StepStrip", "selected {}–{}: {}").format(count(first), count(last), facts)


def cut_text(scale: BarScale) -> str:
    """How many bars of the strip are cut, and how high the highest is; empty where none is cut. `scale` is in ns."""
    if not scale.cut:
        return ""
    words = QCoreApplication.translate("StepStrip", "▲ {n} cut, up to {time}")
    return words.format(n=count(scale.cut), time=seconds(scale.highest / 1e9))


def axis_text(scale: BarScale) -> str:
    """What kind of axis the strip has, where it is not the usual one."""
    return QCoreApplication.translate("StepStrip", "logarithmic") if scale.log else ""


def unstepped_text(session: Session) -> str:
    """What stands in the place of the bars where a server tells no steps: so, and what its tokens tell."""
    words = QCoreApplication.translate("StepStrip", "This server tells no steps")
    if session.serving is not None and session.serving.imported:
        words = QCoreApplication.translate("StepStrip", "This trace names no steps")
    if not len(session.tokens):
        return words
    facts = QCoreApplication.translate("StepStrip", "{tokens} tokens from {first} to {last}").format(
        tokens=count(len(session.tokens)),
        first=seconds(min(request.arrived_ns for request in list(session.requests.values())) / 1e9),
        last=seconds(int(session.tokens["emitted_ns"].max()) / 1e9),
    )
    return " · ".join((words, facts, rate(tokens_per_s(session), "tokens/s")))


def step_text(session: Session, step: int) -> str:
    """The tool tip of a step."""
    steps = session.steps
    latency_s = int(steps["end_ns"][step] - steps["start_ns"][step]) / 1e9
    kind = kind_names(session)[STEP_KINDS[int(steps["kind"][step])]]
    words = QCoreApplication.translate("StepStrip", "Step {}: {}\n{} (measured)\n{} positions computed")
    if not told(session, "positions"):
        words = QCoreApplication.translate("StepStrip", "Step {}: {}\n{} (measured)")
    text = words.format(count(step), kind, seconds(latency_s), count(int(steps["positions_computed"][step])))
    before = QCoreApplication.translate("StepStrip", "{} before it")
    return "\n".join([text, *(before.format(pause) for pause in pauses_before(session, step))])


def switch_marks(session: Session) -> list[tuple[int, str]]:
    """(step, what changed) for every change of the switches after the run began."""
    marks = []
    for before, after in zip(session.configs, session.configs[1:], strict=False):
        changed = [
            f"{name}={as_typed(value)}" for name, value in after.switches.items() if before.switches.get(name) != value
        ]
        if changed:
            marks.append((after.step_id, ", ".join(changed)))
    return marks
