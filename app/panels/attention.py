"""Attention panel: who looks at whom, for one layer and one head (or the mean of those recorded), row by row."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QSpinBox,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.core.selection import Selected
from app.look.theme import GRID, PANEL_PADDING, ROW_GAP
from app.look.units import count, percent, significant
from app.models.attention_feed import AttentionFeed
from app.models.head_maps import MOST_HEADS, HeadMaps
from app.models.request_text import RequestText
from app.panels.attention_heads import HeadGrid, HeadsBesideMap
from app.panels.attention_map import AttentionMap
from app.panels.base import Panel, PanelContext
from app.widgets.flow_row import FlowRow
from app.widgets.heatmap import clamp_at
from app.widgets.labelled import labelled
from app.widgets.plain import plain
from app.widgets.themed_label import ThemedLabel
from app.widgets.token_flow import NO_WEIGHTS, TokenFlow
from engine.core.settings import Probe
from engine.figures.metrics import attention_entropy, widest_tokens
from engine.session.store import Session

LOW: Final = 320
"""Height in pixels under which the axes give up their labels, and the text a line."""
NARROW: Final = 680
"""Width under which the line beside the controls is dropped; the header says the same."""
CLAMPS: Final = (100.0, 99.9, 99.0, 95.0, 90.0)
"""Percentiles of the map that the last colour may stand for; 100 is a probability of 1."""
MOST_LAYERS: Final = 10_000
"""The last layer that can be chosen, whatever a file says of its model."""
HEADS_AT_ONCE_S: Final = 0.008
HEADS_PAUSE_MS: Final = 20
"""A long recording's heads are read for so long at a time, with such pauses."""


