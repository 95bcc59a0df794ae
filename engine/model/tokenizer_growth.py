"""How much longer a tokenizer.json may make a text: forty replacements of "a" by "aa" make a terabyte of one letter.

Normalising, splitting and decoding are gone through as the file has them. What they do to a text is bounded by its
parts, so nothing is run for it.
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
"""Times as long as it was; published ones replace a space by "▁" and the like, which makes nothing longer."""
LONGEST_ADDED: Final = 1000
"""Characters in front of a text, or of a word's continuation."""
LONGEST_TEMPLATE: Final = 10_000
"""Tokens that are put around a text."""
PREFIX_BYTES: Final = 4
BYTE_LEVEL: Final = 4.0
"""A character of four bytes becomes four, each of one or two bytes: done again, these double."""


class Parts(msgspec.Struct):
    """What a tokenizer.json does to a text beside looking its pieces up."""

    normalizer: dict[str, Any] | None = None
    pre_tokenizer: dict[str, Any] | None = None
    decoder: dict[str, Any] | None = None
    post_processor: dict[str, Any] | None = None


_parts: Final = msgspec.json.Decoder(Parts)


class TooLong(Exception):  # noqa: N818 - an answer, caught where it was asked for
    """A part makes a text longer than is allowed; the message names it."""


def check_growth(file: Path, raw: bytes) -> None:
    """Raise CheckpointError where this tokenizer.json could make a short text a very long one.

    What is no tokenizer.json at all is left to the library that reads it.
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
    """How many characters come of one, at most, in a normalizer, a pre-tokenizer or a decoder."""
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
    """Of a text by another: what is found is as long as the text sought; by an expression it may be empty."""
    content, pattern = part.get("content"), part.get("pattern")
    length = len(content) if isinstance(content, str) else 0
    sought = pattern.get("String") if isinstance(pattern, dict) else None
    if isinstance(sought, str) and sought:
        return max(1.0, length / len(sought))
    return 1.0 + length if sought == "" else max(1.0, float(length))


def check_prefix(part: dict[str, Any]) -> float:
    """What is put before a text counts once, however long that is."""
    if len(str(part.get("prepend", ""))) > LONGEST_ADDED:
        raise TooLong(f"it puts more than {LONGEST_ADDED} characters before each text")
    return 1.0


def check_charsmap(part: dict[str, Any]) -> float:
    """A table of SentencePiece: the size of its index, the index, and what it leads to, ended by zero bytes.

    The library takes memory for whatever the size says.
    """
    try:
        table = base64.b64decode(part.get("precompiled_charsmap") or "")
    except (binascii.Error, TypeError, ValueError):
        return 1.0  # the library says what is wrong with it
    size = int.from_bytes(table[:PREFIX_BYTES], "little")
    if size > len(table) - PREFIX_BYTES:
        raise TooLong("the table of its normalizer (precompiled_charsmap) is cut")
    return float(max(map(len, table[PREFIX_BYTES + size :].split(b"\0"))))


def check_template(part: dict[str, Any] | None) -> None:
    """Raise TooLong where more tokens are put around a text than any text needs."""
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
