"""Opens the real window, runs a prompt under it and prints what the run measured; the other files here call it."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from app.window.main_window import MainWindow

STARTED_S = psutil.Process().create_time()


def main() -> int:
    """Print {"first_paint_s", "tokens_per_s"} of one run of so many tokens (0: only the first paint).

    A second argument, `all`, shows every panel at once in a window of 2560×1440.
    """
    from PySide6.QtWidgets import QApplication

    from app.core.preferences import Preferences
    from app.window.gui import load_after_first_paint, make_application, make_feed, make_window
    from engine.core.settings import Observation, Probe, RequestSpec, RunSpec
    from engine.figures.metrics import summarise
    from engine.session.store import Session

    tokens = int(sys.argv[1])
    app = make_application()
    feed = make_feed()
    window = make_window(Preferences.of_user(), feed)
    sessions: list[Session] = []
    result: dict[str, object] = {}

    def painted() -> None:
        result["first_paint_s"] = time.time() - STARTED_S
        if tokens == 0:
            window.close()
            QApplication.quit()

    def ready(*_: object) -> None:
        request = RequestSpec("The cat sits on", tokens, ignore_eos=True)
        feed.start_run(RunSpec((request,), observation=Observation("layer", Probe(0, 0))))

    def ended(*_: object) -> None:
        result["tokens_per_s"] = summarise(sessions[-1]).tokens_per_s
        window.close()
        QApplication.quit()

    window.first_painted.connect(painted)
    feed.model_ready.connect(ready)
    feed.session_started.connect(lambda session, path: sessions.append(session))
    feed.run_ended.connect(ended)
    if sys.argv[2:] == ["all"]:
        show_every_panel(window)
    window.show()
    if tokens:
        load_after_first_paint(window, None, None)
    app.exec()
    print(json.dumps(result))
    return 0


def show_every_panel(window: MainWindow) -> None:
    """A cell for each panel, four in a row."""
    window.resize(2560, 1440)
    names = list(window.docks)
    rows = tuple(tuple((name,) for name in names[first : first + 4]) for first in range(0, len(names), 4))
    window.first_painted.connect(lambda: window.panels.arrange(rows, 1 / len(rows)))


if __name__ == "__main__":
    sys.exit(main())
