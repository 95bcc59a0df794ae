"""Values as a person types them, on the command line and in the window: sizes, switches, texts with escapes."""

from __future__ import annotations

import re
from typing import Any, Final

from engine.core.settings import SwitchChange, Switches, as_typed
from engine.errors import InputError

_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


def byte_size(text: str) -> int:
    """`1500000`, `512MiB`, `2G`: a number of bytes."""
    match = re.fullmatch(r"([0-9]{1,18}(?:\.[0-9]+)?)\s*([kmg]i?)?b?", text.strip(), re.IGNORECASE)
    if not match:
        raise InputError(f"{text!r} is not a size, for example 512MiB.")
    return int(float(match[1]) * _UNITS[(match[2] or "").lower()])


def typed_size(size_bytes: int | None) -> str:
    """A size as `byte_size` reads it, in the largest unit of which it is a whole number; "" for no limit."""
    if size_bytes is None:
        return ""
    unit = next(one for one in ("gi", "mi", "ki", "") if size_bytes % _UNITS[one] == 0)
    return f"{size_bytes // _UNITS[unit]}{f'{unit.capitalize()}B' if unit else ''}"


def switch_change(text: str) -> SwitchChange:
    """`STEP:NAME=VALUE[,NAME=VALUE...]`; the values are checked as those of Switches."""
    match = re.fullmatch(r"([0-9]{1,18}):(.+)", text)
    if not match:
        raise InputError(f"{text!r} is not STEP:NAME=VALUE, for example 20:kv=paged.")
    changes: dict[str, Any] = {}
    for part in match[2].split(","):
        name, equals, value = part.partition("=")
        if not equals:
            raise InputError(f"{part!r} is not NAME=VALUE.")
        if name.strip() in changes:
            raise InputError(f"{text!r} gives {name.strip()} twice.")
        changes[name.strip()] = _switch_value(name.strip(), value.strip())
    Switches().changed(**changes)
    return SwitchChange(int(match[1]), changes)


def typed_change(change: SwitchChange) -> str:
    """A change of switches as `switch_change` reads it; "" where it only lifts the limit of memory, as nobody types."""
    words = []
    for name, value in change.changes.items():
        text = typed_size(value) if name == "kv_memory" else as_typed(value)
        if text:
            words.append(f"{name}={text}")
    return f"{change.step}:{','.join(words)}" if words else ""


def escaped(text: str) -> str:
    r"""A text as `unescaped` reads it back."""
    for letter, sign in (("\\", "\\"), ("n", "\n"), ("t", "\t"), ("r", "\r")):
        text = text.replace(sign, f"\\{letter}")
    return text


def unescaped(text: str) -> str:
    r"""A text typed into one line: `\n`, `\t`, `\r` and `\\` stand for a line end, a tab, a return and a backslash."""
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), text)


def _switch_value(name: str, value: str) -> str | int | bool | None:
    if name in ("k", "max_batch", "block_size"):
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise InputError(f"{name} must be a whole number, not {value!r}.")
        return int(value)
    if name == "kv_memory":
        return byte_size(value)
    if name == "graphs":
        if value not in ("on", "off"):
            raise InputError(f"graphs must be on or off, not {value!r}.")
        return value == "on"
    return value
