"""The KV memory panel's page about the paged cache: its block map after a step, and fragmentation over the run."""

from __future__ import annotations

from typing import Final

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from app.look.theme import theme
from app.look.units import DERIVED, MEASURED, count, percent
from app.models.kv_memory import kv_switch
from app.models.pooling import envelope
from app.panels.kv_blocks_map import BlockMap
from app.widgets.arranging import Placed, arrange
from app.widgets.line_chart import Line, LineChart
from engine.figures import metrics
from engine.figures.kv_blocks import EVICTABLE, FREE, HELD, KEPT, BlockHistory, BlockState, blocks_recorded
from engine.session.store import Session

CHART_HEIGHT: Final = 240
"""Page height in pixels from which the chart stands under the map; on a wide page it stands beside the map."""
WIDE: Final = 720


class BlockPage(QWidget):
    """Shows the `BlockHistory` of a session; `request_clicked` carries a block's request, `step_clicked` a step."""

    request_clicked = Signal(int)
    step_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session: Session | None = None
        self._history: BlockHistory | None = None
        self._step = 0
        self.map = BlockMap(self)
        self.map.describe = self.block_text
        self.map.clicked.connect(self._clicked)
        self.chart = LineChart(percent, self)
        self.chart.setAccessibleName(self.tr("Internal fragmentation over the steps"))
        self.chart.setAccessibleDescription(  # the tool tip at the pointer has the figures of each step
            self.tr("Internal fragmentation: the share of what requests hold that is not filled.")
        )
        self.chart.describe = self.step_text
        self.chart.clicked.connect(self._step_clicked)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(0)

    def show_session(self, session: Session | None) -> None:
        """Show another session."""
        self._session = session
        self._history = BlockHistory(session) if session is not None else None
        self.map.show_state(None, "")
        self.map.pointed = -1

    def refresh(self, step: int) -> None:
        """Show the blocks after a step, and the curve over all steps so far."""
        session, history = self._session, self._history
        if session is None or history is None:
            return
        self._step = step
        history.update()
        if kv_switch(session, step) == "paged" and not blocks_recorded(session):
            self.map.show_state(
                None,
                self.tr("What happened to its blocks was not recorded: a session of several runs keeps none of it."),
            )
        elif kv_switch(session, step) != "paged":
            kv = kv_switch(session, step) or "?"
            self.map.show_state(
                None,
                self.tr(
                    "Step {step} ran without blocks (kv is {kv}). Choose kv = paged in the run panel, and the map "
                    "of its blocks appears here."
                ).format(step=count(step), kv=kv),
            )
        else:
            state = history.at(step)
            self.map.show_state(state, self._sentence(state))
        self._show_chart(session)

    def select(self, step: int | None, steps: tuple[int, int] | None, request: int | None) -> None:
        """Mark the selected step, range of steps and request."""
        self.chart.marker = step + 0.5 if step is not None else None
        self.chart.region = (steps[0], steps[1] + 1) if steps is not None else None
        self.chart.update()
        self.map.highlighted = request
        self.map.update()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self.map.restyle()
        if self._session is not None and len(self._session.steps):
            self._show_chart(self._session)

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        """The blocks after the shown step, a row each."""
        names = ["step", "block", "state", "request", "first_position", "end_position"]
        state = self.map.state
        if state is None:
            return names, []
        words = ("free", "evictable", "held", "shared", "kept")
        result: list[tuple[object, ...]] = []
        for block in range(len(state)):
            first = int(state.index[block]) * state.block_size
            owner = int(state.owner[block])
            inside = int(state.kind[block]) != FREE
            result.append(
                (self._step, block, words[int(state.kind[block])], owner if owner >= 0 else None,
                 first if inside else None, first + int(state.fill[block]) if inside else None)
            )  # fmt: skip
        return names, result

    # --- words ------------------------------------------------------------------------------------------------------

    def _sentence(self, state: BlockState) -> str:
        free, evictable, held, shared = state.counts()
        text = self.tr(
            "after step {step}: {blocks} blocks of {size} positions {measured} · {held} held, {shared} of them shared "
            "· {evictable} evictable · {free} free"
        ).format(
            step=count(state.step), blocks=count(len(state)), size=count(state.block_size), measured=MEASURED,
            held=count(held + shared), shared=count(shared), evictable=count(evictable), free=count(free),
        )  # fmt: skip
        if state.kept:
            text += " · " + self.tr("{kept} kept for a batch that goes on").format(kept=count(state.kept))
        if state.fill_share is None:
            return text
        full = self.tr("held blocks {fill} full {derived}").format(fill=percent(state.fill_share), derived=DERIVED)
        return f"{text} · {full}"

    def block_text(self, block: int) -> str:
        """The tool tip of a block: its kind, the requests that hold it, and its positions."""
        state, history = self.map.state, self._history
        if state is None or history is None or not 0 <= block < len(state):
            return ""
        kind, size = int(state.kind[block]), state.block_size
        if kind == FREE:
            return self.tr("block {block}: free {mark}").format(block=count(block), mark=DERIVED)
        first = int(state.index[block]) * size
        positions = self.tr("positions {first}–{last}, {fill} of {size} written {mark}").format(
            first=count(first), last=count(first + max(0, int(state.fill[block]) - 1)),
            fill=count(int(state.fill[block])), size=count(size), mark=DERIVED,
        )  # fmt: skip
        if kind == EVICTABLE:
            return self.tr("block {block}: evictable, kept in case its text comes again").format(
                block=count(block)
            ) + f"\n{positions}"  # fmt: skip
        holders = history.holders(state.step, block)
        if kind == KEPT:
            title = self.tr("block {block}: kept, as the batch of its requests that have ended goes on: {requests}")
            names = ", ".join(str(one) for one in holders[:12])
            return title.format(block=count(block), requests=names) + f"\n{positions}"
        names = ", ".join(str(one) for one in holders[:12]) + (" …" if len(holders) > 12 else "")
        if kind == HELD:
            title = self.tr("block {block}: request {request}").format(block=count(block), request=names)
        else:
            title = self.tr("block {block}: shared by requests {requests}").format(block=count(block), requests=names)
        return f"{title}\n{positions}"

    def step_text(self, x: float) -> str:
        """The chart's tool tip of a step."""
        if self._session is None or not len(self._session.steps):
            return ""
        step = min(max(int(x), 0), len(self._session.steps) - 1)
        value = metrics.kv_fragmentation(self._session, (step, step))
        return self.tr("after step {step}: internal fragmentation {share} {mark}").format(
            step=count(step), share=percent(float(value[0])), mark=DERIVED
        )

    # --- inside -----------------------------------------------------------------------------------------------------

    def _show_chart(self, session: Session) -> None:
        if self.chart.isHidden():
            return
        values = metrics.kv_fragmentation(session)
        at, pooled = envelope(np.nan_to_num(values), max(128, self.chart.width() // 2))
        newest = float(values[-1]) if len(values) else float("nan")
        label = self.tr("1 − used/held {} {}").format(percent(newest), DERIVED)
        self.chart.title = self.tr("internal fragmentation over the steps · figure after step {}, the last").format(
            count(len(values) - 1)
        )
        self.chart.x_title = self.tr("step")
        colour = theme().warn
        self.chart.show_lines(
            [Line(label, at.astype(np.float64) + 0.5, pooled, colour, filled=True, short=percent(newest))],
            (0.0, float(len(values))),
        )

    def _clicked(self, block: int) -> None:
        state = self.map.state
        if state is not None and int(state.owner[block]) >= 0:
            self.request_clicked.emit(int(state.owner[block]))

    def _step_clicked(self, x: float) -> None:
        if self._session is not None and 0 <= int(x) < len(self._session.steps):
            self.step_clicked.emit(int(x))

    def _arrange(self) -> None:
        wide = self.width() >= WIDE and self.width() >= 1.6 * self.height()
        self.chart.setVisible(wide or self.height() >= CHART_HEIGHT)
        if wide:
            arrange(self._grid, [Placed(self.map, 0, 0), Placed(self.chart, 0, 1)], rows=(3,), columns=(3, 2))
        else:
            arrange(self._grid, [Placed(self.map, 0, 0), Placed(self.chart, 1, 0)], rows=(3, 2), columns=(3,))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()
