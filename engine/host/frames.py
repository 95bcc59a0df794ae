"""Batches of events as they go over the pipe, also those that hold what MessagePack cannot say."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.errors import DecodeScopeError
from engine.session import schema

ANSWERS: Final[dict[type, str]] = {schema.ModelReady: "Load", schema.CeilingsMeasured: "MeasureCeilings"}
"""Which command an event answers: without it, its owner must be told so, or it waits for ever."""
UNSAYABLE: Final = (TypeError, ValueError, OverflowError, RecursionError)
"""What MessagePack raises for half of a surrogate pair, a number of more than 64 bits, an object of another kind."""


def frame(events: list[schema.AnyEvent]) -> bytes:
    """The batch as MessagePack.

    Text of a checkpoint may hold what UTF-8 cannot write (half of a surrogate pair, which JSON can): it is escaped. An
    answer that cannot be sent otherwise becomes a refusal of its command. Raises DecodeScopeError for another event:
    a session that lacks it would be a wrong one.
    """
    try:
        return schema.encode(events)
    except UNSAYABLE:
        return schema.encode([sayable(event) for event in events])


def sayable(event: schema.AnyEvent) -> schema.AnyEvent:
    """The event, its text escaped where it must be, or what stands for it; raises DecodeScopeError."""
    try:
        schema.encode([event])
    except UnicodeEncodeError:
        fields = {name: escaped(value) for name, value in msgspec.structs.asdict(event).items()}
        return sayable(type(event)(**fields))
    except UNSAYABLE as error:
        what = f"The engine's {type(event).__name__} cannot be sent: {error}."
        if type(event) in ANSWERS:
            return schema.Refused(ANSWERS[type(event)], "DecodeScopeError", what)
        raise DecodeScopeError(what) from error
    return event


def escaped(value: Any) -> Any:
    """The value, with a backslash escape in place of each character that UTF-8 cannot write."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {escaped(name): escaped(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(escaped, value))
    return value
