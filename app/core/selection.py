"""The one selection of the window: every panel reads it, and any panel may change it.

What a selection is about (`subject_of`) is in `subject.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from PySide6.QtCore import QObject, Signal

from app.core.subject import is_in_step, requests_of_step
from engine.session.store import Session

GESTURE_S: Final = 1.0
"""Turns of a wheel and moves of a drag within this time of each other are one entry of the history."""


@dataclass(frozen=True, slots=True)
class Look:
    """The part of its axis that a panel shows; `lo` and `hi` are in the unit of the axis."""

    lo: float
    hi: float
    mode: Literal["fit", "follow", "free"]
    """fit: the whole axis; follow: the newest part; free: a part that the user chose, from `lo` to `hi`."""
    axis: str = ""

    def same(self, other: Look | None) -> bool:
        """Whether both show the same part. Only "free" compares `lo` and `hi`: else they change as data arrive."""
        if other is None or (self.mode, self.axis) != (other.mode, other.axis):
            return False
        return self.mode != "free" or (self.lo, self.hi) == (other.lo, other.hi)


@dataclass(frozen=True, slots=True)
class Selected:
    """The selection: a range of steps [first, last] (None: all), and one step, token, request, layer and head."""

    steps: tuple[int, int] | None = None
    step: int | None = None
    token: int | None = None
    """A row of Session.tokens."""
    request: int | None = None
    layer: int = 0
    head: int | None = 0
    """None: the mean of the heads."""
    all_heads: bool = False
    """Whether every head of the layer is recorded and shown, not only `head`."""
    band_us: tuple[float, float] | None = None
    """The filter: only steps that took from lo to hi µs; where no steps are told, only gaps. None: all."""
    looks: tuple[tuple[str, Look], ...] = ()
    """The view of each panel, by the panel's name; a panel that was never moved is not in it."""
    position: int | None = None
    """A position of the prompt of `request`, where one is selected. Generated tokens are selected as `token`."""

    def look(self, name: str) -> Look | None:
        """The view of this panel; None if it was never moved."""
        return dict(self.looks).get(name)

    def with_look(self, name: str, look: Look) -> Selected:
        """A copy in which this panel has this view."""
        return replace(self, looks=tuple(sorted({**dict(self.looks), name: look}.items())))


def within(selected: Selected, session: Session) -> Selected:
    """The selection without what lies after the end of a session."""
    steps, tokens = len(session.steps), len(session.tokens)
    range_ = selected.steps
    known = selected.request is None or selected.request in session.requests
    return replace(
        selected,
        steps=None if range_ is None or range_[0] >= steps else (range_[0], min(range_[1], steps - 1)),
        step=None if selected.step is None or selected.step >= steps else selected.step,
        token=None if selected.token is None or selected.token >= tokens else selected.token,
        request=selected.request if known else None,
        position=selected.position if known else None,
    )


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
        """Change the named fields; the other fields stay, with three exceptions.

        A token also selects its step (none where a server tells no steps) and its request. Another step or request
        clears the token and the position of the prompt. Step and selected request belong together: a step selects
        another request if the selected one was not in it, and a request that was not in the selected step clears it.
        """
        self._change("", fields)

    def clear(self) -> bool:
        """Clear range, token and filter; returns whether there was anything to clear."""
        now = self._now
        if (now.steps, now.step, now.token, now.position, now.band_us) == (None,) * 5:
            return False
        self.change(steps=None, step=None, token=None, position=None, band_us=None)
        return True

    def filter(self, band_us: tuple[float, float] | None) -> None:
        """Show only steps that took from lo to hi µs; all moves of a drag are one entry of the history."""
        self._change("filter", {"band_us": band_us})

    def looked(self, name: str, before: Look, after: Look) -> None:
        """The user zoomed or panned a panel: add an entry to the history, without emitting `changed`."""
        if after.same(before):
            return
        self._keep(f"look {name} {after.axis}", self._now.with_look(name, before))
        self._now = self._now.with_look(name, after)

    def revealed(self, name: str, before: Look, after: Look) -> None:
        """A panel moved its view to show the new selection: the move belongs to that entry of the history."""
        if after.same(before):
            return
        if self._past:
            self._past[-1] = self._past[-1].with_look(name, before)
        self._now = self._now.with_look(name, after)

    def reset(self, session: Session | None = None) -> None:
        """Another session is shown: clear the selection and the history; only `all_heads` stays, for the next run."""
        self._past.clear()
        self._future.clear()
        self._session = session
        self._gesture = ("", 0.0)
        self._set(Selected(all_heads=self._now.all_heads))

    def take_over(self, session: Session, before: Selected) -> None:
        """Select in a session what was selected in another part of the same recording, as far as it is there."""
        self._session = session
        self._set(within(before, session))

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
        """Add `before` to the history, unless the gesture that added the last entry goes on."""
        now_s = self._clock()
        last, last_s = self._gesture
        self._gesture = (gesture, now_s)
        self._future.clear()
        if gesture and gesture == last and now_s - last_s < GESTURE_S and self._past:
            return
        self._past.append(before)
        del self._past[:-200]

    def _complete(self, fields: dict[str, object]) -> dict[str, object]:
        """The fields, and the other fields that follow from them."""
        now, session = self._now, self._session
        token = fields.get("token")
        if isinstance(token, int) and session is not None and 0 <= token < len(session.tokens):
            tokens = session.tokens
            step = int(tokens["step_id"][token])
            told = {"step": step if step >= 0 else None, "request": int(tokens["request_id"][token])}
            return {**fields, **told, "position": None}
        fields = self._step_and_request(fields)
        moved = any(fields.get(name, getattr(now, name)) != getattr(now, name) for name in ("step", "request"))
        if fields.get("position") is not None or (moved and "token" not in fields):
            fields = {**fields, "token": None}
        if moved or "token" in fields:
            fields = {"position": None, **fields}
        return fields

    def _step_and_request(self, fields: dict[str, object]) -> dict[str, object]:
        """The fields, so that the selected request is in the selected step: the one of both that is chosen now stays.

        If both are, the step stays. Of a position of the prompt, the step is not selected.
        """
        if fields.get("position") is not None:
            return {**fields, "step": None}
        session = self._session
        step, request = fields.get("step", self._now.step), fields.get("request", self._now.request)
        if session is None or not isinstance(step, int) or not isinstance(request, int):
            return fields
        if is_in_step(session, request, step):
            return fields
        if fields.get("step") is None:
            return {**fields, "step": None} if "request" in fields else fields
        members = requests_of_step(session, step)
        return {**fields, "request": members[0]} if members else fields

    def _set(self, new: Selected) -> None:
        self._now = new
        self.changed.emit(new)
