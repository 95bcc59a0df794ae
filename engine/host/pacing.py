"""When the next step of a run may begin: at once, at a pace, or not before somebody asks for it."""

from __future__ import annotations

from engine.decode.engine import Engine
from engine.session.paced import pace_label
from engine.session.schema import PAUSE, RESUME


class Pacing:
    """The pauses of one run, which it records as marks, and its pace.

    At a pace of p tokens a second, a step that gave n tokens to some request is followed by the next one n / p seconds
    after it began; a step that gave none counts as one token. The rest until then is a pause (`engine.session.paced`).
    While steps do not follow at once, none is launched before the one before it has landed: it would run in a pause.
    """

    def __init__(self, engine: Engine, tokens_per_s: float, paused: bool) -> None:
        self._engine = engine
        self._tokens_per_s = tokens_per_s
        self.paused = paused
        self._steps_wanted = 0
        self._began_ns: int | None = None
        """When the last step began; None before the first."""
        self._label: str | None = None
        """The label of the pause that goes on by the marks; None where none does."""
        self._record()

    @property
    def rest_s(self) -> float | None:
        """Seconds until the next step may begin; None until a command asks for one."""
        if self.paused:
            return 0.0 if self._steps_wanted else None
        if not self._tokens_per_s or self._began_ns is None:
            return 0.0
        units = max(1, self._engine.account.most_tokens)
        due_ns = self._began_ns + units / self._tokens_per_s * 1e9
        return max(0.0, (due_ns - self._engine.account.now_ns()) / 1e9)

    def stepped(self, began_ns: int) -> None:
        """A step was run that began at this time of the run."""
        self._began_ns = began_ns
        if self._steps_wanted:
            self._steps_wanted -= 1

    def set_pace(self, tokens_per_s: float) -> None:
        """Run at this pace from now on; 0 is full speed."""
        self._tokens_per_s = tokens_per_s
        self._record()

    def pause(self) -> None:
        """Run no step but those that are asked for."""
        self.paused = True
        self._record()

    def want_step(self) -> None:
        """Run one step more, and pause where the run is not paused."""
        self.pause()
        self._steps_wanted += 1

    def resume(self) -> None:
        """Go on after a pause, at the pace."""
        self.paused, self._steps_wanted = False, 0
        self._record()

    def end(self) -> None:
        """The run is over: what comes after its last step is no rest of its pace."""
        if not self.paused and self._label is not None:
            self._engine.account.mark(RESUME, "")
            self._label = None

    def _record(self) -> None:
        label = "" if self.paused else pace_label(self._tokens_per_s) if self._tokens_per_s else None
        self._engine.launches_ahead = label is None
        if label == self._label:
            return
        if self._label is not None:
            self._engine.account.mark(RESUME, "")
        if label is not None:
            self._engine.account.mark(PAUSE, label)
        self._label = label
