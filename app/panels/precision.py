"""Precision: what quantising costs. Two precisions of one model over the same text."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from app.look.theme import GROUP_GAP, PANEL_PADDING, ROW_GAP, theme
from app.look.units import DERIVED, MEASURED, count, name_of, percent
from app.models.precision import kl_line, mean_line, parted, row_at, token_at
from app.panels.base import ROOM_FOR_ROWS, Panel, PanelContext, WayOut
from app.panels.precision_words import (
    layer_bars,
    nats,
    parted_cells,
    parted_heads,
    position_words,
    side_heads,
    side_rows,
)
from app.widgets.bar_list import BarList
from app.widgets.figure_table import FigureTable
from app.widgets.line_chart import Line, LineChart
from app.widgets.segments import Segments
from app.widgets.sorted_table import SortedTable
from app.widgets.tall_scroll_area import TallScrollArea
from app.widgets.themed_label import ThemedLabel
from engine.figures.precision import LayerFigures, PrecisionFigures, precision_fact, precision_figures
from engine.session.serving import Topic
from engine.session.store import Session

PAGES: Final = ("damage", "layers", "tokens", "parting")
OF_LAYERS: Final = ("damage", "layers")
"""The pages that show the layers."""
TOKENS: Final = ("token_id", "top_a", "top_b")
KL: Final = 4
"""The column by which the tokens are sorted at first."""
BESIDE_WIDTH: Final = 900
"""Width of the panel in pixels from which the table of both models stands beside the page, not above it."""


class PrecisionPanel(Panel):
    """Both models beside each other; beside or below them the layers, the divergence token by token, or the tokens at
    which the two part.
    """

    name = "precision"
    of_range: ClassVar[bool] = False
    wanted_height: ClassVar[int] = ROOM_FOR_ROWS
    needs: ClassVar[tuple[Topic, ...]] = ()

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.found: PrecisionFigures | None = None
        self.sides = FigureTable(self.tr("Both models"))
        self.pages = Segments(PAGES, PAGES[0])
        self.bars = BarList("")
        self.chart = LineChart(nats)
        self.table = SortedTable(self.tr("Tokens at which the models part"), words=1, left=frozenset({2, 3}))
        self.table.horizontalHeader().setSortIndicator(KL, Qt.SortOrder.DescendingOrder)
        self.note = ThemedLabel(wrap=True)
        self._stack = QStackedWidget()
        self._table_of = -1
        """The number of predictions that the table was filled from; -1 before it was."""
        self._parted = np.empty(0, np.int64)
        """The rows of the table: predictions in which the two part."""
        self._build()
        self.pages.picked.connect(self.show_page)
        self.chart.describe = self._words_at
        self.chart.clicked.connect(self._mark)

    def _build(self) -> None:
        self.pages.name(
            self.tr("Page"),
            {
                "damage": self.tr("By damage"), "layers": self.tr("By layer"),
                "tokens": self.tr("By token"), "parting": self.tr("Parting"),
            },
            {
                "damage": self.tr("What each layer does when it alone has B's weights: the most damage first"),
                "layers": self.tr("What each layer does when it alone has B's weights: in the order of the model"),
                "tokens": self.tr("The divergence of B from A at each token of the text"),
                "parting": self.tr("The tokens at which A and B find another token likeliest"),
            },
        )  # fmt: skip
        self.pages.pad()
        self.chart.setAccessibleName(self.tr("KL divergence by token"))
        self.chart.x_title = self.tr("token")
        layers = QWidget()
        column = QVBoxLayout(layers)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(TallScrollArea(self.bars))
        column.addStretch(1)
        for page in (layers, self.chart, self.table):
            self._stack.addWidget(page)
        tools = QHBoxLayout()
        tools.setSpacing(GROUP_GAP)
        tools.addWidget(self.pages)
        tools.addStretch(1)
        right = QVBoxLayout()
        right.setSpacing(ROW_GAP)
        right.addLayout(tools)
        right.addWidget(self._stack, 1)
        right.addWidget(self.note)
        self._row = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._row.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, ROW_GAP)
        self._row.setSpacing(GROUP_GAP)
        self._row.addWidget(self.sides)
        self._row.addLayout(right, 1)
        self.setFocusProxy(self.table)

    # --- Panel ------------------------------------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        return self.session is None or precision_fact(self.session) is None

    def empty_text(self) -> str:
        return self.tr(
            "What quantising costs appears here: Run > Compare precision… puts another precision of the loaded model "
            "beside it over the same text, token by token and layer by layer."
        )

    @property
    def way_out(self) -> WayOut:
        return ""

    def untold_text(self) -> str:
        return self.empty_text() if self.session is not None and self.session.serving and self.is_empty else ""

    def figures(self) -> str:
        """The divergence and the agreement, and how much is done where that is not all."""
        found = self.found
        if found is None or found.kl is None:
            return ""
        text = self.tr("KL {kl} a token {measured} · top token the same {same} {derived}").format(
            kl=nats(found.kl), measured=MEASURED, same=percent(found.same_top), derived=DERIVED
        )
        return f"{text} · " + self.tr("{} done").format(percent(found.done)) if found.done < 1 else text

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self.found, self._table_of = None, -1
        self.chart.show_lines([], (0.0, 1.0))
        self.bars.show_bars([])
        self.show_page(self.pages.value)

    def refresh(self) -> None:
        if self.session is None:
            return
        self.found = precision_figures(self.session)
        if self.found is None:
            return
        self.sides.show_rows(side_heads(), side_rows(self.found))
        self.sides.updateGeometry()  # beside the page it is as wide as its texts
        self._show_page()

    def show_page(self, page: str) -> None:
        self.pages.set_value(page)
        self._stack.setCurrentIndex(max(0, PAGES.index(page) - 1))  # the layers' two orders are one page
        self._show_page()

    def restyle(self) -> None:
        self.sides.restyle()
        self.table.restyle()
        self._show_page()

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        """The rows of the page that is shown: every layer, or every predicted token, or those at which the two part."""
        if self.pages.value in OF_LAYERS:
            names = ["layer", "positions", "kl_nats", "same_top", "perplexity"]
            layers = [] if self.found is None else self._layers(self.found)
            return names, [(one.layer, one.positions, one.kl, one.same_top, one.perplexity) for one in layers]
        names = ["position", "token_id", "token", "kl_nats", "nll_a_nats", "nll_b_nats", "top_a", "top_b"]
        session = self.session
        if session is None:
            return names, []
        table = session.precision_positions
        shown = np.arange(len(table)) if self.pages.value == "tokens" else parted(session).rows
        return names, [
            (
                int(table["position"][row]), token, token_at(session, token),
                *(float(table[name][row]) for name in ("kl", "nll_a", "nll_b")),
                *(token_at(session, int(table[name][row])) for name in ("top_a", "top_b")),
            )
            for row, token in zip(shown.tolist(), table["token_id"][shown].tolist(), strict=True)
        ]  # fmt: skip

    # --- what is shown ----------------------------------------------------------------------------------------------

    def _show_page(self) -> None:
        """Draw the page that is shown; another one is drawn when it is picked."""
        session, found = self.session, self.found
        if session is None or found is None:
            return
        match self.pages.value:
            case "damage" | "layers":
                self._show_layers()
            case "tokens":
                self._show_chart(session)
            case "parting":
                self._show_parting(session)
        self._show_note(found)

    def _show_layers(self) -> None:
        if self.found is None:
            return
        layers = self._layers(self.found)
        self.bars.title = self.tr("KL a token when one layer alone has B's weights {mark} · the same top token").format(
            mark=MEASURED
        )
        asked = self.found.layer_positions_asked > 0
        self.bars.show_bars(
            layer_bars(layers),
            self.tr("Layers come after the tokens.") if asked else self.tr("No layer was asked for."),
        )

    def _layers(self, found: PrecisionFigures) -> list[LayerFigures]:
        """The layers in the picked order."""
        return sorted(found.layers, key=lambda one: one.layer) if self.pages.value == "layers" else list(found.layers)

    def _show_chart(self, session: Session) -> None:
        colours, width = theme(), max(256, self.chart.width())
        lines = [
            Line(self.tr("KL {}").format(MEASURED), *kl_line(session, width), colours.accent),
            Line(self.tr("mean so far {}").format(DERIVED), *mean_line(session, width), colours.warn, dashed=True),
        ]
        end = float(session.precision_positions["position"][-1]) if len(session.precision_positions) else 1.0
        self.chart.title = self.tr("KL(A‖B) at each token")
        self.chart.show_lines(lines, (0.0, end))

    def _show_parting(self, session: Session) -> None:
        so_far = len(session.precision_positions)
        if so_far == self._table_of:
            return
        found, table = parted(session), session.precision_positions
        keys = [found.position, *(self._alphabet(session, table[name][found.rows]) for name in TOKENS), found.kl]
        keys += [table[name][found.rows] for name in ("nll_a", "nll_b")]
        self._parted = found.rows
        if self._table_of < 0:
            self.table.show_rows(parted_heads(), keys, lambda place: parted_cells(session, int(self._parted[place])))
        else:
            self.table.update_rows(keys)
        self._table_of = so_far

    @staticmethod
    def _alphabet(session: Session, ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """By which value each token is sorted: its place among the texts of all."""
        known, inverse = np.unique(ids, return_inverse=True)
        words = [token_at(session, one) for one in known.tolist()]
        places = np.empty(len(words))
        places[sorted(range(len(words)), key=words.__getitem__)] = np.arange(len(words))
        return places[inverse.reshape(-1)]

    def _show_note(self, found: PrecisionFigures) -> None:
        words = self.tr(
            "{n} of {asked} tokens of {text}, in windows of {window}. {layers} of {all} layers judged, on {judged} "
            "tokens each."
        )
        self.note.setText(
            words.format(
                n=count(found.positions), asked=count(found.positions_asked), text=name_of(found.text),
                window=count(found.window), layers=count(len(found.layers)), all=count(found.layers_asked),
                judged=count(found.layer_positions),
            )
        )  # fmt: skip

    # --- the pointer ------------------------------------------------------------------------------------------------

    def _words_at(self, position: float) -> str:
        row = None if self.session is None else row_at(self.session, position)
        return "" if self.session is None or row is None else position_words(self.session, row)

    def _mark(self, position: float) -> None:
        """Mark the token next to a click."""
        row = None if self.session is None else row_at(self.session, position)
        if self.session is not None and row is not None:
            self.chart.marker = float(self.session.precision_positions["position"][row])
            self.chart.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside = event.size().width() >= BESIDE_WIDTH
        across = QSizePolicy.Policy.Maximum if beside else QSizePolicy.Policy.Expanding
        self.sides.setSizePolicy(across, QSizePolicy.Policy.Preferred)
        self._row.setDirection(QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom)
        self._show_page()
