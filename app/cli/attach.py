"""`decodescope attach`: record what a serving engine does, or say what it tells."""

from __future__ import annotations

import argparse
import time
from functools import partial

from app.cli.doctor import examine
from app.cli.output import print_json, say
from app.cli.progress import Progress
from app.cli.record import command_line, output_path
from app.cli.recording import Recording
from app.cli.requested import requests_of
from app.cli.table import summary_text
from app.start import signals
from engine.client.changes import Change, SessionBegun
from engine.core.ranges import check_range
from engine.core.settings import AttachSpec, RunSpec
from engine.figures.json_figures import json_figures
from engine.figures.metrics import summarise
from engine.host import protocol
from engine.serving.server.address import server_address
from engine.serving.source import ServingSource
from engine.session.destination import check_destination
from engine.session.store import Session


def run(options: argparse.Namespace) -> int:
    """Attach, and record until the requests have ended, the time is over, or Ctrl-C."""
    server_address(options.url)
    spec = attach_spec(options)
    if options.doctor:
        return examine(options, spec)
    requests = requests_of(options)
    if options.for_s is not None:
        check_range("--for", options.for_s, 0.1, 1e7)
    path = output_path(options)
    if path is not None:
        check_destination(path)
    if not requests and options.for_s is None:
        say("no requests: watching what others send, until Ctrl-C.")
    kept = ""
    progress = Progress(sum(request.max_new_tokens for request in requests))
    ends_at = float("inf")

    def watch(session: Session, changes: list[Change]) -> None:
        nonlocal ends_at
        progress.watch(session, changes)
        if options.for_s is not None and any(isinstance(change, SessionBegun) for change in changes):
            ends_at = time.monotonic() + options.for_s
        if time.monotonic() > ends_at:
            ends_at = float("inf")
            recording.client.post(protocol.Stop())

    try:
        with signals.noted(), Recording(None, watch, partial(ServingSource, spec)) as recording:
            try:
                recording.load()
                progress.done()
                session = recording.run(RunSpec(requests), path, command_line())
            finally:
                kept = f"; the session until then is in {recording.path}" if recording.path else ""
    except KeyboardInterrupt:
        progress.done()
        say(f"interrupted{kept}.")
        raise
    finally:
        progress.done()
    if options.json:
        print_json({**json_figures(session), "session": str(path) if path else None})
    else:
        print(summary_text(summarise(session)))
        print(f"\nRecorded to {path}")
    return 0


def attach_spec(options: argparse.Namespace) -> AttachSpec:
    """The server that the options name; raises InputError for a number of alternatives that no server takes."""
    if options.logprobs is not None:
        check_range("--logprobs", options.logprobs, 0, 20)
    return AttachSpec(
        options.url, options.model or "", options.recorder or "", options.kv_events or "", options.logprobs
    )
