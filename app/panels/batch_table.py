"""The table of the batch panel: the same requests under static and continuous batching, and how many times better."""

from __future__ import annotations

from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.units import DERIVED, MEASURED, NOT_APPLICABLE, count, name_of, percent, rate, seconds, significant
from app.widgets.figure_table import FigureTable
from app.widgets.themed_table import Cell
from engine.figures.batch_comparison import BatchComparison, PolicyFigures


class PolicyTable(FigureTable):
    """One row for each policy and one for the factors, which come when both runs are over."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.setAccessibleName(self.tr("Static beside continuous batching"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_comparison(self, found: BatchComparison) -> None:
        """Write the figures of both runs and the factors."""
        rows = [self._policy("static", found.static), self._policy("continuous", found.continuous)]
        factors = (
            found.steps_factor, found.time_factor, found.rate_factor, found.ttft_factor, found.longest_ttft_factor,
            None,
        )  # fmt: skip
        tip = self.tr("How many times better continuous batching was for the same requests.")
        rows.append(
            [
                Cell(self.tr("factor {mark}").format(mark=DERIVED), tip=tip, bold=True),
                Cell(NOT_APPLICABLE, muted=True),
                *(
                    Cell(NOT_APPLICABLE, muted=True)
                    if one is None
                    else Cell(f"{significant(one)}×", tip=tip, bold=True)
                    for one in factors
                ),
            ]
        )
        self.show_rows(self._heads_of(), rows)

    def _heads_of(self) -> list[tuple[str, str]]:
        return [
            (self.tr("Batching"), self.tr("The policy under which the requests ran.")),
            (self.tr("Requests {mark}").format(mark=MEASURED), self.tr("The same requests under both policies.")),
            (self.tr("Steps {mark}").format(mark=MEASURED), self.tr("Passes over the model until all were served.")),
            (
                self.tr("Time {mark}").format(mark=MEASURED),
                self.tr("From the first arrival to the last token of all requests."),
            ),
            (
                self.tr("Tokens/s {mark}").format(mark=MEASURED),
                self.tr("Generated tokens of all requests over the time."),
            ),
            (
                self.tr("TTFT {mark}").format(mark=DERIVED),
                self.tr(
                    "Time to first token: from a request's arrival, the wait in the queue included; the mean of all."
                ),
            ),
            (self.tr("Longest TTFT {mark}").format(mark=MEASURED), self.tr("Of the request that waited longest.")),
            (
                self.tr("Wasted {mark}").format(mark=DERIVED),
                self.tr("Share of the computed slot-steps that was padding, computed for no request."),
            ),
        ]

    @staticmethod
    def _policy(name: str, one: PolicyFigures) -> list[Cell]:
        def time_of(value: float | None) -> str:
            return NOT_APPLICABLE if value is None else seconds(value)

        texts = [
            count(one.requests), count(one.slots.steps), time_of(one.wall_s or None),
            NOT_APPLICABLE if one.tokens_per_s is None else rate(one.tokens_per_s, "tokens/s"),
            time_of(one.ttft_mean_s), time_of(one.ttft_longest_s), percent(one.slots.waste),
        ]  # fmt: skip
        return [Cell(name_of(name)), *(Cell(text) for text in texts)]
