"""DecodeScope's window with every panel visible, which shows each run: `python -m ... FOLDER THREADS DTYPE`."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import replace
from typing import Final, cast

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication

from app.core.preferences import Preferences
from app.window.gui import make_application, make_feed, make_window
from engine.core.settings import Dtype, LoadSpec
from engine.session.store import Session
from tests.benchmarks.runners.recorded import Limit, outcome_of, run_of
from tests.benchmarks.runners.work import Wire, Work
from tests.benchmarks.window_driver import show_every_panel

LOOK_MS: Final = 200
"""How often a run is looked at, whether it has taken as long as it may."""


class Works(QObject):
    """The works from standard input, read by a thread of its own, as signals of the window's thread."""

    came = Signal(object)
    ended = Signal()

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def read(self) -> None:
        for work in self._wire.works():
            self.came.emit(work)
        self.ended.emit()


def main() -> None:
    """Open the window, load, then start a run for each work."""
    folder, threads, dtype = sys.argv[1:]
    wire = Wire()
    make_application()
    feed = make_feed()
    window = make_window(Preferences.of_user(), feed)
    works = Works(wire)
    looking = QTimer()
    reader = threading.Thread(target=works.read, name="works")
    asked: list[Work] = []
    limits: list[Limit] = []
    sessions: list[Session] = []

    def painted() -> None:
        feed.start()
        feed.load(LoadSpec(folder, dtype=cast("Dtype", dtype), threads=int(threads)))

    def ready(*_: object) -> None:
        wire.ready()
        reader.start()

    def came(work: Work) -> None:
        asked.append(work)
        window.run_panel.probe.setChecked(work.probed)
        feed.start_run(run_of(work))
        limits.append(Limit(work))
        looking.start(LOOK_MS)

    def look() -> None:
        if sessions and limits[-1].passed(sessions[-1]):
            feed.stop_run()

    def ended(*_: object) -> None:
        looking.stop()
        outcome = outcome_of(sessions[-1], asked[-1])
        wire.answer(replace(outcome, note=f"{outcome.note}; {QApplication.platformName()}"))

    def failed(*reasons: object) -> None:
        print(*reasons, file=sys.stderr, flush=True)
        os._exit(1)  # nothing else would end the program

    def close() -> None:
        window.close()
        QApplication.quit()

    window.first_painted.connect(painted)
    feed.refused.connect(failed)
    feed.engine_died.connect(failed)
    feed.model_ready.connect(ready)
    feed.session_started.connect(lambda session, path: sessions.append(session))
    feed.run_ended.connect(ended)
    looking.timeout.connect(look)
    works.came.connect(came)
    works.ended.connect(close)
    show_every_panel(window)
    window.show()
    QApplication.exec()
    reader.join()


if __name__ == "__main__":
    main()
