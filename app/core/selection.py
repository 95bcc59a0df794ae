"""What is selected, once for the whole window: every panel reads it, any panel may change it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from PySide6.QtCore import QObject, Signal

from engine.session.store import Session

GESTURE_S: Final = 1.0
"""Turns of a wheel and moves of a drag that follow one another this fast are one way back."""


@dataclass(frozen=True, slots=True)
class Look:
    """The part of its axis that a panel looks at; `lo` and `hi` in the axis' own unit."""

    lo: float
    hi: float
    mode: Literal["fit", "follow", "free"]
    """All there is, the newest, or what the user chose: only the last is kept by its numbers."""
    axis: str = ""

    def same(self, other: Look | None) -> bool:
        """Whether both show the same: while all or the newest is shown, the numbers move by themselves."""
        if other is None or (self.mode, self.axis) != (other.mode, other.axis):
            return False
        return self.mode != "free" or (self.lo, self.hi) == (other.lo, other.hi)


@dataclass(frozen=True, slots=True)
class Selected:
    """The selection: a range of steps [first, last] (None: all), and one of each of what can be inspected."""

    steps: tuple[int, int] | None = None
    step: int | None = None
    token: int | None = None
    """A row of Session.tokens."""
    request: int | None = None
    layer: int = 0
    head: int | None = 0
    """None stands for the mean of the heads."""
    all_heads: bool = False
    """Whether every head of the layer is recorded and shown, not only the one above."""
    band_us: tuple[float, float] | None = None
    """The filter: only steps that took from so many µs to so many; None: all."""
    looks: tuple[tuple[str, Look], ...] = ()
    """What panels look at, by the panel's name; one that nobody has moved is not in it."""

    def look(self, name: str) -> Look | None:
        """What this panel looks at, None where it was never moved."""
        return dict(self.looks).get(name)

    def with_look(self, name: str, look: Look) -> Selected:
        """The same, and this panel looks there."""
        return replace(self, looks=tuple(sorted({**dict(self.looks), name: look}.items())))


class Selection(QObject):
    """Holds one `Selected` value, with back and forward; `changed` carries the new value."""

    changed = Signal(object)

    def __init__(self, parent: QObject | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(parent)
        self._past: list[Selected] = []
        self._future: list[Selected] = []
        self._now = Selected()
        self._session: Session | None = None
        self._clock = clock
        self._gesture: tuple[str, float] = ("", 0.0)

    @property
    def now(self) -> Selected:
        return self._now

    def change(self, **fields: object) -> None:
        """Select other things; what is not named stays, unless it belongs to what is no longer selected.

        A token brings its step and its request with it; another step or request leaves the token behind.
        """
        self._change("", fields)

    def clear(self) -> bool:
        """Select no steps, no token, and filter none; whether there was anything of it to clear."""
        now = self._now
        if (now.steps, now.step, now.token, now.band_us) == (None, None, None, None):
            return False
        self.change(steps=None, step=None, token=None, band_us=None)
        return True

    def filter(self, band_us: tuple[float, float] | None) -> None:
        """Show only steps that took from so many µs to so many; the moves of a drag are one way back."""
        self._change("filter", {"band_us": band_us})

    def looked(self, name: str, before: Look, after: Look) -> None:
        """A panel was zoomed or panned by hand: back leads to where it looked before. Nobody else is told."""
        if after.same(before):
            return
        self._keep(f"look {name} {after.axis}", self._now.with_look(name, before))
        self._now = self._now.with_look(name, after)

    def revealed(self, name: str, before: Look, after: Look) -> None:
        """A panel moved to show what was selected just now: one way back with that selection."""
        if after.same(before):
            return
        if self._past:
            self._past[-1] = self._past[-1].with_look(name, before)
        self._now = self._now.with_look(name, after)

    def reset(self, session: Session | None = None) -> None:
        """Another session: nothing is selected and there is no way back; what is recorded of the next one stays."""
        self._past.clear()
        self._future.clear()
        self._session = session
        self._gesture = ("", 0.0)
        self._set(Selected(all_heads=self._now.all_heads))

    def back(self) -> None:
        if self._past:
            self._future.append(self._now)
            self._set(self._past.pop())
            self._gesture = ("", 0.0)

    def forward(self) -> None:
        if self._future:
            self._past.append(self._now)
            self._set(self._future.pop())
            self._gesture = ("", 0.0)

    def _change(self, gesture: str, fields: dict[str, object]) -> None:
        new = replace(self._now, **self._complete(fields))  # type: ignore[arg-type]
        if new != self._now:
            self._keep(gesture, self._now)
            self._set(new)

    def _keep(self, gesture: str, before: Selected) -> None:
        """Make a way back to `before`, unless the gesture that made the last one goes on."""
        now_s = self._clock()
        last, last_s = self._gesture
        self._gesture = (gesture, now_s)
        self._future.clear()
        if gesture and gesture == last and now_s - last_s < GESTURE_S and self._past:
            return
        self._past.append(before)
        del self._past[:-200]

    def _complete(self, fields: dict[str, object]) -> dict[str, object]:
        """The fields, and those that follow from them."""
        now, session = self._now, self._session
        token = fields.get("token")
        if isinstance(token, int) and session is not None and 0 <= token < len(session.tokens):
            tokens = session.tokens
            return {"step": int(tokens["step_id"][token]), "request": int(tokens["request_id"][token]), **fields}
        if "token" in fields or now.token is None:
            return fields
        if fields.get("step", now.step) != now.step or fields.get("request", now.request) != now.request:
            return {**fields, "token": None}
        return fields

    def _set(self, new: Selected) -> None:
        self._now = new
        self.changed.emit(new)
