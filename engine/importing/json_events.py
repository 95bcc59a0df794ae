"""Divides the text of a trace into events while it is read, in memory that is bounded whatever the text holds.

A trace is one JSON object whose list `traceEvents` may have millions of entries, or (older) that list alone. Only the
texts outside of the list are decoded whole, and they are bounded. Where events end is found for many of them at once:
quotes, braces and brackets are found by numpy, those inside of texts are left out by the parity of the quotes before
them, and the depth is a running sum. An event that is no JSON is counted and left out; those beside it are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.importing.trace_event import BareEvent, TraceEvent
from engine.importing.trace_text import TraceError, TraceText
from engine.plain_text import path_text

MOST_AROUND: Final = 2**24
"""Bytes of text before the list of events, and after it."""
MOST_EVENT: Final = 2**23
"""Bytes of one event."""
LIST: Final = re.compile(rb'"traceEvents"\s*:\s*\[')
NO_NUMBER: Final = re.compile(rb"(:\s*)-?(?:inf|nan|Infinity|NaN)(?=\s*[,}\]])")
"""What Kineto writes for a rate that it divides by zero."""

QUOTE, ESCAPE, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST = b'"\\{}[]'
_events: Final = msgspec.json.Decoder(list[TraceEvent])
_event: Final = msgspec.json.Decoder(TraceEvent)
_bare: Final = msgspec.json.Decoder(BareEvent)


class JsonEvents:
    """The events of a trace in batches; `facts` are the keys beside the list, complete when the last batch was given.

    Raises TraceError where the text is no JSON object or list, or holds no list of events.
    """

    def __init__(self, text: TraceText) -> None:
        self.facts: dict[str, Any] = {}
        self.unreadable = 0
        self.cut_short = ""
        self._text = text
        self._pieces = iter(text)

    def batches(self) -> Iterator[list[TraceEvent | BareEvent]]:
        """The events in the order of the text; a batch is those of one piece of it."""
        buffer = self._begin()
        ended = False
        while not ended:
            starts, ends, stop = boundaries(buffer)
            if len(ends):
                yield self._decoded(buffer, starts[: len(ends)], ends)
            if stop is not None:
                self._finish(buffer[stop + 1 :])
                return
            buffer = buffer[int(ends[-1]) + 1 :] if len(ends) else buffer
            if len(buffer) > MOST_EVENT:
                self.cut_short = "an event in it does not end"
                return
            piece = next(self._pieces, None)
            ended = piece is None
            buffer += piece or b""
        self.cut_short = self._text.cut_short or "it ends in the middle"

    def _begin(self) -> bytes:
        """Read what is before the events; the text from the first event on."""
        buffer = b""
        name = path_text(self._text.path)
        for piece in self._pieces:
            buffer += piece
            begin = buffer.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
            if begin == b"[":
                return buffer[buffer.index(b"[") + 1 :]
            if begin not in (b"{", b""):
                raise TraceError(f"{name} is no profiler's trace: it is not JSON.")
            found = LIST.search(buffer)
            if found is not None:
                self._learn(buffer[: found.start()].rstrip(b" \t\r\n,") + b"}")
                return buffer[found.end() :]
            if len(buffer) > MOST_AROUND:
                break
        if not buffer:
            raise TraceError(f"{name} is empty{f': {self._text.cut_short}' if self._text.cut_short else ''}.")
        raise TraceError(f"{name} is no profiler's trace: it has no list “traceEvents”.")

    def _finish(self, after: bytes) -> None:
        """Read what is after the events. Where it is damaged, or too much, only its facts are missing."""
        for piece in self._pieces:
            after += piece
            if len(after) > MOST_AROUND:
                return
        self._learn(b"{" + after.strip().lstrip(b","))
        self.cut_short = self._text.cut_short

    def _learn(self, text: bytes) -> None:
        try:
            facts = msgspec.json.decode(text)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return
        if isinstance(facts, dict):
            self.facts |= facts

    def _decoded(
        self, buffer: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> list[TraceEvent | BareEvent]:
        part = buffer[int(starts[0]) : int(ends[-1]) + 1]
        for text in (part, NO_NUMBER.sub(rb"\1null", part)):
            try:
                return list(_events.decode(b"[" + text + b"]"))
            except (msgspec.MsgspecError, ValueError, RecursionError):
                continue
        found = [_one(buffer[a : b + 1]) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        readable = [event for event in found if event is not None]
        self.unreadable += len(found) - len(readable)
        return readable


def _one(text: bytes) -> TraceEvent | BareEvent | None:
    """One event; without its arguments where these are of another form, None where it is no JSON object."""
    text = NO_NUMBER.sub(rb"\1null", text.decode(errors="replace").encode())
    decoders: tuple[msgspec.json.Decoder[Any], ...] = (_event, _bare)
    for decoder in decoders:
        try:
            event: TraceEvent | BareEvent = decoder.decode(text)
            return event
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
    return None


def boundaries(text: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], int | None]:
    """(starts, ends, stop) in a text that begins between two entries of a list: where the braces of each whole object
    are, and where the list itself ends, None where it does not.
    """
    codes = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(codes == QUOTE)
    if ESCAPE in text:
        quotes = quotes[~_escaped(codes, quotes)]
    braces = np.flatnonzero((codes == OPEN) | (codes == CLOSE) | (codes == OPEN_LIST) | (codes == CLOSE_LIST))
    braces = braces[np.searchsorted(quotes, braces) % 2 == 0]
    opens = (codes[braces] == OPEN) | (codes[braces] == OPEN_LIST)
    depth = np.cumsum(np.where(opens, 1, -1))
    over = np.flatnonzero(depth < 0)
    stop = None
    if len(over):
        stop = int(braces[over[0]])
        braces, opens, depth = (one[: over[0]] for one in (braces, opens, depth))
    starts, ends = braces[opens & (depth == 1)], braces[~opens & (depth == 0)]
    return starts, ends, stop


def _escaped(codes: NDArray[np.uint8], quotes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether an odd number of backslashes stands before each quote."""
    slashes = np.flatnonzero(codes == ESCAPE)
    first_of_run = np.concatenate(([True], np.diff(slashes) != 1))
    begins = slashes[np.maximum.accumulate(np.where(first_of_run, np.arange(len(slashes)), 0))]
    before = np.searchsorted(slashes, quotes) - 1
    at = np.maximum(before, 0)
    touches = (before >= 0) & (slashes[at] == quotes - 1)
    odd: NDArray[np.bool_] = touches & ((slashes[at] - begins[at]) % 2 == 0)
    return odd
