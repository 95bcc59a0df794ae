"""Attention panel: the attention probabilities of one layer and one head, or the mean of the recorded heads."""

from __future__ import annotations

from typing import ClassVar, Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSplitter, QVBoxLayout, QWidget

from app.core.selection import Selected
from app.core.subject import Subject, subject_of
from app.look.theme import CAPTION_SCALE, GRID, PANEL_PADDING, ROW_GAP
from app.models.attention_feed import AttentionFeed
from app.models.attention_gap_words import what_is_missing, why_missing
from app.models.attention_rows import NO_ROW, AttentionRows, ExactRow, RowCache
from app.models.head_maps import HeadMaps
from app.models.request_text import RequestText
from app.models.subject_words import subject_words
from app.panels import attention_words as words
from app.panels.attention_heads import HeadGrid, HeadsBesideMap
from app.panels.attention_map import AttentionMap, largest_of
from app.panels.attention_tools import AttentionTools
from app.panels.base import Panel, PanelContext
from app.widgets.heatmap import clamp_at
from app.widgets.plain import plain
from app.widgets.themed_label import ThemedLabel
from app.widgets.token_flow import TokenFlow
from engine.core.settings import Probe
from engine.figures.attention_gaps import AttentionGaps
from engine.session.serving import Topic
from engine.session.store import Session

LOW: Final = 320
"""Below this panel height, in pixels, the axes have no labels, and the text gets at least one line instead of two."""
NARROW: Final = 680
"""Panel width in pixels. Below it the note beside the controls is hidden; the header has the same text."""
SMALL: Final = 192
"""Up to so many cells a side, a percentile of the map takes well under a millisecond."""
HEADS_AT_ONCE_S: Final = 0.008
HEADS_PAUSE_MS: Final = 20
"""Pause after each HEADS_AT_ONCE_S seconds of work on the heads of a long recording: the window stays responsive."""


