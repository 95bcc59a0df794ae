"""The lanes of the utilisation panel that a server itself tells: load, KV cache, prefix cache, preemptions, rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication

from app.look.theme import theme
from app.look.translation_marks import QT_TRANSLATE_NOOP
from app.look.units import DERIVED, MEASURED, THIN_SPACE, count, percent, rate, significant
from app.models.device_series import extremes
from app.panels.untold import not_told
from app.widgets.lane_chart import Lane, decimal_ticks
from engine.figures.server_series import SERVER_FIGURES, ServerFigure, ServerReadings, ServerSeries, of_range
from engine.figures.step_range import StepRange

TITLES: Final[dict[ServerFigure, str]] = {
    "running": QT_TRANSLATE_NOOP("ServerLanes", "Requests running"),
    "waiting": QT_TRANSLATE_NOOP("ServerLanes", "Requests waiting"),
    "kv_usage": QT_TRANSLATE_NOOP("ServerLanes", "KV cache in use"),
    "prefix_hit_rate": QT_TRANSLATE_NOOP("ServerLanes", "Prefix cache hits, of the tokens looked up"),
    "preemptions": QT_TRANSLATE_NOOP("ServerLanes", "Preemptions since the recording began"),
    "generated_per_s": QT_TRANSLATE_NOOP("ServerLanes", "Tokens a second, for all clients of the server"),
}
MARKS: Final[dict[ServerFigure, str]] = dict.fromkeys(SERVER_FIGURES, MEASURED) | {
    "prefix_hit_rate": DERIVED,
    "generated_per_s": DERIVED,
}
SHARES: Final = ("kv_usage", "prefix_hit_rate")
Places = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""From moments in ns to places on the axis."""


def title_of(figure: ServerFigure) -> str:
    """The name of a figure on the screen."""
    return QCoreApplication.translate("ServerLanes", TITLES[figure])


def number_of(figure: ServerFigure) -> Callable[[float], str]:
    """A function that writes the value of a figure."""
    if figure in SHARES:
        return percent
    if figure == "generated_per_s":
        return lambda value: rate(value, "").rstrip(THIN_SPACE)
    return lambda value: count(int(value)) if value == int(value) else significant(value)


def whole_ticks(top: float, most: int) -> list[float]:
    """Whole numbers from 0 to `top`: nothing lies between one request and two."""
    return [value for value in decimal_ticks(top, most) if value == int(value)]


def server_lanes(series: ServerSeries, steps: StepRange, place: Places, points: int) -> list[Lane]:
    """A lane for every figure; `points` is how many are visible, and the figures in the headings are of `steps`."""
    return [_lane(series, figure, steps, place, points) for figure in SERVER_FIGURES]


def _lane(series: ServerSeries, figure: ServerFigure, steps: StepRange, place: Places, points: int) -> Lane:
    title, number, readings = title_of(figure), number_of(figure), series.reading(figure)
    if not len(readings):
        waits = QCoreApplication.translate("ServerLanes", "its counters did not grow between two readings")
        heading = f"{title}: {waits if series.tells(figure) else not_told()}"
        return Lane(title, heading, np.empty(0), np.empty(0), theme().muted, number)
    shown = extremes(readings.values, points)
    heading = _heading(title, number, figure, of_range(readings, series.session, steps))
    top = 1.0 if figure in SHARES else None
    ticks = whole_ticks if figure in ("running", "waiting", "preemptions") else decimal_ticks
    x, y = place(readings.t_ns[shown]), readings.values[shown]
    return Lane(title, heading, x, y, theme().accent, number, top=top, ticks=ticks)


def _heading(title: str, number: Callable[[float], str], figure: ServerFigure, chosen: ServerReadings) -> str:
    if not len(chosen):
        return QCoreApplication.translate("ServerLanes", "{title}: no reading in the selected steps").format(
            title=title
        )
    now, mark = number(float(chosen.values[-1])), MARKS[figure]
    if figure == "preemptions":
        return f"{title}  {now} {mark}"
    return QCoreApplication.translate("ServerLanes", "{title}  {now} {mark} · mean {mean} · max {most}").format(
        title=title, now=now, mark=mark, mean=number(chosen.mean()), most=number(float(chosen.values.max()))
    )


def server_words(series: ServerSeries, steps: StepRange) -> list[str]:
    """The main figures of a server for the panel's header; none that it does not tell."""
    words: dict[ServerFigure, str] = {
        "running": QCoreApplication.translate("ServerLanes", "{} running"),
        "waiting": QCoreApplication.translate("ServerLanes", "{} waiting"),
        "kv_usage": QCoreApplication.translate("ServerLanes", "KV cache {}"),
        "prefix_hit_rate": QCoreApplication.translate("ServerLanes", "prefix hits {}"),
    }
    found = []
    for figure, form in words.items():
        readings = of_range(series.reading(figure), series.session, steps)
        if len(readings):
            value = readings.mean() if figure == "prefix_hit_rate" else float(readings.values[-1])
            found.append(f"{form.format(number_of(figure)(value))} {MARKS[figure]}")
    return found


def server_rows(series: ServerSeries, steps: StepRange) -> list[tuple[object, ...]]:
    """(t_ns, "server", figure, value) of every reading of a range."""
    found: list[tuple[object, ...]] = []
    for figure in SERVER_FIGURES:
        readings = of_range(series.reading(figure), series.session, steps)
        pairs = zip(readings.t_ns.tolist(), readings.values.tolist(), strict=True)
        found += [(t_ns, "server", figure, value) for t_ns, value in pairs]
    return found
