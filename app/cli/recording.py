"""Records runs without a window: a RunClient whose faults are raised, and which signals end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.start import signals
from engine.client.changes import Change, SessionBegun
from engine.client.engine_source import EngineSource
from engine.client.faults import cause_of, error_of, raise_fault
from engine.client.live_session import Begun
from engine.client.run_client import RunClient
from engine.client.suite import Suite
from engine.core.settings import LoadSpec, RunSpec
from engine.errors import DecodeScopeError
from engine.session import schema
from engine.session.store import Session
from engine.session.writer import SessionWriter

STOP_WITHIN_S: Final = 0.4
"""How long a run may take to end after a signal. A step of a large model may take longer: then the engine process is
killed, as all events of the steps before have arrived by then."""

Watch = Callable[[Session, list[Change]], None]
"""Called after each poll with the Session of the run and the changes, even if there are none."""


class Recording:
    """An engine process with a model, and the sessions it records; use as a context manager."""

    def __init__(self, spec: LoadSpec, watch: Watch = lambda session, changes: None) -> None:
        self._spec = spec
        self._watch = watch
        self.client = RunClient(EngineSource, self._begin_file, lambda error: str(cause_of(error)))
        """For what it says of the engine; only the recording polls it."""
        self._wanted: Path | None = None
        self.model: dict[str, str] = {}
        """The engine's facts about the model, once it is loaded."""
        self.path: Path | None = None
        """The file of the run that began last."""

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self.client.close(STOP_WITHIN_S, kill=True)  # the engine may be in a long step, or loading
        else:
            self.client.close()

    def load(self) -> None:
        """Load the model; raises what the engine refused it with, and Ended where a signal asks for the end."""
        self.client.load(self._spec)
        with signals.noted() as asked:
            while not self.model:
                asked.raise_if_asked()
                for change in self._poll(Session()):
                    if isinstance(change, schema.Refused):
                        raise error_of(change)
                    if isinstance(change, schema.ModelReady):
                        self.model = change.meta

    def run(self, run: RunSpec, path: Path | None, command_line: str = "") -> Session:
        """Record one run into `path` (None: in memory only) and return its Session.

        Raises what the engine refused the run with. A failing step, a full disk and a dying engine end it, each with
        its own error, and Ctrl-C and other signals that ask for the end (`app.start.signals`) with KeyboardInterrupt;
        the end of the `with` keeps what was recorded. A signal waits until the batch in hand is kept: half of one
        would leave a file that cannot be read.
        """
        self.client.start(run, command_line)
        return self._to_the_end(path)

    def run_suite(self, suite: Suite, path: Path | None) -> Session:
        """Record all runs of a suite as one Session; raises as `run` does, but leaves out a run that cannot be run."""
        self.client.post(suite)
        return self._to_the_end(path)

    def _to_the_end(self, path: Path | None) -> Session:
        self._wanted = path
        session = Session()
        failure = DecodeScopeError("The run failed.")
        with signals.noted() as asked:
            while True:
                for change in self._poll(session):
                    match change:
                        case SessionBegun(begun):
                            session = begun
                        case schema.Refused():
                            failure = error_of(change)
                            if not session.meta:
                                raise failure
                        case schema.RunEnded("failed"):
                            raise failure
                        case schema.RunEnded():
                            return session
                asked.raise_if_asked()

    def _poll(self, session: Session) -> list[Change]:
        """What has changed; raises where the engine or the file is lost."""
        changes = self.client.poll()
        begun = [change.session for change in changes if isinstance(change, SessionBegun)]
        self._watch(begun[-1] if begun else session, changes)
        raise_fault(changes)
        return changes

    def _begin_file(self, _model: str) -> Begun | None:
        """Begin the file of a run that has begun: not before, so that a refused run replaces no recording."""
        if self._wanted is None:
            return None
        writer, self.path = SessionWriter(self._wanted), self._wanted
        return Begun(self._wanted, writer)
