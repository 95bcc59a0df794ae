"""What the app tells the engine process: one MessagePack message a command. Imports no torch, no Qt.

The engine answers with batches of events (`engine.session.schema`). Messages travel over a pair of pipes as length-
prefixed frames (`multiprocessing.connection` bytes); neither side unpickles anything.
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine.core.settings import LoadSpec, Observation, RunSpec
from engine.errors import InputError


class Command(msgspec.Struct, frozen=True, tag=True):
    """Anything the app asks for."""


class Load(Command, frozen=True, tag=True):
    """Load a model; answered by Loading..., then ModelReady or Refused."""

    spec: LoadSpec


class Start(Command, frozen=True, tag=True):
    """Begin a run (a new session); answered by SessionStarted, or Refused. `paused` waits for Step or Resume."""

    run: RunSpec
    command_line: str = ""
    paused: bool = False


class AddRequests(Command, frozen=True, tag=True):
    """Queue more requests into the run that is going on (arrival counted from now)."""

    run: RunSpec


class Pause(Command, frozen=True, tag=True):
    """Stop after the step in progress."""


class Resume(Command, frozen=True, tag=True):
    """Go on."""


class StepOnce(Command, frozen=True, tag=True):
    """Run one step, then pause."""


class Stop(Command, frozen=True, tag=True):
    """End the run: unfinished requests are cancelled, the session is complete."""


class SetSwitches(Command, frozen=True, tag=True):
    """Flip switches at the next step: {name: value}."""

    changes: dict[str, Any]


class SetObservation(Command, frozen=True, tag=True):
    """Observe more or less from the next step on."""

    observation: Observation


class MeasureCeilings(Command, frozen=True, tag=True):
    """Measure what the device can do at most, in full, while no run goes on; answered by CeilingsMeasured."""


class AddMark(Command, frozen=True, tag=True):
    """Put a note on the timeline, now."""

    label: str


class Shutdown(Command, frozen=True, tag=True):
    """End the engine process."""


AnyCommand = (
    Load
    | Start
    | AddRequests
    | Pause
    | Resume
    | StepOnce
    | Stop
    | SetSwitches
    | SetObservation
    | MeasureCeilings
    | AddMark
    | Shutdown
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyCommand] = msgspec.msgpack.Decoder(AnyCommand)


def encode(command: AnyCommand) -> bytes:
    """A command as MessagePack.

    Raises InputError for one that holds what cannot be sent: text that UTF-8 cannot write, such as a folder's name in
    another encoding, or a number of more than 64 bits.
    """
    try:
        return _encoder.encode(command)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(_unsendable(command, error)) from error


def decode(data: bytes) -> AnyCommand:
    """The command that `encode` wrote; raises ValueError (msgspec's errors are such) on anything else."""
    return _decoder.decode(data)


def _unsendable(command: AnyCommand, error: Exception) -> str:
    """Why a command cannot be sent, and where a text is why, which one."""
    if not isinstance(error, UnicodeEncodeError):
        return f"{type(command).__name__} cannot be sent to the engine: {error}."
    shown = ascii(error.object[max(0, error.start - 40) : error.end + 40])
    return f"The text {shown} holds characters that are not Unicode text; give it without them."
