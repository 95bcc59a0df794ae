"""JSON that a session file holds, read so that whoever uses it needs no more care: finite, and not too deep."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

from engine.plain_text import one_line, utf8

DEEPEST: Final = 32
"""Lists and objects within each other; what this program writes has five."""
LARGEST: Final = 2**64
"""A seed may have so many bits."""
HALF_PAIR: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""An escape that may stand for half of a pair of UTF-16, which no text can be encoded with."""


def json_of(text: object, what: str) -> Any:
    """The value of a JSON text, in which every text can be encoded; `what` names it.

    Raises ValueError where it is no JSON, holds numbers that are not finite or have more than 64 bits, or is nested too
    deeply.
    """
    if not isinstance(text, str):
        raise ValueError(f"{what} is no text")
    try:
        found = json.loads(text, parse_constant=_no_number, parse_float=_finite, parse_int=_whole)
    except RecursionError:
        raise ValueError(f"{what} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{what} cannot be read: {one_line(error)}") from None
    if _deeper_than(found, DEEPEST):
        raise ValueError(f"{what} is nested too deeply")
    return _encodable(found) if HALF_PAIR.search(text) else found


def _deeper_than(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [
            inner
            for one in layer
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not layer:
            return False
    return True


def _encodable(value: Any) -> Any:
    if isinstance(value, dict):
        return {utf8(key): _encodable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_encodable(one) for one in value]
    return utf8(value) if isinstance(value, str) else value


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _whole(digits: str) -> int:
    if len(digits) > 21 or not -LARGEST <= (value := int(digits)) <= LARGEST:
        raise ValueError("a number is too large")
    return value
