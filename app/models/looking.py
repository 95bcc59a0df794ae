"""Where a panel looks on its axis, kept in the history of the selection: back undoes a zoom as it undoes a choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.core.selection import Look, Selected, Selection
from app.models.axis_view import AxisView


class Looker:
    """Tells the selection what the user does to a view, and the view where back and forward lead.

    `now` says where the panel looks, `show` makes it look elsewhere.
    """

    def __init__(self, selection: Selection, name: str, now: Callable[[], Look], show: Callable[[Look], None]) -> None:
        self._selection = selection
        self._name = name
        self._now = now
        self._show = show
        self._known: Look | None = None
        """What the selection knows of this panel."""

    @contextmanager
    def by_hand(self) -> Iterator[None]:
        """What is done to the view inside is the user's doing, and can be undone."""
        before = self._now()
        yield
        self._known = self._now()
        self._selection.looked(self._name, before, self._known)

    @contextmanager
    def to_reveal(self) -> Iterator[None]:
        """What is done to the view inside belongs to what was selected just now."""
        before = self._now()
        yield
        self._known = self._now()
        self._selection.revealed(self._name, before, self._known)

    def follow(self, selected: Selected) -> bool:
        """Look where back or forward led; says whether that is elsewhere."""
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
