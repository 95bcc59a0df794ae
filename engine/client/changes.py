"""What `RunClient.poll` returns: what has changed, in order.

Events of state that are only passed on (`Loading`, `ModelReady`, `Overhead`, `Refused`, `RunEnded`, `CeilingsMeasured`,
`StepProgress`, `PromptsCounted`) are changes themselves. A `RunEnded` comes when the recording is complete; a suite has
only one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.client.source import Tells
from engine.session import schema
from engine.session.store import Session

State = Literal["starting", "loading", "idle", "running", "paused", "stopped"]
"""What the engine does. `stopped`: it has ended, and is not started again before the next command is posted."""


@dataclass(frozen=True, slots=True)
class StateIs:
    """The engine's state changed."""

    state: State


@dataclass(frozen=True, slots=True)
class TellsChanged:
    """The source that is connected now takes other commands, or tells other things, than the one before."""

    tells: Tells


@dataclass(frozen=True, slots=True)
class SessionBegun:
    """A run, or the first run of a suite, has begun."""

    session: Session
    path: Path | None
    """Its file; None where it is kept in memory only."""


@dataclass(frozen=True, slots=True)
class SuiteRunSent:
    """The engine was asked for the next run of a suite."""

    number: int
    """Counts from 1."""
    total: int
    label: str


@dataclass(frozen=True, slots=True)
class EditFailed:
    """A change of a run that is over could not be written into its file; the Session has it."""

    error: Exception


@dataclass(frozen=True, slots=True)
class FileFailed:
    """The file can no longer be written. Told once for each run; the Session goes on in memory."""

    error: Exception
    never_begun: bool = False
    """Whether there is no file of this run at all."""


@dataclass(frozen=True, slots=True)
class KeptElsewhere:
    """Recordings are not kept in their own folder. Told once, until that folder takes them again."""

    folder: Path
    """The folder that is used instead."""
    error: Exception
    """Why their own folder cannot be used."""


@dataclass(frozen=True, slots=True)
class FileClosed:
    """Nothing more is written to this file, however its run ended."""

    path: Path


@dataclass(frozen=True, slots=True)
class EngineDied:
    """The engine ended, or sent an event that cannot be kept; its session is over."""

    error: BaseException
    again: bool
    """Whether it is started again without a new command."""


Change = (
    schema.Loading
    | schema.ModelReady
    | schema.StepProgress
    | schema.PromptsCounted
    | schema.Overhead
    | schema.Refused
    | schema.RunEnded
    | schema.CeilingsMeasured
    | StateIs
    | TellsChanged
    | SessionBegun
    | SuiteRunSent
    | EditFailed
    | FileFailed
    | KeptElsewhere
    | FileClosed
    | EngineDied
)
