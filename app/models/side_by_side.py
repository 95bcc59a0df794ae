"""Two sessions side by side as texts, for the window and the command line: what was compared, and what came of it.

Needs no Qt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.look.translation_marks import QT_TRANSLATE_NOOP
from app.look.units import (
    NOT_APPLICABLE,
    count,
    memory,
    name_of,
    percent,
    rate,
    seconds,
    straight,
    visible_token,
)
from app.models import differences
from engine.figures.compared import ComparedSides, check, compared_sides
from engine.figures.metrics import Summary, summarise
from engine.figures.side_by_side import Pair, SideBySide, side_by_side
from engine.figures.step_range import StepRange
from engine.figures.two_summaries import TwoFigures, two_summaries
from engine.session.patience import Patience
from engine.session.store import Session

CONTEXT: Final = "SideBySide"
Translate = Callable[[str], str]

UNTOLD: Final = QT_TRANSLATE_NOOP("SideBySide", "not told by this server")
UNTRACED: Final = QT_TRANSLATE_NOOP("SideBySide", "not told by this trace")
NONE_PAIRED: Final = QT_TRANSLATE_NOOP("SideBySide", "No request of A has the prompt of one of B{alone}.")
SAME_TOKENS: Final = QT_TRANSLATE_NOOP("SideBySide", "The generated tokens are the same.")
SAME_TEXTS: Final = QT_TRANSLATE_NOOP(
    "SideBySide", "The generated texts are the same; the ids of their tokens are not told by this server."
)
SOME_TOKENS: Final = QT_TRANSLATE_NOOP(
    "SideBySide", "{same} of {pairs} requests with the same prompt generated the same tokens{alone}."
)
SOME_TEXTS: Final = QT_TRANSLATE_NOOP(
    "SideBySide",
    "{same} of {pairs} requests with the same prompt generated the same texts; the ids of their tokens are not told by "
    "this server{alone}.",
)
ONLY_IN: Final = QT_TRANSLATE_NOOP("SideBySide", "{n} only in {side}")
IN_BRACKETS: Final = QT_TRANSLATE_NOOP("SideBySide", " ({})")
THE_END: Final = QT_TRANSLATE_NOOP("SideBySide", "the end")
OWN_ENGINE: Final = QT_TRANSLATE_NOOP("SideBySide", "DecodeScope's own engine")
ALL_SAME: Final = QT_TRANSLATE_NOOP("SideBySide", "nowhere")
AT_LOGPROB: Final = QT_TRANSLATE_NOOP("SideBySide", "{token} at {logprob} nats")
AGAINST: Final = QT_TRANSLATE_NOOP("SideBySide", "{a} against {b}")


@dataclass(frozen=True, slots=True)
class Compared:
    """All that is shown of a comparison. A path is "" where a session is in memory only."""

    a: Summary
    b: Summary
    a_path: str
    b_path: str
    beside: SideBySide
    figures: tuple[TwoFigures, ...]
    columns: tuple[NDArray[np.float64], ...]
    """Of each pair: the requests' numbers, the same tokens, the index at which they part, TTFT of A and B, TPOT of A
    and B (seconds); NaN where there is none."""
    sides: ComparedSides
    """The differences with their intervals, what explains them, and the columns of both sides."""
    a_steps: StepRange = None
    b_steps: StepRange = None


def compared(
    a: Session,
    b: Session,
    a_path: str,
    b_path: str,
    patience: Patience,
    a_steps: StepRange = None,
    b_steps: StepRange = None,
) -> Compared:
    """Compare two sessions or ranges of steps, of which A may still grow; raises GivenUpError soon after `patience` is
    given up.
    """
    beside = side_by_side(a, b, patience)  # before the figures, which then know every request of a pair
    of_a = summarise(a, a_steps)
    check(patience)
    of_b = summarise(b, b_steps)
    check(patience)
    figures = tuple(two_summaries(of_a, of_b))
    columns = _columns(beside.pairs, of_a, of_b)
    sides = compared_sides(a, b, beside, a_steps, b_steps, patience)
    return Compared(of_a, of_b, a_path, b_path, beside, figures, columns, sides, a_steps, b_steps)


def _columns(pairs: Sequence[Pair], a: Summary, b: Summary) -> tuple[NDArray[np.float64], ...]:
    of_a, of_b = ({one.id: one for one in side.requests} for side in (a, b))
    sides = [(of_a[pair.a], of_b[pair.b]) for pair in pairs]
    columns: list[list[float | None]] = [
        [pair.a for pair in pairs],
        [pair.b for pair in pairs],
        [pair.tokens for pair in pairs],
        [None if pair.parting is None else pair.parting.index for pair in pairs],
        [one.ttft_s for one, _ in sides],
        [other.ttft_s for _, other in sides],
        [one.tpot_s for one, _ in sides],
        [other.tpot_s for _, other in sides],
    ]
    return tuple(np.array(values, np.float64) for values in columns)


def english(text: str) -> str:
    """The text itself: the command line speaks English."""
    return text


def verdict(beside: SideBySide, say: Translate = english) -> str:
    """In one line, how many of the requests that both sessions have generated the same."""
    sides = (("A", beside.only_a), ("B", beside.only_b))
    parts = [say(ONLY_IN).format(n=count(n), side=side) for side, n in sides if n]
    alone = say(IN_BRACKETS).format(", ".join(parts)) if parts else ""
    if not beside.pairs:
        return say(NONE_PAIRED).format(alone=alone)
    if beside.same == len(beside.pairs) and not alone:
        return say(SAME_TOKENS if beside.ids_told else SAME_TEXTS)
    words = say(SOME_TOKENS if beside.ids_told else SOME_TEXTS)
    return words.format(same=count(beside.same), pairs=count(len(beside.pairs)), alone=alone)


def written(row: TwoFigures, value: float | None, summary: Summary, say: Translate = english) -> str:
    """A figure of one side with its unit; what the server of that side did not tell says so."""
    if value is None:
        return _untold(summary, say)
    match row.unit:
        case "count":
            return count(int(value))
        case "seconds":
            return seconds(value)
        case "bytes":
            return memory(value)
        case "share":
            return percent(value)
        case "tokens/s":
            return rate(value, row.unit)


def _untold(summary: Summary, say: Translate) -> str:
    """What stands in the place of a figure that a side does not have."""
    if summary.serving is None:
        return NOT_APPLICABLE
    return say(UNTRACED if summary.trace else UNTOLD)


def times(row: TwoFigures) -> str:
    """B / A as a text."""
    return NOT_APPLICABLE if row.ratio is None else f"{row.ratio:.3f}"


def side_name(summary: Summary, path: str, say: Translate = english, part: str = "") -> str:
    """What a side is: the session's name, else that of its file, then `part` of it, the model, and who generated.

    What tells two sides apart comes first: where there is little room, the end is left out.
    """
    serving = summary.serving
    by = say(OWN_ENGINE) if serving is None else name_of(f"{serving['kind']} {serving['version']}".strip())
    title = straight(summary.name or Path(path).name)
    return " · ".join(one for one in (title, part, name_of(summary.model), by) if one)


def parting_text(pair: Pair, say: Translate = english) -> str:
    """The two tokens at which a pair parts."""
    parting = pair.parting
    if parting is None:
        return say(ALL_SAME)
    return say(AGAINST).format(
        a=_token(parting.a_id, parting.a_text, parting.a_logprob, say),
        b=_token(parting.b_id, parting.b_text, parting.b_logprob, say),
    )


def _token(token_id: int, text: str, logprob: float, say: Translate) -> str:
    if token_id < 0 and not text:
        return say(THE_END)
    known = f"“{visible_token(text)}”{f' ({token_id})' if token_id >= 0 else ''}"
    return known if math.isnan(logprob) else say(AT_LOGPROB).format(token=known, logprob=f"{logprob:.3f}")


def pair_rows(compared: Compared) -> tuple[list[str], list[tuple[object, ...]]]:
    """(names of the columns, rows) of the pairs of requests for CSV; times in seconds."""
    header = ["request a", "request b", "same tokens", "parted", "token a", "token b", "id a", "id b", "logprob a",
              "logprob b", "ttft a", "ttft b", "tpot a", "tpot b"]  # fmt: skip
    rows: list[tuple[object, ...]] = []
    for pair, *times_s in zip(compared.beside.pairs, *(one.tolist() for one in compared.columns[4:]), strict=True):
        at = pair.parting
        there: tuple[object, ...] = (
            (None,) * 6 if at is None
            else (at.a_text, at.b_text, _known(at.a_id), _known(at.b_id), at.a_logprob, at.b_logprob)
        )  # fmt: skip
        rows.append((pair.a, pair.b, pair.tokens, at is not None, *there, *times_s))
    return header, rows


def markdown(compared: Compared, say: Translate = english, say_difference: Translate = english) -> str:
    """The differences and what explains them as tables, and the verdict, as Markdown."""
    lines = [["", "A", "B", "B − A", "relative", "95 %", ""], ["---", *["---:"] * 6]]
    for one in differences.shown(compared.sides.whole):
        name = f"{say_difference(differences.GROUP_NAMES[one.group])}: "
        name += differences.name_of_figure(one.name, say_difference)
        values = [differences.value_of(one, value) for value in (one.a, one.b)]
        lines.append([
            name, *values, differences.change(one), differences.relative(one.relative), differences.interval(one),
            differences.marked(one),
        ])  # fmt: skip
    explained = compared.sides.explained
    causes: list[list[str]] = []
    if explained is not None and explained.difference_s:
        causes = [["", "s / token", "%"], ["---", "---:", "---:"]]
        for part in explained.parts:
            cause = differences.cause_name(explained, part.cause, say_difference)
            amount = differences.signed(seconds, part.seconds)
            causes.append([cause, amount, differences.share(part.seconds / explained.difference_s)])
    sides = (("A", compared.a, compared.a_path), ("B", compared.b, compared.b_path))
    heads = "".join(f"{side}: {side_name(summary, path, say)}  \n" for side, summary, path in sides)
    whole = compared.sides.whole
    texts = [differences.headline(whole, say_difference), differences.rule(whole, say_difference)]
    tables = [_markdown_table(lines), *([_markdown_table(causes)] if causes else [])]
    return "\n".join(
        [heads, *(f"{part}\n" for part in (texts[0], *tables, texts[1])), f"{verdict(compared.beside, say)}\n"]
    )


def _markdown_table(rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n" for cells in rows)


def _known(token_id: int) -> int | None:
    return token_id if token_id >= 0 else None
