"""The differences of two sides and their explanation as texts, for the window and the command line. Needs no Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from app.look.translation_marks import QT_TRANSLATE_NOOP
from app.look.units import NOT_APPLICABLE, count, memory, percent, rate, seconds, significant
from engine.figures.differences import LEVEL, RELEVANT, Difference, Differences, Group
from engine.figures.explained import UNEXPLAINED, Explained, Part
from engine.session.schema import GROUPS, PHASES

CONTEXT: Final = "Differences"
Translate = Callable[[str], str]
MARK: Final = "◆"
"""Beside a difference that is significant."""

GROUP_NAMES: Final[dict[Group, str]] = {
    "latency": QT_TRANSLATE_NOOP("Differences", "Latency"),
    "requests": QT_TRANSLATE_NOOP("Differences", "Requests"),
    "groups": QT_TRANSLATE_NOOP("Differences", "Parts of a token's time"),
    "phases": QT_TRANSLATE_NOOP("Differences", "Phases of a token's time"),
    "kv": QT_TRANSLATE_NOOP("Differences", "KV memory"),
    "positions": QT_TRANSLATE_NOOP("Differences", "Positions per token"),
    "work": QT_TRANSLATE_NOOP("Differences", "Work per token"),
}
NAMES: Final = {
    "tokens/s": QT_TRANSLATE_NOOP("Differences", "tokens/s"),
    "time per token": QT_TRANSLATE_NOOP("Differences", "time per token"),
    "decode time per token": QT_TRANSLATE_NOOP("Differences", "decode time per token"),
    "step time mean": QT_TRANSLATE_NOOP("Differences", "decode step, mean"),
    "step time p50": QT_TRANSLATE_NOOP("Differences", "decode step p50"),
    "step time p90": QT_TRANSLATE_NOOP("Differences", "decode step p90"),
    "step time p99": QT_TRANSLATE_NOOP("Differences", "decode step p99"),
    "prefill step time": QT_TRANSLATE_NOOP("Differences", "prefill step, mean"),
    "gap before a step": QT_TRANSLATE_NOOP("Differences", "gap before a step"),
    "gap between tokens p50": QT_TRANSLATE_NOOP("Differences", "gap between tokens p50"),
    "gap between tokens p90": QT_TRANSLATE_NOOP("Differences", "gap between tokens p90"),
    "gap between tokens p99": QT_TRANSLATE_NOOP("Differences", "gap between tokens p99"),
    "TTFT p50": QT_TRANSLATE_NOOP("Differences", "TTFT p50"),
    "TTFT p90": QT_TRANSLATE_NOOP("Differences", "TTFT p90"),
    "TPOT p50": QT_TRANSLATE_NOOP("Differences", "TPOT p50"),
    "TPOT p90": QT_TRANSLATE_NOOP("Differences", "TPOT p90"),
    "KV used, mean": QT_TRANSLATE_NOOP("Differences", "used, mean"),
    "KV used, peak": QT_TRANSLATE_NOOP("Differences", "used, peak"),
    "KV reserved, mean": QT_TRANSLATE_NOOP("Differences", "reserved, mean"),
    "KV reserved, peak": QT_TRANSLATE_NOOP("Differences", "reserved, peak"),
    "positions computed": QT_TRANSLATE_NOOP("Differences", "computed"),
    "positions new": QT_TRANSLATE_NOOP("Differences", "new"),
    "positions recomputed": QT_TRANSLATE_NOOP("Differences", "recomputed"),
    "positions padding": QT_TRANSLATE_NOOP("Differences", "padding"),
    "positions rejected": QT_TRANSLATE_NOOP("Differences", "rejected"),
    "positions reused": QT_TRANSLATE_NOOP("Differences", "reused"),
    "bytes moved": QT_TRANSLATE_NOOP("Differences", "bytes moved"),
    "steps per token": QT_TRANSLATE_NOOP("Differences", "steps"),
}
"""The name of each figure under its group; groups and phases have their own (`name_of_figure`)."""
PARTS: Final = {
    "prepare": QT_TRANSLATE_NOOP("Differences", "prepare input"),
    "attention": QT_TRANSLATE_NOOP("Differences", "attention"),
    "ffn": QT_TRANSLATE_NOOP("Differences", "FFN"),
    "norm": QT_TRANSLATE_NOOP("Differences", "norm"),
    "sampling": QT_TRANSLATE_NOOP("Differences", "sampling"),
    "other": QT_TRANSLATE_NOOP("Differences", "other"),
}
"""The brief's groups of phases."""
ALL_NAMES: Final = (*NAMES, *(f"group {one}" for one in GROUPS), *(f"phase {one}" for one in PHASES))
"""The figures that `compare --figure` takes."""
CAUSES: Final = {
    "positions": QT_TRANSLATE_NOOP("Differences", "positions computed"),
    "bytes": QT_TRANSLATE_NOOP("Differences", "bytes moved"),
    "steps": QT_TRANSLATE_NOOP("Differences", "steps per token"),
    "kernel": QT_TRANSLATE_NOOP("Differences", "attention kernel, {a} → {b}"),
    "gaps": QT_TRANSLATE_NOOP("Differences", "gaps between steps"),
    UNEXPLAINED: QT_TRANSLATE_NOOP("Differences", "unexplained"),
}
PHASE: Final = QT_TRANSLATE_NOOP("Differences", "phase {}")
RULE: Final = QT_TRANSLATE_NOOP(
    "Differences",
    "Intervals: 95 %, by a bootstrap over steps{paired}. {mark}: more than {relevant} apart, significant among all "
    "{tested} measured figures (Holm). Of pairs of equal recordings at most {level} have any {mark}. Counted figures "
    "are exact.",
)
PAIRED: Final = QT_TRANSLATE_NOOP("Differences", ", paired by token")
WARM: Final = QT_TRANSLATE_NOOP("Differences", " Warm-up left out of decode figures: {a} steps of A, {b} of B.")
BETWEEN: Final = QT_TRANSLATE_NOOP(
    "Differences",
    " A machine that was busier during one of the recordings is no chance: record both in the same conditions.",
)
SMALL: Final = QT_TRANSLATE_NOOP("Differences", "all smaller parts")
LEAST_SHARE: Final = 0.005
"""Smaller parts of the difference share a line."""
SAME: Final = QT_TRANSLATE_NOOP("Differences", "No difference.")
NONE_MARKED: Final = QT_TRANSLATE_NOOP("Differences", "No difference beyond chance.")
FASTER: Final = QT_TRANSLATE_NOOP("Differences", "B is {times}× as fast as A in tokens/s (95 %: {low} to {high}).")
NOT_SURE: Final = QT_TRANSLATE_NOOP(
    "Differences",
    "B is {times}× as fast as A in tokens/s (95 %: {low} to {high}): not significantly more than {relevant} apart.",
)


