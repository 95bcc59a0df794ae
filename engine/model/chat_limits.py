"""What a chat template may take, and what passes between the process that renders it and its parent."""

from __future__ import annotations

from typing import Final

import msgspec

MOST_CPU_S: Final = 2.0
"""Processor time of one conversation: those of published templates take milliseconds."""
MOST_WALL_S: Final = 8.0
"""The same by the clock, for a machine that has better things to do."""
ORPHAN_S: Final = 12.0
"""After so long the process ends itself, should there be nobody to do it."""
START_S: Final = 30.0
"""How long the process may take to start, which no template has a part in."""
MOST_TEXT_BYTES: Final = 64 * 2**20
MOST_MEMORY_BYTES: Final = 640 * 2**20
"""Address space of the process: the text as pieces, whole and on its way, and 200 MB for Python and its libraries."""
MOST_SOURCE_BYTES: Final = 4 * 2**20
"""A template itself: the longest of published models have 30 KB."""


class Conversation(msgspec.Struct, frozen=True):
    """A template, the special tokens it may name (`bos_token` and so on), and the messages it is to write."""

    source: str
    tokens: dict[str, str]
    messages: list[dict[str, str]]


class Rendered(msgspec.Struct, frozen=True):
    """The text, or (where that is None) why there is none: words that end a sentence, without its full stop."""

    text: str | None = None
    error: str = ""