class AttentionPanel(Panel):
    """The map of one head growing with the text, and the row of the selected token over the text itself."""

    name: ClassVar[str] = "attention"

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._feed: AttentionFeed | None = None
        self._text: RequestText | None = None
        self._query: int | None = None
        self._chosen = False
        """Whether the person chose what is looked at; until then the panel goes where something was recorded."""
        self._flow_shown: RequestText | None = None
        self._split_is_mine = True
        self._maps: HeadMaps | None = None
        self._clamped: tuple[AttentionFeed | None, int, float] = (None, 0, 1.0)
        """The feed and its length when the percentile was last taken, and its probability."""
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(HEADS_PAUSE_MS)
        self._rest.timeout.connect(self._draw_heads)
        self._build()
        self.restyle()

    # --- widgets ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, ROW_GAP)
        layout.setSpacing(GRID)
        layout.addLayout(self._build_tools())
        layout.addWidget(self.splitter, 1)
        self.map = AttentionMap()
        self.heads = HeadGrid()
        self.heads.clicked.connect(lambda head: self.head_picker.setCurrentIndex(head + 1))
        self.splitter.addWidget(HeadsBesideMap(self.heads, self.map))
        self.splitter.addWidget(self._build_text())
        self.splitter.splitterMoved.connect(self._split_by_hand)
        self.map.describe = self.describe
        self.map.clicked.connect(self.choose_query)
        self.map.moved.connect(self._move)
        self.map.left.connect(self.fit_button.show)
        self.map.pooled.connect(self._pooling_changed)

    def _build_tools(self) -> QHBoxLayout:
        self.layer_picker = QSpinBox()
        self.layer_picker.setAccessibleName(self.tr("Layer"))
        self.layer_picker.setToolTip(self.tr("The layer whose attention is recorded and shown; layers count from 0."))
        self.head_picker = QComboBox()
        self.head_picker.setAccessibleName(self.tr("Head"))
        self.head_picker.setToolTip(
            self.tr("The head whose attention is recorded and shown, or the mean of all heads.")
        )
        self.log_box = QCheckBox(self.tr("Lo&g"))
        self.log_box.setAccessibleName(self.tr("Logarithmic scale"))
        self.log_box.setToolTip(self.tr("Colours follow the logarithm of the probability, so that small ones show."))
        self.clamp = QComboBox()
        for value in CLAMPS:
            self.clamp.addItem(self.tr("max 1") if value == 100 else self.tr("p{}").format(f"{value:g}"), value)
        self.clamp.setAccessibleName(self.tr("Percentile that has the last colour"))
        self.clamp.setToolTip(
            self.tr(
                "The last colour stands for this percentile of the map and above, "
                "so that a few large values do not hide the rest."
            )
        )
        self.heads_box = QCheckBox(self.tr("&All heads"))
        self.heads_box.setToolTip(
            self.tr(
                "Record every head of the layer from the next step on, and show them side by side with their entropy."
            )
        )
        self.fit_button = QToolButton()
        self.fit_button.setText(self.tr("Follow"))
        self.fit_button.setAccessibleName(self.tr("Follow the map as it grows"))
        self.fit_button.setToolTip(self.tr("Show the whole map again and follow it as it grows (F)."))
        self.fit_button.hide()
        self.note = ThemedLabel()
        self.note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        controls = FlowRow(spacing=ROW_GAP)  # in a narrow panel they go on in a second row, whole
        for text, field in ((self.tr("&Layer"), self.layer_picker), (self.tr("&Head"), self.head_picker)):
            controls.add(labelled(text, field, ROW_GAP)[0])
        for control in (self.heads_box, self.log_box, self.clamp, self.fit_button):
            controls.add(control)
        tools = QHBoxLayout()
        tools.setSpacing(ROW_GAP)
        tools.addWidget(controls, 1)
        tools.addWidget(self.note)
        self.layer_picker.valueChanged.connect(self._pick)
        self.head_picker.currentIndexChanged.connect(self._pick)
        self.log_box.toggled.connect(self._scale_changed)
        self.clamp.currentIndexChanged.connect(self._scale_changed)
        self.heads_box.toggled.connect(self._heads_wanted)
        self.fit_button.clicked.connect(self._fit)
        return tools

    def _build_text(self) -> QWidget:
        self.row_label = ThemedLabel(wrap=True)
        self.flow = TokenFlow()
        self.flow.clicked.connect(self.choose_query)
        below = QWidget()
        stack = QVBoxLayout(below)
        stack.setContentsMargins(0, GRID, 0, 0)
        stack.setSpacing(GRID)
        stack.addWidget(self.row_label)
        stack.addWidget(self.flow, 1)
        return below

    # --- Panel ------------------------------------------------------------------------------------------------------

    def title(self) -> str:
        return self.tr("Attention")

    def figures(self) -> str:
        feed = self._feed
        if feed is None or feed.grid.positions == 0:
            return ""
        what = self.tr("layer {layer} · {head}").format(layer=feed.layer, head=self._head_name(feed.head))
        parts = []
        factor = feed.grid.factor * self.map.coarseness
        if factor > 1:  # before the rows: what a cell stands for must not go unsaid in a narrow panel
            parts.append(self.tr("pooled {n} × {n}").format(n=factor))
        steps = self.context.selection.now.steps
        if steps is None:
            return " · ".join([what, *parts, self.tr("{rows} rows ●").format(rows=count(feed.rows))])
        some = self.tr("{some} of {rows} rows ●").format(some=count(len(feed.within(steps))), rows=count(feed.rows))
        return " · ".join([some, *parts, what])  # the pickers say what it is of

    @property
    def is_behind(self) -> bool:
        return self._maps is not None and self._maps.behind and self.heads.isVisible()

    def empty_text(self) -> str:
        return self.tr("Run a prompt and the attention of one head appears here, a row a token.")

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self._feed = self._text = self._query = None
        self._chosen = False
        self._maps = None
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
        if self.layer_picker.maximum() != max(0, session.layers - 1) or self.head_picker.count() <= 1:
            self._fill_pickers()
        self._go_where_recorded(session)
        self._attach(session)
        dirty = self._feed.update() if self._feed is not None else None
        if self._text is not None:
            self._text.update()
            named = len(self._text.texts) <= 128 and self._feed is not None and self._feed.grid.positions > 0
            self.map.name_cells(self._text.texts if named else [])
        self._draw_map(dirty)
        self._draw_row()
        self._draw_heads()

    def select(self, selected: Selected) -> None:
        if self.session is None:
            return
        self._set_pickers(selected)
        if selected.token is not None and selected.token < len(self.session.tokens):
            self._query = int(self.session.tokens["position"][selected.token])
        elif selected.step is not None and (computed := self._computed_in(selected.step)) is not None:
            self._query = computed
        elif self._text is not None and self._query is not None and self._text.token_row(self._query) is not None:
            self._query = None
        self.refresh()

    def _computed_in(self, step: int) -> int | None:
        """The query whose row a step computed, the last of several; None where none of the request shown was."""
        rows = self._feed.within((step, step)) if self._feed is not None else []
        return rows[-1] if rows else None

    def restyle(self) -> None:
        self.map.restyle()
        self.heads.restyle()
        self.flow.restyle()

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        header = ["query position", "query", "key position", "key", "probability"]
        if self._feed is None or self._text is None:
            return header, []
        texts = self._text.texts

        def text(position: int) -> str:
            return texts[position] if position < len(texts) else ""

        shown, _ = self._shown_query()
        if shown is None:
            return header, []
        weights = self._feed.row(shown)
        return header, [(shown, text(shown), key, text(key), float(p)) for key, p in enumerate(weights)]

    # --- choosing ---------------------------------------------------------------------------------------------------

    def _fill_pickers(self) -> None:
        config = self.session.model_config if self.session is not None else {}
        heads = min(int(config.get("heads", 0)), MOST_HEADS)
        self.layer_picker.blockSignals(True)
        self.head_picker.blockSignals(True)
        self.layer_picker.setMaximum(min(max(0, int(config.get("layers", 0)) - 1), MOST_LAYERS))
        self.head_picker.clear()
        self.head_picker.addItem(self.tr("mean"))
        self.head_picker.addItems([str(head) for head in range(heads)])
        self.layer_picker.blockSignals(False)
        self.head_picker.blockSignals(False)
        self._set_pickers(self.context.selection.now)

    def _set_pickers(self, selected: Selected) -> None:
        for picker in (self.layer_picker, self.head_picker, self.heads_box):
            picker.blockSignals(True)
        if selected.all_heads:
            self.heads_box.setChecked(True)
            self.heads.show()
        self.layer_picker.setValue(selected.layer)
        self.head_picker.setCurrentIndex(0 if selected.head is None else selected.head + 1)
        for picker in (self.layer_picker, self.head_picker, self.heads_box):
            picker.blockSignals(False)

    def _pick(self, _: int) -> None:
        """The person chose a layer or a head: record it from now on, and show it."""
        self._chosen = True
        layer, index = self.layer_picker.value(), self.head_picker.currentIndex()
        head = index - 1 if index > 0 else None
        self.context.control.set_probe(Probe(layer, None if self.heads_box.isChecked() else head))
        self.context.selection.change(layer=layer, head=head)
        self.refresh()

    def _go_where_recorded(self, session: Session) -> None:
        """Look at a map that exists, as long as the person has not chosen one."""
        maps = session.attention_maps() if not self._chosen else []
        if not maps:
            return
        self._chosen = True
        now = self.context.selection.now
        if len({head for _, layer, head in maps if layer == maps[-1][1]}) > 1:
            self.heads_box.blockSignals(True)
            self.heads_box.setChecked(True)
            self.heads_box.blockSignals(False)
            self.heads.show()
        shown = {(layer, head) for _, layer, head in maps}
        if (now.layer, now.head) not in shown and not (now.head is None and any(now.layer == one for one, _ in shown)):
            self.context.selection.change(layer=maps[-1][1], head=maps[-1][2])

    def _attach(self, session: Session) -> None:
        """Make the feed that of the chosen request, layer and head."""
        now = self.context.selection.now
        request = self._request(session, now)
        if request is None:
            self._feed = self._text = None
            return
        feed = self._feed
        if feed is None or (feed.session, feed.request_id, feed.layer, feed.head) != (
            session, request, now.layer, now.head,
        ):  # fmt: skip
            self._feed = AttentionFeed(session, request, now.layer, now.head)
        if self._text is None or self._text.request is not session.requests[request]:
            self._text = RequestText(session, session.requests[request])

    def _request(self, session: Session, now: Selected) -> int | None:
        """The request to show: the selected one, that of the selected token, or the newest with a map."""
        if now.request is not None and now.request in session.requests:
            return now.request
        if now.token is not None and now.token < len(session.tokens):
            return int(session.tokens["request_id"][now.token])
        recorded = [
            request for request, layer, head in session.attention_maps()
            if layer == now.layer and now.head in (None, head) and request in session.requests
        ]  # fmt: skip
        return max(recorded or session.requests, default=None)

    # --- drawing ----------------------------------------------------------------------------------------------------

    def _scale_changed(self, _: object) -> None:
        self._clamped = (None, 0, 1.0)
        self.refresh()

    def _heads_wanted(self, wanted: bool) -> None:
        """Record and show all heads from now on, or the chosen one alone."""
        self._chosen = True
        now = self.context.selection.now
        self.heads.setVisible(wanted)
        self.context.control.set_probe(Probe(now.layer, None if wanted else now.head))
        self.context.selection.change(all_heads=wanted)
        self.refresh()

    def _top(self) -> float:
        """The probability with the last colour; a percentile is taken again when the map has grown by a tenth."""
        feed, percentile = self._feed, float(self.clamp.currentData())
        if feed is None or percentile >= 100:
            return 1.0
        of, positions, top = self._clamped
        if of is not feed or feed.grid.positions > 1.1 * positions:
            top = clamp_at(feed.grid.cells, percentile)
            self._clamped = (feed, feed.grid.positions, top)
        return top

    def _draw_heads(self) -> None:
        """The small maps, some milliseconds of rows at a time."""
        feed = self._feed
        if feed is None or not self.heads.isVisibleTo(self):
            return
        maps = self._maps
        if maps is None or (maps.session, maps.request_id, maps.layer) != (feed.session, feed.request_id, feed.layer):
            maps = self._maps = HeadMaps(feed.session, feed.request_id, feed.layer)
        changed = maps.update(HEADS_AT_ONCE_S)
        self.heads.selected = feed.head
        self.heads.steps = self.context.selection.now.steps
        self.heads.query = self._shown_query()[0] if self._query is not None else None
        self.heads.show_maps(maps, changed, self.log_box.isChecked(), self._top())
        if maps.behind and self.isVisible():
            self._rest.start()

    def _draw_map(self, dirty: tuple[int, int] | None) -> None:
        feed = self._feed
        if feed is None or feed.grid.positions == 0:
            self.map.show_message(self._nothing_text())
        else:
            self.map.show_grid(feed.grid, dirty, self.log_box.isChecked(), self._top())
            steps = self.context.selection.now.steps
            rows = feed.within(steps) if steps is not None else []
            self.map.mark_range((rows[0], rows[-1]) if rows else None)
        self.note.setText(self._note_text())

    def _pooling_changed(self) -> None:
        """A cell stands for more or fewer positions than before, as the map was zoomed or has another size."""
        self.note.setText(self._note_text())
        self.figures_changed.emit()

    def _note_text(self) -> str:
        feed = self._feed
        if feed is None or feed.grid.positions == 0:
            return ""
        parts = [self.tr("request {id}").format(id=feed.request_id)]
        if feed.head is None:
            parts.append(self.tr("mean of {n} heads ƒ").format(n=feed.heads))
        if feed.grid.factor * self.map.coarseness > 1:
            parts.append(self._pooling())
        return " · ".join(parts)

    def _pooling(self) -> str:
        factor = self.map.coarseness * (self._feed.grid.factor if self._feed is not None else 1)
        return self.tr("a cell is the largest of {n} × {n} positions").format(n=factor)

    def _nothing_text(self) -> str:
        now = self.context.selection.now
        head = self._head_name(now.head)
        requests = self.session.requests.values() if self.session is not None else ()
        if all(request.finished_ns is not None for request in requests):
            form = self.tr(
                "No attention of layer {layer}, {head} was recorded; tick “Record attention of the selected head” and "
                "run the prompt again."
            )
        else:
            form = self.tr(
                "No attention of layer {layer}, {head} is recorded yet; once it is chosen above, rows appear with the "
                "engine's next steps."
            )
        text = form.format(layer=now.layer, head=head)
        maps = self.session.attention_maps() if self.session is not None else []
        if maps:
            known = sorted({(layer, its_head) for _, layer, its_head in maps})
            shown = ", ".join(f"L{layer} H{its_head}" for layer, its_head in known[:8])
            text += " " + self.tr("Recorded: {maps}.").format(maps=shown + (" …" if len(known) > 8 else ""))
        return text

    def _head_name(self, head: int | None) -> str:
        return self.tr("mean of the heads") if head is None else self.tr("head {n}").format(n=head)

    def _shown_query(self) -> tuple[int | None, str]:
        """(the query whose row is shown, what to say about it)."""
        feed, text = self._feed, self._text
        if feed is None or text is None or feed.grid.positions == 0:
            return None, ""
        wanted = self._query
        if wanted is None:
            newest = feed.newest
            return newest, self.tr("Newest row: {token} looks at").format(token=text.name(newest))
        if feed.has(wanted):
            return wanted, self.tr("{token} looks at").format(token=text.name(wanted))
        if wanted > 0 and feed.has(wanted - 1):
            return wanted - 1, self.tr("{token} has not been a query; {before}, which chose it, looks at").format(
                token=text.name(wanted), before=text.name(wanted - 1)
            )
        return None, self.tr("No row of {token} is recorded.").format(token=text.name(wanted))

    def _draw_row(self) -> None:
        feed, text = self._feed, self._text
        shown, sentence = self._shown_query()
        weights = NO_WEIGHTS if feed is None or shown is None else feed.row(shown)
        if not np.isfinite(weights).all():
            sentence += " " + self.tr("no token: the probabilities of this row are not finite")
        elif len(weights):
            best = int(weights.argmax())
            sentence += " " + self.tr(
                "most at {token}, {share} · entropy {nats} nats ƒ · 90 % of it on {few} of the {all} tokens up to it ƒ"
            ).format(
                token=text.name(best) if text is not None else best, share=percent(float(weights[best])),
                nats=significant(attention_entropy(weights)), few=count(widest_tokens(weights, 0.9)),
                all=count(len(weights)),
            )  # fmt: skip
        self.row_label.setText(sentence)
        self.row_label.setToolTip(plain(sentence))
        grown = text is not None and text is self._flow_shown
        self._flow_shown = text
        texts = text.texts if text is not None else []
        self.flow.show_row(texts, weights, shown, self.log_box.isChecked(), grown)
        self.map.mark_row(shown if self._query is not None else None)

    def _fit(self) -> None:
        """Show the whole map and follow its growth."""
        self.fit_button.hide()
        self.map.fit()

    def _split_by_hand(self) -> None:
        self._split_is_mine = False

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A fifth of the height for the text, four lines at most; a low panel keeps its pixels for the map."""
        super().resizeEvent(event)
        self.map.label_axes(event.size().height() >= LOW)
        self.note.setVisible(event.size().width() >= NARROW)
        if self._split_is_mine:
            least = (2 if event.size().height() >= LOW else 1) * self.flow.compact_height
            lines = min(max(event.size().height() // 5, least), 4 * self.flow.line_height)
            text = lines + self.row_label.heightForWidth(self.splitter.width()) + 4 * GRID
            self.splitter.setSizes([max(1, self.splitter.height() - text), text])

    # --- mouse and keys ---------------------------------------------------------------------------------------------

    def describe(self, query: int, key: int) -> str:
        """What a cell of the map says: both tokens and the probability; "" where nothing was recorded."""
        feed, text = self._feed, self._text
        if feed is None or text is None or not 0 <= key <= query < feed.grid.positions:
            return ""
        factor = feed.grid.factor
        if factor > 1:
            value = float(feed.grid.cells[query // factor, key // factor])
            first, other = query // factor * factor, key // factor * factor
            return self.tr("queries {a}-{b} look at keys {c}-{d}: at most {share}  ● measured").format(
                a=first, b=first + factor - 1, c=other, d=other + factor - 1, share=percent(max(0.0, value))
            )
        value = float(feed.grid.cells[query, key])
        if value < 0:
            return ""
        mark = self.tr("● measured") if feed.head is not None else self.tr("ƒ mean of measured heads")
        return self.tr("{query} looks at {key}: {share}  {mark}").format(
            query=text.name(query), key=text.name(key), share=percent(value), mark=mark
        )

    def choose_query(self, position: int) -> None:
        """Show the row of this position, and select its token everywhere (a prompt token has no row of its own)."""
        if self._feed is None or self._text is None or not 0 <= position < len(self._text.texts):
            return
        self._query = position
        self.context.selection.change(token=self._text.token_row(position), request=self._feed.request_id)
        self._query = position
        self.refresh()

    def _move(self, queries: int, layers: int) -> None:
        """Arrow keys in the map: the row before or after, the layer above or below."""
        if layers:
            self.layer_picker.stepBy(layers)
        elif self._feed is not None and self._feed.grid.positions:
            shown = self._query if self._query is not None else self._feed.newest
            self.choose_query(max(0, shown + queries))
