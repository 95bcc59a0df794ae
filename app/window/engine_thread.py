"""The thread that polls the engine, and emits changes of the engine and its runs as Qt signals."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QDeadlineTimer, QThread, Signal

from app.core.background import failure_of
from app.window import fault_words
from engine.client import changes
from engine.client.run_client import RunClient
from engine.session import schema

BUSY_WAIT_S: Final = 0.02
IDLE_WAIT_S: Final = 0.05
"""How long the thread waits for events before it looks for commands, while a run goes on and while none does."""
STOP_WAIT_S: Final = 2.0
"""How long a run may take to end by itself when the program is closed."""
CLOSE_WITHIN_S: Final = 5.0
"""How long closing waits for the engine and for the writing of the file, before the engine is killed."""
KILLED_WITHIN_S: Final = 3.0
"""How long closing then waits until the recording is complete."""


class EngineThread(QThread):
    """A thread that polls a client of the engine and tells the window of changes."""

    state_changed = Signal(str)
    """One of `changes.State`."""
    tells_changed = Signal(object)
    """The Tells of another kind of source, once that is connected."""
    loading = Signal(str, float)
    model_ready = Signal(object)
    step_progress = Signal(object)
    """The StepProgress of a step that takes long."""
    prompts_counted = Signal(object)
    """The PromptsCounted that answers a question."""
    session_started = Signal(object, str)
    """(Session, path of its file or "")."""
    run_ended = Signal(str)
    recorded = Signal(str)
    """The file of a finished recording, however its run ended; nothing is written to the file after this."""
    refused = Signal(str, str)
    """(name of the command, sentence)."""
    engine_died = Signal(str, str, bool)
    """(sentence, details or "", whether it is started again at once)."""
    recording_failed = Signal(str)
    edit_failed = Signal(str)
    """Why a change of a run that is over is not in its file."""
    recorded_elsewhere = Signal(str)
    """The sentence that says why recordings are not in their folder, and where they are."""
    ceilings_measured = Signal(object)
    """The CeilingsMeasured; the Session of the last run has them already if they apply to it."""

    def __init__(self, client: RunClient) -> None:
        super().__init__()
        self.client = client
        """Other threads may post commands to it; only this thread polls it."""
        self.now = client.now
        """What is known of the engine and its run at this moment."""
        self.overhead: schema.Overhead | None = None
        """The instrumentation's own cost as a share of the time of steps and accounts: the engine's last figure of
        the current or the last run; None before the first.
        """

    def run(self) -> None:
        """Poll until the program is closed."""
        while not self.client.closing:
            self.tell(self.client.poll(BUSY_WAIT_S if self.now.active else IDLE_WAIT_S))
        self.tell(self.client.close(STOP_WAIT_S))

    def close(self) -> bool:
        """End the run, the engine process and this thread; returns whether the thread has ended.

        If this thread waits for an engine that does not respond, killing the engine ends the wait. If the thread still
        does not end, it hangs in the operating system, on a dead network drive for example.
        """
        self.client.closing = True
        if self.wait(QDeadlineTimer(round(1000 * CLOSE_WITHIN_S))):
            return True
        self.client.kill()
        return self.wait(QDeadlineTimer(round(1000 * KILLED_WITHIN_S)))

    def tell(self, changed: list[changes.Change]) -> None:
        """Emit the signals of these changes, in order."""
        for change in changed:
            match change:
                case changes.StateIs(state):
                    self.state_changed.emit(state)
                case changes.TellsChanged(tells):
                    self.tells_changed.emit(tells)
                case schema.Overhead():
                    self.overhead = change
                case schema.Loading(stage, fraction):
                    self.loading.emit(stage, fraction)
                case schema.ModelReady():
                    self.model_ready.emit(change)
                case schema.StepProgress():
                    self.step_progress.emit(change)
                case changes.SessionBegun(session, path):
                    self.overhead = None  # the cost of one run does not hold for the next
                    self.session_started.emit(session, "" if path is None else str(path))
                case schema.RunEnded(reason):
                    self.run_ended.emit(reason)
                case changes.FileClosed(path):
                    self.recorded.emit(str(path))
                case schema.CeilingsMeasured() | schema.PromptsCounted():
                    self._tell_answer(change)
                case _:
                    self._tell_fault(change)

    def _tell_answer(self, answer: schema.CeilingsMeasured | schema.PromptsCounted) -> None:
        if isinstance(answer, schema.CeilingsMeasured):
            self.ceilings_measured.emit(answer)
        else:
            self.prompts_counted.emit(answer)

    def _tell_fault(self, change: changes.Change) -> None:
        match change:
            case changes.EngineDied(error, again):
                failure = failure_of(error)
                self.engine_died.emit(failure.sentence, failure.details, again)
            case schema.Refused():
                self.refused.emit(change.command, fault_words.refused(change))
            case changes.EditFailed(error):
                self.edit_failed.emit(failure_of(error).sentence)
            case changes.FileFailed():
                self.recording_failed.emit(fault_words.file_failed(change))
            case changes.KeptElsewhere():
                self.recorded_elsewhere.emit(fault_words.kept_elsewhere(change))
