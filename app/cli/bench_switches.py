"""`decodescope bench --suite switches`: every improvement off and on, as the panel “Before and after” measures them."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

from app.cli.output import print_json
from app.cli.parser import DEFAULT_PROMPT
from app.cli.recording import Recording
from app.cli.table import columns
from app.look.units import NOT_APPLICABLE
from app.models.before_after import HEADS, NAMES, lines_of, plain_rows
from app.start import signals
from engine.client.suite import Suite
from engine.core.settings import LoadSpec
from engine.errors import DecodeScopeError, EngineStoppedError
from engine.figures.before_after import before_after
from engine.figures.improvements import TOKENS
from engine.session import schema
from engine.session.schema import AnyEvent
from engine.session.store import Session
from engine.session.writer import SessionWriter


def run_switches(output: str | None, as_json: bool) -> int:
    """Measure all improvements on the demo model; print the table, and keep the runs in `output` where one is named."""
    session = measure(Path(output) if output is not None else None)
    pairs = before_after(session)
    if as_json:
        header, rows = plain_rows(pairs)
        print_json({"suite": "switches", "rows": [dict(zip(header, row, strict=True)) for row in rows]})
        return 0
    dash = NOT_APPLICABLE
    rows_of = [
        (*line.cells[:2], dash, dash, *line.cells[4:]) if line.pair.factor is None else line.cells
        for line in lines_of(pairs)
    ]
    print(columns([tuple(name for name, _ in HEADS), *rows_of]))
    for pair in pairs:
        if pair.reason:
            print(f"\n{NAMES[pair.improvement.key][0]} cannot run here: {pair.reason}")
    return 0


def measure(output: Path | None, load: LoadSpec | None = None, tokens: int = TOKENS) -> Session:
    """Every run of the suite, one after the other, as one Session; also into a file where one is named.

    `load` is the model (None: the demo pair); so many `tokens` follow the prompt, and fewer in some runs of a batch.
    """
    session = Session()
    unavailable: dict[str, str] = {}
    with ExitStack() as stack:
        asked = stack.enter_context(signals.noted())  # also between two runs, as the file is kept here
        writer = stack.enter_context(SessionWriter(output)) if output is not None else None

        def keep(events: list[AnyEvent]) -> None:
            session.apply(events)
            if writer is not None:
                writer.append(events)

        def watch(_run: Session, events: list[AnyEvent]) -> None:
            for event in events:
                if isinstance(event, schema.ModelReady):
                    unavailable.update(event.unavailable)
            if suite is not None and events:
                keep([*suite.joiner.rewrite(one for one in events if _is_kept(one)), *suite.notes()])

        suite: Suite | None = None
        recording = stack.enter_context(Recording(load or LoadSpec(), watch))
        recording.load()
        suite = Suite.of_improvements(DEFAULT_PROMPT, unavailable, tokens)
        while suite.now is not None:
            asked.raise_if_asked()
            print(f"run {suite.done + 1} of {suite.total}: {suite.now.label}", file=sys.stderr)
            try:
                recording.run(suite.now.run, None)
            except EngineStoppedError:
                raise
            except DecodeScopeError as error:
                suite.skip(str(error))
            else:
                suite.advance()
        keep([*suite.notes(), suite.end_mark("finished")])
    return session


def _is_kept(event: AnyEvent) -> bool:
    """Whether an event is of those that a session stores."""
    state = schema.Loading | schema.ModelReady | schema.StateChanged | schema.Refused | schema.RunEnded
    return not isinstance(event, state | schema.Overhead)
