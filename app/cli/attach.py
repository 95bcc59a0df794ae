"""`decodescope attach`: record what a serving engine does, or say what it tells."""

from __future__ import annotations

import argparse
import time
from functools import partial

from app.cli.doctor import examine
from app.cli.model_options import output_path
from app.cli.one_run import print_run, record_one
from app.cli.output import say
from app.cli.progress import Progress
from app.cli.recording import Recording
from app.cli.requested import requests_of
from engine.client.changes import Change, SessionBegun
from engine.core.ranges import check_range
from engine.core.settings import AttachSpec, RunSpec
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

    recording = Recording(None, watch, partial(ServingSource, spec))
    session = record_one(recording, progress, RunSpec(requests), path)
    print_run(session, path, options.json)
    return 0


def attach_spec(options: argparse.Namespace) -> AttachSpec:
    """The server that the options name; raises InputError for a number of alternatives that no server takes."""
    if options.logprobs is not None:
        check_range("--logprobs", options.logprobs, 0, 20)
    return AttachSpec(
        options.url, options.model or "", options.recorder or "", options.kv_events or "", options.logprobs
    )
