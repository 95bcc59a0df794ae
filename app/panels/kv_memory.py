"""The KV memory panel: what every layer's cache holds, measured and by the formula, after a step and over the run."""

from __future__ import annotations

from typing import Final

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QStackedWidget, QVBoxLayout, QWidget

from app.core.selection import Selected
from app.look.theme import GRID, theme
from app.look.units import DERIVED, MEASURED, PREDICTED, count, memory, percent
from app.models.kv_memory import LivePositions, kv_switch
from app.models.pooling import envelope
from app.models.step_detail import step_detail
from app.panels.base import PanelContext
from app.panels.kv_memory_bars import LayerBars, LayerKv
from app.panels.kv_memory_blocks import BlockPage
from app.panels.kv_memory_calculator import KvCalculator
from app.panels.kv_memory_tree import MemoryPage
from app.panels.redundancy import switch_notes
from app.panels.step_panel import StepPanel
from app.panels.untold import why_untold
from app.widgets.arranging import Placed, arrange
from app.widgets.line_chart import Line, LineChart
from app.widgets.segments import Segments
from engine.figures.kv_classes import KvClasses, kv_classes
from engine.figures.memory import peak_step
from engine.figures.told import told
from engine.session.kv_shape import KvShape, kv_shape_of
from engine.session.store import Session

CHART_HEIGHT: Final = 240
"""In a panel that is not wide, the chart over the run is shown from this panel height plus 120 pixels."""

PAGES: Final = ("layers", "blocks", "all")


