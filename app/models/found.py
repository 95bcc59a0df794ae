"""What a search found so far, as a list, and where it is in each request: the list and all texts show the same."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.look.units import count, cut, name_of, seconds
from engine.figures.finding import NOWHERE, Hit, TextPattern
from engine.figures.text_pieces import TextPieces
from engine.session.columns import Columns
from engine.session.store import Session

Ints = NDArray[np.int64]
PLACE: Final = ("request", "first", "last", "offset", "length")
AROUND: Final = 24
"""Tokens before and behind a place that are shown with it."""
AROUND_CHARACTERS: Final = 80


@dataclass(frozen=True, slots=True)
class Row:
    """One thing found: what it is, where, and the text around it."""

    kind: str
    where: str
    before: str = ""
    match: str = ""
    after: str = ""

    @property
    def text(self) -> str:
        """All of it, for those who cannot see the columns."""
        return " · ".join(filter(None, (self.kind, self.where, f"{self.before}{self.match}{self.after}")))


class Found(QObject):
    """The hits of the newest search, in its order: what was asked for by number or name, then the places in texts."""

    changed = Signal()
    """Another search began, hits came, it ended, or what was found is not shown any more."""
    went = Signal()
    """Another hit is the present one."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session: Session | None = None
        self.pattern: TextPattern | None = None
        self.named: list[Hit] = []
        self.over = True
        """Whether all was searched."""
        self.at: int | None = None
        """The present hit."""
        self.revision = -1
        """The revision of the session that was searched."""
        self._marks = False
        self._places = self._none()
        self._pieces: tuple[int, TextPieces] | None = None
        self._in_request: dict[int, tuple[int, list[tuple[int, int]]]] = {}

    @property
    def grown(self) -> bool:
        """Whether the session has grown since the search began."""
        return self.session is not None and self.pattern is not None and self.session.revision != self.revision

    def __len__(self) -> int:
        return len(self.named) + len(self._places)

    # --- the search -------------------------------------------------------------------------------------------------

    def begin(self, session: Session | None, pattern: TextPattern | None) -> None:
        """Begin a search; None: there is none, and nothing is shown."""
        self.session, self.pattern = session, pattern
        self.named, self.over, self.at = [], pattern is None, None
        self.revision = -1 if session is None else session.revision
        self._places, self._pieces = self._none(), None
        self._in_request.clear()
        self.changed.emit()

    def add_named(self, hits: list[Hit]) -> None:
        """Add what was asked for by its number or name; before any place."""
        self.named = [*self.named, *hits]
        self.changed.emit()

    def add_places(self, places: Ints) -> None:
        """Add places in texts, int64 [hits, 5] as `finding.found_in` gives them."""
        self._places.extend_columns(dict(zip(PLACE, places.T, strict=True)))
        self.changed.emit()

    def end(self) -> None:
        """All was searched."""
        self.over = True
        self.changed.emit()

    @property
    def marks(self) -> bool:
        """Whether texts mark what was found."""
        return self._marks and self.pattern is not None

    def mark(self, marks: bool) -> None:
        """Have texts mark what was found, or not."""
        if marks != self._marks:
            self._marks = marks
            self.changed.emit()

    def go(self, at: int | None) -> None:
        """Make a hit the present one."""
        self.at = at
        self.went.emit()

    @staticmethod
    def _none() -> Columns:
        return Columns(dict.fromkeys(PLACE, np.int64), 64)

    # --- one hit ----------------------------------------------------------------------------------------------------

    def row(self, index: int) -> Row:
        """What a hit is, where and in which text."""
        session = self.session
        if session is None:
            return Row("", "")
        if index < len(self.named):
            return _named_row(session, self.named[index])
        request, first, last, offset, length = self._place(index)
        if first == NOWHERE:
            prompt = session.requests[request].prompt
            before, match, after = prompt[:offset], prompt[offset : offset + length], prompt[offset + length :]
            return _shown(kind_words()["prompt"], _request_words(request), before, match, after)
        pieces = self._text_of(session, request)
        begin = max(first - AROUND, 0)
        before = "".join(pieces.between(begin, first))
        text = "".join(pieces.between(first, last + 1 + AROUND))
        row = pieces.row(first)
        where, kind = _request_words(request), "prompt" if row is None else "text"
        if row is None:
            position = QCoreApplication.translate("Find", "position {}").format(count(first))
            where = f"{where} · {position}"
        else:
            where = f"{where} · {_moment_words(session, row)}"
        return _shown(
            kind_words()[kind], where, before + text[:offset], text[offset : offset + length], text[offset + length :]
        )

    def target(self, index: int) -> dict[str, int | None]:
        """What to select for a hit, as the fields of `Selection.change`; {} where there is nothing to select."""
        session = self.session
        if session is None:
            return {}
        if index < len(self.named):
            return _named_target(session, self.named[index])
        request, first = self._place(index)[:2]
        if first == NOWHERE:
            return {"request": request}
        row = self._text_of(session, request).row(first)
        return {"request": request, "position": first} if row is None else {"token": row}

    def in_request(self, request: int | None) -> list[tuple[int, int]]:
        """The first and the last position of each place in a request's text that is marked, in their order."""
        known = len(self._places)
        if request is None or not known or not self.marks:
            return []
        kept = self._in_request.get(request)
        if kept is None or kept[0] != known:
            own = (self._places["request"][:known] == request) & (self._places["first"][:known] >= 0)
            first, last = (self._places[name][:known][own].tolist() for name in ("first", "last"))
            kept = self._in_request[request] = (known, list(zip(first, last, strict=True)))
        return kept[1]

    def has(self, request: int | None, position: int) -> bool:
        """Whether a position of a request is part of what is marked."""
        places = self.in_request(request)
        index = bisect_right(places, (position, 2**62)) - 1
        return index >= 0 and places[index][1] >= position

    def _place(self, index: int) -> tuple[int, int, int, int, int]:
        at = index - len(self.named)
        request, first, last, offset, length = (int(self._places[name][at]) for name in PLACE)
        return request, first, last, offset, length

    def _text_of(self, session: Session, request: int) -> TextPieces:
        """The pieces of a request's text; those of the last one are kept."""
        if self._pieces is None or self._pieces[0] != request:
            self._pieces = (request, TextPieces(session, session.requests[request]))
        return self._pieces[1]