def english(text: str) -> str:
    """The text itself: the command line speaks English."""
    return text


def name_of_figure(name: str, say: Translate = english) -> str:
    """The name of a figure under its group."""
    if name in NAMES:
        return say(NAMES[name])
    kind, _, part = name.partition(" ")
    return say(PARTS[part]) if kind == "group" else part


def value_of(figure: Difference, value: float | None) -> str:
    """A value of the figure with its unit."""
    if value is None:
        return NOT_APPLICABLE
    match figure.unit:
        case "seconds":
            return signed(seconds, value)
        case "bytes":
            return signed(memory, value)
        case "tokens/s":
            return signed(lambda one: rate(one, "tokens/s"), value)
        case "count":
            return signed(significant, value)


def signed(write: Callable[[float], str], value: float) -> str:
    """A value whose sign stands before it."""
    return f"−{write(-value)}" if value < 0 else write(value)


def change(figure: Difference) -> str:
    """B - A with its sign."""
    value = figure.absolute
    return NOT_APPLICABLE if value is None else f"{'+' if value > 0 else ''}{value_of(figure, value)}"


def relative(value: float | None) -> str:
    """A relative difference with its sign: `+5.00 %`; a large one as a factor: `×3.20`."""
    if value is None:
        return NOT_APPLICABLE
    if value >= 1:
        return f"×{significant(1 + value)}"
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{percent(abs(value))}"


def interval(figure: Difference) -> str:
    """The 95 % interval of the relative difference; "—" where there is none."""
    if figure.counted or figure.low is None or figure.high is None:
        return NOT_APPLICABLE
    return f"{relative(figure.low)} … {relative(figure.high)}"


def marked(figure: Difference) -> str:
    return MARK if figure.significant else ""


def shown(found: Differences) -> Iterator[Difference]:
    """The figures that say something: without those that are 0 on both sides."""
    return (one for one in found.figures if one.a or one.b)


def rule(found: Differences, say: Translate = english) -> str:
    """How the intervals were made, and at which rate equal recordings are marked."""
    text = say(RULE).format(
        mark=MARK, relevant=percent(RELEVANT), level=percent(LEVEL), tested=count(found.tested),
        paired=say(PAIRED) if found.paired else "",
    )  # fmt: skip
    warm = say(WARM).format(a=count(found.warm[0]), b=count(found.warm[1])) if any(found.warm) else ""
    return text + warm + say(BETWEEN)


def headline(found: Differences, say: Translate = english) -> str:
    """The comparison in a sentence."""
    if all(one.a == one.b for one in found.figures):
        return say(SAME)
    rates = next((one for one in found.figures if one.name == "tokens/s"), None)
    if rates is None or not rates.a or not rates.b or rates.low is None or rates.high is None:
        return "" if any(one.significant for one in found.figures) else say(NONE_MARKED)
    words = {
        "times": significant(rates.b / rates.a), "low": significant(1 + rates.low), "high": significant(1 + rates.high),
        "relevant": percent(RELEVANT),
    }  # fmt: skip
    return say(FASTER if rates.significant else NOT_SURE).format(**words)


def share(value: float) -> str:
    """A share of the difference, with its sign where it goes the other way."""
    return signed(percent, value)


def parts(found: Explained) -> tuple[list[Part], float]:
    """(the parts that are worth a line, what the others add up to)."""
    least = LEAST_SHARE * abs(found.difference_s)
    large = [part for part in found.parts if abs(part.seconds) >= least or part.cause == UNEXPLAINED]
    return large, sum(part.seconds for part in found.parts if part not in large)


def cause_name(found: Explained, cause: str, say: Translate = english) -> str:
    """What a part of the difference comes from."""
    if cause in CAUSES:
        return say(CAUSES[cause]).format(a=found.kernels[0], b=found.kernels[1])
    return say(PHASE).format(cause.removeprefix("phase "))
