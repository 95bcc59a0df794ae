"""Before and after panel: what each improvement gains on this machine, off and on, beside the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from PySide6.QtCore import QCoreApplication, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QSpinBox, QVBoxLayout, QWidget

from app.core.engine_sentences import in_window_language
from app.core.selection import Selected
from app.look.theme import PANEL_PADDING, ROW_GAP
from app.look.units import count, significant
from app.models.before_after import (
    CONTEXT,
    FACTOR,
    HEADS,
    MEASURE,
    NAMES,
    NOT_MEASURED,
    NOT_YET,
    OFF,
    ON,
    RAN,
    REFERENCE,
    SAME_TOKENS,
    SUBJECTS,
    Line,
    lines_of,
    measured_with,
    pairs_of,
    plain_rows,
)
from app.panels.base import Panel, PanelContext
from app.panels.untold import of_trace
from app.widgets.claim_table import ClaimTable
from app.widgets.factor_chart import Factor, FactorChart
from app.widgets.plain import PlainLabel, plain
from app.widgets.reference_source import reference_source
from app.widgets.themed_label import ThemedLabel
from app.widgets.themed_table import Cell
from engine.client.suite import Suite, WantedSuite
from engine.client.suites import PROMPT, make_suite
from engine.figures.improvements import REPEATS, TOKENS
from engine.figures.metrics import by_id
from engine.session.store import Session

TALL: Final = 480
"""Panel height in pixels from which the chart of factors is shown."""
NARROW: Final = 760
LOW: Final = 420
"""Panel width and height in pixels below which the measure, what ran, the spread and the tokens appear in tool tips
only: with them a row has several lines, and few rows would be in view.
"""
MOST_TOKENS: Final = 100_000
"""Limit of the tokens field, larger than any context; the engine refuses more tokens than its model takes."""


class BeforeAfterPanel(Panel):
    """A table of improvements, the factors as bars beside the claims, and a button that measures all of them."""

    name: ClassVar[str] = "before-after"

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self._seen: object = None
        self._narrow = False
        self._lines: list[Line] = []
        self.measure_button = QPushButton(self.tr("&Measure all"))
        self.measure_button.setToolTip(
            self.tr("Run every improvement off and on, in turn and several times, and keep the runs as one session.")
        )
        self.measure_button.clicked.connect(self.measure)
        self.cancel_button = QPushButton(self.tr("&Cancel"))
        self.cancel_button.setToolTip(self.tr("End the measurement; what was measured is kept."))
        self.cancel_button.clicked.connect(self._cancel)
        self.tokens = QSpinBox()
        self.tokens.setRange(2, MOST_TOKENS)
        self.tokens.setValue(TOKENS)
        self.tokens.setAccessibleName(self.tr("Tokens that each run generates"))
        self.tokens.setToolTip(
            self.tr("How many tokens each run generates; in a batch the longest request has 1.2 times as many.")
        )
        self.tokens.valueChanged.connect(self._show_note)
        self._tokens_label = PlainLabel(self.tr("To&kens"))
        self._tokens_label.setBuddy(self.tokens)
        self.progress = QProgressBar()
        self.progress.setAccessibleName(self.tr("Runs measured"))
        self.note = ThemedLabel()
        self.table = ClaimTable(self.tr("Improvements, off and on"))
        self.chart = FactorChart()
        self.chart.setAccessibleName(self.tr("Measured factors beside the reference"))
        self.chart.title = self.tr("times better, measured ƒ; the reference as a band ~")
        top = QHBoxLayout()
        top.setSpacing(ROW_GAP)
        top.addWidget(self.measure_button)
        top.addWidget(self.cancel_button)
        top.addWidget(self.progress)
        top.addWidget(self._tokens_label)
        top.addWidget(self.tokens)
        top.addWidget(self.note, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, ROW_GAP)
        layout.setSpacing(ROW_GAP)
        layout.addLayout(top)
        layout.addWidget(self.table, 3)
        layout.addWidget(self.chart, 2)
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.refresh()

    # --- Panel ------------------------------------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        # Without a server the panel lists the improvements, and can measure them before anything ran.
        return bool(self.untold_text())

    def untold_text(self) -> str:
        if self.session is None or self.session.serving is None:
            return ""
        if traced := of_trace(self.session):
            return traced
        return self.tr(
            "Measuring an improvement off and on needs DecodeScope's own engine; a server's switches stay as they are."
        )

    def figures(self) -> str:
        found = [(line.pair.factor or 0.0, line.cells[0]) for line in self._lines if line.pair.factor is not None]
        if not found:
            return ""
        factor, name = max(found)
        return self.tr("{n} measured · most: {name} {factor}× ƒ").format(
            n=len(found), name=name, factor=significant(factor)
        )

    def empty_text(self) -> str:
        return self.tr("Press “Measure all” and what each improvement buys here appears beside the reference.")

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self._seen = None
        self.refresh()

    def refresh(self) -> None:
        session, control = self.session, self.context.control
        progress = control.suite_progress
        seen = (None if session is None else (id(session), session.revision), progress, len(control.unavailable))
        if seen == self._seen:
            return
        self._seen = seen
        pairs = pairs_of(session, control.unavailable)
        self._lines = lines_of(pairs, say, NOT_MEASURED if progress is None else NOT_YET, in_window_language)
        heads = [(say(name), say(definition)) for name, definition in HEADS]
        self.table.show_rows(heads, [self._row(line) for line in self._lines])
        self.table.show_columns(frozenset({MEASURE, RAN, SAME_TOKENS}) if self._narrow else frozenset())
        self.chart.show_factors(
            [
                Factor(line.cells[0], line.pair.factor, line.pair.improvement.claim)
                for line in self._lines
                if line.pair.factor is not None
            ]
        )
        self._show_progress(progress)

    def select(self, selected: Selected) -> None:
        """Ignore the selection: the factors belong to whole runs."""

    def restyle(self) -> None:
        self.table.restyle()
        self.chart.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(360, 200)

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        return plain_rows([line.pair for line in self._lines])

    # --- acting -----------------------------------------------------------------------------------------------------

    @property
    def prompt(self) -> str:
        """The prompt of the shown session's first request; PROMPT where it has none."""
        requests = by_id(self.session) if self.session is not None else []
        return next((request.prompt for request in requests), PROMPT)

    def measure(self) -> None:
        """Measure every improvement that can run here."""
        control = self.context.control
        prompt, tokens = self.prompt, self.tokens.value()

        def make(unavailable: Mapping[str, str], model: Mapping[str, Any]) -> Suite:
            return make_suite("switches", unavailable, model, prompt, tokens)

        suite = make(control.unavailable, control.model_config)
        if suite.total and control.suite_progress is None:
            control.start_suite(WantedSuite(make))  # the model that it depends on may still be loading
            self._show_progress((0, suite.total))

    def _cancel(self) -> None:
        self.context.control.stop_run()

    # --- what is shown ----------------------------------------------------------------------------------------------

    def _row(self, line: Line) -> list[Cell]:
        measured = line.pair.factor is not None
        return [
            Cell(
                text.partition(" (")[0] if self._narrow and index in (OFF, ON) and measured else text,
                bold=index in (0, FACTOR),
                muted=index in (MEASURE, RAN, REFERENCE) or (not measured and index > 0),
                tip=self._tip(line, index),
                span=2 if index == OFF and not measured else 1,
            )
            for index, text in enumerate(line.cells)
        ]

    def _tip(self, line: Line, index: int) -> str:
        """The name's is what the improvement is, with the columns that a narrow panel hides; the reference's, where it
        stands.
        """
        key = line.pair.improvement.key
        if index == 0:
            hidden = (line.cells[MEASURE], line.cells[RAN]) if self._narrow else ()
            return "\n".join((say(NAMES[key][1]), *hidden))
        if index != REFERENCE:
            return line.cells[index]
        subject = SUBJECTS.get(key)
        if subject is None:
            return self.tr("The reference names no factor for this.")
        return reference_source(subject)

    def _show_progress(self, progress: tuple[int, int] | None) -> None:
        running = progress is not None
        self.measure_button.setEnabled(not running)
        self.tokens.setEnabled(not running)
        self.cancel_button.setVisible(running)
        self.progress.setVisible(running)
        if progress is not None:
            self.progress.setMaximum(progress[1])
            self.progress.setValue(progress[0])
            self.progress.setFormat(self.tr("%v of %m runs"))
        self._show_note()

    def _show_note(self) -> None:
        """Write which tokens, prompt and repeats the figures were measured with, or will be measured with."""
        done = measured_with(self.session)
        tokens, repeats = done or (self.tokens.value(), REPEATS)
        texts = {
            True: self.tr(
                "Measured: {tokens} greedy tokens after “{prompt}”, timed {repeats} times after a run that warms up"
            ),
            False: self.tr(
                "Measures {tokens} greedy tokens after “{prompt}”, timed {repeats} times after a run that warms up"
            ),
        }
        self.note.setText(
            texts[done is not None].format(
                prompt=self.prompt if len(self.prompt) <= 40 else self.prompt[:39] + "…",
                tokens=count(tokens), repeats=count(repeats),
            )
        )  # fmt: skip
        self.note.setToolTip(plain(self.note.text()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = event.size().width() < NARROW or event.size().height() < LOW
        if narrow != self._narrow:
            self._narrow, self._seen = narrow, None
            self.refresh()
        self.chart.setVisible(self.height() >= TALL and bool(self.chart.factors))


def say(text: str) -> str:
    """A text of `app.models.before_after`, translated."""
    return QCoreApplication.translate(CONTEXT, text)