class AttentionPanel(Panel):
    """The map of one head, which grows with the text, and the row of the selected token, drawn over the text itself."""

    name: ClassVar[str] = "attention"
    needs: ClassVar[tuple[Topic, ...]] = ("attention",)

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._feed: AttentionFeed | None = None
        self._text: RequestText | None = None
        self._subject: Subject | None = None
        self._gaps: AttentionGaps | None = None
        self._chosen = False
        """Whether layer and head are settled, by the user or by the first recorded map that the panel found."""
        self._flow_shown: RequestText | None = None
        self._split_is_mine = True
        self._row_height = 0
        """The height that the words about the row had when the panel was shared out; it is shared out anew for more."""
        self._maps: HeadMaps | None = None
        self._cache = RowCache()
        self._map_reading, self._heads_reading, self._row_reading = self.reading(), self.reading(), self.reading()
        self._clamped: tuple[AttentionFeed | None, int, int, float] = (None, 0, 1, 1.0)
        """State of the last percentile: the feed, its number of positions and the coarseness then, the probability."""
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(HEADS_PAUSE_MS)
        self._rest.timeout.connect(self.answered)
        self._build()
        self.restyle()

    # --- widgets ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, ROW_GAP)
        layout.setSpacing(GRID)
        self.missing = ThemedLabel(scale=CAPTION_SCALE, wrap=True)
        self.missing.setAccessibleName(self.tr("Rows that are missing, and why"))
        self.missing.hide()
        layout.addWidget(self._build_tools())
        layout.addWidget(self.missing)
        layout.addWidget(self._build_scroll(), 1)
        self.map = AttentionMap()
        self.heads = HeadGrid()
        self.heads.clicked.connect(lambda head: self.head_picker.setCurrentIndex(head + 1))
        self.splitter.addWidget(HeadsBesideMap(self.heads, self.map))
        self.splitter.addWidget(self._build_text())
        self.splitter.splitterMoved.connect(self._split_by_hand)
        self.splitter.installEventFilter(self)
        self.map.describe = self.describe
        self.map.clicked.connect(self.choose_query)
        self.map.moved.connect(self._move)
        self.map.left.connect(self.fit_button.show)
        self.map.pooled.connect(self._pooling_changed)

    def _build_scroll(self) -> QScrollArea:
        """Maps and text; they scroll where the panel is too low for the small maps and the large one."""
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.splitter)
        scroll.viewport().setAutoFillBackground(False)
        self.splitter.setAutoFillBackground(False)
        return scroll

    def _build_tools(self) -> QWidget:
        tools = self.tools = AttentionTools()
        self.layer_picker, self.head_picker, self.heads_box = tools.layer_picker, tools.head_picker, tools.heads_box
        self.log_box, self.clamp, self.fit_button, self.note = tools.log_box, tools.clamp, tools.fit_button, tools.note
        tools.picked.connect(self._pick)
        tools.scale_changed.connect(self._scale_changed)
        tools.heads_wanted.connect(self._heads_wanted)
        tools.fit_wanted.connect(self._fit)
        return tools

    def _build_text(self) -> QWidget:
        self.row_label = ThemedLabel(wrap=True)
        self.flow = TokenFlow()
        self.flow.follow(self.context.found)
        self.flow.clicked.connect(self.choose_token)
        below = self._below = QWidget()
        stack = QVBoxLayout(below)
        stack.setContentsMargins(0, GRID, 0, 0)
        stack.setSpacing(GRID)
        stack.addWidget(self.row_label)
        stack.addWidget(self.flow, 1)
        return below

    # --- Panel ------------------------------------------------------------------------------------------------------

    def figures(self) -> str:
        feed, subject = self._feed, self._subject
        if subject is None:
            return ""
        if feed is None or feed.grid.positions == 0:
            return subject_words(subject)
        computed = self._gaps.computed if self._gaps is not None else 0
        factor = feed.grid.factor * self.map.coarseness
        return words.header(feed, subject, factor, computed, self.context.selection.now.steps)

    @property
    def is_behind(self) -> bool:
        behind = self._maps is not None and self._maps.behind and self.heads.isVisible()
        return behind or super().is_behind

    def empty_text(self) -> str:
        return self.tr("Run a prompt and the attention of one head appears here, a row a token.")

    def untold_lead(self) -> str:
        return self.tr("Only DecodeScope's own engine records attention.")

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self._feed = self._text = self._subject = self._gaps = None
        self._chosen = False
        self._maps = None
        self._cache = RowCache()
        self._row_height = 0
        self._rest.stop()
        self.heads.show_maps(None, set(), False, 1.0)
        self._fill_pickers()
        self._fit()
        if session is not None:
            self.refresh()

    def refresh(self) -> None:
        session = self.session
        if session is None:
            return
        if not self.tools.offers(session.layers):
            self._fill_pickers()
        self._go_where_recorded(session)
        self._attach(session)
        dirty = self._feed.update() if self._feed is not None else None
        if self._text is not None:
            self._text.update()
            named = len(self._text.texts) <= 128 and self._feed is not None and self._feed.grid.positions > 0
            self.map.name_cells(self._text.texts if named else [])
        if self._gaps is not None:
            self._gaps.update()
        self._draw_map(dirty)
        self._draw_row()
        self._draw_heads()
        self._say_what_is_missing()
        if self.row_label.heightForWidth(self.splitter.width()) > self._row_height:
            self._share_out()

    def select(self, selected: Selected) -> None:
        if self.session is None:
            return
        self._set_pickers(selected)
        self.refresh()

    def restyle(self) -> None:
        self.map.restyle()
        self.heads.restyle()
        self.flow.restyle()

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        header = ["request", "layer", "head", "query position", "query", "key position", "key", "probability", "note"]
        if self._feed is None or self._text is None:
            return header, []
        texts = self._text.texts

        def text(position: int) -> str:
            return texts[position] if position < len(texts) else ""

        feed, shown = self._feed, self.query_shown
        of = (feed.request_id, feed.layer, "mean" if feed.head is None else feed.head)
        weights = feed.row(shown) if shown is not None else None
        if shown is not None:
            weights = NO_ROW if weights is None else weights  # it is still being read
            return header, [(*of, shown, text(shown), key, text(key), float(p), "") for key, p in enumerate(weights)]
        query = self._subject.query if self._subject is not None else None
        if query is None or feed.is_reading:
            return header, []
        return header, [(*of, query, text(query), "", "", "", self._why(query))]

    # --- choosing ---------------------------------------------------------------------------------------------------

    def _fill_pickers(self) -> None:
        config = self.session.model_config if self.session is not None else {}
        self.tools.offer(int(config.get("layers", 0)), int(config.get("heads", 0)))
        self._set_pickers(self.context.selection.now)

    def _set_pickers(self, selected: Selected) -> None:
        self.tools.show_selected(selected)
        if selected.all_heads:
            self.heads.show()

    def _pick(self) -> None:
        """The user chose a layer or a head: record it from now on, and show it."""
        self._chosen = True
        layer, head = self.tools.layer, self.tools.head
        self.context.control.set_probe(Probe(layer, None if self.tools.all_heads else head))
        self.context.selection.change(layer=layer, head=head)
        self.refresh()

    def _go_where_recorded(self, session: Session) -> None:
        """Select a recorded map (the last in order) where the selected one was not recorded, until `_chosen` is set."""
        maps = session.details.attention_maps() if not self._chosen else []
        if not maps:
            return
        self._chosen = True
        now = self.context.selection.now
        if len({head for _, layer, head in maps if layer == maps[-1][1]}) > 1:
            self.tools.show_all_heads()
            self.heads.show()
        shown = {(layer, head) for _, layer, head in maps}
        if (now.layer, now.head) not in shown and not (now.head is None and any(now.layer == one for one, _ in shown)):
            self.context.selection.change(layer=maps[-1][1], head=maps[-1][2])

    def _attach(self, session: Session) -> None:
        """Create a feed where the request, layer or head has changed, and a text where the request has."""
        now = self.context.selection.now
        self._subject = subject_of(session, now)
        if self._subject is None:
            self._feed = self._text = self._gaps = None
            return
        feed, request = self._feed, self._subject.request
        if self._gaps is None or self._gaps.request != request:
            self._gaps = AttentionGaps(session, request)
        if feed is None or (feed.session, feed.request_id, feed.layer, feed.head) != (
            session, request, now.layer, now.head,
        ):  # fmt: skip
            for reading in (self._map_reading, self._row_reading):  # cancel reads for the old map
                reading.forget()
            rows = AttentionRows(session, self._map_reading, self._cache)
            exact = ExactRow(session, self._row_reading)
            self._feed = AttentionFeed(rows, request, now.layer, now.head, exact)
        if self._text is None or self._text.request is not session.requests[request]:
            self._text = RequestText(session, session.requests[request])

    # --- drawing ----------------------------------------------------------------------------------------------------

    def _scale_changed(self) -> None:
        self._clamped = (None, 0, 1, 1.0)
        self.refresh()

    def _heads_wanted(self, wanted: bool) -> None:
        """Record and show all heads from now on, or only the chosen one."""
        self._chosen = True
        now = self.context.selection.now
        self.heads.setVisible(wanted)
        self.context.control.set_probe(Probe(now.layer, None if wanted else now.head))
        self.context.selection.change(all_heads=wanted)
        self.refresh()

    def _top(self) -> float:
        """The probability at which the colours end: a percentile of the cells that are drawn.

        The percentile of a large map that still grows is computed again only after it has grown by over a tenth.
        """
        feed, percentile = self._feed, self.tools.percentile
        if feed is None or percentile >= 100:
            return 1.0
        of, positions, coarseness, top = self._clamped
        now = feed.grid.positions
        request = feed.session.requests.get(feed.request_id)
        is_cheap = feed.grid.size <= SMALL or (request is not None and request.finished_ns is not None)
        is_other = of is not feed or self.map.coarseness != coarseness
        if is_other or now > 1.1 * positions or (now != positions and is_cheap):
            top = clamp_at(largest_of(feed.grid.cells, self.map.coarseness), percentile)
            self._clamped = (feed, now, self.map.coarseness, top)
        return top

    def _draw_heads(self) -> None:
        """Draw the small maps; with background jobs, only HEADS_AT_ONCE_S seconds of rows per call."""
        feed = self._feed
        if feed is None or not self.heads.isVisibleTo(self):
            return
        maps = self._maps
        if maps is None or (maps.session, maps.request_id, maps.layer) != (feed.session, feed.request_id, feed.layer):
            self._heads_reading.forget()
            rows = AttentionRows(feed.session, self._heads_reading, self._cache)
            maps = self._maps = HeadMaps(rows, feed.request_id, feed.layer)
        changed = maps.update(HEADS_AT_ONCE_S if self.context.jobs is not None else None)
        self.heads.selected = feed.head
        self.heads.steps = self.context.selection.now.steps
        self.heads.query = self.query_shown if self._is_chosen else None
        self.heads.show_maps(maps, changed, self.tools.log, self._top())
        if maps.behind and self.isVisible():
            self._rest.start()

    def _draw_map(self, dirty: tuple[int, int] | None) -> None:
        feed = self._feed
        if feed is None or feed.grid.positions == 0:
            self.map.show_message(self._why_no_map())
        else:
            coarseness = self.map.coarseness
            self.map.show_grid(feed.grid, dirty, self.tools.log, self._top(), self.tools.percentile)
            if self.map.coarseness != coarseness:  # the percentile is of the cells that are drawn, which are others now
                self.map.show_grid(feed.grid, None, self.tools.log, self._top(), self.tools.percentile)
            steps = self.context.selection.now.steps
            rows = feed.within(steps) if steps is not None else []
            self.map.mark_range((rows[0], rows[-1]) if rows else None)
        self.note.setText(words.note(feed, self.map.coarseness))

    def _pooling_changed(self) -> None:
        """The map was zoomed or resized, so a cell now covers more or fewer positions."""
        self._draw_map(None)
        self.figures_changed.emit()

    def _why_no_map(self) -> str:
        if self._feed is not None and self._feed.is_reading:
            return self.tr("reading…") if self._map_reading.is_slow else ""
        request = None if self._subject is None else self._subject.request
        return words.nothing(self.session, self.context.selection.now, request)

    @property
    def query_shown(self) -> int | None:
        """The query whose row is shown; None where no row is shown."""
        return self._row_shown()[0]

    def _row_shown(self) -> tuple[int | None, str]:
        feed, text, subject = self._feed, self._text, self._subject
        if feed is None or text is None or subject is None:
            return None, ""
        query, sentence = words.row_shown(feed, text, subject)
        if query is None and subject.query is not None and sentence and not feed.is_reading:
            sentence = f"{sentence} {self._why(subject.query)}"
        return query, sentence

    @property
    def _is_chosen(self) -> bool:
        """Whether the row is that of what is selected, not the newest."""
        return self._subject is not None and not self._subject.followed

    def _why(self, query: int) -> str:
        """Why a query has no row in this map."""
        feed, gaps, session = self._feed, self._gaps, self.session
        if feed is None or gaps is None or session is None:
            return ""
        missing = gaps.why(query, feed.layer, feed.head)
        return why_missing(missing, missing.head is None, session.dropped["attention_rows"])

    def _say_what_is_missing(self) -> None:
        """Say above the map which rows it lacks and why, unless it lacks all: `_why_no_map` then says so."""
        feed, gaps, session = self._feed, self._gaps, self.session
        text = ""
        if feed is not None and gaps is not None and session is not None and feed.rows and not feed.is_reading:
            counts = gaps.counts(feed.recorded, feed.layer, feed.head)
            text = what_is_missing(counts, feed.is_one_of_several, session.dropped["attention_rows"])
        if text != self.missing.text():
            self.missing.setText(text)
            self.missing.setToolTip(plain(text))
            self.missing.setVisible(bool(text) and self.height() >= LOW)

    def _draw_row(self) -> None:
        """Draw the row over the text. While it is read, the previous row stays until the read counts as slow."""
        feed, text = self._feed, self._text
        shown, sentence = self._row_shown()
        self.map.mark_row(shown if self._is_chosen else None)
        weights = NO_ROW if feed is None or shown is None else feed.row(shown)
        if weights is None:
            if not self._row_reading.is_slow:
                return
            weights, said = NO_ROW, self.tr("reading…")
        else:
            said = words.row_figures(weights, text)
        sentence = f"{sentence} {said}" if said else sentence
        self.row_label.setText(sentence)
        self.row_label.setToolTip(plain(sentence))
        grown = text is not None and text is self._flow_shown
        self._flow_shown = text
        texts = text.texts if text is not None else []
        subject = self._subject
        framed = shown if subject is None or subject.position is None else subject.position
        request = None if text is None else text.request.id
        self.flow.show_row(texts, weights, framed, self.tools.log, grown, request)

    def _fit(self) -> None:
        """Show the whole map and follow its growth."""
        self.fit_button.hide()
        self.map.fit()

    def _split_by_hand(self) -> None:
        self._split_is_mine = False

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.map.label_axes(event.size().height() >= LOW)
        self.note.setVisible(event.size().width() >= NARROW)
        self.missing.setVisible(bool(self.missing.text()) and event.size().height() >= LOW)
        self._share_out()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The splitter may become higher than its part of the panel that is seen."""
        if event.type() == QEvent.Type.Resize:
            self._share_out()
        return super().eventFilter(watched, event)

    def _share_out(self) -> None:
        """Give the text a fifth of the height, at most four lines; a low panel leaves the rest to the map."""
        if self._split_is_mine:
            least = (2 if self.height() >= LOW else 1) * self.flow.compact_height
            lines = min(max(self.height() // 5, least), 4 * self.flow.line_height)
            self._row_height = self.row_label.heightForWidth(self.splitter.width())
            text = lines + self._row_height + 4 * GRID
            self._below.setMinimumHeight(0 if self.heads.isHidden() else text)
            self.splitter.setSizes([max(1, self.splitter.height() - text), text])

    # --- mouse and keys ---------------------------------------------------------------------------------------------

    def describe(self, query: int, key: int) -> str:
        """The tool tip of a cell: both tokens and the probability; "" where nothing was recorded."""
        feed, text = self._feed, self._text
        return words.cell(feed, text, query, key) if feed is not None and text is not None else ""

    def choose_query(self, position: int) -> None:
        """Show the row of this position: in all panels, select the token that it chose."""
        text = self._text
        if text is None or not 0 <= position < len(text.texts):
            return
        self._choose(position if text.token_row(position + 1) is None else position + 1)

    def choose_token(self, position: int) -> None:
        """Select the token at this position in all panels, and show the row that chose it."""
        if self._text is not None and 0 <= position < len(self._text.texts):
            self._choose(position)

    def _choose(self, position: int) -> None:
        assert self._text is not None
        row, request = self._text.token_row(position), self._text.request.id
        if row is not None:
            self.context.selection.change(token=row, request=request)
        else:
            self.context.selection.change(position=position, request=request)
        self.refresh()

    def _move(self, queries: int, layers: int) -> None:
        """Arrow keys in the map: the previous or next row, the next or previous layer."""
        if layers:
            self.layer_picker.stepBy(layers)
        elif self._feed is not None and self._feed.grid.positions:
            subject, shown = self._subject, self.query_shown
            if shown is None:
                shown = self._feed.newest if subject is None or subject.query is None else subject.query
            self.choose_query(max(0, shown + queries))
