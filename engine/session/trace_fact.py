"""The fact `trace` of a session that was imported from a profiler's trace: its file, and what of it is not used."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

MOST_TEXT: Final = 2000
"""The most characters of any text in the fact."""
MOST_KINDS: Final = 64
"""The most kinds of events that are counted by name."""


class TraceFact(msgspec.Struct, frozen=True):
    """What is known of the trace itself.

    `file` is its name. `steps_by` says what the steps were made of: the names of the ranges, "" where none names one.
    `phases_by` says whose time the phases of the steps are: `device` or `host`. `left_out` counts by category the
    events that were not kept, which are neither kernels nor ranges. `unreadable` counts events that are no JSON or tell
    no time, `ends_missing` what began and did not end, `begins_missing` ends of what had not begun. `cut_short` says in
    a sentence where reading stopped before the end; "" where all was read.
    """

    file: str
    size_bytes: int = 0
    changed_ns: int = 0
    """When the file was changed, ns since 1970: with its size, how the same file is known again."""
    steps_by: str = ""
    phases_by: str = ""
    kinds_told: bool = False
    """Whether the names tell for every step which kind it was."""
    left_out: dict[str, int] = {}
    unreadable: int = 0
    ends_missing: int = 0
    begins_missing: int = 0
    cut_short: str = ""


_decoder: Final = msgspec.json.Decoder(TraceFact)


@lru_cache(maxsize=8)  # panels ask again and again
def trace_of(text: str) -> TraceFact | None:
    """The fact from the text of `meta.trace`; None where there is none. Raises ValueError where it is no such fact."""
    if not text:
        return None
    fact = _decoder.decode(text)
    texts = (fact.file, fact.steps_by, fact.phases_by, fact.cut_short, *fact.left_out)
    if any(len(one) > MOST_TEXT for one in texts) or len(fact.left_out) > MOST_KINDS:
        raise ValueError("what is told of the trace is too long")
    return fact


def as_fact(trace: TraceFact) -> str:
    """The text that `trace_of` reads."""
    return msgspec.json.encode(trace).decode()