def _shown(kind: str, where: str, before: str, match: str, after: str) -> Row:
    """A row whose texts are short, straight and on one line."""
    before, match, after = (_one_line(text) for text in (before, match, after))
    return Row(kind, where, before[-AROUND_CHARACTERS:], cut(match, AROUND_CHARACTERS), cut(after, AROUND_CHARACTERS))


def _one_line(text: str) -> str:
    return cut(text, 100 * AROUND_CHARACTERS).replace("\r", "").replace("\n", "↵").replace("\t", "→")


def kind_words() -> dict[str, str]:
    """What a hit is, by its kind."""
    translate = QCoreApplication.translate
    return {
        "text": translate("Find", "Text"), "prompt": translate("Find", "Prompt"), "step": translate("Find", "Step"),
        "request": translate("Find", "Request"), "mark": translate("Find", "Mark"),
    }  # fmt: skip


def widest_where() -> str:
    """Words that are about as wide as those of any place."""
    return f"{_request_words(999)} · {_step_words(99_999)} · {seconds(0.0999)}"


def _request_words(request: int) -> str:
    return QCoreApplication.translate("Find", "request {}").format(count(request))


def _step_words(step: int) -> str:
    return QCoreApplication.translate("Find", "step {}").format(count(step))


def _moment_words(session: Session, row: int) -> str:
    """The step of a token, and when it was emitted."""
    step, moment = int(session.tokens["step_id"][row]), seconds(int(session.tokens["emitted_ns"][row]) / 1e9)
    return f"{_step_words(step)} · {moment}" if step >= 0 else moment


def _named_row(session: Session, hit: Hit) -> Row:
    kind = kind_words()[hit.kind]
    if hit.step is not None:
        return Row(kind, f"{_step_words(hit.step)} · {seconds(int(session.steps['start_ns'][hit.step]) / 1e9)}")
    if hit.request is not None:
        return Row(kind, _request_words(hit.request), after=name_of(session.requests[hit.request].prompt))
    return Row(kind, "" if hit.t_ns is None else seconds(hit.t_ns / 1e9), match=name_of(hit.label))


def _named_target(session: Session, hit: Hit) -> dict[str, int | None]:
    if hit.step is not None:
        return {"step": hit.step, "token": None}
    if hit.request is not None:
        return {"request": hit.request}
    if hit.t_ns is None:
        return {}
    if len(session.steps):
        step = int(np.searchsorted(session.steps["start_ns"], hit.t_ns, "right")) - 1
        return {"step": max(step, 0), "token": None}
    emitted = session.tokens["emitted_ns"]
    if not len(emitted):
        return {}
    return {"token": min(int(np.searchsorted(emitted, hit.t_ns)), len(emitted) - 1)}
