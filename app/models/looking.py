"""The view of a panel in the history of the selection: Back undoes a zoom in the same way as a selection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.core.selection import Look, Selected, Selection
from app.models.axis_view import AxisView


class Looker:
    """Adds the user's changes of a view to the history of the selection, and restores views from the history.

    `now` returns the panel's view, `show` sets it.
    """

    def __init__(self, selection: Selection, name: str, now: Callable[[], Look], show: Callable[[Look], None]) -> None:
        self._selection = selection
        self._name = name
        self._now = now
        self._show = show
        self._known: Look | None = None
        """This panel's view as the selection last knew it."""

    @contextmanager
    def by_hand(self) -> Iterator[None]:
        """Context: changes of the view within it are actions of the user and can be undone."""
        before = self._now()
        yield
        self._known = self._now()
        self._selection.looked(self._name, before, self._known)

    @contextmanager
    def to_reveal(self) -> Iterator[None]:
        """Context: changes of the view within it are part of the latest change of the selection, undone with it."""
        before = self._now()
        yield
        self._known = self._now()
        self._selection.revealed(self._name, before, self._known)

    def follow(self, selected: Selected) -> bool:
        """Show the view that Back or Forward led to; returns whether it differs from the present one."""
        look = selected.look(self._name)
        if look is None or look == self._known:
            self._known = look
            return False
        self._known = look
        if look.same(self._now()):
            return False
        self._show(look)
        return True


def look_of(view: AxisView, axis: str = "") -> Look:
    """The Look that a view shows."""
    return Look(view.lo, view.hi, view.mode, axis)


def show_look(view: AxisView, look: Look) -> None:
    """Make a view show a Look."""
    if look.mode == "fit":
        view.fit()
    elif look.mode == "follow":
        view.follow(look.hi - look.lo)
    else:
        view.show(look.lo, look.hi)
