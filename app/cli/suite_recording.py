"""Records a suite by its name without a window; the scenarios and `bench` start it here."""

from __future__ import annotations

import sys
from pathlib import Path

from app.cli.recording import Recording
from app.start import signals
from engine.client.changes import Change, SuiteRunSent
from engine.client.suites import PROMPT, SuiteName, make_suite
from engine.core.settings import LoadSpec
from engine.figures.improvements import TOKENS
from engine.session.destination import check_destination
from engine.session.store import Session


def record_suite(
    name: SuiteName, output: str | None, load: LoadSpec | None = None, prompt: str = PROMPT, tokens: int = TOKENS
) -> Session:
    """Run the whole suite; returns all its runs as one Session, and writes them to `output` too (None: no file).

    `load` is the model (None: the demo pair); `prompt` and `tokens` are those of the improvements.
    """
    path = Path(output) if output is not None else None
    if path is not None:
        check_destination(path)

    def tell(_session: Session, changes: list[Change]) -> None:
        for change in changes:
            if isinstance(change, SuiteRunSent):
                print(f"run {change.number} of {change.total}: {change.label}", file=sys.stderr)

    with signals.noted(), Recording(load or LoadSpec(), tell) as recording:
        recording.load()
        now = recording.client.now
        return recording.run_suite(make_suite(name, now.unavailable, now.model_config, prompt, tokens), path)
