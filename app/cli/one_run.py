"""One run that a command records: its progress, its end at a signal, and its figures as they are printed."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.cli.output import print_json, say
from app.cli.progress import Progress
from app.cli.recording import Recording
from app.cli.table import summary_text
from app.start import signals
from engine.core.settings import RunSpec
from engine.figures.json_figures import json_figures
from engine.figures.metrics import summarise
from engine.session.store import Session


def record_one(
    recording: Recording,
    progress: Progress,
    run: RunSpec,
    path: Path | None,
    ready: Callable[[dict[str, str]], None] = lambda model: None,
) -> Session:
    """Record one run into `path` (None: in memory only); `ready` gets the facts of the model before it begins.

    Raises as `Recording.run` does; at a signal it says first where the session until then is.
    """
    return record_with(recording, progress, lambda: recording.run(run, path, command_line()), ready)


def record_with(
    recording: Recording,
    progress: Progress,
    record: Callable[[], Session],
    ready: Callable[[dict[str, str]], None] = lambda model: None,
) -> Session:
    """Load the model and let `record` record one run, or a suite, with it; else as `record_one`."""
    kept = ""
    try:
        with signals.noted(), recording:
            try:
                recording.load()
                progress.done()
                ready(recording.model)
                return record()
            finally:
                kept = f"; the session until then is in {recording.path}" if recording.path else ""
    except KeyboardInterrupt:
        progress.done()
        say(f"interrupted{kept}.")
        raise
    finally:
        progress.done()


def print_run(
    session: Session, path: Path | None, as_json: bool, beside: Mapping[str, Any] | None = None, last: str = ""
) -> None:
    """Print the figures of a recorded session: one JSON object, or a table and where it was recorded.

    `beside` is put into the object, `last` below the table.
    """
    if as_json:
        print_json({**json_figures(session), **(beside or {}), "session": str(path) if path else None})
    else:
        print(summary_text(summarise(session)))
        if last:
            print(f"\n{last}")
        print(f"\nRecorded to {path}")


def command_line() -> str:
    """The command as typed, which the session keeps."""
    return shlex.join(["decodescope", *sys.argv[1:]]).encode("utf-8", "replace").decode()
