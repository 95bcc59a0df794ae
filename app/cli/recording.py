"""Records runs without a window: raises the faults that a RunClient reports, and ends on a signal."""

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
from engine.client.source import Source
from engine.client.suite import Suite
from engine.core.settings import CompareSpec, LoadSpec, RequestSpec, RunSpec
from engine.errors import DecodeScopeError
from engine.host import protocol
from engine.session import schema
from engine.session.store import Session
from engine.session.writer import SessionWriter

STOP_WITHIN_S: Final = 0.4
"""How long a run may take to end after a signal. A step of a large model may take longer: then the engine process is
killed. The events of all earlier steps have arrived by then."""

Watch = Callable[[Session, list[Change]], None]
"""Called after each poll with the Session of the run and the changes, even if there are none."""


class Recording:
    """A source with a model, and the sessions it records; use as a context manager."""

    def __init__(
        self,
        spec: LoadSpec | None,
        watch: Watch = lambda session, changes: None,
        connect: Callable[[], Source] = EngineSource,
    ) -> None:
        """`spec` is the model that the engine loads; None for a source that has its model already."""
        self._spec = spec
        self._watch = watch
        self.client = RunClient(connect, self._begin_file, lambda error: str(cause_of(error)))
        """Others may read its state of the engine (`now`); only this Recording polls it."""
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
        """Wait until the model is loaded; raises the error of a source that refuses, and Ended at such a signal."""
        if self._spec is not None:
            self.client.load(self._spec)
        with signals.noted() as asked:
            while not self.model:
                asked.raise_if_asked()
                for change in self._poll(Session()):
                    if isinstance(change, schema.Refused):
                        raise error_of(change)
                    if isinstance(change, schema.ModelReady):
                        self.model = change.meta

    def count_prompts(self, requests: tuple[RequestSpec, ...]) -> list[int]:
        """How many tokens each of these prompts has, -1 for one that cannot be encoded; before a run."""
        self.client.post(protocol.CountPrompts(requests))
        with signals.noted() as asked:
            while True:
                asked.raise_if_asked()
                for change in self._poll(Session()):
                    if isinstance(change, schema.PromptsCounted):
                        return change.tokens

    def run(self, run: RunSpec, path: Path | None, command_line: str = "") -> Session:
        """Record one run into `path` (None: in memory only) and return its Session.

        Raises the error of an engine that refuses the run. A failing step, a full disk and a dying engine each raise
        their own error. Ctrl-C and the other signals that ask for the end (`app.start.signals`) raise
        KeyboardInterrupt, but only after the current batch of events is written: half a batch would leave a file that
        cannot be read. The end of the `with` block keeps what was recorded.
        """
        self.client.start(run, command_line)
        return self._to_the_end(path)

    def compare(self, spec: CompareSpec, path: Path | None, command_line: str = "") -> Session:
        """Compare the loaded model with another precision of it; raises as `run` does."""
        self.client.post(protocol.CompareModels(spec, command_line))
        return self._to_the_end(path)

    def run_suite(self, suite: Suite, path: Path | None) -> Session:
        """Record all runs of a suite as one Session; raises as `run` does, but skips a run that cannot run here."""
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
        """The changes since the last poll; raises the error where the engine died or the file cannot be written."""
        changes = self.client.poll()
        begun = [change.session for change in changes if isinstance(change, SessionBegun)]
        self._watch(begun[-1] if begun else session, changes)
        raise_fault(changes)
        return changes

    def _begin_file(self, _model: str) -> Begun | None:
        """Begin the file once the run has begun, not before: a refused run must not replace an older recording."""
        if self._wanted is None:
            return None
        writer, self.path = SessionWriter(self._wanted), self._wanted
        return Begun(self._wanted, writer)
