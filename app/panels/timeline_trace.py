"""Draws the lanes of an imported trace: ranges of the host by depth, and the device's work, a row a stream."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from app.look.theme import CAPTION_SCALE, GRID, ui_font
from app.look.units import MEASURED, count, memory, seconds
from app.models.step_words import band_name
from app.models.timeline import BAND_OF, BANDS
from app.models.timeline_trace import TraceLanes, TraceRow
from app.panels.kernels_words import kind_name, short_name
from app.panels.timeline_lanes import Lanes
from app.panels.timeline_paint import Scene, text_in
from app.widgets.painted import caption_height
from app.widgets.pixels import image, stacked_columns
from engine.plain_text import one_line
from engine.session.event_table import EventTable
from engine.session.schema import PHASES
from engine.session.store import Session

SINGLE: Final = 3.0
"""Pixels of a kernel or range from which it is drawn as a bar of its own; narrower ones are a density."""
NAMED: Final = 28.0
"""Pixels from which a name is written into it."""
LEAST_ROW: Final = 13.0
TALLEST_ROW: Final = 30.0
MOST_NAME: Final = 300
MOST_LABEL: Final = 40
"""Characters of a thread's name beside its rows."""
THREAD: Final = re.compile(r"thread (?P<number>\d+) \((?P<runs>.+)\)")


@dataclass(frozen=True, slots=True)
class Placed:
    """A row at its place; `label` is what stands beside it, "" for nothing."""

    row: TraceRow
    box: QRectF
    label: str


@dataclass(frozen=True, slots=True)
class Item:
    """A kernel or a range, by its id."""

    row: TraceRow
    id: int


def placed_rows(trace: TraceLanes, lanes: Lanes) -> list[Placed]:
    """The rows that there is room for, at their places: threads in the host's lane, streams in the device's."""
    return [*_host_rows(trace, lanes.host), *_device_rows(trace, lanes.device)]


