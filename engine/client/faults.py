"""Turns refusals and the end of an engine into exceptions, for callers that raise them."""

from __future__ import annotations

from collections.abc import Iterable

from engine import errors
from engine.client.changes import Change, EngineDied, FileFailed
from engine.errors import DecodeScopeError, EngineStoppedError
from engine.session import schema


def error_of(refused: schema.Refused) -> DecodeScopeError:
    """The exception that a Refused event names, with its sentence."""
    kind = getattr(errors, refused.error, DecodeScopeError)
    error: DecodeScopeError = kind(refused.message)
    return error


def cause_of(error: BaseException) -> BaseException:
    """The error that ended the engine; an EngineStoppedError with a sentence if an event could not be kept."""
    if isinstance(error, ArithmeticError | LookupError | TypeError | ValueError):
        return EngineStoppedError(f"The engine process sent an event that cannot be kept: {error}.")
    return error


def raise_fault(changes: Iterable[Change]) -> None:
    """Raise the error of the first of these changes that reports the loss of the file or of the engine."""
    for change in changes:
        if isinstance(change, FileFailed):
            raise change.error
        if isinstance(change, EngineDied):
            raise cause_of(change.error)
