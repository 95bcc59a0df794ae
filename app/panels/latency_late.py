"""The part of the Latency panel about late tokens: their time by cause, and the most delayed with their culprits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from PySide6.QtCore import QCoreApplication, QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QSizePolicy, QWidget

from app.core.selection import Selected
from app.look.theme import ROW_GAP
from app.look.units import DERIVED, MEASURED, NOT_APPLICABLE, count, percent, seconds, visible_token
from app.models.delay_words import CONTEXT, NAMES, part_words, short_words
from app.widgets.figure_table import FigureTable
from app.widgets.themed_table import Cell
from engine.figures.culprits import TokenDelay, delay_of
from engine.figures.delays import CAUSES, MOST_LATE, Delays, DelayTotals
from engine.figures.step_range import StepRange
from engine.figures.token_facts import shown_text
from engine.session.store import Session

BESIDE: Final = 780
"""From this width on the two tables are beside each other, in pixels."""
HIGH: Final = 260
"""From this height on the tables are below each other in a narrow panel; in a lower one only the tokens are shown."""
ORDERS: Final[tuple[Callable[[TokenDelay], Any], ...]] = (
    lambda one: one.token, lambda one: CAUSES.index(one.main.cause), lambda one: -one.excess_s,
    lambda one: -one.gap_s, lambda one: one.step, lambda one: one.request,
)  # fmt: skip
"""What the late tokens are sorted by, for each column of their table."""
BY_EXCESS: Final = 2
FALLING: Final = frozenset({2, 3})
"""The columns of ORDERS whose largest value comes first."""


class LateTables(QWidget):
    """Two tables. `chosen` carries the token (a row of `Session.tokens`) that the user selected."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.late: list[TokenDelay] = []
        """The most delayed tokens of the range, in the order of the table."""
        self.totals: DelayTotals | None = None
        self._session: Session | None = None
        self._drawn: object = None
        self._order, self._backwards = BY_EXCESS, False
        self.causes = FigureTable(self.tr("Time of late tokens by cause"))
        self.tokens = FigureTable(self.tr("Most delayed"), words=frozenset({1}))
        self.causes.setToolTip(
            self.tr("The time by which gaps were longer than usual, divided among what delayed them.")
        )
        self.tokens.setToolTip(self.tr("Click a token to select it everywhere; click a head to sort by it."))
        self.tokens.chosen.connect(self._choose)
        header = self.tokens.horizontalHeader()
        header.setSectionsClickable(True)
        header.sectionClicked.connect(self._sort_by)
        for table in (self.causes, self.tokens):
            table.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
            table.setVerticalScrollMode(table.ScrollMode.ScrollPerPixel)
        self._box = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(ROW_GAP)
        self._box.addWidget(self.causes, 4)
        self._box.addWidget(self.tokens, 7)

    def show_delays(
        self, session: Session, delays: Delays | None, steps: StepRange, within: np.ndarray[Any, Any] | None
    ) -> None:
        """Write the late tokens of a range, or only those of the steps `within`; nothing while they are not known."""
        drawn = (delays, steps, None if within is None else within.tobytes())
        if drawn == self._drawn and session is self._session:
            return
        self._drawn, self._session = drawn, session
        if delays is None:
            self.totals, self.late = None, []
        else:
            chosen = delays.within(session, steps)
            if within is not None:
                chosen = chosen[np.isin(session.tokens["step_id"][delays.row[chosen]], within)]
            self.totals = delays.totals(chosen)
            self.late = [delay_of(session, delays, at) for at in delays.most_delayed(chosen, MOST_LATE).tolist()]
        self._write()

    def mark(self, selected: Selected) -> None:
        """Mark the row of the selected token, if it is in the table."""
        blocked = self.tokens.blockSignals(True)
        row = -1 if selected.token is None else self.tokens.row_of(str(selected.token))
        if row >= 0:
            self.tokens.selectRow(row)
        else:
            self.tokens.clearSelection()
        self.tokens.blockSignals(blocked)

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self.causes.restyle()
        self.tokens.restyle()

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        """(column names with units, rows) of both tables, for "copy as CSV"."""
        header = ["of", "id", "step", "request", "cause", "gap_s", "over_median_s", "late_tokens"]
        totals = self.totals
        rows: list[tuple[object, ...]] = []
        if totals is not None and self._session is not None:
            rows += [("cause", None, None, None, one, None, totals.seconds[one], totals.main[one]) for one in CAUSES]
            ids = self._session.tokens["id"]
            rows += [
                ("token", int(ids[one.token]), one.step, one.request, one.main.cause, one.gap_s, one.excess_s, 1)
                for one in self.late
            ]
        return header, rows

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.tokens.minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the tables beside each other in a wide panel, below each other in a high one."""
        beside, high = event.size().width() >= BESIDE, event.size().height() >= HIGH
        directions = QBoxLayout.Direction
        self._box.setDirection(directions.LeftToRight if beside else directions.TopToBottom)
        self.causes.setVisible(beside or high)
        super().resizeEvent(event)

    # --- what is shown ----------------------------------------------------------------------------------------------

    def _write(self) -> None:
        self._write_causes()
        self.late.sort(key=ORDERS[self._order], reverse=self._backwards)
        heads = [
            (self.tr("Most delayed"), self.tr("Those whose gap is longest over the median gap of their request.")),
            (self.tr("Why {mark}").format(mark=DERIVED), self.tr("The cause that explains most, and its culprit.")),
            (
                self.tr("Late by {mark}").format(mark=DERIVED),
                self.tr("What the gap is longer than the median gap of the request."),
            ),
            (self.tr("Gap {mark}").format(mark=MEASURED), self.tr("The time since the request's emission before.")),
            (self.tr("Step"), self.tr("The step that emitted the token.")),
            (self.tr("Request"), self.tr("The request of the token.")),
        ]
        rising = (self._order in FALLING) == self._backwards
        name, definition = heads[self._order]
        heads[self._order] = (f"{name} {'↑' if rising else '↓'}", definition)
        self.tokens.show_rows(heads, [self._cells(one) for one in self.late], [str(one.token) for one in self.late])

    def _cells(self, one: TokenDelay) -> list[Cell]:
        session = self._session
        assert session is not None
        tip = "\n".join(part_words(session, one, part, say) for part in one.parts)
        return [
            Cell(f"“{visible_token(shown_text(session, one.token))}”"),
            Cell(short_words(session, one.main, say), tip, muted=one.main.cause == "unexplained"),
            Cell(seconds(one.excess_s)),
            Cell(seconds(one.gap_s)),
            Cell(count(one.step)),
            Cell(count(one.request)),
        ]

    def _write_causes(self) -> None:
        totals = self.totals
        heads = [
            (self.tr("Late because of"), self.tr("What delayed tokens; ARCHITECTURE.md has the rule of each cause.")),
            (
                self.tr("Time {mark}").format(mark=DERIVED),
                self.tr("The time by which gaps were longer than the median gap of their request."),
            ),
            (self.tr("Share {mark}").format(mark=DERIVED), self.tr("Share of that time.")),
            (
                self.tr("Tokens {mark}").format(mark=DERIVED),
                self.tr("Late tokens of which it explains more than any other cause."),
            ),
        ]
        longest = [] if totals is None else sorted(CAUSES, key=lambda cause: -totals.seconds[cause])
        rows = [] if totals is None else [_cells_of_cause(totals, cause) for cause in longest]
        self.causes.show_rows(heads, rows)

    def _choose(self, key: str) -> None:
        self.chosen.emit(int(key))

    def _sort_by(self, column: int) -> None:
        """Sort by a column; again by the same one: the other way round."""
        self._backwards = column == self._order and not self._backwards
        self._order = column
        chosen = self.tokens.currentRow()
        token = self.late[chosen].token if 0 <= chosen < len(self.late) else None
        blocked = self.tokens.blockSignals(True)
        self._write()
        self.tokens.blockSignals(blocked)
        self.mark(Selected(token=token))


def _cells_of_cause(totals: DelayTotals, cause: str) -> list[Cell]:
    """A row of the table by cause; a cause that delayed nothing has no figures."""
    name, meaning = NAMES[cause]
    time_s = totals.seconds[cause]
    texts = 3 * [NOT_APPLICABLE]
    if time_s > 0:
        texts = [seconds(time_s), percent(time_s / totals.excess_s), count(totals.main[cause])]
    return [Cell(say(name), say(meaning)), *(Cell(text, muted=time_s == 0) for text in texts)]


def say(text: str) -> str:
    """A text of `app.models.delay_words`, translated."""
    return QCoreApplication.translate(CONTEXT, text)
