"""The window's one timer: draws one part at a time, and limits drawing to a share of one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QObject, Qt, QTimer

from app.core.drawing_share import SHARE

TICK_MS: Final = 25
TURN_MS: Final = 1
"""Time between two pieces that are drawn in turn: Qt paints in it."""
FASTEST_S: Final = 0.05
SLOWEST_S: Final = 1.0
"""Longest time between two drawings of one part, at the full `SHARE`; in proportion longer at a smaller one."""
CREDIT_S: Final = 0.1
"""How long a time without drawing counts for what is drawn next: a drawing that waited for its tick is made up for."""


@dataclass(slots=True)
class Piece:
    """One part of the window that is drawn by itself."""

    name: str
    draw: Callable[[], bool]
    """Draws what is new; returns whether anything was."""
    weight: int = 1
    """How many parts of the share it gets."""
    seen: Callable[[], bool] = lambda: True
    """Whether it is on the screen; one that is not gets no part of the share."""
    cost_s: float = 0.0
    """Running average of the processor time of one drawing, painting included."""
    due_s: float = 0.0


class Refresher(QObject):
    """Draws at most one piece a tick, so that its cost can be measured: the processor time of the window's thread until
    the next tick, which includes Qt's painting.

    Every piece that is seen has its part of the share of one core that `share` returns: a cheap piece is drawn up to 20
    times a second, an expensive one less often. All together keep to the share at any time: after one is drawn, the
    next waits. Without a live session the timer stops.
    """

    def __init__(
        self, pieces: list[Piece], parent: QObject | None = None, share: Callable[[], float] = lambda: SHARE
    ) -> None:
        super().__init__(parent)
        self.pieces = pieces
        self.share = share
        """Returns the largest share of one core for drawing what is shown."""
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.CoarseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self.tick)
        self._turns = QTimer(self)
        self._turns.setInterval(TURN_MS)
        self._turns.timeout.connect(self._draw_next)
        self._drawn: Piece | None = None
        self._drawn_s = 0.0
        self._cpu_s = 0.0
        self._rested_s = 0.0

    @property
    def active(self) -> bool:
        return self._timer.isActive()

    def follow(self, live: bool, in_turn: bool = False) -> None:
        """Start the timer for a live session; otherwise stop it and draw what is left.

        `in_turn`: not all at once, but piece by piece, so that the window is painted and answers in between.
        """
        self._turns.stop()
        if live and not self._timer.isActive():
            self._drawn = None
            for piece in self.pieces:
                piece.due_s = time.monotonic()
            self._timer.start()
        elif not live:
            self._timer.stop()
            if in_turn:
                self._drawn = None
                self._turns.start()
            else:
                self.draw_all()

    def catch_up(self) -> None:
        """Draw what waits without a rest: nothing computes from which it would take time."""
        self._drawn, self._rested_s = None, 0.0
        for piece in self.pieces:
            piece.due_s = time.monotonic()

    @property
    def has_turns(self) -> bool:
        """Whether pieces that are drawn in turn may be left."""
        return self._turns.isActive()

    def _draw_next(self) -> None:
        if not any(piece.draw() for piece in self.pieces):
            self._turns.stop()

    def draw_all(self) -> None:
        """Draw every piece now."""
        self._turns.stop()
        self._drawn = None
        for piece in self.pieces:
            piece.draw()

    def tick(self) -> None:
        """Note what the piece drawn last has cost, then draw the one that is most late for its weight."""
        now, cpu = time.monotonic(), time.thread_time()
        if self._drawn is not None:
            piece, cost = self._drawn, cpu - self._cpu_s
            piece.cost_s = cost if piece.cost_s == 0.0 else piece.cost_s + 0.3 * (cost - piece.cost_s)
            weights = sum(one.weight for one in self.pieces if one.cost_s > 0.0 and one.seen())
            share = self.share()
            piece.due_s = self._drawn_s + pace_s(piece.cost_s, weights / piece.weight, share)
            # A run begins with every piece due: they come one by one.
            self._rested_s = max(self._rested_s, self._drawn_s - CREDIT_S) + min(SLOWEST_S, cost / share)
            self._drawn = None
        if now < self._rested_s:
            return
        late = [piece for piece in self.pieces if piece.due_s <= now]
        for piece in sorted(late, key=lambda one: (one.due_s - now) * one.weight):
            self._drawn_s, self._cpu_s = now, time.thread_time()
            if piece.draw():
                self._drawn = piece
                break


def pace_s(cost_s: float, parts: float, share: float = SHARE) -> float:
    """Seconds between two drawings of this cost that keep to one of `parts` parts of `share` of a core."""
    return min(SLOWEST_S * SHARE / share, max(FASTEST_S, cost_s * parts / share))
