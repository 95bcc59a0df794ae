"""The Latency panel of a session without steps: the times of requests and tokens, and the gaps between chunks."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QHeaderView, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app.core.selection import Selected, Selection
from app.look.icons import icon
from app.look.theme import GRID, ROW_GAP, theme
from app.look.units import DERIVED, MEASURED, count, rate, seconds
from app.models import counted
from app.models.latency_histogram import histogram, next_of
from app.panels.untold import why_untold
from app.widgets.figure_table import FigureTable
from app.widgets.latency_histogram import LatencyHistogram
from app.widgets.plain import plain
from app.widgets.themed_label import ThemedLabel
from app.widgets.themed_table import Cell
from engine.figures.latency import outlier_us
from engine.figures.metrics import tokens_per_s
from engine.figures.streams import StreamFigures, StreamSeries
from engine.session.store import Session

BESIDE: Final = 720
"""From this width on the histogram is beside the table, in pixels."""


class StreamLatencies(QWidget):
    """A table of times, a histogram of gaps, a line about the session, and buttons that walk through the outliers."""

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection = selection
        self._series: StreamSeries | None = None
        self.stream_figures: StreamFigures | None = None
        self.table = FigureTable(self.tr("Times of requests and tokens"))
        self.table.setToolTip(self.tr("How long requests and tokens took, as our client received them."))
        self.table.setSelectionMode(self.table.SelectionMode.NoSelection)
        self.table.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.histogram = LatencyHistogram("gaps")
        self.histogram.setToolTip(
            self.tr("Drag over times to pick gaps; N goes to the token after the next of them, or after an outlier.")
        )
        self.histogram.band_changed.connect(selection.filter)
        self.histogram.wants_next.connect(self.go_to_next)
        self.line = ThemedLabel(parts=True)
        self.untold = ThemedLabel(wrap=True)
        self.outliers = ThemedLabel()
        self.previous_button, self.next_button = QToolButton(), QToolButton()
        self._box = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._box.setSpacing(ROW_GAP)
        self._box.addWidget(self.table, 0, Qt.AlignmentFlag.AlignTop)
        self._box.addWidget(self.histogram, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(ROW_GAP)
        layout.addLayout(self._box, 1)
        layout.addLayout(self._build_line())
        layout.addWidget(self.untold)

    def _build_line(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addWidget(self.line, 1)
        row.addWidget(self.outliers)
        for button, by, name in (
            (self.previous_button, -1, self.tr("Previous gap of the selection, or outlier (Shift+N)")),
            (self.next_button, 1, self.tr("Next gap of the selection, or outlier (N)")),
        ):
            button.setAutoRaise(True)
            button.setToolTip(plain(name))
            button.setAccessibleName(name)
            button.clicked.connect(partial(self.go_to_next, by))
            row.addWidget(button)
        return row

    # --- what the panel calls ---------------------------------------------------------------------------------------

    def show_session(self, session: Session | None) -> None:
        """Show a session without steps; None for any other."""
        self._series = StreamSeries(session) if session is not None else None
        self.stream_figures = None
        self.histogram.show_band(None)
        self.refresh()

    def refresh(self) -> None:
        """Draw what came since the last call."""
        series = self._series
        if series is None or (not series.update() and self.stream_figures is not None):
            return
        self.stream_figures = figures = series.figures()
        self.table.show_rows(self._heads(), self._cells(figures))
        self._place_table()
        self._show_histogram()
        self._write_lines(series.session, figures)

    def select(self, selected: Selected) -> None:
        """Follow the selection: the picked band of times."""
        if self.histogram.band != selected.band_us:
            self.histogram.show_band(selected.band_us)
            self._show_histogram()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self.table.restyle()
        self.histogram.update()
        self.previous_button.setIcon(icon("left", theme().muted))
        self.next_button.setIcon(icon("right", theme().muted))

    def header(self) -> str:
        """The main figures, for the panel's header."""
        figures = self.stream_figures
        if figures is None or self._series is None:
            return ""
        text = self.tr("first token p50 {ttft} {mark} · gap p50 {gap} {mark} · p99 {p99} {mark}").format(
            ttft=seconds(figures.ttft.p50_s), gap=seconds(figures.itl.p50_s), p99=seconds(figures.itl.p99_s),
            mark=MEASURED,
        )  # fmt: skip
        return f"{text} · {rate(tokens_per_s(self._series.session), 'tokens/s')} {MEASURED}"

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        """(column names with units, rows) of the table, for "copy as CSV"."""
        figures = self.stream_figures
        parts = () if figures is None else (figures.ttft, figures.itl, figures.tpot, figures.latency)
        header = ["part", "mean_s", "p50_s", "p90_s", "p99_s"]
        return header, [(one.part, one.mean_s, one.p50_s, one.p90_s, one.p99_s) for one in parts]

    def picked_rows(self) -> NDArray[np.int64]:
        """The tokens after the gaps of the picked band, or without a band after the outliers."""
        band = self.histogram.band
        if band is None and self.histogram.fence_us is not None:
            band = (self.histogram.fence_us, float("inf"))
        return np.empty(0, np.int64) if self._series is None or band is None else self._series.rows_within(band)

    def go_to_next(self, by: int) -> None:
        """Select the token after the next (1) or previous (−1) gap of the picked band, or outlier without a band."""
        row = next_of(self.picked_rows(), self._selection.now.token, by)
        if row is not None:
            self._selection.change(token=row)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the histogram beside the table, or below it in a narrow panel."""
        super().resizeEvent(event)
        self._place_table()
        self._show_histogram()

    def _place_table(self) -> None:
        """Keep the table as wide as its texts beside the histogram, and as wide as the panel above it."""
        beside, directions = self.width() >= BESIDE, QBoxLayout.Direction
        self._box.setDirection(directions.LeftToRight if beside else directions.TopToBottom)
        self.table.setMinimumWidth(self.table.sizeHint().width() if beside else 0)
        if self.table.columnCount():
            modes = QHeaderView.ResizeMode
            self.table.horizontalHeader().setSectionResizeMode(0, modes.ResizeToContents if beside else modes.Stretch)

    # --- what is shown ----------------------------------------------------------------------------------------------

    def _heads(self) -> list[tuple[str, str]]:
        return [
            (self.tr("Time"), self.tr("Of requests and tokens, as our client received them.")),
            (self.tr("Mean ●"), self.tr("The mean, measured.")),
            (self.tr("p50 ●"), self.tr("Half of them took no longer, measured.")),
            (self.tr("p90 ●"), self.tr("Nine of ten took no longer, measured.")),
            (self.tr("p99 ●"), self.tr("99 of 100 took no longer, measured.")),
        ]

    def _cells(self, figures: StreamFigures) -> list[list[Cell]]:
        named = (
            (figures.ttft, self.tr("First token (TTFT)"), self.tr("From a request's arrival to its first token.")),
            (
                figures.itl,
                self.tr("Chunk to chunk (ITL)"),
                self.tr("From one chunk of a request to its next, pauses left out; a chunk may hold several tokens."),
            ),
            (
                figures.tpot,
                self.tr("A later token (TPOT)"),
                self.tr("The time after a request's first token, divided by the number of its other tokens."),
            ),
            (figures.latency, self.tr("Whole request"), self.tr("From a request's arrival to its last token.")),
        )
        return [
            [Cell(name, tip), *(Cell(seconds(value)) for value in (part.mean_s, part.p50_s, part.p90_s, part.p99_s))]
            for part, name, tip in named
        ]

    def _show_histogram(self) -> None:
        series = self._series
        if series is None:
            return
        gaps_us = series.gaps_us
        self.histogram.show_histogram(histogram(gaps_us, self.histogram.bin_count()), outlier_us(gaps_us), [])
        picked = len(self.picked_rows())
        within = self.tr("{n} selected").format(n=count(picked))
        outliers = f"{counted.outliers(picked)} {DERIVED}"
        self.outliers.setText(within if self.histogram.band is not None else outliers)
        self.outliers.setToolTip(
            self.tr("An outlier took longer than the third quartile by three times the distance between the quartiles.")
        )
        for button in (self.previous_button, self.next_button):
            button.setEnabled(picked > 0)

    def _write_lines(self, session: Session, figures: StreamFigures) -> None:
        words = self.tr("{requests} · {tokens} in {chunks} chunks · {time} {mark}")
        self.line.setText(
            words.format(
                requests=counted.requests(figures.requests), tokens=counted.tokens(figures.tokens),
                chunks=count(figures.chunks), time=seconds(figures.wall_s), mark=MEASURED,
            )
        )  # fmt: skip
        self.line.setToolTip(plain(self.line.text()))
        self.untold.setText(
            self.tr("The parts of a token's time, step times and host gaps: {why}").format(
                why=why_untold(session, "steps")
            )
        )
