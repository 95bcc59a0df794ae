"""The parts of the window that the refresher draws: each by itself, and only when it has something new to draw."""

from __future__ import annotations

from collections.abc import Callable

from app.panels.frame import PanelDock
from app.window.refresher import Piece
from app.window.shown_session import ShownSession


class DrawnParts:
    """Keeps which revision of the shown session each part has drawn."""

    def __init__(self, shown: ShownSession) -> None:
        self._shown = shown
        self._drawn: dict[str, tuple[int, object]] = {}
        self.painted = False
        """Whether the window has been on the screen: panels are drawn only after that."""

    def part(
        self, name: str, refresh: Callable[[], None], beside: Callable[[], object] = lambda: None, weight: int = 1
    ) -> Piece:
        """A part that draws the session, and a value from outside the session that `beside` returns."""

        def draw() -> bool:
            session = self._shown.session
            news = (-1 if session is None else session.revision, beside())
            if self._drawn.get(name) == news:
                return False
            self._drawn[name] = news
            refresh()
            return True

        return Piece(name, draw, weight)

    def panel(self, name: str, dock: PanelDock) -> Piece:
        """A panel; its dock knows whether there is anything new to draw."""

        def draw() -> bool:
            if not (self.painted and dock.needs_refresh and dock.is_seen):
                return False
            dock.refresh()
            return True

        return Piece(name, draw, seen=lambda: dock.is_seen)

    def forget(self) -> None:
        """Another session is shown: nothing of it is drawn yet."""
        self._drawn.clear()
