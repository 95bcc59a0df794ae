"""The base of every panel: a header of one line, a picture, and the methods that the window calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.core.jobs import Jobs
from app.core.reading import Reading
from app.core.selection import Selected, Selection
from app.panels.registry import entry
from engine.client.suite import Suite
from engine.core.settings import Probe, RunSpec
from engine.session.store import Session


class EngineControl(Protocol):
    """What a panel may ask of the running engine; the feed implements it."""

    def set_switches(self, changes: dict[str, Any]) -> None:
        """Flip switches at the next step."""

    def set_probe(self, probe: Probe | None) -> None:
        """Record the attention of this layer and head from the next step on."""

    @property
    def unavailable(self) -> dict[str, str]:
        """Why values of switches cannot run with the model that is loaded: {"switch=value": reason}."""

    @property
    def suite_progress(self) -> tuple[int, int] | None:
        """(finished runs, all runs) of the current suite; None without one."""

    def start_suite(self, suite: Suite) -> None:
        """Run after run of a suite, kept as one Session."""

    def start_run(self, run: RunSpec, paused: bool = False) -> None:
        """Start a run and a new Session; a run that goes on is ended."""

    def measure_ceilings(self) -> None:
        """Measure again what the device can do at most, while no run goes on."""

    def stop_run(self) -> None:
        """End the run that goes on, and the suite it belongs to."""


@dataclass(frozen=True, slots=True)
class PanelContext:
    """What every panel is given."""

    selection: Selection
    control: EngineControl
    jobs: Jobs | None = None
    """Background jobs that read the session's file; None without a window: then the file is read at once."""


class Panel(QWidget):
    """One panel. `name` is its name on the command line and never changes; `title()` is what a person reads.

    The window calls `show_session` when another session is looked at, `refresh` when there is news *and* the panel can
    be seen (so a hidden panel costs nothing), `select` when the selection changed, `restyle` when the theme did. A
    panel reads only its Session; it keeps its own counters of what it has drawn. `is_empty` makes the frame
    show `empty_text()` in place of the picture.
    """

    figures_changed = Signal()
    """The header's figures changed for another reason than new data or a selection: another page, another size."""
    answered = Signal()
    """An answer from the session's file has arrived, or takes a while: `refresh` shows it."""
    name: ClassVar[str]
    of_range: ClassVar[bool] = True
    """Whether the panel follows the selected range of steps, so that the header names the range."""

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.context = context
        self.session: Session | None = None
        self._questions: list[Reading] = []

    def title(self) -> str:
        """The title in the header and the menu, translated; it stands in the registry."""
        return entry(self.name).title()

    def figures(self) -> str:
        """The two or three main figures, for the header; units included."""
        return ""

    def empty_text(self) -> str:
        """One sentence: what will appear here, and how to make it appear."""
        raise NotImplementedError

    @property
    def is_empty(self) -> bool:
        return self.session is None or len(self.session.steps) == 0

    @property
    def is_behind(self) -> bool:
        """Whether the panel still reads piece by piece, so that a picture taken now would be incomplete."""
        return any(reading.busy for reading in self._questions)

    def reading(self) -> Reading:
        """A place for one question at a time to the session's file."""
        made = Reading(self.context.jobs, self)
        made.changed.connect(self.answered)
        self._questions.append(made)
        return made

    def give_up_reading(self) -> None:
        """Cancel reading of the session's file; the next `refresh` asks again for what it needs."""
        for reading in self._questions:
            reading.forget()

    def show_session(self, session: Session | None) -> None:
        """Look at another session; subclasses drop what they have drawn and call this."""
        self.give_up_reading()
        self.session = session

    def refresh(self) -> None:
        """Draw what came since the last call."""
        raise NotImplementedError

    def select(self, selected: Selected) -> None:
        """Follow the selection."""

    def restyle(self) -> None:
        """Take the theme's colours again."""

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        """(column names with units, rows) of what is shown, for "copy as CSV"."""
        raise NotImplementedError
