"""Fills the status bar and the window's title from the shown session and the current run."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from app.core.jobs import Jobs
from app.models.recording_size import RecordingSize
from app.widgets.plain import title_text
from app.window.attach_control import AttachControl
from app.window.feed import Feed
from app.window.run_control import RunControl
from app.window.shown_session import ShownSession
from app.window.status_bar import StatusBar
from engine.session.naming import name_in

SAID_MS = 6000


class StatusControl(QObject):
    """Keeps the bar and the title up to date; figures of a growing session are written by `refresh`."""

    def __init__(
        self, window: QWidget, bar: StatusBar, shown: ShownSession, control: RunControl, server: AttachControl,
        feed: Feed, jobs: Jobs,
    ) -> None:  # fmt: skip
        super().__init__(window)
        self._window, self._bar = window, bar
        self._shown, self._control, self._server, self._feed, self._jobs = shown, control, server, feed, jobs
        self._size: RecordingSize | None = None
        """The size of the file that the shown run is recorded to."""
        self._shown_name = ""
        """The name that stands in the title."""
        shown.changed.connect(self.show_file)
        shown.changed.connect(self.show_state)
        shown.renamed.connect(self.show_file)
        shown.renamed.connect(self._show_recording)  # the file may be lost
        control.state_changed.connect(self.show_state)
        control.run_ended.connect(self.show_state)  # the server may be gone
        control.state_changed.connect(self._show_recording)
        server.changed.connect(self.show_file)
        server.changed.connect(self.show_state)
        jobs.changed.connect(self._on_jobs)

    @Slot()
    def show_file(self) -> None:
        """Name the session that is shown, and its file."""
        now = self._shown.now
        if now is not None:
            given = name_in(now.session.meta)
            self._bar.show_file(now.told_path, not self._shown.is_live or now.copy != "", given)
        name = self._shown_name = "" if now is None else now.name
        parts = (title_text(name), title_text(self._server.name), "DecodeScope")
        self._window.setWindowTitle(" — ".join(part for part in parts if part))

    @Slot()
    def show_state(self) -> None:
        """Show the engine's state, and whether a recorded session is shown meanwhile."""
        recorded = self._shown.session is not None and not self._shown.is_live
        state = "stopped" if self._control.server_gone else self._control.state
        self._bar.show_state(state, recorded, not self._feed.tells.loads_models)

    def refresh(self) -> None:
        """Show the session's figures, and its name, as they are now: a run takes another name a little later."""
        if self._shown.now is not None and self._shown.now.name != self._shown_name:
            self.show_file()
        live = self._shown.is_live
        self._bar.refresh(self._shown.session, live, self._feed.overhead if live else None)
        self._show_recording()

    def _show_recording(self) -> None:
        """Say how large the file of the shown run is while it is written."""
        live = self._shown.live
        if live is None or not self._shown.is_live or not self._control.active:
            self._size = None
        elif self._size is None or self._size.path != Path(live.path):
            self._size = RecordingSize(Path(live.path)) if live.path else None
        lost = live is not None and self._shown.is_live and (live.lost or not live.path)
        if self._size is None:
            self._bar.show_recording(None, None, lost)
        else:
            self._size.look()
            self._bar.show_recording(self._size.bytes, self._size.bytes_per_s, lost)

    def say(self, text: str) -> None:
        """Show for a moment what was done."""
        self._bar.say(text, SAID_MS)

    @Slot()
    def _on_jobs(self) -> None:
        self._bar.show_busy(self._jobs.doing, self._jobs.can_be_given_up)
