"""The steps that the step strip shows: all of them, the newest, or those that the user chose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from app.core.selection import Look, Selected, Selection
from app.models.axis_view import AxisView
from app.models.looking import Looker, look_of, show_look

FEWEST_STEPS: Final = 8
"""The shortest span; a run of fewer steps leaves the rest empty."""
NEAR_END: Final = 0.5
"""A view moved by hand begins to follow when its right edge is within so many steps of the last one."""


class StripView:
    """An AxisView over steps. It shows nothing beyond the data, and follows as soon as it reaches the newest step.

    `changed` is called when other steps are shown, `follow_changed` when following starts or ends.
    """

    def __init__(
        self, selection: Selection, changed: Callable[[], None], follow_changed: Callable[[bool], None]
    ) -> None:
        self._axis = AxisView(shortest=FEWEST_STEPS, margin=0.0)
        self._looker = Looker(selection, "step-strip", lambda: look_of(self._axis), self._show_look)
        self._changed = changed
        self._follow_changed = follow_changed
        self._step: int | None = None

    @property
    def first(self) -> float:
        """The step at the left edge."""
        return self._axis.lo

    @property
    def end(self) -> float:
        """The step that would begin at the right edge."""
        return self._axis.hi

    @property
    def span(self) -> float:
        """Steps in view."""
        return self._axis.span

    @property
    def following(self) -> bool:
        """Whether the newest step stays in view."""
        return self._axis.mode != "free"

    def advance(self, steps: int) -> None:
        """Set the present number of steps."""
        self._axis.advance(0.0, float(steps))

    def show_all(self) -> None:
        """Show all steps from now on."""
        with self._changing():
            self._axis.fit()

    def set_following(self, following: bool) -> None:
        """Keep the newest step in view, or stop following."""
        if following != self.following:
            with self._changing():
                if following:
                    self._axis.follow()
                else:
                    self._axis.mode = "free"

    def follow_by_hand(self) -> None:
        """Keep the newest step in view, as an action of the user."""
        with self._looker.by_hand():
            self.set_following(True)

    def frame(self, steps: tuple[int, int] | None) -> None:
        """Show a range of steps; show all steps where the range is None or shown already."""
        with self._looker.by_hand(), self._changing():
            wanted = None if steps is None else (float(steps[0]), float(max(steps[1] + 1, steps[0] + FEWEST_STEPS)))
            if wanted is None or (self._axis.mode != "fit" and wanted == (self._axis.lo, self._axis.hi)):
                self._axis.fit()
            else:
                self._axis.show(*wanted)

    def zoom(self, factor: float, at: float) -> None:
        """Make the span `factor` times as long around the step `at`, as an action of the user."""
        with self._looker.by_hand(), self._changing():
            self._axis.mode = "free"  # while it follows, an AxisView would hold the right edge instead
            self._axis.zoom(factor, at)
            if factor < 1 and self.following:
                self._axis.follow()  # the span cannot shrink yet, but it stays when steps come
            self._follow_at_end()

    def pan(self, delta: float) -> None:
        """Move by `delta` steps, as an action of the user."""
        with self._looker.by_hand(), self._changing():
            self._axis.pan(delta)
            self._follow_at_end()

    def select(self, selected: Selected) -> None:
        """Show the view that Back or Forward led to, or else bring a newly selected step into view."""
        moved = selected.step is not None and selected.step != self._step
        self._step = selected.step
        if not self._looker.follow(selected) and moved and self._step is not None:
            self._reveal(self._step)

    def _reveal(self, step: int) -> None:
        """If a step is not in view, pan until it is."""
        if self._axis.mode == "fit" or self._axis.lo <= step < self._axis.hi:
            return
        with self._looker.to_reveal(), self._changing():
            self._axis.reveal(step, step + 1)
            self._follow_at_end()

    def _show_look(self, look: Look) -> None:
        with self._changing():
            show_look(self._axis, look)

    def _follow_at_end(self) -> None:
        if self._axis.mode == "free" and self._axis.hi >= self._axis.last - NEAR_END:
            self._axis.follow()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        before = self.following
        yield
        self._changed()
        if self.following != before:
            self._follow_changed(self.following)
