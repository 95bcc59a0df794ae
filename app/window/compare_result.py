"""A comparison of two sessions as the cells of its dialog."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from PySide6.QtCore import QCoreApplication

from app.dialogs.compare import Result, SideName
from app.look.units import MEASURED, count, seconds
from app.models.side_by_side import GROUPS, NAMES, Compared, Translate, marked, parting_text, side_name, times, verdict
from app.widgets.themed_table import Cell
from engine.figures.metrics import Summary

INDENT = "   "


def result_of(compared: Compared, say: Translate) -> Result:
    """All that the dialog shows; the cells of a pair are made when they are asked for."""
    pairs = compared.beside.pairs

    def cells(place: int) -> Sequence[Cell]:
        pair, times_s = pairs[place], [float(column[place]) for column in compared.columns[4:]]
        return [
            Cell(count(pair.a)),
            Cell(count(pair.b)),
            Cell(count(pair.tokens)),
            Cell(parting_text(pair, say), muted=pair.parting is None),
            *(Cell(seconds(value), muted=math.isnan(value)) for value in times_s),
        ]

    return Result(
        a=_side(compared.a, compared.a_path, say),
        b=_side(compared.b, compared.b_path, say),
        figure_heads=_figure_heads(),
        figures=_figures(compared, say),
        verdict=verdict(compared.beside, say),
        pair_heads=_pair_heads(),
        pair_keys=list(compared.columns),
        pair=cells,
    )


def _side(summary: Summary, path: str, say: Translate) -> SideName:
    name = side_name(summary, path, say)
    serving = summary.serving
    more = ["" if serving is None else serving["url"], summary.device, path]
    return SideName(name, "\n".join([name, *filter(None, more)]))


def _figures(compared: Compared, say: Translate) -> list[list[Cell]]:
    """A row for each figure, under a heading for each group."""
    rows: list[list[Cell]] = []
    for _, figures in groupby(compared.figures, attrgetter("group")):
        members = list(figures)
        rows.append([Cell(say(GROUPS[members[0].group]), bold=True), Cell(""), Cell(""), Cell("")])
        for row in members:
            sides = ((row.a, compared.a), (row.b, compared.b))
            texts = [Cell(marked(row, value, of, say), muted=value is None) for value, of in sides]
            rows.append([Cell(INDENT + say(NAMES[row.name])), *texts, Cell(times(row), muted=row.ratio is None)])
    return rows


def _figure_heads() -> list[tuple[str, str]]:
    translate = QCoreApplication.translate
    return [
        (
            translate("CompareDialog", "Figure"),
            translate("CompareDialog", "What is compared, as `decodescope compare` prints it."),
        ),
        ("A", translate("CompareDialog", "The session in the window.")),
        ("B", translate("CompareDialog", "The session of the chosen file.")),
        ("B / A", translate("CompareDialog", "How many times as much B has as A, derived.")),
    ]


def _pair_heads() -> list[tuple[str, str]]:
    translate = QCoreApplication.translate
    ttft = translate("CompareDialog", "From the request's arrival to its first token, measured.")
    tpot = translate("CompareDialog", "The time after a request's first token, divided by its other tokens, measured.")
    first, output = translate("CompareDialog", "TTFT {side} {mark}"), translate("CompareDialog", "TPOT {side} {mark}")
    return [
        (translate("CompareDialog", "Request of A"), translate("CompareDialog", "The number of the request in A.")),
        (
            translate("CompareDialog", "Request of B"),
            translate("CompareDialog", "The number of the one with the same prompt in B."),
        ),
        (
            translate("CompareDialog", "Same tokens"),
            translate("CompareDialog", "How many of the first tokens are the same."),
        ),
        (
            translate("CompareDialog", "Parts at"),
            translate("CompareDialog", "The tokens of A and B where they first differ; sorted by how early that is."),
        ),
        *((first.format(side=side, mark=MEASURED), ttft) for side in ("A", "B")),
        *((output.format(side=side, mark=MEASURED), tpot) for side in ("A", "B")),
    ]
