"""Refusals and the ends of engines as exceptions, for callers that raise them."""

from __future__ import annotations

from engine import errors
from engine.errors import DecodeScopeError, EngineStoppedError
from engine.session import schema


def error_of(refused: schema.Refused) -> DecodeScopeError:
    """The exception that a Refused event names, with its sentence."""
    kind = getattr(errors, refused.error, DecodeScopeError)
    error: DecodeScopeError = kind(refused.message)
    return error


def cause_of(error: BaseException) -> BaseException:
    """What ended the engine, as an error with a sentence where it is an event that cannot be kept."""
    if isinstance(error, ArithmeticError | LookupError | TypeError | ValueError):
        return EngineStoppedError(f"The engine process sent an event that cannot be kept: {error}.")
    return error
