"""What the client knows of the engine at this moment; `Commands` and `Events` share it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.client.changes import Change, State, StateIs, SuiteRunSent, TellsChanged
from engine.client.source import Tells
from engine.client.suite import Suite


class RunState:
    """The engine's state, whether a run goes on, and the suite that it belongs to."""

    def __init__(self, tell: Callable[[Change], None]) -> None:
        self.tell = tell
        """Called with each change, in order."""
        self.state: State = "starting"
        self.tells = Tells()
        """What the source takes and can tell: of the one that is connected, or was last."""
        self.active = False
        """Whether a run goes on or was asked for."""
        self.suite: Suite | None = None
        self.model = ""
        """The model of the last `Load` that was sent: "demo" or a folder."""
        self.unavailable: dict[str, str] = {}
        """By `name=value` of a switch: why it cannot run with the model that is loaded, as the engine said."""
        self.model_config: dict[str, Any] = {}
        """The shape of the model that is loaded, as a session keeps it; empty before one is."""

    @property
    def suite_progress(self) -> tuple[int, int] | None:
        """(runs that are over, all runs) of the suite that goes on; None where none does."""
        return None if self.suite is None else (self.suite.done, self.suite.total)

    def change(self, state: State) -> None:
        """Set the state of the engine, and tell if it is another one."""
        if state != self.state:
            self.state = state
            self.tell(StateIs(state))

    def connected_to(self, tells: Tells) -> None:
        """Keep what the source takes and can tell, and tell if that is something else."""
        if tells != self.tells:
            self.tells = tells
            self.tell(TellsChanged(tells))

    def tell_of_run(self, suite: Suite) -> None:
        """Tell that the engine was asked for the next run of the suite."""
        if suite.now is not None:
            self.tell(SuiteRunSent(suite.done + 1, suite.total, suite.now.label))
