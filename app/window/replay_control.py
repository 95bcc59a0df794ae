"""Replays the recording that is shown: begins and ends the replay, moves it with the time, and does what the user asks.

A replay is a view of the shown recording: `ShownSession` shows the part of it that the replay has reached, and goes on
saving, exporting and comparing the whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, cast

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QWidget

from app.core.jobs import Jobs
from app.models.replay_ticks import replay_ticks
from app.window.menus import Menus
from app.window.replay_bar import ReplayBar
from app.window.run_control import RunControl
from app.window.shown_session import FiledSession, ShownSession
from engine.client.play_clock import PlayClock, Waits
from engine.client.replay import Replay
from engine.figures.precision import precision_fact
from engine.session.patience import Patience

TICK_MS: Final = 25
ROUNDS: Final = 400
"""Ticks in which a long recording is over when it is replayed as fast as it is drawn: ten seconds."""


class ReplayControl(QObject):
    """Owns the replay, of which there is one at most. `moved` says that another moment is to be drawn."""

    moved = Signal()

    def __init__(
        self, shown: ShownSession, control: RunControl, menus: Menus, jobs: Jobs,
        focus: QWidget, wall_s: Callable[[], float] = time.monotonic, parent: QObject | None = None,
    ) -> None:  # fmt: skip
        """`focus` gets the keyboard focus when a replay begins; `wall_s` is a clock in seconds."""
        super().__init__(parent)
        self._focus = focus
        self._shown, self._control, self._menus, self._jobs = shown, control, menus, jobs
        actions = menus.actions
        bar = self.bar = ReplayBar(
            actions["replay_play"], actions["replay_previous"], actions["replay_next"], actions["replay"]
        )
        self._wall_s = wall_s
        self._filed: FiledSession | None = None
        """What is replayed."""
        self._replay: Replay | None = None
        self._clock: PlayClock | None = None
        self._asked: Patience | None = None
        """Cancels the preparation of a replay."""
        self._sought_ns: int | None = None
        """Where the user has moved the handle to; the replay goes there as soon as nothing else is to be done."""
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self.tick)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._seek_now)
        bar.sought.connect(self._on_sought)
        bar.track.sliderReleased.connect(self.moved)
        bar.speed_picked.connect(self._on_speed)
        bar.waits_shortened.connect(self._on_waits)
        shown.changed.connect(self._on_shown)
        control.state_changed.connect(self._show_actions)
        control.run_ended.connect(self._show_actions)
        self._show_actions()

    @property
    def slots(self) -> dict[str, Callable[[], object]]:
        """The function of each of its menu entries."""
        return {
            "replay": self.begin_or_leave, "replay_play": self.play_or_pause, "replay_previous": self.step_back,
            "replay_next": self.step, "replay_begin": self.to_begin, "replay_end": self.to_end,
        }  # fmt: skip

    @property
    def on(self) -> bool:
        """Whether a recording is replayed."""
        return self._replay is not None

    @property
    def plays(self) -> bool:
        """Whether the replay goes on by itself."""
        return self._timer.isActive()

    @property
    def moves(self) -> bool:
        """Whether it plays or the user is moving the handle, so that the next moment is shown soon after this one."""
        return self.plays or self.bar.track.isSliderDown()

    @property
    def can_begin(self) -> bool:
        """Whether what is shown can be replayed: a recording of a run, or a run of this window that is over."""
        filed = self._shown.now
        if filed is None or (self._shown.is_live and self._control.active):
            return False
        return precision_fact(filed.session) is None  # which has no moments

    # --- what the user wants ----------------------------------------------------------------------------------------

    def begin_or_leave(self) -> None:
        """Replay what is shown from its beginning, or show all of it again."""
        if self.on:
            self.leave()
        elif self.can_begin and self._asked is None:
            self._begin()

    def leave(self) -> None:
        """Show the whole recording again."""
        if self.on:
            self._drop()
            self._shown.show_part(None)

    def play_or_pause(self) -> None:
        """Go on by itself, or stand still; at the end it begins anew."""
        if self._replay is None or self._clock is None:
            return
        if self.plays:
            self._pause()
            return
        if self._replay.at_end:
            self._go(self._replay.begin_ns)
        self._clock.play()
        self._timer.start()
        self.moved.emit()
        self._show_now()

    def step(self) -> None:
        """Stand still one step later."""
        if self._replay is not None:
            self._pause_at(self._replay.later())

    def step_back(self) -> None:
        """Stand still one step earlier."""
        if self._replay is not None:
            self._pause_at(self._replay.earlier())

    def to_begin(self) -> None:
        """Go to the first moment."""
        if self._replay is not None:
            self._move(self._replay.begin_ns)

    def to_end(self) -> None:
        """Go to the last moment, and stand still."""
        if self._replay is not None:
            self._pause_at(self._replay.end_ns)

    @Slot()
    def take_edits(self) -> None:
        """A person changed a mark or a fact of the recording: it is changed in what the replay shows, too."""
        if self._replay is not None:
            self._show(self._replay.now_ns)

    def end(self) -> None:
        """The window closes: nothing ticks any longer."""
        self._timer.stop()
        self._soon.stop()

    @Slot()
    def tick(self) -> None:
        """Show the moment that is due."""
        if self._replay is None or self._clock is None:
            return
        if self.bar.speed is None:
            self._go(self._replay.later(max(1, self._replay.stops // ROUNDS)))
        else:
            self._go_to_due()
        if self._replay.at_end:
            self._pause()
        else:
            self._show_now()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        filed = self._shown.now
        assert filed is not None
        session = filed.session
        patience = self._asked = Patience()

        def work() -> tuple[Replay, Waits]:
            return Replay(session, patience), Waits(session)

        def then(made: object) -> None:
            self._asked = None
            if not patience.over and self._shown.now is filed and self.can_begin:
                self._replay_it(filed, *cast("tuple[Replay, Waits]", made))

        def otherwise(failure: object) -> None:
            self._asked = None
            if not patience.over:
                self._jobs.fail(failure)  # type: ignore[arg-type]

        doing = self.tr("preparing the replay")
        self._jobs.start(work, then, otherwise, doing=doing, patience=patience, reads=session)

    def _replay_it(self, filed: FiledSession, replay: Replay, waits: Waits) -> None:
        self._filed, self._replay = filed, replay
        self._clock = PlayClock(replay.begin_ns, replay.end_ns, waits, self._wall_s)
        self._clock.set_speed(self.bar.speed or 1.0)
        self._clock.shorten_waits(self.bar.waits_box.isChecked())
        ticks = replay_ticks(filed.session, replay.begin_ns, replay.end_ns)
        self.bar.track.show_ticks(ticks, replay.begin_ns, replay.end_ns)
        self.bar.show_recording(replay.begin_ns, replay.end_ns, len(waits) > 0)
        self._show(replay.begin_ns)
        self._show_actions()
        self._focus.setFocus(Qt.FocusReason.OtherFocusReason)  # Space on the Run button, which may have it, would run
        self.play_or_pause()

    def _drop(self) -> None:
        """Forget the replay, without a change of what is shown."""
        self._timer.stop()
        self._soon.stop()
        self._filed = self._replay = self._clock = self._sought_ns = None
        self.bar.hide()
        self._show_actions()

    def _pause(self) -> None:
        assert self._clock is not None
        self._timer.stop()
        self._clock.pause()
        self._show_now()
        self.moved.emit()

    def _pause_at(self, t_ns: int) -> None:
        assert self._clock is not None
        self._timer.stop()
        self._clock.pause()
        self._move(t_ns)

    def _move(self, t_ns: int) -> None:
        """Show another moment at once; a replay that plays goes on from there."""
        self._go(t_ns)
        self._show_now()
        self.moved.emit()

    def _go(self, t_ns: int) -> None:
        assert self._clock is not None
        self._clock.go(t_ns)
        self._show(t_ns)

    def _go_to_due(self) -> None:
        assert self._clock is not None
        self._show(self._clock.now_ns())

    def _show(self, t_ns: int) -> None:
        """Show a moment; at the end that is the recording itself, as if it had just been opened."""
        assert self._replay is not None
        self._replay.go(t_ns)
        self._shown.show_part(None if self._replay.at_end else self._replay.session)

    def _show_now(self) -> None:
        if self._replay is not None:
            self.bar.show_now(self._replay.now_ns, self.plays)

    @Slot()
    def _show_actions(self) -> None:
        self._menus.show_replay(self.on, self.can_begin)

    @Slot()
    def _seek_now(self) -> None:
        sought, self._sought_ns = self._sought_ns, None
        if sought is not None and self._replay is not None:
            self._move(sought)

    # --- what it follows --------------------------------------------------------------------------------------------

    @Slot()
    def _on_shown(self) -> None:
        """Another session is shown: the replay is over."""
        if self._asked is not None:
            self._asked.give_up()
            self._asked = None
        if self.on and self._shown.now is not self._filed:
            self._drop()
        else:
            self._show_actions()

    @Slot(float)
    def _on_sought(self, share: float) -> None:
        if self._replay is not None:
            span = self._replay.end_ns - self._replay.begin_ns
            self._sought_ns = self._replay.begin_ns + round(share * span)
            self._soon.start()

    @Slot(object)
    def _on_speed(self, speed: float | None) -> None:
        if self._clock is not None and self._replay is not None:
            self._clock.go(self._replay.now_ns)
            self._clock.set_speed(speed or 1.0)

    @Slot(bool)
    def _on_waits(self, shortens: bool) -> None:
        if self._clock is not None:
            self._clock.shorten_waits(shortens)
