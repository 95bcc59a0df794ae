"""Takes the settings of the shown recording for the next run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal, Slot

from app.core.jobs import Jobs
from app.core.selection import Selection
from app.look.units import name_of
from app.models.recorded_run import recorded_run
from app.window.run_panel import RunPanel
from app.window.shown_session import FiledSession, ShownSession
from engine.client.requests_file import request_lines
from engine.core.settings import RunSpec
from engine.errors import InputError
from engine.export.whole import replacing

FOLDER: Final = "requests"
"""The folder beside that of the recordings with the requests of recordings that had more than one."""


class TakeOver(QObject):
    """Fills the run panel from a recording. Many requests are written into a request list, which can then be edited."""

    said = Signal(str)

    def __init__(
        self, shown: ShownSession, panel: RunPanel, selection: Selection, jobs: Jobs, folder: Path,
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._shown, self._panel, self._selection, self._jobs = shown, panel, selection, jobs
        self._folder = folder / FOLDER
        panel.take_over_wanted.connect(self.take_over)

    @Slot()
    def take_over(self) -> None:
        """Use the settings of the shown recording for the next run, or say why they cannot be used."""
        filed = self._shown.now
        if filed is None:
            self.said.emit(self.tr("No recording is shown."))
            return
        try:
            run = recorded_run(filed.session)
        except InputError as error:
            self.said.emit(str(error))
            return
        if len(run.requests) == 1 and not run.requests[0].messages:
            self._show(filed, run, None)
            return
        target = self._folder / f"{Path(filed.path).stem or 'session'}.jsonl"

        def work() -> None:
            self._folder.mkdir(parents=True, exist_ok=True)
            with replacing(target) as file:
                file.writelines(f"{line}\n".encode() for line in request_lines(run.requests))

        self._jobs.start(work, lambda _: self._show(filed, run, target), writes=target)

    def _show(self, filed: FiledSession, run: RunSpec, requests: Path | None) -> None:
        probe = run.observation.probe
        if probe is not None:
            self._selection.change(layer=probe.layer, head=probe.head or 0, all_heads=probe.head is None)
        self._panel.show_run(run, requests)
        model = filed.session.meta.get("model", "")
        words = self.tr("The next run has the settings of this recording. It was made with the model {}.")
        self.said.emit(words.format(name_of(model)) if model else self.tr("The next run has these settings."))
