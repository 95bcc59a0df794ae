"""How a step was launched, in the words of the screen; a step that ran operation by operation says why, where known."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.look.units import DERIVED, name_of
from app.models.step_words import kind_name
from engine.figures.launches import why_eager
from engine.figures.switches import switches_at
from engine.figures.told import column_told
from engine.session.store import LAUNCHES, STEP_KINDS, Session


def launch_words(session: Session, step: int) -> str:
    """Empty where nobody told it, and where the step ran operation by operation because `graphs` was off."""
    if not column_told(session, "launch"):
        return ""
    translate = QCoreApplication.translate
    launch = LAUNCHES[session.steps["launch"][step]]
    if launch == "eager":
        return _eager_words(session, step)
    scaled = translate("Launch", "phases of the last timed replay, scaled to this one {mark}")
    return {
        "compiled": translate("Launch", "compiled step"),
        "twin": translate("Launch", "timed replay of a CUDA graph"),
        "graph": scaled.format(mark=DERIVED),
    }[launch]


def _eager_words(session: Session, step: int) -> str:
    switches = switches_at(session, step)
    if not switches.get("graphs"):
        return ""
    translate = QCoreApplication.translate
    kernel = translate("Launch", "operation by operation, because attention is {kernel}")
    kind = translate("Launch", "operation by operation, as every {kind} step here")
    return {
        "attention": kernel.format(kernel=name_of(str(switches.get("attention", "")))),
        "cache": translate("Launch", "operation by operation, because there is no KV cache"),
        "recorded": translate("Launch", "operation by operation, because attention was recorded"),
        "kind": kind.format(kind=kind_name(STEP_KINDS[session.steps["kind"][step]])),
    }.get(why_eager(session, step) or "", translate("Launch", "operation by operation"))
