"""How a step compares with others of its kind, in words."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.look.units import DERIVED, MEASURED, count, name_of, seconds, significant
from app.models.mark_words import mark_words
from app.models.step_words import band_name, kind_name
from engine.figures.why_slow import Differs, WhySlow

CONTEXT = "WhySlow"


def slow_sentence(why: WhySlow) -> str:
    """The whole comparison in one sentence that names the step."""
    translate = QCoreApplication.translate
    words = translate("WhySlow", "Step {step} took {time} {mark}, {compared}.")
    compared = slow_words(why, "; ")
    return words.format(step=count(why.step), time=seconds(why.step_s), mark=MEASURED, compared=compared)


def slow_words(why: WhySlow, between: str = " · ") -> str:
    """The comparison without the step: by how much it was slower, where the time went, and what was special."""
    translate = QCoreApplication.translate
    peers = _peers(why)
    median = f"{seconds(why.median_s)} {DERIVED}"
    if why.verdict == "usual":
        words = translate("WhySlow", "about as long as the median of {peers} ({median})").format(
            peers=peers, median=median
        )
        return between.join([words, *_before(why)])
    ratio = significant(why.step_s / why.median_s) if why.median_s > 0 else "—"
    words = translate("WhySlow", "{ratio}× the median of {peers} ({median})").format(
        ratio=ratio, peers=peers, median=median
    )
    parts = [
        translate("WhySlow", "{time} {part}").format(time=_signed(value), part=band_name(name))
        for name, value in why.parts
    ]
    if why.unexplained_s is not None and parts:
        parts.append(translate("WhySlow", "{time} unexplained").format(time=_signed(why.unexplained_s)))
    if parts:
        words = translate("WhySlow", "{compared}: {parts}").format(compared=words, parts=", ".join(parts))
    return between.join([words, *_special(why), *_before(why)])


def _peers(why: WhySlow) -> str:
    translate = QCoreApplication.translate
    least, most = why.rows
    words = {
        "rows": translate("WhySlow", "{n} other {kind} steps of {least} requests"),
        "near": translate("WhySlow", "{n} other {kind} steps of {least} to {most} requests"),
        "settings": translate("WhySlow", "{n} other {kind} steps with these settings"),
        "kind": translate("WhySlow", "{n} other {kind} steps of any settings"),
    }[why.alike]
    if why.alike in ("rows", "near") and least == most == 1:
        words = translate("WhySlow", "{n} other {kind} steps of one request")
    return words.format(n=count(why.peers), kind=kind_name(why.kind), least=count(least), most=count(most))


def _special(why: WhySlow) -> list[str]:
    """What the step did otherwise than the others."""
    translate = QCoreApplication.translate
    found: list[str] = []
    if why.positions is not None:
        words = translate("WhySlow", "it computed {here} positions instead of {usual}")
        if why.recomputed:
            words = translate("WhySlow", "it computed {here} positions instead of {usual}, {again} of them again")
        found.append(
            words.format(here=count(why.positions.here), usual=_usual(why.positions), again=count(why.recomputed))
        )
    elif why.recomputed:
        found.append(translate("WhySlow", "it computed {again} positions again").format(again=count(why.recomputed)))
    if why.launch:
        found.append(
            {
                "eager": translate("WhySlow", "unlike them it ran operation by operation"),
                "graph": translate("WhySlow", "unlike them it was replayed as a graph"),
                "twin": translate("WhySlow", "unlike them it was replayed as a graph that is timed"),
                "compiled": translate("WhySlow", "unlike them it ran as one compiled call"),
            }[why.launch]
        )
    if why.kernel:
        found.append(translate("WhySlow", "unlike them it ran {kernel}").format(kernel=name_of(why.kernel)))
    return found


def _before(why: WhySlow) -> list[str]:
    """What happened right before the step."""
    translate = QCoreApplication.translate
    found: list[str] = []
    if why.marks:
        what = ", ".join(mark_words(mark) for mark in why.marks)
        found.append(translate("WhySlow", "before it: {what}").format(what=what))
    if why.paused_before:
        found.append(translate("WhySlow", "the run rested right before it"))
    if why.gap_s is not None:
        words = translate("WhySlow", "the gap before it was {gap} instead of {usual}")
        found.append(words.format(gap=seconds(why.gap_s), usual=seconds(why.gap_median_s)))
    return found


def _usual(differs: Differs) -> str:
    return count(int(differs.usual)) if differs.usual == int(differs.usual) else significant(differs.usual)


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'}{seconds(abs(value))}"
