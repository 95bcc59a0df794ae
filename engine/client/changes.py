"""What `RunClient.poll` returns: what has changed, in order.

Events of state that only have to be told on (`Loading`, `ModelReady`, `Overhead`, `Refused`, `RunEnded`,
`CeilingsMeasured`) are changes as they are. A `RunEnded` comes when the recording is whole, for a suite once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.session import schema
from engine.session.store import Session

State = Literal["starting", "loading", "idle", "running", "paused", "stopped"]
"""What the engine does; stopped: it has ended and is not started again before somebody asks for something."""


@dataclass(frozen=True, slots=True)
class StateIs:
    """The engine does something else now."""

    state: State


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
    """From 1 on."""
    total: int
    label: str


@dataclass(frozen=True, slots=True)
class FileFailed:
    """The file takes nothing any more, told once a run; the Session goes on in memory."""

    error: Exception
    never_begun: bool = False
    """Whether there is no file of this run at all."""


@dataclass(frozen=True, slots=True)
class KeptElsewhere:
    """Recordings do not lie in their folder, told once as long as that lasts."""

    folder: Path
    """Where they lie instead."""
    error: Exception
    """Why."""


@dataclass(frozen=True, slots=True)
class FileClosed:
    """Nothing more is written to this file, however its run ended."""

    path: Path


@dataclass(frozen=True, slots=True)
class EngineDied:
    """The engine is gone, or told what cannot be taken in; its session is over."""

    error: BaseException
    again: bool
    """Whether it is started again by itself."""


Change = (
    schema.Loading
    | schema.ModelReady
    | schema.Overhead
    | schema.Refused
    | schema.RunEnded
    | schema.CeilingsMeasured
    | StateIs
    | SessionBegun
    | SuiteRunSent
    | FileFailed
    | KeptElsewhere
    | FileClosed
    | EngineDied
)
