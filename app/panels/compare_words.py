"""A comparison as the cells, bars and lines of its panel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt

from app.look.theme import theme
from app.look.units import DERIVED, MEASURED, count, memory, rate, seconds, significant, straight
from app.models.comparing import Choice
from app.models.differences import (
    CONTEXT,
    GROUP_NAMES,
    MARK,
    SMALL,
    cause_name,
    change,
    interval,
    name_of_figure,
    parts,
    relative,
    share,
    shown,
    signed,
    value_of,
)
from app.models.overlay import Axis, overlay
from app.models.side_by_side import CONTEXT as SIDES_CONTEXT
from app.models.side_by_side import Compared, parting_text, side_name
from app.widgets.bar_list import Bar
from app.widgets.line_chart import Line
from app.widgets.themed_table import Cell
from engine.figures.compared_side import Side
from engine.figures.differences import Difference
from engine.figures.explained import UNEXPLAINED, Explained
from engine.figures.step_range import StepRange

Heads = list[tuple[str, str]]
INDENT = "   "


def tr(text: str, context: str = "ComparePanel") -> str:
    """A text of this file, translated."""
    return QCoreApplication.translate(context, text)


def say(text: str) -> str:
    """A text of `app.models.differences`, translated."""
    return QCoreApplication.translate(CONTEXT, text)


def say_side(text: str) -> str:
    """A text of `app.models.side_by_side`, translated."""
    return QCoreApplication.translate(SIDES_CONTEXT, text)


def range_words(steps: StepRange) -> str:
    """Which steps of a side are compared."""
    translate = QCoreApplication.translate
    if steps is None:
        return translate("ComparePanel", "all steps")
    return translate("ComparePanel", "steps {first}–{last}").format(first=count(steps[0]), last=count(steps[1]))


def choice_words(choice: Choice) -> str:
    """Something that can be B, in a line."""
    parts_ = [f"★ {straight(choice.name)}"] if choice.name else [straight(Path(choice.path).name)]
    if choice.steps is not None:
        parts_.append(range_words(choice.steps))
    if not choice.name:
        parts_.append(straight(str(Path(choice.path).parent)))
    return " · ".join(parts_)


def sides(compared: Compared) -> list[tuple[str, str]]:
    """(what a side is, the whole of it) of A and of B."""
    found = []
    for summary, path, steps in (
        (compared.a, compared.a_path, compared.a_steps),
        (compared.b, compared.b_path, compared.b_steps),
    ):
        name = side_name(summary, path, say_side, range_words(steps))
        url = "" if summary.serving is None else summary.serving["url"]
        found.append((name, "\n".join(filter(None, [name, url, summary.device, path]))))
    return found


def difference_heads() -> Heads:
    """The columns of the differences."""
    translate = QCoreApplication.translate
    return [
        (translate("ComparePanel", "Figure"), translate("ComparePanel", "What is compared.")),
        ("A", translate("ComparePanel", "The session in the window, or its selected steps.")),
        ("B", translate("ComparePanel", "The chosen recording, or the steps of it that are compared.")),
        (translate("ComparePanel", "B − A"), translate("ComparePanel", "The absolute difference.")),
        (translate("ComparePanel", "relative"), translate("ComparePanel", "The difference as a share of A.")),
        (
            translate("ComparePanel", "95 % interval"),
            translate(
                "ComparePanel",
                "Of the relative difference, by a bootstrap over steps. “—”: counted, so exact, or too few steps.",
            ),
        ),
        ("", translate("ComparePanel", "◆: a significant difference, and whether B is better or worse.")),
    ]


def difference_rows(figures: Sequence[Difference]) -> list[list[Cell]]:
    """A row for each figure, under a heading for each group."""
    rows: list[list[Cell]] = []
    for _, members in groupby(figures, attrgetter("group")):
        of_group = list(members)
        rows.append([Cell(say(GROUP_NAMES[of_group[0].group]), bold=True), *[Cell("")] * 6])
        for one in of_group:
            mark = MEASURED if not one.counted else DERIVED if one.unit == "count" or one.group == "work" else MEASURED
            values = [f"{value_of(one, value)}\u2009{mark}" if value is not None else "—" for value in (one.a, one.b)]
            rows.append([
                Cell(INDENT + name_of_figure(one.name, say)),
                *(Cell(text, muted=text == "—") for text in values),
                Cell(change(one), muted=not one.significant),
                Cell(relative(one.relative), muted=not one.significant, bold=one.significant),
                Cell(interval(one), muted=True, tip=why_no_interval(one)),
                Cell(mark_of(one), tip=mark_tip(one)),
            ])  # fmt: skip
    return rows


def why_no_interval(one: Difference) -> str:
    """Why a figure has no interval; "" where it has one."""
    translate = QCoreApplication.translate
    if one.counted:
        return translate("ComparePanel", "Counted, not measured: there is no chance in it.")
    if one.low is None or one.high is None:
        return translate("ComparePanel", "Both sides have too few of these to tell what is chance.")
    return ""


def mark_of(one: Difference) -> str:
    """The mark of a significant difference, and whether it is for the worse."""
    if not one.significant:
        return ""
    translate = QCoreApplication.translate
    words = {True: translate("ComparePanel", "worse"), False: translate("ComparePanel", "better"), None: ""}
    return f"{MARK} {words[one.worse]}".rstrip()


def mark_tip(one: Difference) -> str:
    """The same in words."""
    translate = QCoreApplication.translate
    if not one.significant:
        return ""
    return {
        True: translate("ComparePanel", "B is worse, beyond chance"),
        False: translate("ComparePanel", "B is better, beyond chance"),
        None: translate("ComparePanel", "Different, beyond chance"),
    }[one.worse]


def explanation_bars(found: Explained) -> list[Bar]:
    """The parts of the difference as bars: slower to warn, faster in the accent colour, the unexplained hatched."""
    large, rest_s = parts(found)
    named = [(cause_name(found, part.cause, say), part.seconds, part.cause) for part in large]
    if rest_s:
        named.insert(len(named) - 1, (say(SMALL), rest_s, ""))
    longest = max((abs(value) for _, value, _ in named), default=0.0)
    colours = theme()
    return [
        Bar(
            name,
            abs(value) / longest if longest else 0.0,
            f"{signed(seconds, value)} · {share(value / found.difference_s)}" if found.difference_s else seconds(0.0),
            colours.warn if value > 0 else colours.accent,
            pattern=Qt.BrushStyle.BDiagPattern if cause == UNEXPLAINED else Qt.BrushStyle.SolidPattern,
            tip=QCoreApplication.translate("ComparePanel", "B is slower by this")
            if value > 0
            else QCoreApplication.translate("ComparePanel", "B is faster by this"),
        )
        for name, value, cause in named
    ]


def explanation_title(found: Explained) -> str:
    """What is explained."""
    return QCoreApplication.translate(
        "ComparePanel", "Time per token: A {a} ●, B {b} ●; the difference of {difference} ƒ, by cause"
    ).format(a=seconds(found.a_s), b=seconds(found.b_s), difference=signed(seconds, found.difference_s))


def quantity_name(quantity: str) -> str:
    """What a chart shows."""
    translate = QCoreApplication.translate
    fixed = {
        "latency": translate("ComparePanel", "latency"),
        "rate": translate("ComparePanel", "tokens/s"),
        "KV used": translate("ComparePanel", "KV used"),
        "KV reserved": translate("ComparePanel", "KV reserved"),
        "positions": translate("ComparePanel", "positions computed"),
    }
    if quantity in fixed:
        return fixed[quantity]
    kind, _, part = quantity.partition(" ")
    name = name_of_figure(quantity, say)
    return name if kind == "group" else translate("ComparePanel", "phase {}").format(part)


def quantity_number(quantity: str, value: float) -> str:
    """A value of a quantity with its unit."""
    if quantity == "rate":
        return rate(value, "tokens/s")
    if quantity.startswith("KV"):
        return memory(value)
    return significant(value) if quantity == "positions" else seconds(value)


def overlay_lines(a: Side, b: Side, quantity: str, axis: Axis) -> tuple[list[Line], float, int]:
    """(the lines of both sides, the end of the axis, steps in a point)."""
    colours = theme()
    lines, end, pooled = [], 1.0, 1
    for name, side, colour, dashed in (("A", a, colours.accent, False), ("B", b, colours.warn, True)):
        found = overlay(side, quantity, axis)
        if found is not None:
            lines.append(Line(name, found.x, found.y, colour, dashed))
            end, pooled = max(end, float(found.x[-1])), max(pooled, found.pooled)
    return lines, end, pooled


def pair_heads() -> Heads:
    """The columns of the pairs of requests."""
    translate = QCoreApplication.translate
    ttft = translate("ComparePanel", "From the request's arrival to its first token, measured.")
    tpot = translate("ComparePanel", "The time after a request's first token, divided by its other tokens, measured.")
    return [
        (translate("ComparePanel", "Request of A"), translate("ComparePanel", "The number of the request in A.")),
        (
            translate("ComparePanel", "Request of B"),
            translate("ComparePanel", "The number of the one with the same prompt in B."),
        ),
        (
            translate("ComparePanel", "Same tokens"),
            translate("ComparePanel", "How many of the first tokens are the same."),
        ),
        (
            translate("ComparePanel", "Parts at"),
            translate("ComparePanel", "The tokens of A and B where they first differ; sorted by how early that is."),
        ),
        *((f"TTFT {side} {MEASURED}", ttft) for side in ("A", "B")),
        *((f"TPOT {side} {MEASURED}", tpot) for side in ("A", "B")),
    ]


def pair_cells(compared: Compared, place: int) -> list[Cell]:
    """The cells of a pair of requests."""
    pair, times_s = compared.beside.pairs[place], [float(column[place]) for column in compared.columns[4:]]
    return [
        Cell(count(pair.a)),
        Cell(count(pair.b)),
        Cell(count(pair.tokens)),
        Cell(parting_text(pair, say_side), muted=pair.parting is None),
        *(Cell(seconds(value), muted=math.isnan(value)) for value in times_s),
    ]


def csv_rows(compared: Compared) -> tuple[list[str], list[tuple[object, ...]]]:
    """(names of the columns, rows) of the differences for CSV, in base units."""
    header = [
        "figure", "a", "b", "unit", "absolute", "relative", "low", "high", "p", "significant", "counted"
    ]  # fmt: skip
    return header, [
        (one.name, one.a, one.b, one.unit, one.absolute, one.relative, one.low, one.high, one.p, one.significant,
         one.counted)
        for one in shown(compared.sides.whole)
    ]  # fmt: skip


def explained_rows(found: Explained) -> tuple[list[str], list[tuple[object, ...]]]:
    """(names of the columns, rows) of the explanation for CSV."""
    rows: list[tuple[object, ...]] = [
        (part.cause, part.seconds, part.seconds / found.difference_s if found.difference_s else None)
        for part in found.parts
    ]
    return ["cause", "seconds per token", "share"], rows
