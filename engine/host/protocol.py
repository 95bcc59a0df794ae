"""The commands that the app sends to the engine process, one MessagePack message each. Imports no torch, no Qt.

The engine answers with batches of events (`engine.session.schema`). Messages go over a duplex pipe as length-prefixed
frames (`multiprocessing.connection` bytes); neither side unpickles anything.
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine.core.settings import AttachSpec, CompareSpec, LoadSpec, Observation, RequestSpec, RunSpec
from engine.errors import InputError


class Command(msgspec.Struct, frozen=True, tag=True):
    """The base of all commands."""


class Load(Command, frozen=True, tag=True):
    """Load a model; answered by Loading..., then ModelReady or Refused."""

    spec: LoadSpec


class Attach(Command, frozen=True, tag=True):
    """Attach to a server; answered by Loading..., then ModelReady or Refused. `key` is sent to this server alone."""

    spec: AttachSpec
    key: str = ""

    def __repr__(self) -> str:
        return f"Attach({self.spec!r})"  # a key is never part of a text


class Start(Command, frozen=True, tag=True):
    """Begin a run (a new session); answered by SessionStarted, or Refused. `paused` waits for StepOnce or Resume."""

    run: RunSpec
    command_line: str = ""
    paused: bool = False


class AddRequests(Command, frozen=True, tag=True):
    """Add more requests to the current run (arrival counted from now)."""

    run: RunSpec


class Pause(Command, frozen=True, tag=True):
    """Stop after the step in progress."""


class Resume(Command, frozen=True, tag=True):
    """Continue after a pause."""


class StepOnce(Command, frozen=True, tag=True):
    """Run one step, then pause."""


class SetPace(Command, frozen=True, tag=True):
    """Run at this pace from now on (`RunSpec.pace_tokens_per_s`); a run that is paused stays so."""

    tokens_per_s: float


class Stop(Command, frozen=True, tag=True):
    """End the run: unfinished requests are cancelled, the session is complete."""


class SetSwitches(Command, frozen=True, tag=True):
    """Change switches at the next step: {name: value}."""

    changes: dict[str, Any]


class SetObservation(Command, frozen=True, tag=True):
    """Change what is observed from the next step on."""

    observation: Observation


class CountPrompts(Command, frozen=True, tag=True):
    """Encode these requests' prompts, to know how many tokens they have; answered by PromptsCounted."""

    requests: tuple[RequestSpec, ...]
    ask: int = 0
    """Is part of the answer."""


class MeasureCeilings(Command, frozen=True, tag=True):
    """Measure the device's ceilings in full; answered by CeilingsMeasured, or by Refused during a run."""


class CompareModels(Command, frozen=True, tag=True):
    """Compare the loaded model with another precision of it (a new session).

    Answered by Loading..., then SessionStarted, or by Refused; ended by Stop. It may be paused.
    """

    spec: CompareSpec
    command_line: str = ""


class Shutdown(Command, frozen=True, tag=True):
    """End the engine process."""


AnyCommand = (
    Load
    | Attach
    | Start
    | AddRequests
    | Pause
    | Resume
    | StepOnce
    | SetPace
    | Stop
    | SetSwitches
    | SetObservation
    | CountPrompts
    | MeasureCeilings
    | CompareModels
    | Shutdown
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyCommand] = msgspec.msgpack.Decoder(AnyCommand)


def encode(command: AnyCommand) -> bytes:
    """A command as MessagePack.

    Raises InputError for a command with a value that cannot be sent: text that UTF-8 cannot encode, such as a folder's
    name in another encoding, or a number of more than 64 bits.
    """
    try:
        return _encoder.encode(command)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(_unsendable(command, error)) from error


def decode(data: bytes) -> AnyCommand:
    """The command that `encode` wrote; raises ValueError (msgspec's errors derive from it) on anything else."""
    return _decoder.decode(data)


def _unsendable(command: AnyCommand, error: Exception) -> str:
    """Why a command cannot be sent; where a text is the reason, with that text."""
    if not isinstance(error, UnicodeEncodeError):
        return f"{type(command).__name__} cannot be sent to the engine: {error}."
    shown = ascii(error.object[max(0, error.start - 40) : error.end + 40])
    return f"The text {shown} holds characters that are not Unicode text; give it without them."
