"""Utilisation panel: how busy the device reports to be, and how much of its ceilings the steps use."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSignalBlocker, QSize, Qt
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.core.selection import Look, Selected
from app.look.theme import GRID, PANEL_PADDING, ROW_GAP, theme
from app.look.units import DERIVED, MEASURED, THIN_SPACE, count, memory, name_of, percent, rate, significant
from app.models.device_series import extremes, rates, read_shares, steps_at
from app.models.looking import Looker, look_of, show_look
from app.models.ticks import binary_ticks
from app.panels.base import Panel, PanelContext
from app.panels.registry import entry
from app.panels.untold import is_imported, not_told
from app.panels.utilisation_server import server_lanes, server_rows, server_words
from app.widgets.lane_chart import Lane, LaneChart, decimal_ticks
from app.widgets.plain import PlainLabel, plain
from app.widgets.themed_label import ThemedLabel
from engine.figures import metrics
from engine.figures.ceilings import measured_when_busy
from engine.figures.device_series import DeviceSeries, Series, in_range, joules_per_token, mean_of
from engine.figures.server_series import ServerSeries
from engine.figures.told import column_told, told
from engine.session.serving import Topic
from engine.session.store import Session

GPU_READINGS: Final = (
    "utilisation_percent",
    "memory_utilisation_percent",
    "memory_used_bytes",
    "power_watts",
    "temperature_celsius",
    "sm_clock_mhz",
    "memory_clock_mhz",
)
HOST_READINGS: Final = ("process_cpu_percent", "system_cpu_percent", "process_rss_bytes")
MOST_DEVICES: Final = 17
"""Most devices whose readings are drawn, host included; `rows` returns the readings of all devices."""
AXES: Final = ("steps", "time")
OF_STEPS: Final = (("bytes_moved", "read_bytes_per_s", "B/s"), ("flops", "flops_per_s", "FLOP/s"))
"""(column that a step counts, name of the ceiling to compare it with, unit of the rate)."""


class UtilisationPanel(Panel):
    """A lane per reading, over steps or time, then MBU and MFU of the steps."""

    name: ClassVar[str] = "utilisation"
    needs: ClassVar[tuple[Topic, ...]] = ("tokens",)

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._series: DeviceSeries | None = None
        self._server: ServerSeries | None = None
        """What the server tells of itself; None for a session of our own engine."""
        self._seen: tuple[int, int, int, str] = (-1, -1, -1, "")
        self._stale = True
        self._axis = AXES[0]
        self.axis_picker = QComboBox()
        self.axis_picker.addItems([self.tr("steps"), self.tr("time")])
        self.axis_picker.setAccessibleName(self.tr("Axis"))
        self.axis_picker.setToolTip(self.tr("What the lanes share: an axis of steps, or of seconds."))
        self.axis_picker.currentIndexChanged.connect(self._axis_changed)
        self.note = ThemedLabel()
        self.note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._axis_label = PlainLabel(self.tr("&Over"))
        self._axis_label.setBuddy(self.axis_picker)
        tools = QHBoxLayout()
        tools.setSpacing(ROW_GAP)
        tools.addWidget(self._axis_label)
        tools.addWidget(self.axis_picker)
        tools.addWidget(self.note, 1)
        self.chart = LaneChart()
        self.chart.setAccessibleName(self.tr("Device readings and utilisation over the run"))
        self.chart.clicked.connect(self._click)
        self.chart.looker = self._looker = Looker(
            context.selection, "utilisation", lambda: look_of(self.chart.view, self._axis), self._look
        )
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.chart)
        scroll.setAccessibleName(entry(self.name).title())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, ROW_GAP)
        layout.setSpacing(GRID)
        layout.addLayout(tools)
        layout.addWidget(scroll, 1)
        self.restyle()

    # --- Panel ------------------------------------------------------------------------------------------------------

    def figures(self) -> str:
        session, series = self.session, self._series
        if session is None or series is None:
            return ""
        steps = self._range()
        parts = server_words(self._server, steps) if self._server is not None else []
        for device in series.devices[:1]:
            name = "process_cpu_percent" if device == "cpu" else "utilisation_percent"
            chosen = in_range(series.reading(device, name), session, steps)
            if len(chosen[1]):
                busy = self.tr("CPU") if device == "cpu" else self.tr("GPU busy")
                parts.append(f"{busy} {self._number(name)(mean_of(chosen, session))} {MEASURED}")
        for label, (counted, ceiling, _) in zip(("MBU", "MFU"), OF_STEPS, strict=True):
            value = metrics.utilisation(session, counted, ceiling, steps)
            text = self.tr("not reported") if value is None else f"{percent(value)} {DERIVED}"
            if column_told(session, counted):
                parts.append(f"{label} {text}")
        if measured_when_busy(session):
            parts.append(self.tr("ceilings measured on a busy machine"))
        joules = joules_per_token(series, steps)
        if joules is not None:
            parts.append(self.tr("{joules} a token {mark}").format(joules=_energy(joules), mark=DERIVED))
        return " · ".join(parts)

    @property
    def is_empty(self) -> bool:
        session = self.session
        return session is None or is_imported(session) or not (len(session.steps) or len(session.metric_samples))

    def empty_text(self) -> str:
        return self.tr("Run a prompt and what the device reports appears here, beside how much of it the steps use.")

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self._series = DeviceSeries(session) if session is not None else None
        self._server = ServerSeries(session) if session is not None and session.serving is not None else None
        self._seen, self._stale = (-1, -1, -1, ""), True
        self.chart.view.fit()
        if session is not None:
            self.refresh()

    def refresh(self) -> None:
        session, series = self.session, self._series
        if session is None or series is None:
            return
        series.update()
        if self._server is not None:
            self._server.update()
        samples = len(session.device_samples), len(session.metric_samples)
        seen = (len(session.steps), *samples, session.meta.get("ceilings", ""))
        if seen == self._seen and not self._stale:
            return
        self._seen, self._stale = seen, False
        chart = self.chart
        by_step = self._by_step
        for widget in (self._axis_label, self.axis_picker):
            widget.setVisible(told(session, "steps"))
        chart.x_title = self.tr("step") if by_step else self.tr("time")
        chart.x_number = (lambda x: count(int(x))) if by_step else (lambda x: f"{x:g}{THIN_SPACE}s")
        chart.x_smallest = 1.0 if by_step else 0.0
        lanes = [
            self._reading_lane(device, name)
            for device in _shown(series.devices)
            for name in (HOST_READINGS if device == "cpu" else GPU_READINGS)
        ]
        if self._server is not None:
            lanes += server_lanes(self._server, self._range(), self._x, int(chart.plot_width))
        lanes += [self._step_lane(counted, ceiling, unit) for counted, ceiling, unit in OF_STEPS]
        last = float(seen[0]) if by_step else self._last_s()
        steps = self._range()
        chart.region = self._x_of_steps(steps) if steps is not None else None
        chosen = self.context.selection.now.step
        chart.marker = self._x_of_steps((chosen, chosen))[0] if chosen is not None and chosen < seen[0] else None
        chart.show_lanes(lanes, 0.0, max(last, 1e-3))
        self._write_note(steps)

    def select(self, selected: Selected) -> None:
        self._stale = True
        self.refresh()
        self._looker.follow(selected)

    def restyle(self) -> None:
        self._stale = True
        self.refresh()

    def minimumSizeHint(self) -> QSize:
        return QSize(280, 160)

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        rows: list[tuple[object, ...]] = []
        if self._series is not None and self.session is not None:
            steps = self._range()
            for device in self._series.devices:
                for name in HOST_READINGS if device == "cpu" else GPU_READINGS:
                    times, values = in_range(self._series.reading(device, name), self.session, steps)
                    rows += [(t, device, name, v) for t, v in zip(times.tolist(), values.tolist(), strict=True)]
            if self._server is not None:
                rows += server_rows(self._server, steps)
        return ["t_ns", "device", "name", "value"], rows

    # --- lanes ------------------------------------------------------------------------------------------------------

    @property
    def _by_step(self) -> bool:
        return self._axis == "steps" and (self.session is None or told(self.session, "steps"))

    def _range(self) -> tuple[int, int] | None:
        steps = self.context.selection.now.steps
        if steps is None or self.session is None or steps[0] >= len(self.session.steps):
            return None
        return steps[0], min(steps[1], len(self.session.steps) - 1)

    def _last_s(self) -> float:
        """The newest moment of the session, in seconds."""
        session = self.session
        if session is None:
            return 0.0
        tables = (session.steps, session.tokens, session.device_samples, session.metric_samples)
        names = ("end_ns", "emitted_ns", "t_ns", "t_ns")
        ends = [float(table[name][-1]) for table, name in zip(tables, names, strict=True) if len(table)]
        return max(ends, default=0.0) / 1e9

    def _x_of_steps(self, steps: tuple[int, int]) -> tuple[float, float]:
        """(left, right) of a range of steps on the current axis, in steps or seconds."""
        if self._by_step or self.session is None:
            return float(steps[0]), float(steps[1] + 1)
        table = self.session.steps
        return float(table["start_ns"][steps[0]]) / 1e9, float(table["end_ns"][steps[1]]) / 1e9

    def _x(self, t_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        assert self.session is not None
        return steps_at(self.session, t_ns) if self._by_step else t_ns / 1e9

    def _reading_lane(self, device: str, name: str) -> Lane:
        assert self._series is not None
        assert self.session is not None
        number = self._number(name)
        times, values = self._series.reading(device, name)
        title = self._name(name)
        if not len(values):
            heading = self.tr("{title}: not reported by {device}").format(title=title, device=name_of(device))
            return Lane(title, heading, np.empty(0), np.empty(0), theme().muted, number)
        chosen = in_range((times, values), self.session, self._range())
        shown = extremes(values, int(self.chart.plot_width))
        return Lane(
            title,
            self._heading(title, number, chosen, MEASURED),
            self._x(times[shown]),
            values[shown],
            theme().accent,
            number,
            top=100.0 if name in ("utilisation_percent", "memory_utilisation_percent", "system_cpu_percent") else None,
            ticks=binary_ticks if name.endswith("_bytes") else decimal_ticks,
        )

    def _step_lane(self, counted: str, ceiling: str, unit: str) -> Lane:
        """MBU or MFU by step if the ceiling is known, else the rate itself (bytes/s or FLOP/s)."""
        session = self.session
        assert session is not None
        if not column_told(session, counted):
            title = self._name(counted)
            return Lane(title, f"{title}: {not_told()}", np.empty(0), np.empty(0), theme().muted, str)
        last = len(session.steps) - 1
        first_steps, values = rates(session, counted, (0, last), int(self.chart.plot_width))
        x = first_steps.astype(np.float64) + 0.5
        if not self._by_step:
            x = session.steps["start_ns"][first_steps].astype(np.float64) / 1e9
        peak = metrics.ceilings(session).get(ceiling)
        shares = 100 * values / peak if peak else values
        if counted == "bytes_moved" and peak:
            peak = metrics.read_ceiling(session, self._range())
            found = read_shares(session, (0, last), int(self.chart.plot_width))
            shares = 100 * found[1] if found is not None else shares
        title = self._name(counted)
        steps = self._range()
        mean = metrics.rate_of_steps(session, counted, steps) or 0.0
        lead = 0.5 if self._by_step else 0.0
        colour = theme().groups["ffn"]

        def as_rate(value: float) -> str:
            return rate(value, unit)

        if not peak:
            heading = self.tr("{title}: not reported, no ceiling was measured; {rate} {mark}").format(
                title=title, rate=as_rate(mean), mark=DERIVED
            )
            return Lane(title, heading, x, values, colour, as_rate, lead=lead)
        heading = self.tr("{title}  {share} {mark} · {rate} of {peak} measured").format(
            title=title, share=percent(mean / peak), mark=DERIVED, rate=as_rate(mean), peak=as_rate(peak)
        )
        busy = measured_when_busy(session)
        if busy:
            heading += self.tr(" · ceiling measured under load; measure again")
        over = busy and len(shares) > 0 and float(shares.max()) > 100  # how far above 100 % has no meaning
        return Lane(title, heading, x, shares, colour, lambda value: percent(value / 100), lead=lead,
                    top=100.0 if over else None, cut=over)  # fmt: skip

    def _heading(self, title: str, number: Callable[[float], str], series: Series, mark: str) -> str:
        values = series[1]
        if self.session is None or not len(values):
            return self.tr("{title}: no reading in the selected steps").format(title=title)
        return self.tr("{title}  {now} {mark} · mean {mean} · max {most}").format(
            title=title, now=number(float(values[-1])), mark=mark, mean=number(mean_of(series, self.session)),
            most=number(float(values.max())),
        )  # fmt: skip

    def _name(self, reading: str) -> str:
        return {
            "utilisation_percent": self.tr("GPU busy"),
            "memory_utilisation_percent": self.tr("GPU memory busy"),
            "memory_used_bytes": self.tr("GPU memory used"),
            "power_watts": self.tr("Power"),
            "temperature_celsius": self.tr("Temperature"),
            "sm_clock_mhz": self.tr("SM clock"),
            "memory_clock_mhz": self.tr("Memory clock"),
            "process_cpu_percent": self.tr("CPU of the engine (100 % is one core)"),
            "system_cpu_percent": self.tr("CPU of the machine"),
            "process_rss_bytes": self.tr("Memory of the engine (RSS)"),
            "bytes_moved": self.tr("Memory bandwidth used (MBU)"),
            "flops": self.tr("Arithmetic used (MFU)"),
        }[reading]

    def _number(self, reading: str) -> Callable[[float], str]:
        """A function that formats the value of a reading; the reading's name ends in its unit."""
        if reading.endswith("_percent"):
            return lambda value: percent(value / 100)
        if reading.endswith("_bytes"):
            return memory
        unit = {"watts": "W", "celsius": "°C", "mhz": "MHz"}[reading.rsplit("_", 1)[1]]
        return lambda value: f"{significant(value)}{THIN_SPACE}{unit}"

    def _write_note(self, steps: tuple[int, int] | None) -> None:
        assert self._series is not None
        parts = []
        if steps is not None:
            parts.append(self.tr("figures of steps {first}–{last}").format(first=count(steps[0]), last=count(steps[1])))
        if not self._series.devices and self._server is not None:
            parts.append(self.tr("by the server's own counters; its devices: {}").format(not_told()))
        elif not self._series.devices:
            parts.append(self.tr("no device reading yet"))
        elif self._series.devices == ["cpu"]:
            parts.append(self.tr("GPU and power: not reported"))
        if left_out := len(self._series.devices) - len(_shown(self._series.devices)):
            parts.append(self.tr("and {} more devices").format(count(left_out)))
        self.note.setText(" · ".join(parts))
        self.note.setToolTip(plain(self.note.text()))

    # --- inside -----------------------------------------------------------------------------------------------------

    def _axis_changed(self, index: int) -> None:
        with self._looker.by_hand():
            self._show_axis(AXES[index])

    def _look(self, look: Look) -> None:
        """Show the view to which back or forward led."""
        if look.axis != self._axis:
            with QSignalBlocker(self.axis_picker):
                self.axis_picker.setCurrentIndex(AXES.index(look.axis))
            self._show_axis(look.axis)
        show_look(self.chart.view, look)
        self.chart.update()

    def _show_axis(self, axis: str) -> None:
        self._axis, self._stale = axis, True
        self.chart.view.fit()
        self.refresh()

    def _click(self, x: float) -> None:
        session = self.session
        if session is None or not len(session.steps):
            return
        step = int(x) if self._by_step else int(np.searchsorted(session.steps["start_ns"], x * 1e9, "right")) - 1
        self.context.selection.change(step=min(max(step, 0), len(session.steps) - 1))


def _shown(devices: list[str]) -> list[str]:
    """The devices that are drawn, at most MOST_DEVICES; the last one, the host, is always among them."""
    return devices if len(devices) <= MOST_DEVICES else [*devices[: MOST_DEVICES - 1], devices[-1]]


def _energy(joules: float) -> str:
    """The energy of one token as text: `78.8 mJ`, `1.20 J`."""
    return f"{significant(1000 * joules)}{THIN_SPACE}mJ" if abs(joules) < 1 else rate(joules, "J")
