"""Encodes batches of events for the pipe, also events with values that MessagePack cannot encode."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.errors import DecodeScopeError
from engine.session import schema

ANSWERS: Final[dict[type, str]] = {schema.ModelReady: "Load", schema.CeilingsMeasured: "MeasureCeilings"}
"""The command that an event answers. If the event cannot be sent, the owner needs a refusal, or it waits for ever."""
UNSAYABLE: Final = (TypeError, ValueError, OverflowError, RecursionError)
"""MessagePack's errors for a lone surrogate, a number of more than 64 bits, or an object of an unsupported type."""


def frame(events: list[schema.AnyEvent]) -> bytes:
    """The batch as MessagePack.

    Text of a checkpoint may have lone surrogates, which JSON can hold and UTF-8 cannot encode: they are escaped. An
    answer that still cannot be sent becomes a refusal of its command. For any other event DecodeScopeError is raised:
    a session without this event would be wrong.
    """
    try:
        return schema.encode(events)
    except UNSAYABLE:
        return schema.encode([sayable(event) for event in events])


def sayable(event: schema.AnyEvent) -> schema.AnyEvent:
    """The event, its text escaped where necessary, or the Refused in its place; raises DecodeScopeError as `frame`."""
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
