"""The docks of the panels: built from the registry and put in rows. One call here reaches all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Final

from PySide6.QtCore import QByteArray, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QDockWidget, QMainWindow, QToolBar, QWidget

from app.core import layout
from app.core.preferences import Preferences
from app.core.selection import Selected
from app.look.theme import GRID
from app.panels.base import PanelContext
from app.panels.frame import PanelDock, focused_dock
from app.panels.registry import PANELS
from app.window.exports import Exports
from app.window.help import show_panel_help
from app.window.run_panel import WIDTH
from engine.session.store import Session

TABS: Final = 3 * GRID
"""Pixels that a cell with tabs needs beyond its dock, as Qt shares out heights."""
MOST_OF_WINDOW: Final = 0.4
"""Share of the window's height that a panel gets at most by itself."""


class Panels(QObject):
    """All panels of a window; `docks` by the panels' names. `side` stands to the left of them."""

    seen = Signal()
    """A panel came onto the screen."""
    coming_back = Signal()
    """The panels were away and come back now: what took their place must go."""
    came_back = Signal()
    """They are back: `seen` was not emitted for each of them."""

    def __init__(
        self, window: QMainWindow, side: QDockWidget, context: PanelContext, exports: Exports, run: Callable[[], None],
        open_file: Callable[[], None],
    ) -> None:  # fmt: skip
        super().__init__(window)
        self._window = window
        self._side = side
        self._default_layout = True
        self._away: QByteArray | None = None
        """How the panels stood when they were put away; None while they are not away."""
        self._returning = False
        self._side_width: int | None = None
        """The width of `side` when the panels were put away; None where the window was not seen before."""
        self.docks: dict[str, PanelDock] = {}
        for entry in PANELS:
            dock = self.docks[entry.name] = PanelDock(entry, context, window)
            dock.seen.connect(self._on_seen)
            dock.came_up.connect(partial(self._on_came_up, dock))
            dock.wants_run.connect(run)
            dock.wants_open.connect(open_file)
            dock.wants_picture.connect(exports.copy_picture)
            dock.wants_csv.connect(exports.copy_csv)
            dock.wants_csv_file.connect(exports.ask_csv)
            dock.wants_export.connect(exports.ask_panel_picture)
            dock.wants_help.connect(lambda dock: show_panel_help(window, dock))
        context.selection.changed.connect(self._on_selected)

    # --- which panel ------------------------------------------------------------------------------------------------

    def bring_up(self, name: str) -> None:
        """Bring a panel to the front and give it the keyboard focus."""
        self.bring_back()
        dock = self.docks[name]
        dock.show()
        dock.raise_()
        (dock.panel or dock).setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _on_came_up(self, dock: PanelDock) -> None:
        QTimer.singleShot(0, dock, partial(self.make_room, dock))  # after the layout of what was drawn now

    def make_room(self, dock: PanelDock) -> None:
        """Give a panel that has come up the height that it needs, as far as the window can spare it."""
        missing = dock.missing_height() if dock.is_seen and not dock.isFloating() else 0
        height = min(dock.height() + missing + TABS, round(MOST_OF_WINDOW * self._window.height()))
        if not missing:
            return
        more = height - dock.height()
        own = range(dock.y(), dock.geometry().bottom() + 1)
        seen = [one for one in self.docks.values() if one.is_seen and not one.isFloating()]
        others = {one.y(): one for one in seen if one.geometry().center().y() not in own}  # one of each other row
        if more <= 0 or not others:
            return
        rows = list(others.values())
        left = 1 - more / sum(one.height() for one in rows)
        self._window.resizeDocks(
            [dock, *rows], [height, *(round(left * one.height()) for one in rows)], Qt.Orientation.Vertical
        )

    def with_focused(self, do: Callable[[PanelDock], None]) -> None:
        """Call `do` with the panel that has the keyboard focus, or else with the first visible one."""
        dock = focused_dock(self.docks.values())
        if dock is not None:
            do(dock)

    # --- all of them ------------------------------------------------------------------------------------------------

    def show_session(self, session: Session | None, in_turn: bool = False) -> None:
        """Show another session in all panels, each when it is drawn next where they do it in turn."""
        for dock in self.docks.values():
            dock.show_session(session, in_turn)

    def restyle(self) -> None:
        """Take the theme's colours again."""
        for dock in self.docks.values():
            dock.restyle()

    def rebuild(self) -> None:
        """Set all texts anew, in the current language."""
        for dock in self.docks.values():
            dock.rebuild()

    def _on_selected(self, selected: Selected) -> None:
        for dock in self.docks.values():
            dock.select(selected)

    # --- where they stand -------------------------------------------------------------------------------------------

    def arrange(self, rows: Sequence[layout.Row], first_share: float = layout.TIMELINE_SHARE) -> None:
        """Put the panels in these rows, of which the first takes this share of the height."""
        if self._window.isVisible():
            self._default_layout = False  # from now on the arrangement is somebody's choice
        away, self._away = self._away, None
        share_out = partial(layout.proportion, self._window, self._side, self.docks, rows, WIDTH, first_share)
        with self._coming_back() if away is not None else nullcontext():
            layout.arrange(self._window, self._side, self.docks, rows)
            share_out()
        QTimer.singleShot(0, self._window, share_out)  # a window that is gone by then is left alone

    def restore_layout(self) -> None:
        """Restore the default arrangement for the window's size."""
        self.arrange(layout.rows_for(self._window.size()))

    def place(self, preferences: Preferences) -> None:
        """Restore the arrangement of last time, or else set the default; call it when the window has its size."""
        layout.arrange(self._window, self._side, self.docks, layout.rows_for(self._window.size()))
        kept = preferences.layout
        version = layout.version_of(self.docks)
        self._default_layout = kept is None or not self._window.restoreState(kept, version)

    def put_away(self) -> None:
        """Hide all panels, so that something else can take their place; `bring_back` puts them back as they stood."""
        if self._away is not None:
            return
        self._away = self._window.saveState(layout.version_of(self.docks))
        self._side_width = self._side.width() if self._window.isVisible() else None
        self._window.setUpdatesEnabled(False)
        for dock in self.docks.values():
            dock.hide()
        self._window.setUpdatesEnabled(True)

    def bring_back(self) -> None:
        """Put the panels back that were put away."""
        if self._away is None:
            return
        if self._default_layout:  # it was never seen, and the window may have another size now
            self.restore_layout()
            return
        away, self._away = self._away, None
        with self._coming_back():
            others = [one for one in self._others() if not one.isHidden()]
            self._window.restoreState(away, layout.version_of(self.docks))
            for one in self._others():
                one.setVisible(one in others)
            if self._side_width is not None:
                self._window.resizeDocks([self._side], [self._side_width], Qt.Orientation.Horizontal)

    def share_out(self) -> None:
        """Give the rows of the default arrangement their share, now that the window can be seen."""
        if self._away is not None and self._default_layout:
            self._window.resizeDocks([self._side], [WIDTH], Qt.Orientation.Horizontal)
        elif self._default_layout:
            self._default_layout = False
            rows = layout.rows_for(self._window.size())
            layout.proportion(self._window, self._side, self.docks, rows, WIDTH)

    def keep(self, preferences: Preferences) -> None:
        """Remember the arrangement; the default one is not remembered while the panels have not been seen."""
        if self._away is None:
            preferences.layout = self._window.saveState(layout.version_of(self.docks))
        elif not self._default_layout:
            preferences.layout = self._away

    @contextmanager
    def _coming_back(self) -> Iterator[None]:
        """The context in which the panels are put back: they are drawn once, when all are there."""
        self._returning = True
        self._window.setUpdatesEnabled(False)
        self.coming_back.emit()
        try:
            yield
        finally:
            self._window.setUpdatesEnabled(True)
            self._returning = False
        self.came_back.emit()

    def _on_seen(self) -> None:
        if not self._returning:
            self.seen.emit()

    def _others(self) -> list[QWidget]:
        """What a stored arrangement shows or hides beside the panels: tool bars, and other docks."""
        docks = [one for one in self._window.findChildren(QDockWidget) if not isinstance(one, PanelDock)]
        return [*docks, *self._window.findChildren(QToolBar)]
