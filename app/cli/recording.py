"""Drives the engine process through one run without a window: load, start, keep, until it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.start import signals
from engine import errors
from engine.core.settings import LoadSpec, RunSpec
from engine.errors import DecodeScopeError, EngineStoppedError
from engine.host import protocol
from engine.host.process import EngineProcess
from engine.session import schema
from engine.session.schema import AnyEvent
from engine.session.store import Session
from engine.session.writer import SessionWriter

POLL_S: Final = 0.02
"""Short enough that what is written is committed within 100 ms, also while the engine says nothing."""
STOP_WITHIN_S: Final = 0.4
"""How long a run that is ended by a signal may take to say so: a step of a large model takes longer, and is broken
off with its process, as everything the engine said of the steps before has arrived by then."""

Watch = Callable[[Session, list[AnyEvent]], None]
"""Called after each batch, also an empty one."""


class Recording:
    """An engine process with a model, and the sessions it records; use as a context manager."""

    def __init__(self, spec: LoadSpec, watch: Watch = lambda session, events: None) -> None:
        self._spec = spec
        self._watch = watch
        self._engine = EngineProcess()
        self.model: dict[str, str] = {}
        """What the engine told of the model, once it is loaded."""
        self.path: Path | None = None
        """The file of the run that began last."""

    @property
    def engine_pid(self) -> int:
        """The engine's process."""
        return self._engine.pid

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self._engine.kill()  # it may be in a step, or loading, for long
        else:
            self._engine.close()

    def load(self) -> None:
        """Load the model; raises what the engine refused it with, and Ended where a signal asks for the end."""
        with signals.noted() as asked:
            self._load(asked)

    def _load(self, asked: signals.Asked) -> None:
        self._engine.send(protocol.Load(self._spec))
        nothing = Session()
        while True:
            asked.raise_if_asked()
            events = self._engine.receive(POLL_S)
            self._watch(nothing, events)
            for event in events:
                if isinstance(event, schema.Refused):
                    raise error_of(event)
                if isinstance(event, schema.ModelReady):
                    self.model = event.meta
                    return

    def run(self, run: RunSpec, path: Path | None, command_line: str = "") -> Session:
        """Record one run into `path` (None: in memory only) and return its Session.

        Raises what the engine refused the run with. Ctrl-C and other signals that ask for the end (`app.start.signals`)
        end the run, keep what was recorded and raise KeyboardInterrupt; so do a failing step, a full disk and a dying
        engine, each with its own error. A signal waits until the batch in hand is kept: half of one would leave a file
        that cannot be read.
        """
        with signals.noted() as asked:
            return self._run(run, path, command_line, asked)

    def _run(self, run: RunSpec, path: Path | None, command_line: str, asked: signals.Asked) -> Session:
        session = Session()
        writer: SessionWriter | None = None
        failure: DecodeScopeError | None = None
        self._engine.send(protocol.Start(run, command_line))
        try:
            while True:
                events = self._engine.receive(POLL_S)
                if path is not None and writer is None and any(isinstance(e, schema.SessionStarted) for e in events):
                    writer, self.path = SessionWriter(path), path  # not before: a refused run replaces no recording
                _keep(events, session, writer)
                self._watch(session, events)
                for event in events:
                    if isinstance(event, schema.Refused):
                        failure = error_of(event)
                        if not session.meta:
                            raise failure
                    if isinstance(event, schema.RunEnded):
                        if event.reason == "failed":
                            raise failure or DecodeScopeError("The run failed.")
                        return session
                asked.raise_if_asked()
        except KeyboardInterrupt:
            self._stop(session, writer)
            raise
        except EngineStoppedError as error:
            if writer is not None and len(session.steps):
                writer.append([schema.Mark(int(session.steps["end_ns"][-1]), "fault", str(error))])
            raise
        finally:
            if writer is not None:
                writer.close()

    def _stop(self, session: Session, writer: SessionWriter | None) -> None:
        """Ask for the end of the run and keep what is still said until then, for a moment."""
        try:
            self._engine.send(protocol.Stop())
            deadline = time.monotonic() + STOP_WITHIN_S
            while time.monotonic() < deadline:
                events = self._engine.receive(POLL_S)
                _keep(events, session, writer)
                if any(isinstance(event, schema.RunEnded | schema.Refused) for event in events):
                    return
        except EngineStoppedError:
            return


def error_of(refused: schema.Refused) -> DecodeScopeError:
    """The exception that a Refused event names, with its sentence."""
    kind = getattr(errors, refused.error, DecodeScopeError)
    error: DecodeScopeError = kind(refused.message)
    return error


def _keep(events: list[AnyEvent], session: Session, writer: SessionWriter | None) -> None:
    try:
        session.apply(events)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise EngineStoppedError(f"The engine process sent an event that cannot be kept: {error}.") from error
    if writer is not None:
        writer.append(events)
