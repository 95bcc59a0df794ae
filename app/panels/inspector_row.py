"""The last lines of the Inspector: the attention row that chose the token, that of the token before it, over the text.

The translation context is InspectorPanel.
"""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.core.reading import Reading
from app.core.selection import Selection
from app.look.theme import CAPTION_SCALE
from app.look.units import DERIVED, MEASURED
from app.models.attention_gap_words import why_missing
from app.models.attention_rows import ExactRow
from app.models.request_text import RequestText
from app.panels.untold import not_told
from app.widgets.plain import plain
from app.widgets.themed_label import ThemedLabel
from app.widgets.token_flow import NO_WEIGHTS, TokenFlow
from engine.figures.attention_gaps import AttentionGaps
from engine.figures.token_facts import TokenFacts
from engine.figures.told import told
from engine.session.store import RecordedRequest, Session


class ChoosingRow:
    """A label and the text of the request; the text is shaded by the row."""

    def __init__(self, selection: Selection, reading: Reading) -> None:
        self._selection = selection
        self._reading = reading
        self._exact: ExactRow | None = None
        self._gaps: AttentionGaps | None = None
        self._flow_text: RequestText | None = None
        self._shown: list[tuple[object, ...]] = []
        self.text: RequestText | None = None
        """The request's text by position; None before a token is shown."""
        self.label = ThemedLabel(scale=CAPTION_SCALE, wrap=True)
        self.flow = TokenFlow()

    def show_session(self, session: Session | None) -> None:
        """Drop the text and the row of the session before."""
        self._exact = ExactRow(session, self._reading) if session is not None else None
        self.text = self._flow_text = self._gaps = None
        self._shown = []

    def show_token(self, session: Session, facts: TokenFacts) -> bool:
        """Draw the row that chose a token.

        Returns False while the row is read; the row shown before then stays until the read counts as slow.
        """
        request, query = facts.request, facts.position - 1
        layer, head = self._recorded_map(session, request.id)
        if self.text is None or self.text.request is not request:
            self.text = RequestText(session, request)
        self.text.update()
        weights = NO_WEIGHTS
        if query < 0:
            self._reading.forget()
        elif self._exact is not None:
            found = self._exact.read(request.id, layer, head, query)
            if found is None and not self._reading.is_slow:
                return False
            weights = NO_WEIGHTS if found is None else found
        missing = "" if len(weights) or self._reading.busy else self._why_missing(session, request, layer, head, query)
        self._write(session, self.text, (layer, head, query), missing)
        grown = self._flow_text is self.text
        self._flow_text = self.text
        self.flow.show_row(self.text.texts, weights, facts.position, False, grown, request.id)
        return not self._reading.busy

    def rows(self) -> list[tuple[object, ...]]:
        """What is copied as CSV: which row it is, and why it is missing."""
        return self._shown

    def _write(self, session: Session, text: RequestText, of: tuple[int, int | None, int], missing: str) -> None:
        """Name the row above the text, or say why there is none; `of` is its layer, head and query."""
        translate = QCoreApplication.translate
        layer, head, query = of
        heads = translate("InspectorPanel", "mean of the heads")
        if head is not None:
            heads = translate("InspectorPanel", "head {n}").format(n=head)
        where = translate("InspectorPanel", "layer {layer}, {head}").format(layer=layer, head=heads)
        if self._reading.busy:
            words = translate("InspectorPanel", "reading…")
        elif not told(session, "attention"):
            words = translate("InspectorPanel", "Its attention row: {untold}").format(untold=not_told())
        elif query < 0:
            words = translate("InspectorPanel", "It is the first token: no row of attention chose it.")
        elif missing:
            words = translate(
                "InspectorPanel", "The row of {query}, which chose it, was not recorded ({where}). {why}"
            ).format(query=text.name(query), where=where, why=missing)
        else:
            words = translate("InspectorPanel", "Where {query} looked to choose it ({where}) {mark}").format(
                query=text.name(query), where=where, mark=MEASURED if head is not None else DERIVED
            )
        self.label.setText(words)
        self.label.setToolTip(plain(words))
        self._shown = [
            ("attention_row", "query_position", query), ("attention_row", "layer", layer),
            ("attention_row", "head", "mean" if head is None else head), ("attention_row", "missing", missing),
        ]  # fmt: skip

    def _why_missing(self, session: Session, request: RecordedRequest, layer: int, head: int | None, query: int) -> str:
        if not told(session, "attention") or query < 0:
            return ""
        if self._gaps is None or self._gaps.request != request.id:
            self._gaps = AttentionGaps(session, request.id)
        self._gaps.update()
        missing = self._gaps.why(query, layer, head)
        return why_missing(missing, missing.head is None, session.dropped["attention_rows"])

    def _recorded_map(self, session: Session, request_id: int) -> tuple[int, int | None]:
        """(layer, head) of the selection; if that was not recorded for the request, of its last map in order."""
        now = self._selection.now
        maps = [(layer, head) for request, layer, head in session.details.attention_maps() if request == request_id]
        if not maps or any(layer == now.layer and now.head in (None, head) for layer, head in maps):
            return now.layer, now.head
        return maps[-1]
