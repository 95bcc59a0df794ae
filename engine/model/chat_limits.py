"""Limits of a chat template, and the messages between the process that renders it and its parent."""

from __future__ import annotations

from typing import Final

import msgspec

MOST_CPU_S: Final = 2.0
"""Processor time of one conversation. Published templates take milliseconds."""
MOST_WALL_S: Final = 8.0
"""Wall time of one conversation; longer than the processor time, because the machine may be busy."""
ORPHAN_S: Final = 12.0
"""After this wall time the process ends itself, in case its parent cannot end it."""
START_S: Final = 30.0
"""How long the process may take to start. No template runs in this time."""
MOST_TEXT_BYTES: Final = 64 * 2**20
MOST_MEMORY_BYTES: Final = 640 * 2**20
"""Address space of the process: the text in pieces, joined and encoded, and 200 MB for Python and its libraries."""
MOST_SOURCE_BYTES: Final = 4 * 2**20
"""Size of the template's source. The longest templates of published models have 30 KB."""


class Conversation(msgspec.Struct, frozen=True):
    """A template, the special tokens that it may use by name (`bos_token` and so on), and the messages to render."""

    source: str
    tokens: dict[str, str]
    messages: list[dict[str, str]]


class Rendered(msgspec.Struct, frozen=True):
    """The text. Where it is None, `error` is the reason, worded as the end of a sentence without the full stop."""

    text: str | None = None
    error: str = ""
