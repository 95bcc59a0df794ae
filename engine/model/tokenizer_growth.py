"""Limits how much longer a tokenizer.json may make a text: forty replacements of "a" by "aa" turn one letter into 1 TB.

The normalizer, pre-tokenizer and decoder are checked as they are in the file. A bound on their growth follows from
their parts, so nothing is run.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.errors import CheckpointError
from engine.plain_text import path_text

MOST_GROWTH: Final = 64
"""Largest growth, as a factor of the text's length. Published tokenizers do not grow a text: they replace
a space by "▁" and the like."""
LONGEST_ADDED: Final = 1000
"""Most characters that a part may put before a text."""
LONGEST_TEMPLATE: Final = 10_000
"""Most tokens that may be put around a text."""
PREFIX_BYTES: Final = 4
BYTE_LEVEL: Final = 4.0
"""Growth by a `ByteLevel` part: a character of four bytes becomes four characters, each of one or two bytes. A second
such part at most doubles those."""


class Parts(msgspec.Struct):
    """The parts of a tokenizer.json that change a text, without the vocabulary."""

    normalizer: dict[str, Any] | None = None
    pre_tokenizer: dict[str, Any] | None = None
    decoder: dict[str, Any] | None = None
    post_processor: dict[str, Any] | None = None


_parts: Final = msgspec.json.Decoder(Parts)


class TooLong(Exception):  # noqa: N818 - always caught in `check_growth`
    """A part makes a text longer than is allowed; the message names it."""


def check_growth(file: Path, raw: bytes) -> None:
    """Raise CheckpointError where this tokenizer.json could make a short text very long.

    A file that is not a tokenizer.json at all passes here: the library that reads it refuses it.
    """
    try:
        parts = _parts.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return
    try:
        for growth in (growth_of(parts.normalizer) * growth_of(parts.pre_tokenizer), growth_of(parts.decoder)):
            if growth > MOST_GROWTH:
                raise TooLong(f"its replacements make a text more than {MOST_GROWTH} times as long")
        check_template(parts.post_processor)
    except TooLong as error:
        raise CheckpointError(f"{path_text(file)} cannot be used: {error}.") from error
    except RecursionError as error:
        raise CheckpointError(f"{path_text(file)} cannot be used: it is nested too deeply.") from error


def growth_of(part: Any) -> float:
    """The most characters that a normalizer, a pre-tokenizer or a decoder can make of one character."""
    if not isinstance(part, dict):
        return 1.0
    members = part.get("normalizers") or part.get("pretokenizers") or part.get("decoders")
    if isinstance(members, list):
        return math.prod(map(growth_of, members))
    kind = part.get("type")
    of_kind: dict[str, Callable[[dict[str, Any]], float]] = {
        "Replace": growth_of_replacement, "Prepend": check_prefix, "Precompiled": check_charsmap,
        "ByteLevel": lambda _: BYTE_LEVEL,
    }  # fmt: skip
    return of_kind[kind](part) if isinstance(kind, str) and kind in of_kind else 1.0


def growth_of_replacement(part: dict[str, Any]) -> float:
    """Growth by a `Replace` part. An expression may match the empty text, beside every character, as "" does."""
    content, pattern = part.get("content"), part.get("pattern")
    length = len(content) if isinstance(content, str) else 0
    sought = pattern.get("String") if isinstance(pattern, dict) else None
    return max(1.0, length / len(sought)) if isinstance(sought, str) and sought else 1.0 + length


def check_prefix(part: dict[str, Any]) -> float:
    """Growth by a `Prepend` part: 1, as it is added only once to a text; raises TooLong where it is too long."""
    if len(str(part.get("prepend", ""))) > LONGEST_ADDED:
        raise TooLong(f"it puts more than {LONGEST_ADDED} characters before each text")
    return 1.0


def check_charsmap(part: dict[str, Any]) -> float:
    """Growth by a `Precompiled` part: the bytes of its longest replacement.

    Its table, from SentencePiece, has the size of an index, the index, and the replacements, each ended by a zero byte.
    The library allocates memory for any size that is given, so TooLong is raised for a size beyond the table.
    """
    try:
        table = base64.b64decode(part.get("precompiled_charsmap") or "")
    except (binascii.Error, TypeError, ValueError):
        return 1.0  # the library reports what is wrong with it
    size = int.from_bytes(table[:PREFIX_BYTES], "little")
    if size > len(table) - PREFIX_BYTES:
        raise TooLong("the table of its normalizer (precompiled_charsmap) is cut")
    return float(max(map(len, table[PREFIX_BYTES + size :].split(b"\0"))))


def check_template(part: dict[str, Any] | None) -> None:
    """Raise TooLong where more than LONGEST_TEMPLATE tokens are put around a text."""
    members = [part] if part is not None else []
    if part is not None and isinstance(part.get("processors"), list):
        members = [one for one in part["processors"] if isinstance(one, dict)]
    for member in members:
        tokens = member.get("special_tokens")
        lengths = {
            name: len(one["ids"])
            for name, one in (tokens.items() if isinstance(tokens, dict) else ())
            if isinstance(one, dict) and isinstance(one.get("ids"), list)
        }
        pieces = member.get("single")
        named = [
            piece["SpecialToken"].get("id")
            for piece in (pieces if isinstance(pieces, list) else ())
            if isinstance(piece, dict) and isinstance(piece.get("SpecialToken"), dict)
        ]
        if sum(lengths.get(name, 1) for name in named if isinstance(name, str)) > LONGEST_TEMPLATE:
            raise TooLong(f"it puts more than {LONGEST_TEMPLATE} tokens around each text")
