"""Opens the real window, runs a prompt under it and prints what the run measured; the other files here call it."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import TYPE_CHECKING

from engine.core.sampling import Sampling
from engine.core.settings import LoadSpec, Observation, Probe, RequestSpec, RunSpec

if TYPE_CHECKING:
    from app.window.main_window import MainWindow


def main() -> int:
    """Print {"painted_at_s", "tokens_per_s", "itl_s", "app_cores"} of one run, or only the first paint with 0 tokens.

    `painted_at_s` is the time of the first paint since the epoch, for the caller that knows when it started this.
    `app_cores` is the processor time of this process, the window's, a second of the run.
    """
    from PySide6.QtWidgets import QApplication

    from app.core.preferences import Preferences
    from app.window.gui import make_application, make_feed, make_window
    from engine.figures.metrics import summarise
    from engine.session.store import Session

    options = parser().parse_args()
    sampling = Sampling(options.temperature, top_p=options.top_p)
    request = (
        RequestSpec(options.prompt, options.tokens, ignore_eos=True, sampling=sampling) if options.tokens else None
    )
    app = make_application()
    feed = make_feed()
    window = make_window(Preferences.of_user(), feed)
    sessions: list[Session] = []
    result: dict[str, object] = {}
    clocks: list[tuple[float, float]] = []

    def painted() -> None:
        result["painted_at_s"] = time.time()
        if request is None:
            window.close()
            QApplication.quit()
        else:
            feed.start()
            feed.load(LoadSpec(options.model, threads=options.threads, dtype=options.dtype))

    def ready(*_: object) -> None:
        if request is not None:
            feed.start_run(RunSpec((request,), observation=Observation(options.detail, Probe(0, 0))))

    def started(session: Session, path: str) -> None:
        sessions.append(session)
        clocks.append((time.monotonic(), time.process_time()))

    def ended(*_: object) -> None:
        [(wall_s, cpu_s)] = clocks
        result["app_cores"] = (time.process_time() - cpu_s) / (time.monotonic() - wall_s)
        summary = summarise(sessions[-1])
        result["tokens_per_s"], result["itl_s"] = summary.tokens_per_s, summary.itl_s
        window.close()
        QApplication.quit()

    def failed(*reasons: object) -> None:
        print(*reasons, file=sys.stderr)
        os._exit(1)  # nothing else would end the program

    window.first_painted.connect(painted)
    feed.refused.connect(failed)
    feed.engine_died.connect(failed)
    feed.model_ready.connect(ready)
    feed.session_started.connect(started)
    feed.run_ended.connect(ended)
    if options.every_panel:
        show_every_panel(window)
    window.show()
    app.exec()
    print(json.dumps(result))
    return 0


def parser() -> argparse.ArgumentParser:
    """The options; those of a run are called as `record` calls them."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--max-new-tokens", dest="tokens", type=int, default=0, help="0: only the first paint")
    options.add_argument("--prompt", default="The cat sits on")
    options.add_argument("--temperature", type=float, default=0.0)
    options.add_argument("--top-p", type=float, default=1.0)
    options.add_argument("--detail", default="layer")
    options.add_argument("--model", default="demo")
    options.add_argument("--threads", type=int, default=0)
    options.add_argument("--dtype", default="auto")
    options.add_argument("--every-panel", action="store_true", help="all panels side by side, at 2560×1440")
    return options


def show_every_panel(window: MainWindow) -> None:
    """A cell for each panel, four in a row."""
    window.resize(2560, 1440)
    names = list(window.docks)
    rows = tuple(tuple((name,) for name in names[first : first + 4]) for first in range(0, len(names), 4))
    window.first_painted.connect(lambda: window.panels.arrange(rows, 1 / len(rows)))


if __name__ == "__main__":
    sys.exit(main())
