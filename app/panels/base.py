"""The base class of every panel: the header's figures, the picture, and the methods that the window calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.core.activity import Activity
from app.core.jobs import Jobs
from app.core.preferences import Preferences
from app.core.reading import Reading
from app.core.selection import Selected, Selection
from app.models.found import Found
from app.panels.untold import of_precision, of_trace, why_untold
from engine.client.suite import Suite, WantedSuite
from engine.core.settings import Probe, RunSpec
from engine.session.schema import Mark
from engine.session.serving import Topic
from engine.session.store import Session

if TYPE_CHECKING:
    from app.models.comparing import Comparing


WayOut = Literal["", "run", "open"]
"""What fills an empty panel: nothing that a button could do, a run of the prompt, or the opening of a file."""


ROOM_FOR_ROWS: Final = 220
"""Pixels of height in which a table has a few rows below its tools, and a list of facts most of them."""


class EngineControl(Protocol):
    """The requests that a panel can make to the running engine; the feed implements them."""

    def set_switches(self, changes: dict[str, Any]) -> None:
        """Change switches from the next step on."""

    def set_probe(self, probe: Probe | None) -> None:
        """Record the attention of this probe's layer and head from the next step on; None: record none."""

    @property
    def unavailable(self) -> dict[str, str]:
        """Which values of switches cannot run with the loaded model, and why: {"switch=value": reason}."""

    @property
    def model_config(self) -> dict[str, Any]:
        """The shape of the loaded model, as a session keeps it; empty before one is loaded."""

    @property
    def suite_progress(self) -> tuple[int, int] | None:
        """(finished runs, all runs) of the current suite; None without one."""

    def start_suite(self, suite: Suite | WantedSuite) -> None:
        """Run all runs of a suite, one after the other, and keep them as one Session."""

    def start_run(self, run: RunSpec, paused: bool = False) -> None:
        """Start a run and a new Session; a current run is ended first."""

    def measure_ceilings(self) -> None:
        """Measure the device's ceilings again, while no run goes on."""

    def stop_run(self) -> None:
        """End the current run, and the suite that it belongs to."""


class SessionEdits(Protocol):
    """The changes that a panel can make to the shown session; each can be undone by menu and key."""

    def set_fact(self, key: str, value: str, words: str) -> None:
        """Set a fact, a row of `meta`; `words` name the change in the menu."""

    def change_mark(self, before: Mark | None, after: Mark | None, words: str) -> None:
        """Put a mark (`before` is None), change it, or take it away (`after` is None)."""


class MarkKeeper(Protocol):
    """What can be done with the marks of the shown session, by menu, key or panel."""

    def put(self) -> None:
        """Put a mark at the selected step or token."""

    def jump(self, mark: Mark) -> None:
        """Select the step of a mark."""

    def rename_mark(self, mark: Mark) -> None:
        """Ask for another name of a mark."""

    def remove_mark(self, mark: Mark) -> None:
        """Remove a mark; this can be undone."""


@dataclass(frozen=True, slots=True)
class PanelContext:
    """The objects that every panel gets."""

    selection: Selection
    control: EngineControl
    jobs: Jobs | None = None
    """Background jobs that read the session's file. None without a window: the panel then waits for each read."""
    activity: Activity | None = None
    """What the engine does at this moment, shown where a panel has nothing to show yet; None without a window."""
    edits: SessionEdits | None = None
    """Changes of the shown session; None without a window, where nothing can be changed."""
    marks: MarkKeeper | None = None
    """None without a window."""
    found: Found | None = None
    """What was searched and found, which texts mark; None without a window."""
    preferences: Preferences | None = None
    """What the program remembers between two starts; None without a window."""
    comparing: Comparing | None = None
    """The window's comparison with another recording; None without a window."""


class Panel(QWidget):
    """One panel. `name` is its name on the command line and never changes; `title()` is the title on the screen.

    The window calls `show_session` when another session is shown, `refresh` when there is new data *and* the panel is
    visible (so a hidden panel costs nothing), `select` when the selection has changed, and `restyle` when the theme
    has. A panel reads only its Session, and keeps its own counters of what it has drawn. Where `is_empty` is true, the
    frame shows `empty_text()` in place of the picture.
    """

    figures_changed = Signal()
    """The header's figures changed without new data or a new selection: another page or another size, for example."""
    answered = Signal()
    """An answer from the session's file has arrived, or is slow to arrive; `refresh` shows which."""
    csv_asked = Signal()
    """The user wants what is shown in a file, as CSV."""
    name: ClassVar[str]
    of_range: ClassVar[bool] = True
    """Whether the panel follows the selected range of steps, so that the header names the range."""
    wanted_height: ClassVar[int] = 0
    """Height in pixels that the panel asks for when it comes up, where it wants more than its least one."""
    needs: ClassVar[tuple[Topic, ...]] = ("steps", "positions")
    """What a server must tell for the panel to have anything to show of its session."""

    of_runs: ClassVar[bool] = True
    """Whether the panel shows what a run did, so that it has nothing to show of a comparison of precisions."""

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.context = context
        self.session: Session | None = None
        self._questions: list[Reading] = []

    def figures(self) -> str:
        """The two or three main figures, for the header; units included."""
        return ""

    def empty_text(self) -> str:
        """A sentence for an empty panel: what will appear here, and how to make it appear."""
        raise NotImplementedError

    @property
    def way_out(self) -> WayOut:
        """What an empty panel offers, so that it has something to show."""
        return "run"

    def untold_text(self) -> str:
        """Why the panel has nothing to show of a server's session, or of a comparison of precisions, in a sentence or
        two; "" where it may have some. That is so of every run of our own engine.
        """
        if self.of_runs and (words := of_precision(self.session)):
            return words
        reason = why_untold(self.session, *self.needs)
        return (of_trace(self.session) or f"{self.untold_lead()} {reason}") if reason else ""

    def untold_lead(self) -> str:
        """A sentence that says what the panel shows and who alone can tell it."""
        return self.tr("What each step computed can be told only from inside the server.")

    @property
    def is_empty(self) -> bool:
        return self.session is None or len(self.session.steps) == 0 or bool(self.untold_text())

    @property
    def is_behind(self) -> bool:
        """Whether the panel is still reading from the file, so that a picture taken now would be incomplete."""
        return any(reading.busy for reading in self._questions)

    def reading(self) -> Reading:
        """A new Reading, which asks the session's file one question at a time; its answers emit `answered`."""
        made = Reading(self.context.jobs, self)
        made.changed.connect(self.answered)
        self._questions.append(made)
        return made

    def give_up_reading(self) -> None:
        """Cancel reading of the session's file; the next `refresh` asks again for what it needs."""
        for reading in self._questions:
            reading.forget()

    def show_session(self, session: Session | None) -> None:
        """Show another session; subclasses call this and drop their own state of the session before."""
        self.give_up_reading()
        self.session = session

    def refresh(self) -> None:
        """Draw the data that is new since the last call."""
        raise NotImplementedError

    def select(self, selected: Selected) -> None:
        """Follow the selection."""

    def restyle(self) -> None:
        """Take the theme's colours again."""

    def show_page(self, page: str) -> None:
        """Show one of the panel's pages, by its name; a panel without pages has none."""
        raise NotImplementedError

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        """(column names with units, rows) of what is shown, for "copy as CSV"."""
        raise NotImplementedError
