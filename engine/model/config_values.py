"""Reads single values of a checkpoint's `config.json`; raises CheckpointError for a wrong type or range."""

from __future__ import annotations

import math
from typing import Any, Final

from engine.errors import CheckpointError
from engine.plain_text import quoted

Raw = dict[str, Any]

MOST: Final = 2**31 - 1
"""No size in a model is larger, and the product of two such sizes fits into the 64-bit integers of PyTorch."""
SMALLEST_NUMBER: Final = 1e-30
LARGEST_NUMBER: Final = 1e30
"""Beyond these limits float32 overflows or underflows, and results (rotations, norms) would be infinite or NaN."""


def integer(raw: Raw, name: str, default: int | None = None, least: int = 1) -> int:
    """A whole number, at least `least` and at most `MOST`; `default` where the value is missing or null."""
    value = raw.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MOST:
        raise _wrong(name, f"a whole number above {least - 1}", value)
    return value


def integer_or_none(raw: Raw, name: str) -> int | None:
    """A whole number above 0; None where the value is missing or null."""
    return None if raw.get(name) is None else integer(raw, name)


def number(raw: Raw, name: str, default: float) -> float:
    """A number above 0 that float32 can hold; `default` where the value is missing or null."""
    value = raw.get(name)
    if value is None:
        return default
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise _wrong(name, "a number above 0", value)
    if not SMALLEST_NUMBER <= value <= LARGEST_NUMBER:
        raise _wrong(name, f"a number between {SMALLEST_NUMBER} and {LARGEST_NUMBER}", value)
    return float(value)


def numbers(raw: Raw, name: str) -> tuple[float, ...]:
    """A list of numbers above 0 that float32 can hold."""
    listed = raw.get(name)
    if not isinstance(listed, list | tuple):
        raise _wrong(name, "a list of numbers", listed)
    return tuple(number({name: one}, name, 1.0) for one in listed)


def flag(raw: Raw, name: str, default: bool = False) -> bool:
    """True or false; `default` where the value is missing or null."""
    value = raw.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _wrong(name, "true or false", value)
    return value


def word(raw: Raw, name: str, default: str) -> str:
    """A text; `default` where the value is missing or null."""
    value = raw.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise _wrong(name, "a text", value)
    return value


def fields(raw: Raw, name: str) -> Raw:
    """A JSON object; an empty one where the value is missing or null."""
    value = raw.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(name, "an object", value)
    return value


def words(raw: Raw, name: str) -> list[str]:
    """A list of texts; an empty one where the value is missing or null."""
    value = raw.get(name)
    listed = [] if value is None else value
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise _wrong(name, "a list of texts", value)
    return listed


def token_ids(raw: Raw, name: str, file: str = "config.json") -> tuple[int, ...]:
    """One token id or a list of them, as a tuple; empty where the value is missing or null."""
    value = raw.get(name)
    listed = value if isinstance(value, list) else [] if value is None else [value]
    if not all(isinstance(one, int) and not isinstance(one, bool) for one in listed):
        raise _wrong(name, "a token id or a list of them", value, file)
    return tuple(listed)


def _wrong(name: str, kind: str, value: Any, file: str = "config.json") -> CheckpointError:
    return CheckpointError(f"{file} should give {name} as {kind}, not {quoted(value)}.")
