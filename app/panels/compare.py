"""Compare panel: the shown session, or its selected steps, against another recording, range or pinned baseline."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import ClassVar, Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QPushButton, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from app.core.engine_sentences import in_window_language
from app.core.selection import Selected
from app.look.theme import GROUP_GAP, PANEL_PADDING, ROW_GAP
from app.look.units import straight
from app.models.comparing import Choice, Comparing
from app.models.differences import headline, relative, rule, shown
from app.models.side_by_side import markdown, pair_rows, verdict
from app.panels.base import Panel, PanelContext
from app.panels.compare_charts import CompareCharts
from app.panels.compare_controls import CompareControls
from app.panels.compare_words import (
    csv_rows,
    difference_heads,
    difference_rows,
    explained_rows,
    explanation_bars,
    explanation_title,
    pair_cells,
    pair_heads,
    say,
    say_side,
    sides,
)
from app.widgets.bar_list import BarList
from app.widgets.fault_label import FaultLabel
from app.widgets.figure_table import FigureTable
from app.widgets.flow_row import FlowRow
from app.widgets.plain import plain
from app.widgets.segments import Segments
from app.widgets.sorted_table import SortedTable
from app.widgets.tall_scroll_area import TallScrollArea
from app.widgets.themed_label import ThemedLabel
from engine.client.recordings import SUFFIX
from engine.session.serving import Topic
from engine.session.store import Session

PAGES: Final = ("differences", "charts", "explained", "requests")
PARTING_COLUMN: Final = 3
"""The column of words among the columns of the pairs."""
WIDE: Final = 1350
"""Width of the panel in pixels from which the explanation stands beside the differences too."""
LOW: Final = 300
"""Height of the panel in pixels below which the rule of the intervals is only a tool tip."""


class ComparePanel(Panel):
    """What is compared above; below it one of the pages: differences, charts, the explanation, pairs of requests."""

    name: ClassVar[str] = "compare"
    wanted_height: ClassVar[int] = 260
    needs: ClassVar[tuple[Topic, ...]] = ()
    of_runs: ClassVar[bool] = False

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAcceptDrops(True)
        self.comparing = context.comparing or Comparing(context.selection, context.jobs, parent=self)
        self._own = context.comparing is None
        """Whether nobody else tells the comparison what is shown."""
        self._drawn: object = None
        self.controls = CompareControls(self.comparing)
        self.of_a, self.of_b = ThemedLabel(muted=False, parts=True), ThemedLabel(muted=False, parts=True)
        self.said, self.fault = ThemedLabel(wrap=True), FaultLabel()
        self.headline = ThemedLabel(muted=False, wrap=True)
        self.pages = Segments(PAGES, PAGES[0])
        self.differences = FigureTable(self.tr("Differences of both sides"))
        self.charts = CompareCharts(context.selection)
        self.bars, self.bars_beside = BarList(""), BarList("")
        self._scrolled_beside = TallScrollArea(self.bars_beside)
        self.common = ThemedLabel(wrap=True)
        self.verdict = ThemedLabel(muted=False, wrap=True)
        self.pairs = SortedTable(self.tr("Requests with the same prompt"), words=PARTING_COLUMN)
        self.rule = ThemedLabel(wrap=True)
        self.copy_markdown = QPushButton(self.tr("Copy as &Markdown"))
        self._stack = QStackedWidget()
        self._build()
        self.pages.picked.connect(self.show_page)
        self.pairs.activated_row.connect(self.select_pair)
        self.pairs.clicked.connect(lambda index: self.select_pair(self.pairs.rows.row_at(index.row())))
        self.copy_markdown.clicked.connect(self._copy)
        self.comparing.changed.connect(self._show)
        self.comparing.rested.connect(self._on_rested)
        self.restyle()
        self._show()

    def _build(self) -> None:
        self.pages.name(
            self.tr("Page"),
            {
                "differences": self.tr("Differences"), "charts": self.tr("Charts"),
                "explained": self.tr("Explained"), "requests": self.tr("Requests"),
            },
            {
                "differences": self.tr("Each figure of A and B, with an interval"),
                "charts": self.tr("A and B over the same axis"),
                "explained": self.tr("Where the difference of the time per token comes from"),
                "requests": self.tr("The requests of both sides, and where their texts part"),
            },
        )  # fmt: skip
        self.differences.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.pairs.setToolTip(plain(self.tr("A click, or Enter, shows the token at which a request parts")))
        self.copy_markdown.setToolTip(plain(self.tr("Copy the comparison as a table of text")))
        self.pages.pad()
        names = QHBoxLayout()
        names.setSpacing(ROW_GAP)
        self._letters = [ThemedLabel(muted=False), ThemedLabel(muted=False)]
        for letter, text, label in zip(self._letters, "AB", (self.of_a, self.of_b), strict=True):
            letter.setText(text)
            letter.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
            names.addWidget(letter)
            names.addWidget(label, 1)
        self._chosen = FlowRow(spacing=GROUP_GAP)
        self._chosen.add(self.pages)
        self._chosen.add(self.charts.tools)
        self._row = QHBoxLayout()
        self._row.setSpacing(GROUP_GAP)
        self._row.addWidget(self._chosen)
        self._row.addWidget(self.headline, 1)
        self._row.addWidget(self.copy_markdown, 0, Qt.AlignmentFlag.AlignRight)
        beside = QWidget()
        row = QHBoxLayout(beside)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GROUP_GAP)
        row.addWidget(self.differences, 3)
        row.addWidget(self._scrolled_beside, 2, Qt.AlignmentFlag.AlignTop)
        for page in (beside, self.charts, self._page(TallScrollArea(self.bars)), self._page(self.verdict, self.pairs)):
            self._stack.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, ROW_GAP)
        layout.setSpacing(ROW_GAP)
        layout.addWidget(self.controls)
        layout.addLayout(names)
        layout.addWidget(self.said)
        layout.addWidget(self.fault)
        layout.addLayout(self._row)
        layout.addWidget(self._stack, 1)
        layout.addWidget(self.common)
        layout.addWidget(self.rule)

    def _page(self, *parts: QWidget) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(ROW_GAP)
        for part in parts:
            layout.addWidget(part)
        if len(parts) == 1:
            layout.addStretch(1)
        return page

    # --- Panel ------------------------------------------------------------------------------------------------------

    def figures(self) -> str:
        found = self.comparing.compared
        if found is None:
            return ""
        rates = next((one for one in found.sides.whole.figures if one.name == "tokens/s"), None)
        if rates is None or rates.relative is None:
            return ""
        return self.tr("B against A: {change} tokens/s ƒ").format(change=relative(rates.relative))

    @property
    def is_empty(self) -> bool:
        session = self.session
        if self._own and self.comparing.compared is None:  # outside of a window nothing can be chosen
            return True
        return session is None or not (len(session.steps) or len(session.tokens))

    @property
    def is_behind(self) -> bool:
        return super().is_behind or bool(self.comparing.doing)

    def empty_text(self) -> str:
        return self.tr("Run a prompt or open a recording, and compare it here with another one or with a baseline.")

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        if self._own:
            self.comparing.show_session(session, ())
        self._drawn = None
        self._show()

    def refresh(self) -> None:
        self.comparing.follow()
        self._show()

    def select(self, selected: Selected) -> None:
        self.charts.select(selected)
        if self.isVisible():
            self.comparing.follow()
        self._show_state()

    def restyle(self) -> None:
        self.differences.restyle()
        self.pairs.restyle()
        self._drawn = None
        self._show()

    def show_page(self, page: str) -> None:
        self.pages.set_value(page)
        self._stack.setCurrentIndex(PAGES.index(page))
        self._show_state()

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        found, page = self.comparing.compared, self.pages.value
        if found is None:
            return ["figure"], []
        if page == "requests":
            return pair_rows(found)
        if page == "explained" and found.sides.explained is not None:
            return explained_rows(found.sides.explained)
        return self.charts.rows() if page == "charts" else csv_rows(found)

    # --- what is shown ----------------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Draw the comparison, if it is another one than was drawn, and the state."""
        found = self.comparing.compared
        if found is not self._drawn or found is None:
            self._drawn = found
            self._draw()
        self._show_state()
        self.figures_changed.emit()

    def _draw(self) -> None:
        found = self.comparing.compared
        has = found is not None
        for part in (*self._letters, self.of_a, self.of_b, self.headline, self.pages, self._stack, self.copy_markdown):
            part.setVisible(has)
        self.charts.show_compared(found)
        if found is None:
            return
        for label, (name, tip) in zip((self.of_a, self.of_b), sides(found), strict=True):
            label.setText(name)
            label.setToolTip(plain(tip))
        whole, common = found.sides.whole, found.sides.common
        self.headline.setText(headline(whole, say))
        self.differences.show_rows(difference_heads(), difference_rows(list(shown(whole))))
        explained = found.sides.explained
        for bars in (self.bars, self.bars_beside):
            bars.title = "" if explained is None else explanation_title(explained)
            bars.setAccessibleName(bars.title)
            bars.show_bars(
                [] if explained is None else explanation_bars(explained),
                self.tr("Only a session with steps and tokens tells where the time of its tokens went."),
            )
        self.common.setText(
            "" if common is None else self.tr("Before the texts part: {}").format(headline(common, say))
        )
        self.verdict.setText(verdict(found.beside, say_side))
        self.pairs.show_rows(pair_heads(), list(found.columns), partial(pair_cells, found))
        self.rule.setText(rule(whole, say))
        self.headline.setToolTip(plain(self.rule.text()))

    def _show_state(self) -> None:
        """Say what is being read, what failed, or that the result is not of the newest steps."""
        comparing, found = self.comparing, self.comparing.compared
        text = ""
        if comparing.doing:
            text = self.tr("Comparing with {}…").format(straight(Path(comparing.doing).name))
        elif comparing.fault:
            pass
        elif found is None:
            text = self.tr("Choose a recording, drop a file here, or pin what is shown to compare other steps with it.")
        elif comparing.is_behind or found.a_steps != comparing.a_steps:
            text = self.tr("There is more since: it is compared in a moment, or by Refresh.")
        self.said.setText(text)
        self.said.setAlignment(Qt.AlignmentFlag.AlignCenter if found is None else Qt.AlignmentFlag.AlignLeft)
        self.said.setVisible(bool(text))
        self.fault.show_fault(straight(in_window_language(comparing.fault)))
        self.controls.show_state()
        page = self.pages.value
        self.common.setVisible(bool(self.common.text()) and page in ("differences", "requests") and found is not None)
        self._scrolled_beside.setVisible(self.width() >= WIDE)
        of_charts = page == "charts"
        self.charts.tools.setVisible(of_charts)
        self.headline.setVisible(found is not None and not of_charts)
        self._row.setStretchFactor(self._chosen, 1 if of_charts else 0)
        self.rule.setVisible(found is not None and page == "differences" and self.height() >= LOW)

    # --- what the user does -----------------------------------------------------------------------------------------

    def _on_rested(self) -> None:
        if self.isVisible():
            self.comparing.follow()

    def select_pair(self, place: int) -> None:
        """Select the token of A at which a pair parts, or the last one where it parts nowhere or A ended there."""
        found, session = self.comparing.compared, self.session
        if found is None or session is None or self.comparing.of is None or self.comparing.of[0] is not session:
            return
        pair = found.beside.pairs[place]
        rows = session.requests[pair.a].token_rows
        if rows:
            self.context.selection.change(token=rows[min(pair.tokens, len(rows) - 1)])
        else:
            self.context.selection.change(request=pair.a)

    def _copy(self) -> None:
        if self.comparing.compared is not None:
            QGuiApplication.clipboard().setText(markdown(self.comparing.compared, say_side, say))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.toLocalFile().endswith(SUFFIX) for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        for url in event.mimeData().urls():
            if url.toLocalFile().endswith(SUFFIX):
                event.acceptProposedAction()
                self.comparing.choose(Choice(url.toLocalFile()))
                return

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_state()

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 180)
