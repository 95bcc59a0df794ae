"""Reads the JSON of a session file safely: all numbers are finite, and the nesting is limited."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

from engine.plain_text import one_line, utf8

DEEPEST: Final = 32
"""The most levels of nested lists and objects. The JSON that this program writes has five."""
LARGEST: Final = 2**64
"""The largest absolute value of a whole number: a seed may have 64 bits."""
HALF_PAIR: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""An escape of a UTF-16 surrogate. It may be a lone one, with which a text cannot be encoded."""


def json_of(text: object, what: str) -> Any:
    """The value of a JSON text. UTF-8 can encode every text in it. `what` names the JSON in the error message.

    Raises ValueError where `text` is not a str or not JSON, holds numbers that are not finite or have more than 64
    bits, or is nested too deeply.
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
