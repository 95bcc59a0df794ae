"""Finds text in the requests of a session, also where it spans several tokens, without holding up another thread."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.figures.text_pieces import TextPieces
from engine.session.store import RecordedRequest, Session

Ints = NDArray[np.int64]
Kind = Literal["step", "request", "mark", "prompt", "text"]
CHUNK: Final = 4096
"""Tokens that are searched at once: about a millisecond, in which no other thread runs."""
ORDINAL: Final = "第"
NUMBER: Final = re.compile(r"(?P<of>\D*?)\s*(?P<number>\d{1,18})\s*(?P<after>\D*)")
STEP_MARK: Final = "#"
NOWHERE: Final = -1
NOTHING: Final = np.empty((0, 5), np.int64)


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found that is not a place in a text."""

    kind: Kind
    step: int | None = None
    request: int | None = None
    t_ns: int | None = None
    """The moment of a mark."""
    label: str = ""
    """What a mark says."""


@dataclass(frozen=True)
class TextPattern:
    """What is looked for: `typed`, whatever the case of its letters unless one of them is a capital.

    A letter with an accent is found composed and decomposed (é as one character, or as e and an accent).
    """

    typed: str

    @cached_property
    def forms(self) -> list[str]:
        """The texts that count as found, the longest first."""
        forms = {self.typed, *(unicodedata.normalize(form, self.typed) for form in ("NFC", "NFD"))}
        return sorted(forms, key=lambda one: (-len(one), one))

    @cached_property
    def regex(self) -> re.Pattern[str]:
        flags = 0 if any(letter.isupper() for letter in self.typed) else re.IGNORECASE
        return re.compile("|".join(map(re.escape, self.forms)), flags)

    @property
    def longest(self) -> int:
        return len(self.forms[0])

    def spans(self, text: str, first: int = 0) -> Iterator[tuple[int, int]]:
        """Where it stands in a text, [first, end) in characters, without overlaps."""
        return (match.span() for match in self.regex.finditer(text, first))


def found_in(session: Session, pattern: TextPattern) -> Iterator[Ints]:
    """The places of a pattern in all requests, in the order of requests and positions, part by part.

    Each part is int64 [hits, 5]: the request, the positions of its first and its last token, the character of the first
    token where it begins, and its length in characters. A prompt of which no token is told has NOWHERE for both
    positions, and the character of the prompt. A part may be empty: who asks can stop after each.
    """
    for request_id in session.requests:
        request = session.requests[request_id]
        pieces = TextPieces(session, request)
        for spans in spans_in(pieces, pattern):
            yield np.concatenate([np.full((len(spans), 1), request_id), spans], axis=1)
        yield _in_prompt(request, pattern) if pieces.prompt_place() is None else NOTHING


def spans_in(pieces: TextPieces, pattern: TextPattern, chunk: int = CHUNK) -> Iterator[Ints]:
    """The places in one request's text, int64 [hits, 4] as the last columns of `found_in`, chunk by chunk of tokens."""
    text, base, free = "", 0, 0
    """What is not searched yet, which character of the whole is its first, and from where on no hit has been."""
    starts, token = np.empty(0, np.int64), 0
    """The first character of each token that `text` has a part of, and the position of the first of them."""
    end = len(pieces)
    for first in range(0, end, chunk):
        new = pieces.between(first, min(first + chunk, end))
        known, text = base + len(text), text + "".join(new)
        is_last = first + chunk >= end
        searched = len(text) if is_last else max(len(text) - pattern.longest + 1, 0)
        spans = []
        for span in pattern.spans(text, max(free - base, 0)):
            if span[0] >= searched:
                break  # a longer form of it may go on in the next chunk
            spans.append(span)
        if is_last and not spans:
            break  # where the tokens begin is of no use
        lengths = np.fromiter(map(len, new), np.int64, len(new))
        starts = np.append(starts, known + np.cumsum(lengths) - lengths)
        places = base + np.array(spans, np.int64).reshape(-1, 2)
        if len(places):
            free = int(places[-1, 1])
        begin = np.searchsorted(starts, places[:, 0], "right") - 1
        last = np.searchsorted(starts, places[:, 1] - 1, "right") - 1
        yield np.stack([token + begin, token + last, places[:, 0] - starts[begin], places[:, 1] - places[:, 0]], axis=1)
        done = max(searched, free - base)
        text, base = text[done:], base + done
        passed = max(int(np.searchsorted(starts, base, "right")) - 1, 0)
        starts, token = starts[passed:], token + passed


def _in_prompt(request: RecordedRequest, pattern: TextPattern) -> Ints:
    """The places in a prompt whose tokens are not told."""
    found = [(request.id, NOWHERE, NOWHERE, first, end - first) for first, end in pattern.spans(request.prompt)]
    return np.array(found, np.int64).reshape(-1, 5)


# --- what has a number or a name --------------------------------------------------------------------------------------


def numbered(session: Session, typed: str, words: Mapping[str, Kind]) -> list[Hit]:
    """The step or the request that was asked for by its number: `#120`, `step 120`, `request 3`; `120` means both.

    `words` are those that stand for a step and for a request, in small letters. In Chinese the word follows:
    `第 120 步`.
    """
    match = NUMBER.fullmatch(typed.strip().casefold())
    if match is None:
        return []
    of, number, after = match["of"].strip(), int(match["number"]), match["after"].strip()
    if after and of in ("", ORDINAL):
        of = after
    elif after:
        return []
    kinds = {"": ("step", "request"), STEP_MARK: ("step",)}.get(of) or ((words[of],) if of in words else ())
    found = []
    if "step" in kinds and number < len(session.steps):
        found.append(Hit("step", step=number))
    if "request" in kinds and number in session.requests:
        found.append(Hit("request", request=number))
    return found


def marked(marks: list[tuple[int, str]], pattern: TextPattern) -> list[Hit]:
    """Those of these marks, (moment in ns, label) each, whose label has the pattern."""
    return [Hit("mark", t_ns=t_ns, label=label) for t_ns, label in marks if pattern.regex.search(label)]


def asked_for(session: Session, typed: str) -> list[Hit]:
    """The requests whose prompt has all of several words, but not one after the other: those are found as text."""
    words = typed.split()
    if len(words) < 2:
        return []
    whole, each = TextPattern(typed.strip()), [TextPattern(word) for word in words]
    return [
        Hit("request", request=request.id)
        for request in (session.requests[one] for one in session.requests)
        if all(one.regex.search(request.prompt) for one in each) and not whole.regex.search(request.prompt)
    ]
