"""Inspector panel: everything about one token, from its probability to what its step cost."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from app.core.selection import Selected
from app.core.subject import Subject, subject_of
from app.look.theme import CAPTION_SCALE, GRID, GROUP_GAP, PANEL_PADDING, ROW_GAP, TITLE_SCALE, theme
from app.look.units import (
    NOT_APPLICABLE,
    count,
    percent,
    seconds,
    significant,
    visible_token,
)
from app.models.delay_reading import DelayReading
from app.models.finish_words import finish_words
from app.models.slow_words import slow_sentence
from app.panels.base import ROOM_FOR_ROWS, Panel, PanelContext, WayOut
from app.panels.inspector_facts import chance_words, compared_words, header_words, slow_rows, step_words, token_words
from app.panels.inspector_late import LateLines
from app.panels.inspector_row import ChoosingRow
from app.panels.untold import not_told
from app.widgets.bar_list import Bar, BarList
from app.widgets.plain import plain
from app.widgets.themed_label import ThemedLabel
from engine.figures.delays import Delays
from engine.figures.request_times import ttft_s
from engine.figures.token_facts import Likeliest, TokenFacts, TokenNames, token_facts
from engine.figures.told import told
from engine.figures.why_slow import WhySlow, why_slow
from engine.session.schema import GROUP_OF
from engine.session.serving import Topic
from engine.session.store import RecordedRequest, Session

COLUMN: Final = 230
"""Least width of a column of bars, in pixels."""
BESIDE: Final = QSize(2 * COLUMN + 400, 440)
"""From this width on and below this height (pixels), the bars are beside the facts; below them they would be cut."""
PATTERNS: Final = {
    "new": Qt.BrushStyle.SolidPattern,
    "recomputed": Qt.BrushStyle.BDiagPattern,
    "padding": Qt.BrushStyle.Dense6Pattern,
    "rejected": Qt.BrushStyle.DiagCrossPattern,
    "reused": Qt.BrushStyle.NoBrush,
}

NOT_READ: Final[Likeliest] = (np.empty(0, np.int32), np.empty(0, np.float32))


class InspectorPanel(Panel):
    """The token that all panels show (`subject_of`): the selected one, or the newest one while none is selected."""

    name: ClassVar[str] = "inspector"
    wanted_height: ClassVar[int] = ROOM_FOR_ROWS
    of_range: ClassVar[bool] = False
    needs: ClassVar[tuple[Topic, ...]] = ("tokens",)

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.facts: TokenFacts | None = None
        self._names: TokenNames | None = None
        self._alternatives_read = self.reading()
        self.row = ChoosingRow(context.selection, self.reading())
        self._delays = DelayReading(self.reading())
        self._drawn: tuple[int, int, int] = (-1, -1, -1)
        self._drawn_delays: Delays | None = None
        self._due = False
        """Whether a fact of the shown token was still being read when the token was drawn."""
        self.why: WhySlow | None = None
        """How the token's step compares with others of its kind; None where that is not known."""
        self.token_label = ThemedLabel(muted=False, scale=TITLE_SCALE * TITLE_SCALE, code=True)
        self.chance_label = ThemedLabel(muted=False, wrap=True)
        self.fact_labels: dict[str, ThemedLabel] = {}
        self.late = LateLines(context.selection, self)
        self.alternatives = BarList(self.tr("Likeliest tokens here ●"))
        self.phases = BarList(self.tr("Time of its step by phase ●"))
        self.positions = BarList(self.tr("Positions of its step by class ●"))
        self.row_label, self.flow = self.row.label, self.row.flow
        self.flow.clicked.connect(self._choose)
        self.flow.follow(context.found)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._column_count = 0
        self._beside = False
        self._build()
        self.restyle()

    def _build(self) -> None:
        body = QWidget()
        body.setObjectName("panel-body")
        body.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._body = QGridLayout(body)
        self._body.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, ROW_GAP)
        self._body.setHorizontalSpacing(GROUP_GAP)
        self._body.setVerticalSpacing(ROW_GAP)
        self._head = QVBoxLayout()
        self._head.setSpacing(ROW_GAP)
        self._title = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._title.setSpacing(ROW_GAP)
        self._title.addWidget(self.token_label)
        self._title.addWidget(self.chance_label, 1)
        self._head.addLayout(self._title)
        facts = QGridLayout()
        facts.setHorizontalSpacing(ROW_GAP)
        facts.setVerticalSpacing(GRID)
        facts.setColumnStretch(1, 1)
        for row, (key, name) in enumerate(self._fact_names().items()):
            caption = ThemedLabel(scale=CAPTION_SCALE)
            caption.setAlignment(Qt.AlignmentFlag.AlignTop)
            caption.setText(name)
            self.fact_labels[key] = ThemedLabel(muted=False, scale=CAPTION_SCALE, wrap=True)
            self.fact_labels[key].setAccessibleName(name)
            facts.addWidget(caption, row, 0)
            facts.addWidget(self.fact_labels[key], row, 1)
        self.late.add_to(facts, len(self.fact_labels))
        self._head.addLayout(facts)
        self._head.addStretch()
        self._columns = QGridLayout()
        self._columns.setHorizontalSpacing(GROUP_GAP)
        for bars in (self.alternatives, self.phases, self.positions):
            bars.setParent(body)  # placed when the panel has its width
        self._body.addLayout(self._head, 0, 0)
        self._body.addLayout(self._columns, 1, 0, 1, 2)
        self._body.addWidget(self.row_label, 2, 0, 1, 2)
        self._body.addWidget(self.flow, 3, 0, 1, 2)
        self._body.setRowStretch(3, 1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(body)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._scroll)

    def _fact_names(self) -> dict[str, str]:
        return {
            "token": self.tr("Token"),
            "step": self.tr("Step"),
            "slow": self.tr("Compared"),
            "request": self.tr("Request"),
        }

    # --- Panel ------------------------------------------------------------------------------------------------------

    def figures(self) -> str:
        facts = self.facts
        if facts is None:
            return ""
        return header_words(facts)

    def empty_text(self) -> str:
        subject = self._subject()
        if subject is not None and self.session is not None and len(self.session.tokens):
            return self._why_no_token(subject)
        return self.tr("Run a prompt, then click a token anywhere to see here what it cost and why it was chosen.")

    @property
    def way_out(self) -> WayOut:
        """Nothing where the session has tokens, and the selected place has none: another one is to be selected."""
        return "" if self.session is not None and len(self.session.tokens) and self._subject() is not None else "run"

    @property
    def is_empty(self) -> bool:
        subject = self._subject()
        return subject is None or subject.row is None

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self._names = TokenNames(session) if session is not None else None
        self.row.show_session(session)
        self.facts = None
        self._drawn, self._due = (-1, -1, -1), False
        if session is not None:
            self.refresh()

    def refresh(self) -> None:
        session, names = self.session, self._names
        subject = self._subject()
        if session is None or names is None or subject is None or subject.row is None:
            self.facts, self._drawn = None, (-1, -1, -1)
            return
        now, row = self.context.selection.now, subject.row
        drawn = (
            row,
            session.revision if subject.followed or not self._is_settled(row) else -1,
            hash((now.layer, now.head)),
        )
        delays = self._delays.of(session)
        if drawn == self._drawn and not self._due and delays is self._drawn_delays:
            return
        names.update()
        likeliest = self._likeliest(session, row)
        self.facts = token_facts(session, row, names.names, likeliest or NOT_READ)
        self._write_facts(session, self.facts, subject.followed)
        self.late.show_token(session, delays, self.facts)
        self._show_bars(self.facts)
        self._show_alternatives(self.facts, known=likeliest is not None)
        self._due = not self.row.show_token(session, self.facts) or likeliest is None
        self._drawn, self._drawn_delays = drawn, delays

    def select(self, selected: Selected) -> None:
        self.refresh()

    def restyle(self) -> None:
        self.flow.restyle()
        self.late.restyle()
        if self.facts is not None:
            self._show_bars(self.facts)
            self._show_alternatives(self.facts, known=not self._alternatives_read.busy)

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        facts = self.facts
        rows: list[tuple[object, ...]] = []
        if facts is not None:
            rows += [
                ("request", "id", facts.request.id),
                ("token", "id", facts.token_id),
                ("token", "text", facts.text),
                ("token", "position", facts.position),
            ]
            rows += [("token", "logprob_nats", facts.logprob), ("token", "entropy_nats", facts.entropy_nats)]
            if facts.chunk is not None:
                rows += [("chunk", "tokens", len(facts.chunk.rows)), ("chunk", "gap_s", facts.chunk.gap_s)]
            rows += [("step", "id", facts.step), ("step", "wall_s", facts.step_s)]
            rows += [] if facts.received_s is None else [("step", "received_later_s", facts.received_s)]
            rows += [("phase_s", name, value) for name, value in facts.phases_s]
            rows += [("positions", name, value) for name, value in facts.positions.items()]
            rows += slow_rows(self.why)
            rows += self.late.rows()
            rows += [("alternative_logprob", one.token_id, one.logprob) for one in facts.alternatives]
            rows += [("alternative_text", one.token_id, one.text) for one in facts.alternatives if one.text is not None]
            rows += self.row.rows()
        return ["of", "what", "value"], rows

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 120)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the lists of bars in one to three columns, by the width; in a low and wide panel beside the facts."""
        super().resizeEvent(event)
        width, height = event.size().width(), event.size().height()
        beside = width >= BESIDE.width() and height < BESIDE.height()
        if beside != self._beside:
            self._beside = beside
            way = QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom
            self._title.setDirection(way)  # a low panel has no room for two lines before the facts
            self.chance_label.scale_to(CAPTION_SCALE if beside else 1.0)
            self._body.removeItem(self._columns)
            self._body.addLayout(self._columns, *((0, 1, 1, 1) if beside else (1, 0, 1, 2)))
            self._body.setColumnStretch(0, 2 if beside else 1)
            self._body.setColumnStretch(1, 3 if beside else 0)
        columns = min(3, max(1, (width * 3 // 5 if beside else width) // COLUMN))
        if columns == self._column_count:
            return
        self._column_count = columns
        places = {1: ((0, 0), (1, 0), (2, 0)), 2: ((0, 0), (0, 1), (1, 0)), 3: ((0, 0), (0, 1), (0, 2))}[columns]
        for widget, (row, column) in zip((self.alternatives, self.phases, self.positions), places, strict=True):
            self._columns.removeWidget(widget)
            span = 2 if columns == 2 and widget is self.phases else 1
            self._columns.addWidget(widget, row, column, span, 1, Qt.AlignmentFlag.AlignTop)
        for column in range(3):
            self._columns.setColumnStretch(column, 1 if column < columns else 0)

    # --- what is shown ----------------------------------------------------------------------------------------------

    def _subject(self) -> Subject | None:
        """What all panels show now."""
        return None if self.session is None else subject_of(self.session, self.context.selection.now)

    def _why_no_token(self, subject: Subject) -> str:
        if subject.position is not None:
            return self.tr(
                "Position {n} of request {id} is part of the prompt: it was given, not chosen. Click a generated token."
            ).format(n=count(subject.position), id=subject.request)
        if subject.step is not None:
            words = self.tr("Step {step} gave request {id} no token. Choose another step, or click a token.").format(
                step=count(subject.step), id=subject.request
            )
            why = None if self.session is None else why_slow(self.session, subject.step)
            return words if why is None else f"{words}\n{slow_sentence(why)}"
        return self.tr("Request {id} has no token yet.").format(id=subject.request)

    def _likeliest(self, session: Session, row: int) -> Likeliest | None:
        """The likeliest tokens at the position of a token; None while they are read from the file."""
        token = int(session.tokens["id"][row])
        if session.details.alternatives_in_memory(token):
            self._alternatives_read.forget()
            return session.details.alternatives(token)
        found = self._alternatives_read.answer(
            session, token, lambda patience: session.details.alternatives(token, patience)
        )
        return None if found is None else found.value

    def _is_settled(self, row: int) -> bool:
        """Whether all facts about a token are taken as recorded: at least 64 later tokens are in the session.

        By then its step has ended, and the token has been a query.
        """
        return self.session is not None and row + 64 < len(self.session.tokens)

    def _write_facts(self, session: Session, facts: TokenFacts, followed: bool) -> None:
        text = f"“{visible_token(facts.shown)}”"
        self.token_label.setText(text + (self.tr("  newest") if followed else ""))
        self.chance_label.setText(chance_words(session, facts))
        self.why = None if facts.step is None else why_slow(session, facts.step)
        values = {
            "token": token_words(session, facts),
            "step": step_words(session, facts),
            "slow": compared_words(session, facts, self.why),
            "request": self._request_line(session, facts.request),
        }
        for key, value in values.items():
            self.fact_labels[key].setText(value)
            self.fact_labels[key].setToolTip(plain(value))

    def _request_line(self, session: Session, request: RecordedRequest) -> str:
        ttft = ttft_s(session, request)
        template = self.tr("{id} · {prompt} prompt tokens, {out} generated · first token after {ttft} ● · {state}")
        return template.format(
            id=request.id,
            prompt=count(request.prompt_tokens),
            out=count(len(request.token_rows)),
            ttft=NOT_APPLICABLE if ttft is None else seconds(ttft),
            state=finish_words(request) or self.tr("running"),
        )

    def _show_alternatives(self, facts: TokenFacts, known: bool) -> None:
        """Draw the likeliest tokens. While they are read, the ones shown before stay until the read counts as slow."""
        if not known:
            if self._alternatives_read.is_slow:
                self.alternatives.show_bars([], self.tr("reading…"))
            return
        colours = theme()
        best = max((one.probability for one in facts.alternatives), default=1.0) or 1.0
        self.alternatives.show_bars(
            [
                Bar(
                    visible_token(one.text) if one.text is not None else f"#{one.token_id}", one.probability / best,
                    percent(one.probability), colours.accent, strong=one.chosen, code=True,
                    tip=self.tr("id {id} · logprob {logprob} nats ●").format(
                        id=one.token_id, logprob=significant(one.logprob)
                    ),
                )
                for one in facts.alternatives
            ],
            self.tr("not recorded") if self.session is None or self.session.serving is None else not_told(),
        )  # fmt: skip

    def _show_bars(self, facts: TokenFacts) -> None:
        colours, session = theme(), self.session
        longest = max((value for _, value in facts.phases_s), default=1.0)
        self.phases.show_bars(
            [
                Bar(
                    name,
                    value / longest,
                    seconds(value),
                    colours.groups["draft" if name == "draft" else GROUP_OF[name]],
                )
                for name, value in facts.phases_s
            ],
            self.tr("not recorded below detail “phase”") if session is None or told(session, "phases") else not_told(),
        )
        classes = {name: n for name, n in facts.positions.items() if name != "computed"}
        most = max((n for n in classes.values() if n is not None), default=0) or 1
        untold = self.tr("not told")
        self.positions.show_bars(
            [
                Bar(
                    self._class(name), (n or 0) / most, untold if n is None else count(n), colours.positions[name],
                    pattern=PATTERNS[name],
                )
                for name, n in classes.items()
            ]
        )  # fmt: skip
        for of_step in (self.phases, self.positions):
            of_step.setVisible(facts.step is not None)

    def _class(self, name: str) -> str:
        return {
            "new": self.tr("new"),
            "recomputed": self.tr("recomputed"),
            "padding": self.tr("padding"),
            "rejected": self.tr("rejected"),
            "reused": self.tr("reused from the cache"),
        }[name]

    # --- mouse and keys ---------------------------------------------------------------------------------------------

    def _choose(self, position: int) -> None:
        row = self.row.text.token_row(position) if self.row.text is not None else None
        if row is not None and self.facts is not None:
            self.context.selection.change(token=row, request=self.facts.request.id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        move = moves.get(Qt.Key(event.key()))
        if move is None or self.facts is None:
            super().keyPressEvent(event)
            return
        self._choose(self.facts.position + move)
