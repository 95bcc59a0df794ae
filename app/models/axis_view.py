"""The part of an axis that is shown: zoomed around a point, panned, framed, or following the newest data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Mode = Literal["fit", "follow", "free"]

MARGIN: Final = 0.02
"""Share of the span that may lie beyond the newest data, so that the last mark is not glued to the edge."""


@dataclass(slots=True)
class AxisView:
    """A window [lo, hi] on an axis whose data lie in [first, last]; all four in the axis' own unit.

    Nothing moves it off the data: it begins at `first` or later, and ends at `last` and the margin or earlier. So an
    axis of time never shows moments before the session.

    The mode `fit` always shows all data, `follow` keeps the span and the newest data at the right edge, `free` stays
    where the user put the window.
    """

    lo: float = 0.0
    hi: float = 1.0
    mode: Mode = "fit"
    first: float = 0.0
    last: float = 1.0
    shortest: float = 1.0
    """The smallest span that can be zoomed to."""
    margin: float = MARGIN

    @property
    def span(self) -> float:
        return self.hi - self.lo

    def advance(self, first: float, last: float) -> None:
        """Set the new extent of the data."""
        self.first, self.last = first, max(last, first + self.shortest)
        if self.mode == "fit":
            self.lo, self.hi = self.first, self.last + self.margin * (self.last - self.first)
        elif self.mode == "follow":
            self._pin_right(self.span)

    def zoom(self, factor: float, at: float) -> None:
        """Make the span `factor` times as long, with the point `at` held in place (the right edge while following)."""
        whole = (self.last - self.first) * (1 + self.margin)
        span = min(max(self.span * factor, self.shortest), whole)
        if self.mode == "follow":
            self._pin_right(span)
            return
        if span >= whole:
            self.mode = "fit"
            self.advance(self.first, self.last)
            return
        share = (at - self.lo) / self.span
        self.mode = "free"
        self.lo = at - share * span
        self.hi = self.lo + span
        self._keep_in_reach()

    def pan(self, delta: float) -> None:
        """Move the window by `delta`; the mode becomes `free`."""
        self.mode = "free"
        self.lo += delta
        self.hi += delta
        self._keep_in_reach()

    def show(self, lo: float, hi: float, margin: float = 0.0) -> None:
        """Show [lo, hi] and a margin at both ends, a share of its length; at least the shortest span."""
        self.mode = "free"
        extra = (self.shortest - (hi - lo)) / 2 if hi - lo < self.shortest else (hi - lo) * margin
        self.lo, self.hi = lo - extra, hi + extra
        self._keep_in_reach()

    def reveal(self, lo: float, hi: float) -> None:
        """If [lo, hi] is not in view, pan until it is, with a tenth of the span beside it."""
        if lo < self.lo or hi - lo > self.span:
            self.pan(lo - self.lo - 0.1 * self.span)
        elif hi > self.hi:
            self.pan(hi - self.hi + 0.1 * self.span)

    def follow(self, span: float | None = None) -> None:
        """Keep the newest data at the right edge, with this span (None: the present one)."""
        self.mode = "follow"
        self._pin_right(span if span is not None else self.span)

    def fit(self) -> None:
        """Show all data from now on."""
        self.mode = "fit"
        self.advance(self.first, self.last)

    def _pin_right(self, span: float) -> None:
        self.hi = self.last + self.margin * span
        self.lo = max(self.hi - span, self.first) if span < (self.last - self.first) else self.first
        if self.lo == self.first:
            self.hi = max(self.hi, self.lo + self.shortest)

    def _keep_in_reach(self) -> None:
        """Move the window, without changing its span, back over the data; a longer one begins where they begin."""
        shift = min(self.last + self.margin * self.span - self.hi, 0.0)
        shift = max(shift, self.first - self.lo)
        self.lo += shift
        self.hi += shift
