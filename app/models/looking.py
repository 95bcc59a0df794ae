"""Where a panel looks on its axis, kept in the history of the selection: back undoes a zoom as it undoes a choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.core.selection import Look, Selected, Selection
from app.models.axis_view import AxisView


class Looker:
    """Adds the user's changes of a view to the history of the selection, and restores views from it.

    `now` returns the panel's view, `show` sets it.
    """

    def __init__(self, selection: Selection, name: str, now: Callable[[], Look], show: Callable[[Look], None]) -> None:
        self._selection = selection
        self._name = name
        self._now = now
        self._show = show
        self._known: Look | None = None
        """The selection's view of this panel."""

    @contextmanager
    def by_hand(self) -> Iterator[None]:
        """Context: changes of the view within it are the user's, and can be undone."""
        before = self._now()
        yield
        self._known = self._now()
        self._selection.looked(self._name, before, self._known)

    @contextmanager
    def to_reveal(self) -> Iterator[None]:
        """Context: changes of the view within it belong to the selection made just now."""
        before = self._now()
        yield
        self._known = self._now()
        self._selection.revealed(self._name, before, self._known)

    def follow(self, selected: Selected) -> bool:
        """Show the view that back or forward led to; returns whether it differs."""
        look = selected.look(self._name)
        if look is None or look == self._known:
            return False
        self._known = look
        if look.same(self._now()):
            return False
        self._show(look)
        return True


def look_of(view: AxisView, axis: str = "") -> Look:
    """What a view shows."""
    return Look(view.lo, view.hi, view.mode, axis)


def show_look(view: AxisView, look: Look) -> None:
    """Make a view show this."""
    if look.mode == "fit":
        view.fit()
    elif look.mode == "follow":
        view.follow(look.hi - look.lo)
    else:
        view.show(look.lo, look.hi)
