"""Values that nobody expects in a file, and ways to bend a JSON value."""

from __future__ import annotations

import json
import random
from typing import Any, Final

WHOLE: Final = (
    -1,
    0,
    1,
    2**16,
    2**31 - 1,
    2**31,
    2**32,
    2_000_000_000,
    2**40,
    2**50,
    2**62,
    2**63 - 1,
    -(2**31),
    -(2**63),
)
REAL: Final = (0.0, -0.0, 1e-320, 1e300, -1e300, float("inf"), float("-inf"), float("nan"), 0.5)
TEXTS: Final = (
    "",
    "\n",
    "\0",
    "a\nb\nc",
    '<img src="file:///nonexistent/1.png">',
    "<b>x</b>&amp;<script>1</script>",
    "=1+1",
    "-x",
    "@A1",
    "\tx",
    "\u202eabc\u202c",
    "\x1b[31mred",
    "'; DROP TABLE steps; --",
    "💥" * 40,
    "%s%n{}{0}",
    "../../etc/passwd",
    "NaN",
    "null",
    "x" * 300_000,
    "\ufeff",
    "&File",
    "a" * 200 + "\r\n",
)
HALF: Final = "\ud800"
"""Half of a surrogate pair: JSON can say it, UTF-8 cannot."""
DEEP: Final = 100_000
"""Levels of JSON that no parser should follow."""
HUGE_NUMBER: Final = "1" + "0" * 400


def scalar(rng: random.Random) -> Any:
    """A number, a text, nothing, or a truth value."""
    return rng.choice([rng.choice(WHOLE), rng.choice(WHOLE), rng.choice(REAL), rng.choice(TEXTS), None, True])


def whole(rng: random.Random) -> int:
    """A whole number, mostly from the edges."""
    return rng.choice(WHOLE) if rng.random() < 0.8 else rng.randint(-1000, 1000)


def bent(rng: random.Random, value: Any) -> Any:  # noqa: PLR0911 - one for each way
    """A JSON value with one place in it changed, taken out, or put in twice."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        name = rng.choice(list(value))
        if rng.random() < 0.12:
            return {key: one for key, one in value.items() if key != name}
        if rng.random() < 0.06:
            return {**value, rng.choice(TEXTS)[:60] + HALF: scalar(rng)}
        return {**value, name: bent(rng, value[name])}
    if isinstance(value, list) and value and rng.random() < 0.85:
        index = rng.randrange(len(value))
        if rng.random() < 0.15:
            return [*value[:index], *value[index + 1 :]]
        if rng.random() < 0.1:
            return value * rng.choice([2, 50])
        return [*value[:index], bent(rng, value[index]), *value[index + 1 :]]
    choice = rng.random()
    if choice < 0.7:
        return scalar(rng)
    if choice < 0.8:
        return HALF + "x"
    return rng.choice([[], {}, [value], {"a": value}, [[]] * 3, [scalar(rng) for _ in range(3)]])


def json_text(rng: random.Random, value: Any) -> str:
    """A bent value as JSON, now and then as JSON that is none, or that no parser should follow."""
    text = json.dumps(bent(rng, value))
    choice = rng.random()
    if choice < 0.04:
        return "[" * DEEP + "]" * DEEP
    if choice < 0.08:
        return '{"a":' * DEEP + "1" + "}" * DEEP
    if choice < 0.11:
        return text.replace("1", HUGE_NUMBER, 1)
    if choice < 0.14:
        return text[: rng.randrange(len(text) + 1)]
    if choice < 0.16 and text.startswith("{") and len(text) > 2:
        return f"{text[:-1]}, {text[1:]}"  # every name twice
    return text


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Bytes, some of them changed, lost or added."""
    if not data:
        return rng.randbytes(rng.choice([1, 3, 8, 100]))
    spoilt = bytearray(data)
    match rng.randrange(6):
        case 0:
            for _ in range(rng.choice([1, 4, 64])):
                spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
        case 1:
            at = rng.randrange(len(spoilt))
            spoilt[at : at + rng.choice([1, 16, 512, 4096])] = b""
        case 2:
            at = rng.randrange(len(spoilt))
            size = min(rng.choice([16, 512, 4096]), len(spoilt) - at)
            spoilt[at : at + size] = rng.choice([bytes(size), b"\xff" * size, rng.randbytes(size)])
        case 3:
            del spoilt[rng.randrange(len(spoilt)) :]
        case 4:
            spoilt += rng.randbytes(rng.choice([1, 100, 4096]))
        case _:
            at, size = rng.randrange(len(spoilt)), rng.choice([4, 100, 4096])
            spoilt[at:at] = spoilt[at : at + size]
    return bytes(spoilt)