class KvMemoryPanel(StepPanel):
    """Shows what takes the memory: pages of the cache by layer, of its blocks, and of all memory.

    The page by layer has bars, a chart over the steps, and a calculator.
    """

    name = "kv-memory"
    needs = ("steps", "kv")
    own_keys = frozenset({Qt.Key.Key_Up, Qt.Key.Key_Down})

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self._shape: KvShape | None = None
        self._live: LivePositions | None = None
        self._drawn_steps = -1
        self._detail = self.reading()
        self._page_moved = False
        """Whether the panel itself left the page by layer, for a session that has no layers to show."""
        self._step_of_bars = 0
        """The step whose layers the bars show."""
        self.bars = LayerBars(self)
        self.bars.describe = self.layer_text
        self.bars.clicked.connect(lambda layer: context.selection.change(layer=layer))
        self.chart = LineChart(memory, self)
        self.chart.use_binary_ticks()
        self.chart.setAccessibleName(self.tr("KV memory over the steps"))
        self.chart.describe = self.step_text
        self.chart.clicked.connect(self._select_step)
        self.calculator = KvCalculator(self)
        self.blocks = BlockPage(self)
        self.blocks.request_clicked.connect(lambda request: context.selection.change(request=request))
        self.blocks.step_clicked.connect(lambda step: context.selection.change(step=step))
        self.pages = Segments(PAGES, PAGES[0], self)
        self.pages.picked.connect(self._pick_page)
        self._layers = QWidget()
        self._layout = QGridLayout(self._layers)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self._layers)
        self._stack.addWidget(self.blocks)
        self.memory = MemoryPage(self)
        self._stack.addWidget(self.memory)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, GRID, 1, 1)
        column.setSpacing(GRID)
        column.addWidget(self.pages, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._stack, 1)
        self._name_pages()
        self.arrange()

    def empty_text(self) -> str:
        return self.tr("What each layer keeps of the past appears here as soon as a generation runs.")

    def untold_lead(self) -> str:
        return self.tr("Who holds which block of the KV cache can be told only from inside the server.")

    def figures(self) -> str:
        """The step, then used, held and reserved bytes, the unfilled share of the held ones, and the formula's value.

        The step is that of the shown page. Where nothing is cached, only the formula's value follows the step.
        """
        session, step = self.session, self.step_of_page()
        if session is None or step is None:
            return ""
        now = kv_classes(session, step)
        predicted = self._shape.total_bytes(self._alive(step)) if self._shape is not None else None
        moment = self.moment(step)
        if self.nothing_is_cached(step):
            cached = self.tr("nothing cached · a cache would hold {} {}").format(memory(predicted), PREDICTED)
            return f"{moment} · {cached}"
        return self.tr(
            "{moment} · {used} used {measured} · {held} held {measured} · {reserved} reserved {measured} · "
            "fragmentation {share} {derived} · formula {predicted} {mark}"
        ).format(
            moment=moment, used=memory(now.used), held=self.recorded(now.held), reserved=memory(now.reserved),
            share=percent(now.fragmentation), predicted=memory(predicted),
            measured=MEASURED, derived=DERIVED, mark=PREDICTED,
        )  # fmt: skip

    def recorded(self, size: int | None) -> str:
        """A size in memory, or a note that the session does not have it (None, as in old files)."""
        return self.tr("not recorded") if size is None else memory(size)

    def moment(self, step: int) -> str:
        """The step of the page's figures, in words, and why it is this step."""
        now = self.context.selection.now
        if now.step is None and self.pages.value == "all":
            return self.tr("at the peak, step {}").format(count(step))
        if now.step is not None:
            return self.tr("after step {}").format(count(step))
        if now.steps is not None:
            return self.tr("after step {}, the last of the selection").format(count(step))
        return self.tr("after step {}, the last").format(count(step))

    def step_of_page(self) -> int | None:
        """The step of the shown page; on the page of all memory, the peak step of the selection."""
        step = self.step_shown()
        if self.session is None or step is None or self.pages.value != "all":
            return step
        return peak_step(self.session, self._steps_of_tree(step))

    def _steps_of_tree(self, step: int) -> tuple[int, int] | None:
        now = self.context.selection.now
        return (step, step) if now.step is not None else now.steps

    def step_shown(self) -> int | None:
        """The selected step, the last of the selected range, or the newest."""
        n = len(self.session.steps) if self.session is not None else 0
        if n == 0:
            return None
        now = self.context.selection.now
        if now.step is not None and 0 <= now.step < n:
            return now.step
        if now.steps is not None:
            return min(max(now.steps[1], 0), n - 1)
        return n - 1

    def _alive(self, step: int) -> int:
        """Number of positions alive at the end of a step."""
        return self._live.at(step) if self._live is not None else 0

    def nothing_is_cached(self, step: int) -> bool:
        """Whether a step ran without a cache."""
        assert self.session is not None
        return kv_switch(self.session, step) == "none" and int(self.session.steps["kv_reserved_bytes"][step]) == 0

    def layers_at(self, step: int) -> list[LayerKv] | None:
        """Measured and predicted bytes of each layer after a step; None while they are read."""
        session, shape = self.session, self._shape
        assert session is not None
        found = step_detail(self._detail, session, step)
        if found is None:
            return None
        predicted = shape.layer_bytes(self._alive(step)) if shape is not None else None
        if not told(session, "kv_layers"):
            return []
        detail = found.value
        if detail is None or not len(detail[1]):
            return [LayerKv(None, None, predicted) for _ in range(session.layers)]
        each = kv_classes(session, step).of_one(len(detail[1]))
        return [
            LayerKv(used, reserved, predicted, each.held, each.kept, each.evictable)
            for used, reserved in detail[1].tolist()
        ]

    def show_page(self, page: str) -> None:
        """Show a page: "layers", "blocks" or "all" (of the memory)."""
        self.pages.set_value(page)
        self._stack.setCurrentIndex(PAGES.index(page))
        if self.session is not None and len(self.session.steps):
            self.refresh()
            self.figures_changed.emit()

    # --- the window's verbs -----------------------------------------------------------------------------------------

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self._shape = None
        self._live = LivePositions(session) if session is not None else None
        self._drawn_steps = -1
        self.calculator.withdraw_current()
        self.blocks.show_session(session)
        self._go_to_what_is_told(session)

    def refresh(self) -> None:
        session, step = self.session, self.step_shown()
        if session is None or step is None:
            return
        if self._shape is None:
            self._shape = kv_shape_of(session.model_config)
            self.calculator.offer_device(session.meta, session.model_config, session.draft_config)
        if self.pages.value != "layers":
            self._show_page(session, step)
            return
        self._show_step(session, step)
        if len(session.steps) != self._drawn_steps:
            self._show_chart(session)

    def select(self, selected: Selected) -> None:
        self.bars.selected = selected.layer
        self.chart.marker = selected.step + 0.5 if selected.step is not None else None
        self.chart.region = (selected.steps[0], selected.steps[1] + 1) if selected.steps is not None else None
        self.chart.update()
        self.blocks.select(selected.step, selected.steps, selected.request)
        step = self.step_shown()
        if self.session is not None and step is not None:
            if self.pages.value == "layers":
                self._show_step(self.session, step)
            else:
                self._show_page(self.session, step)

    def restyle(self) -> None:
        self.bars.update()
        self.blocks.restyle()
        self.memory.restyle()
        if self.session is not None and len(self.session.steps):
            self._show_chart(self.session)

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        """The rows of the shown page: the layers, the blocks or the parts of the memory."""
        if self.pages.value == "blocks":
            return self.blocks.rows()
        if self.pages.value == "all":
            return self.memory.rows()
        names = ["step", "layer", "used_bytes", "reserved_bytes", "predicted_bytes"]
        names += ["held_bytes", "kept_bytes", "evictable_bytes"]
        step = self.step_shown()
        if step is None:
            return names, []
        return names, [
            (step, layer, one.used, one.reserved, one.predicted, one.held, one.kept, one.evictable)
            for layer, one in enumerate(self.layers_at(step) or ())
        ]

    # --- inside -----------------------------------------------------------------------------------------------------

    def _pick_page(self, page: str) -> None:
        """The user chose a page, which then stays."""
        self._page_moved = False
        self.show_page(page)

    def _go_to_what_is_told(self, session: Session | None) -> None:
        """Leave the page by layer for the blocks where no layer is told, and come back for a session that has them."""
        by_layer = session is None or told(session, "kv_layers")
        if not by_layer and self.pages.value == "layers":
            self._page_moved = True
            self.show_page("blocks")
        elif by_layer and session is not None and self._page_moved:
            self._page_moved = False
            self.show_page("layers")

    def _show_page(self, session: Session, step: int) -> None:
        """Draw the blocks after a step, or the memory at the peak of the selection."""
        if self.pages.value == "blocks":
            self.blocks.refresh(step)
            return
        self.memory.refresh(session, self._steps_of_tree(step))

    def _name_pages(self) -> None:
        self.pages.name(
            self.tr("Show"),
            {"layers": self.tr("By layer"), "blocks": self.tr("Blocks"), "all": self.tr("All memory")},
            {
                "layers": self.tr("What each layer's cache holds beside the formula, and how much fits"),
                "blocks": self.tr("Who holds each block of the paged cache, and how much of it lies idle"),
                "all": self.tr("Weights, cache, activations and the rest, at the peak of what is selected"),
            },
        )
        self.pages.pad()

    def _show_step(self, session: Session, step: int) -> None:
        positions = self._alive(step)
        cached = not self.nothing_is_cached(step)
        if not cached:
            total = self._shape.total_bytes(positions) if self._shape is not None else None
            sentence = self.tr(
                "Nothing is cached, because kv is none; "
                "for these {positions} positions a cache would hold {size} {mark}."
            ).format(size=memory(total), mark=PREDICTED, positions=count(positions))
        else:
            sentence = self.tr("after step {step}: {positions} positions alive {mark}").format(
                step=count(step), positions=count(positions), mark=MEASURED
            )
        if reason := why_untold(session, "kv_layers"):
            sentence += "\n" + self.tr("What each layer holds: {reason}").format(reason=reason)
        layers = self.layers_at(step)
        if layers is not None:
            self._step_of_bars = step
            self.bars.show_layers(layers, not cached, sentence)
        elif self._detail.is_slow:
            self.bars.show_layers([], False, self.tr("reading…"))
        if self._shape is not None:
            self.calculator.offer_current(self._shape, positions, session.meta.get("model", ""))

    def _show_chart(self, session: Session) -> None:
        n = self._drawn_steps = len(session.steps)
        colours = theme()
        series = (
            ("kv_reserved_bytes", self.tr("reserved {} {}"), colours.muted, False),
            ("kv_held_bytes", self.tr("held {} {}"), colours.accent, False),
            ("kv_used_bytes", self.tr("used {} {}"), colours.positions["new"], True),
            ("kv_kept_bytes", self.tr("kept {} {}"), colours.warn, False),
            ("kv_evictable_bytes", self.tr("evictable {} {}"), colours.positions["reused"], False),
        )
        lines = []
        for name, label, colour, filled in series:
            values = session.steps[name][:n]
            if name in ("kv_kept_bytes", "kv_evictable_bytes") and not (values > 0).any():
                continue
            if name == "kv_held_bytes" and (
                (values < 0).any() or (values == session.steps["kv_reserved_bytes"][:n]).all()
            ):
                continue  # not recorded, or the same as reserved
            at, pooled = envelope(values, max(128, self.chart.width() // 2))
            words = label.format(memory(int(values[-1])), MEASURED)
            lines.append(Line(words, at.astype(np.float64) + 0.5, pooled, colour, filled=filled))
        alive = self._live.update()[:n] if self._live is not None else np.empty(0, np.int64)
        if self._shape is not None and len(alive):
            at, pooled = envelope(alive, max(128, self.chart.width() // 2))
            formula = pooled * self._shape.total_bytes(1)
            newest = self._shape.total_bytes(int(alive[-1]))  # the envelope's last value is the peak of several steps
            words = self.tr("formula {} {}").format(memory(newest), PREDICTED)
            lines.append(Line(words, at.astype(np.float64) + 0.5, formula, colours.text, dashed=True))
        self.chart.title = self.tr("KV memory over the steps · figures after step {}, the last").format(count(n - 1))
        self.chart.x_title = self.tr("step")
        self.chart.notes = switch_notes(session)
        self.chart.show_lines(lines, (0.0, float(n)))

    def layer_text(self, layer: int) -> str:
        """The tool tip of a layer."""
        step = self._step_of_bars
        if self.session is None or not 0 <= layer < len(self.bars.layers):
            return ""
        one = self.bars.layers[layer]
        lines = [self.tr("layer {} after step {}").format(layer, count(step))]
        if one.used is None:
            lines.append(self.tr("not kept for this step (detail below “layer”, or no longer in memory)"))
        elif not self.nothing_is_cached(step):
            lines.append(
                self.tr("used {used} B {mark}, reserved {reserved} B {mark}").format(
                    used=count(one.used), reserved=count(one.reserved), mark=MEASURED
                )
            )
            lines.append(self._classes_text(kv_classes(self.session, step).of_one(self.session.layers)))
        shape = self._shape
        if shape is not None:
            lines.append(
                self.tr("formula 2 · {positions} · {heads} · {dim} · {size} = {result} B {mark}").format(
                    positions=count(self._alive(step)), heads=shape.kv_heads, dim=shape.head_dim,
                    size=shape.itemsize, result=count(one.predicted), mark=PREDICTED,
                )
            )  # fmt: skip
        return "\n".join(lines)

    def step_text(self, x: float) -> str:
        """The chart's tool tip of a step."""
        if self.session is None or len(self.session.steps) == 0:
            return ""
        step = min(max(int(x), 0), len(self.session.steps) - 1)
        now = kv_classes(self.session, step)
        first = self.tr("after step {step}: used {used}, reserved {reserved} {mark}").format(
            step=count(step), used=memory(now.used), reserved=memory(now.reserved), mark=MEASURED
        )
        last = self.tr("internal fragmentation {fragmentation} {derived}").format(
            fragmentation=percent(now.fragmentation), derived=DERIVED
        )
        return "\n".join((first, self._classes_text(now), last))

    def _classes_text(self, now: KvClasses) -> str:
        """The parts of a cache in words: held, kept, evictable and free bytes."""
        return self.tr(
            "held {held} {measured}, kept for a batch that goes on {kept} {measured}, "
            "evictable {evictable} {measured}, nobody's {free} {derived}"
        ).format(
            held=self.recorded(now.held), kept=self.recorded(now.kept), evictable=memory(now.evictable),
            free=self.recorded(now.free), measured=MEASURED, derived=DERIVED,
        )  # fmt: skip

    def _select_step(self, x: float) -> None:
        if self.session is not None and 0 <= int(x) < len(self.session.steps):
            self.context.selection.change(step=int(x))

    def arrange(self) -> None:
        """Place the bars beside the chart in a wide panel, else above it; the calculator is below both."""
        beside = self.width() >= 1.4 * self.height() and self.width() >= 720
        self.chart.setVisible(beside or self.height() >= CHART_HEIGHT + 120)
        if beside:
            placed = [Placed(self.bars, 0, 0), Placed(self.chart, 0, 1), Placed(self.calculator, 1, 0, columns=2)]
            arrange(self._layout, placed, rows=(1,), columns=(1, 1))
        else:
            placed = [Placed(self.bars, 0, 0), Placed(self.chart, 1, 0), Placed(self.calculator, 2, 0)]
            arrange(self._layout, placed, rows=(3, 2 if self.chart.isVisibleTo(self) else 0), columns=())
        self.calculator.setFixedHeight(self.calculator.heightForWidth(self.width()))

    def own_key(self, key: Qt.Key) -> bool:
        """Up and down go from layer to layer."""
        layers = self.session.layers if self.session is not None else 0
        if key not in self.own_keys or not layers:
            return False
        by = 1 if key == Qt.Key.Key_Down else -1
        self.context.selection.change(layer=min(max(self.context.selection.now.layer + by, 0), layers - 1))
        return True