def _host_rows(trace: TraceLanes, box: QRectF) -> Iterator[Placed]:
    """Threads and their depths from the top; the last row that has a place says how many have none."""
    names = short_threads([thread.name for thread in trace.threads])
    rows = [
        (name, depth, row)
        for name, thread in zip(names, trace.threads, strict=True)
        for depth, row in enumerate(thread.rows)
    ]
    height = _row_height(box, len(rows))
    fit = max(int((box.height() + 0.5) // height), 1)
    for at, (name, depth, row) in enumerate(rows[:fit]):
        label = name if depth == 0 else ""
        if at == fit - 1 and len(rows) > fit:
            label = QCoreApplication.translate("Timeline", "and {} more").format(len(rows) - fit)
        yield Placed(row, QRectF(box.left(), box.top() + at * height, box.width(), height - 1), label)


def short_threads(names: list[str]) -> list[str]:
    """Names of threads that fit beside their rows: a profiler writes `thread 41 (python)`.

    What runs in a thread says more than its number, except where several threads run the same.
    """
    found = [THREAD.fullmatch(name) for name in names]
    runs = Counter(one["runs"] for one in found if one is not None)
    return [
        one_line(name if one is None else one["runs"] if runs[one["runs"]] == 1 else one["number"], MOST_LABEL)
        for name, one in zip(names, found, strict=True)
    ]


def _device_rows(trace: TraceLanes, box: QRectF) -> Iterator[Placed]:
    """Streams from the top; those without a place of their own share the last row."""
    height = _row_height(box, len(trace.streams))
    fit = max(int((box.height() + 0.5) // height), 1)
    shared = len(trace.streams) > fit
    several = len({one.device for one in trace.streams}) > 1
    for at, one in enumerate(trace.streams[: fit - 1 if shared else fit]):
        number = one.stream if one.stream >= 0 else "?"
        words = QCoreApplication.translate("Timeline", "stream {}").format(number)
        if several:
            words = QCoreApplication.translate("Timeline", "gpu {device}: {stream}").format(
                device=one.device, stream=number
            )
        yield Placed(one.row, QRectF(box.left(), box.top() + at * height, box.width(), height - 1), words)
    if shared:
        place = QRectF(box.left(), box.top() + (fit - 1) * height, box.width(), height - 1)
        words = QCoreApplication.translate("Timeline", "{} streams").format(len(trace.streams) - fit + 1)
        yield Placed(trace.rest_of_streams(fit - 1), place, words)


def _row_height(box: QRectF, rows: int) -> float:
    return min(max(box.height() / max(rows, 1), LEAST_ROW), TALLEST_ROW)


def draw_trace(painter: QPainter, scene: Scene, trace: TraceLanes, lanes: Lanes) -> None:
    """Draw all rows that there is room for; a row is a density, and what is wide enough lies over it as bars."""
    plot = QRectF(scene.left, 0, scene.width, lanes.legend.bottom())
    painter.save()
    painter.setClipRect(plot)
    for box in (lanes.host, lanes.device):
        painter.fillRect(box.intersected(plot), QColor(scene.colours.window))
    edges = scene.edges()
    edges_ns = edges if scene.axis == "time" else scene.model.times_at(edges)
    for one in placed_rows(trace, lanes):
        _draw_row(painter, scene, one, edges_ns)
    if not trace.streams:
        painter.setFont(ui_font(CAPTION_SCALE))
        painter.setPen(QColor(scene.colours.muted))
        words = QCoreApplication.translate("Timeline", "no kernels in this trace")
        text_in(painter, lanes.device.intersected(plot), words, scene.colours.window)
    painter.restore()


def _draw_row(painter: QPainter, scene: Scene, one: Placed, edges_ns: NDArray[np.float64]) -> None:
    row, box = one.row, one.box
    names = [scene.colours.groups[band] for band in BANDS]
    picture = stacked_columns(row.shares(edges_ns), names, max(1, round(box.height() * scene.ratio)))
    painter.drawImage(QPointF(scene.left, box.top()), image(picture, scene.ratio))
    lo, hi = float(edges_ns[0]), float(edges_ns[-1])
    # On the axis of steps a pixel may be short where the step is; what is too narrow after all is left to the density.
    least = SINGLE * (hi - lo) / scene.width if scene.axis == "time" else 0.0
    places = row.long_ones(lo, hi, least)
    if not len(places):
        return
    lefts, rights = _pixels(scene, row.starts[places]), _pixels(scene, row.ends[places])
    wide = np.flatnonzero((rights - lefts >= SINGLE) & (rights > scene.left) & (lefts < scene.left + scene.width))
    painter.setFont(ui_font(CAPTION_SCALE))
    metrics = QFontMetricsF(painter.font())
    ground, text = QColor(scene.colours.window), QColor(scene.colours.on_accent)
    colours = [QColor(name) for name in names]
    roomy = box.height() >= metrics.height() - 3
    bands, ids = row.bands[places].tolist(), row.ids[places].tolist()
    for at in wide.tolist():
        left, right = max(float(lefts[at]), scene.left), min(float(rights[at]), scene.left + scene.width)
        area = QRectF(left, box.top(), right - left, box.height())
        painter.fillRect(area, colours[bands[at]])
        painter.fillRect(QRectF(left, box.top(), 1, box.height()), ground)
        if right - left >= NAMED and roomy:
            name = name_of_item(scene, Item(row, ids[at]))
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, right - left - 2 * GRID)
            if shown != "…":
                painter.setPen(text)
                painter.drawText(area.adjusted(GRID, 0, -GRID, 0), Qt.AlignmentFlag.AlignVCenter, shown)


def _pixels(scene: Scene, moments: NDArray[np.int64]) -> NDArray[np.float64]:
    """x coordinates of moments, on either axis."""
    values = moments.astype(np.float64)
    if scene.axis == "steps":
        values = scene.model.steps_at(values)
    pixels: NDArray[np.float64] = scene.left + (values - scene.lo) / (scene.hi - scene.lo) * scene.width
    return pixels


def name_of_item(scene: Scene, item: Item) -> str:
    """The short name of a kernel, without its return type and arguments, or of a range."""
    session = scene.model.session
    table = session.kernels if item.row.side == "device" else session.ranges
    name = session.trace_names[int(table["name_id"][item.id])]
    return one_line(short_name(name), MOST_NAME)


def item_at(scene: Scene, trace: TraceLanes, lanes: Lanes, place: QPointF) -> Item | None:
    """The kernel or range at a point; where it is narrower than a pixel, the last one begun within two."""
    if not scene.left <= place.x() <= scene.left + scene.width:
        return None
    for one in placed_rows(trace, lanes):
        if one.box.adjusted(0, 0, 0, 1).contains(QPointF(one.box.left(), place.y())):
            values = np.array([scene.value(place.x()), scene.value(place.x() - 1), scene.value(place.x() + 1)])
            exact, lo, hi = values if scene.axis == "time" else scene.model.times_at(values)
            found = one.row.at(float(exact), float(exact) + 1)
            found = one.row.at(float(lo), float(hi)) if found is None else found
            return None if found is None else Item(one.row, found)
    return None


def span_of_item(scene: Scene, item: Item) -> tuple[float, float]:
    """(begin, end) of a kernel or range on the axis."""
    session = scene.model.session
    table = session.kernels if item.row.side == "device" else session.ranges
    begin, end = (
        scene.model.convert(float(table[name][item.id]), "time", scene.axis) for name in ("start_ns", "end_ns")
    )
    return begin, max(end, begin + 1e-6)


def item_text(scene: Scene, item: Item) -> str:
    """The tool tip of a kernel or a range."""
    return _kernel_text(scene, item.id) if item.row.side == "device" else _range_text(scene, item.id)


def _kernel_text(scene: Scene, id: int) -> str:
    translate = QCoreApplication.translate
    session = scene.model.session
    kernels, names = session.kernels, session.trace_names
    lasted = int(kernels["end_ns"][id] - kernels["start_ns"][id]) / 1e9
    kind = kernels.words["kind"][kernels["kind"][id]]
    told = kernels.words["ended"][kernels["ended"][id]] == "told"
    took = f"{seconds(lasted)} {MEASURED}" if told else translate("Timeline", "its end is not told")
    lines = [one_line(names[int(kernels["name_id"][id])], MOST_NAME), f"{kind_name(kind)} · {took}"]
    facts = []
    if (stream := int(kernels["stream"][id])) >= 0:
        facts.append(translate("Timeline", "stream {}").format(stream))
    for name, words in (("grid", translate("Timeline", "grid {}")), ("block", translate("Timeline", "block {}"))):
        if shape := kernels[name][id]:
            facts.append(words.format(one_line(shape.replace(",", "×"), 40)))
    if (moved := int(kernels["moved_bytes"][id])) >= 0:
        facts.append(memory(moved))
    if facts:
        lines.append(" · ".join(facts))
    lines.append(_phase(PHASES[kernels["phase"][id]]))
    step = int(kernels["step_id"][id])
    lines.append(
        translate("Timeline", "launched in step {}").format(count(step)) if step >= 0
        else translate("Timeline", "in no step: nothing tells where it was launched")
    )  # fmt: skip
    launcher = _launcher(session.ranges, int(kernels["range_id"][id]))
    if launcher >= 0:
        name = one_line(names[int(session.ranges["name_id"][launcher])], MOST_NAME)
        lines.append(translate("Timeline", "launched by {}").format(name))
    return "\n".join(lines)


def _launcher(ranges: EventTable, id: int) -> int:
    """The innermost range around a launch that is no call of the runtime; the call itself where there is none."""
    at = id
    while at >= 0 and ranges.words["kind"][ranges["kind"][at]] == "runtime":
        at = int(ranges["parent_id"][at])
    return at if at >= 0 else id


def _range_text(scene: Scene, id: int) -> str:
    translate = QCoreApplication.translate
    session = scene.model.session
    ranges = session.ranges
    lasted, own = int(ranges["end_ns"][id] - ranges["start_ns"][id]) / 1e9, int(ranges["self_ns"][id]) / 1e9
    kind = ranges.words["kind"][ranges["kind"][id]]
    took = translate("Timeline", "{all} {mark}, {own} of it its own").format(
        all=seconds(lasted), own=seconds(own), mark=MEASURED
    )
    lines = [one_line(session.trace_names[int(ranges["name_id"][id])], MOST_NAME), f"{kind_name(kind)} · {took}"]
    if ranges.words["ended"][ranges["ended"][id]] != "told":
        lines.append(translate("Timeline", "its end is not told: drawn until what is around it ends"))
    lines.append(_phase(PHASES[ranges["phase"][id]]))
    step = int(ranges["step_id"][id])
    if step >= 0:
        lines.append(translate("Timeline", "in step {}").format(count(step)))
    lines.append(one_line(session.trace_names[int(ranges["thread_id"][id])], 80))
    return "\n".join(lines)


def _phase(phase: str) -> str:
    """Which phase names tell, and its group."""
    if phase == "other":
        return QCoreApplication.translate("Timeline", "no name tells its phase")
    words = QCoreApplication.translate("Timeline", "phase {phase} (in {group}), by names")
    return words.format(phase=phase, group=band_name(BAND_OF[phase]))


def trace_heights(trace: TraceLanes, room: float) -> tuple[float, float]:
    """(host, device): the heights of both lanes where they have `room` together."""
    line = caption_height()
    streams = max(len(trace.streams), 1)
    device = min(streams * TALLEST_ROW, max(0.45 * room, LEAST_ROW), room)
    if not trace.streams:
        device = min(line + GRID, room)
    rows = sum(len(thread.rows) for thread in trace.threads)
    host = min(max(rows, 1) * TALLEST_ROW, max(room - device, LEAST_ROW))
    return host, device


def trace_rows(session: Session, lo_ns: float, hi_ns: float, most: int) -> tuple[list[str], list[tuple[object, ...]]]:
    """The kernels and ranges that lie at least partly between two moments, a row each, for CSV."""
    names = [
        "what", "name", "kind", "phase", "step", "start_ns", "end_ns", "self_ns", "device", "stream", "thread", "depth",
    ]  # fmt: skip
    texts = session.trace_names
    rows: list[tuple[object, ...]] = []
    for table in (session.kernels, session.ranges):
        inside = np.flatnonzero((table["end_ns"] >= lo_ns) & (table["start_ns"] <= hi_ns))[: most - len(rows)]
        host = table is session.ranges
        kinds = table.words["kind"]
        for at in inside.tolist():
            step = int(table["step_id"][at])
            rest = (
                (int(table["self_ns"][at]), None, None, texts[int(table["thread_id"][at])], int(table["depth"][at]))
                if host
                else (None, int(table["device"][at]), int(table["stream"][at]), None, None)
            )
            rows.append((
                "range" if host else "kernel", texts[int(table["name_id"][at])], kinds[table["kind"][at]],
                PHASES[table["phase"][at]], step if step >= 0 else None, int(table["start_ns"][at]),
                int(table["end_ns"][at]), *rest,
            ))  # fmt: skip
    return names, rows
