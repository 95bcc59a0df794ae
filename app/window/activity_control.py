"""Keeps the window's activity: what is said while a model is loaded, a run waits, or a step takes long."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot

from app.core.activity import Activity
from app.window.activity_words import OTHER, comparison_words, stage_words, step_words, with_time
from app.window.feed import Feed
from app.window.run_control import RunControl
from app.window.run_panel import RunPanel
from app.window.status_bar import StatusBar
from engine.figures.precision import share_done
from engine.session.schema import StepProgress
from engine.session.store import Session

TICK_MS: Final = 100
QUIET_S: Final = 0.3
"""What is over within this time is not said: most first steps are."""


class ActivityControl(QObject):
    """Follows the feed's news; a timer lets the time tick, only while something is said or may have to be.

    One activity reaches every place: run panel, status bar, and all panels that have nothing else to show.
    """

    def __init__(
        self, feed: Feed, control: RunControl, panel: RunPanel, bar: StatusBar, activity: Activity,
        clock: Callable[[], float] = time.monotonic, parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._feed = feed
        self._control, self._panel, self._bar, self.activity, self._clock = control, panel, bar, activity, clock
        self._stage, self._loaded, self._stage_since = "", 0.0, clock()
        self._since = clock()
        """When the run was asked for, or began."""
        self._session: Session | None = None
        self._progress: StepProgress | None = None
        self._step_since = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self.look)
        feed.loading.connect(self._on_loading)
        feed.step_progress.connect(self._on_progress)
        feed.session_started.connect(self._on_session_started)
        feed.run_ended.connect(self._on_run_ended)
        control.asked_changed.connect(self._on_asked)
        control.state_changed.connect(self._on_state)
        self.look()

    def end(self) -> None:
        """The window closes: nothing ticks any longer."""
        self._timer.stop()

    @Slot()
    def look(self) -> None:
        """Say anew what goes on, in the present language."""
        text, share = self._now()
        loading = self._loading_text()
        if loading:
            self._panel.show_loading(loading, self._loaded)
        self.activity.show(text, share, self._control.active)
        self._bar.show_activity(text or loading)
        self._panel.activity.show_activity(text, share)
        ticks = bool(text or loading) or self._is_asked or self._first_step_is_due
        if ticks != self._timer.isActive():
            (self._timer.start if ticks else self._timer.stop)()

    # --- what goes on -----------------------------------------------------------------------------------------------

    @property
    def _is_asked(self) -> bool:
        return self._control.asked

    @property
    def _first_step_is_due(self) -> bool:
        return self._control.state == "running" and self._session is not None and not len(self._session.steps)

    def _loading_text(self) -> str:
        """What is said of the model that is loaded; "" where none is."""
        if self._control.state not in ("starting", "loading") or not self._feed.isRunning():
            return ""  # a window that only draws a recording starts no engine
        return with_time(stage_words(self._stage), self._clock() - self._stage_since)

    def _now(self) -> tuple[str, float | None]:
        """(what is said of the run, how much of it is done)."""
        passed_s = self._clock() - self._since
        if self._is_asked and self._feed.asks_comparison and self._stage.endswith(OTHER):
            return with_time(stage_words(self._stage), self._clock() - self._stage_since), self._loaded
        if self._control.queued and self._loading_text():
            words = self.tr("The run starts when the model is ready: {}")
            return words.format(self._loading_text()), self._loaded or None
        if self._is_asked:
            return (with_time(self.tr("Starting the run"), passed_s) if passed_s >= QUIET_S else ""), None
        progress = self._progress_of_step()
        if progress is not None:
            words = step_words(progress)
            share = None if progress.share < 0 else min(progress.share, 1.0)
            if progress.step:
                words = self.tr("Step {step}: {words}").format(step=progress.step, words=words)
            return with_time(words, self._clock() - self._step_since), share
        share = None if self._session is None else share_done(self._session)
        if share is not None and self._control.active:
            return with_time(comparison_words(share), passed_s), share
        return self._before_the_first_step(passed_s), None

    def _before_the_first_step(self, passed_s: float) -> str:
        if self._session is None or len(self._session.steps):
            return ""
        if self._control.state == "paused":
            return self.tr("Paused before the first step")
        if self._control.state != "running" or passed_s < QUIET_S:
            return ""
        if not self._session.requests:
            return with_time(self.tr("Running, no request has arrived yet"), passed_s)
        return with_time(self.tr("Running, the first step is not finished"), passed_s)

    def _progress_of_step(self) -> StepProgress | None:
        """How far the step is that runs now; None once it is over."""
        if self._progress is not None and (self._session is None or len(self._session.steps) > self._progress.step):
            self._progress = None
        return self._progress

    # --- what the engine says ---------------------------------------------------------------------------------------

    @Slot(str, float)
    def _on_loading(self, stage: str, fraction: float) -> None:
        if stage != self._stage:
            self._stage, self._stage_since = stage, self._clock()
        self._loaded = fraction
        self.look()

    @Slot(object)
    def _on_progress(self, progress: StepProgress) -> None:
        if self._control.active:
            self._progress, self._step_since = progress, self._clock() - progress.elapsed_s
            self.look()

    @Slot(object, str)
    def _on_session_started(self, session: Session, _path: str) -> None:
        self._session, self._progress = session, None
        self._since = self._clock()
        self.look()

    @Slot(str)
    def _on_run_ended(self, _reason: str) -> None:
        self._session = self._progress = None
        self.look()

    @Slot()
    def _on_asked(self) -> None:
        self._since = self._clock()
        self.look()

    @Slot(str)
    def _on_state(self, state: str) -> None:
        if state == "starting":
            self._stage, self._stage_since, self._loaded = "", self._clock(), 0.0
        if state not in ("running", "paused"):
            self._progress = None
        self.look()
