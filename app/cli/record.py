"""`decodescope record`: run prompts, keep the session, print its figures."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path

from app.cli.output import print_json, say
from app.cli.parser import DEFAULT_PROMPT
from app.cli.progress import Progress
from app.cli.recording import Recording
from app.cli.requested import requests_of
from app.cli.table import summary_text
from app.start import signals
from engine.client.requests_file import check_text
from engine.core.ranges import check_range
from engine.core.sampling import Sampling
from engine.core.settings import (
    LoadSpec,
    Observation,
    Probe,
    RunSpec,
    Switches,
    merged,
)
from engine.figures.json_figures import json_figures
from engine.figures.metrics import summarise
from engine.session.destination import check_destination


def run(options: argparse.Namespace) -> int:
    """Record one run. Without -o it is written to a file in the current folder, or with `--json` to none."""
    spec, load = run_spec(options), load_spec(options)
    path = output_path(options)
    if path is not None:
        check_destination(path)
    kept = ""
    progress = Progress(sum(request.max_new_tokens for request in spec.requests))
    try:
        with signals.noted(), Recording(load, progress.watch) as recording:
            try:
                recording.load()
                progress.done()
                say_suggestion(recording.model, spec)
                session = recording.run(spec, path, command_line())
            finally:
                kept = f"; the session until then is in {recording.path}" if recording.path else ""
    except KeyboardInterrupt:
        progress.done()
        say(f"interrupted{kept}.")
        raise
    finally:
        progress.done()
    summary = summarise(session)
    if options.json:
        print_json({**json_figures(session), "session": str(path) if path else None})
    else:
        print(summary_text(summary))
        print(f"\nRecorded to {path}")
    return 0


def say_suggestion(model: dict[str, str], spec: RunSpec) -> None:
    """Print the checkpoint's suggested sampling if no option sets sampling: the default is greedy."""
    suggested = json.loads(model.get("suggested_sampling") or "{}")
    drawn = {replace(request.sampling, seed=0) for request in spec.requests}
    if suggested and drawn == {Sampling()}:
        words = " ".join(f"--{name.replace('_', '-')} {value:g}" for name, value in suggested.items())
        say(f"tokens are drawn greedily; this checkpoint suggests {words}.")


def command_line() -> str:
    """The command as typed, which the session keeps."""
    return shlex.join(["decodescope", *sys.argv[1:]]).encode("utf-8", "replace").decode()


def output_path(options: argparse.Namespace) -> Path | None:
    """The file to write: that of -o, else None with --json, else a dated file in the current folder."""
    if options.output is not None:
        return Path(options.output)
    return None if options.json else Path(time.strftime("decodescope-%Y%m%d-%H%M%S.dscope"))


def load_spec(options: argparse.Namespace) -> LoadSpec:
    """The model that the options name; raises InputError for an invalid path or number of threads."""
    check_range("threads", options.threads, 0, 4096)
    for path in (options.model, options.draft_model or ""):
        check_text(f"The model's path {path!r}", path)
    return LoadSpec(options.model, options.draft_model, options.device, options.dtype, options.threads)


def run_spec(options: argparse.Namespace) -> RunSpec:
    """The run as the options describe it; raises InputError for a value out of range."""
    switches = Switches(
        kv=options.kv, attention=options.attention, speculate=options.speculate, k=options.k,
        batching=options.batching, max_batch=options.max_batch, block_size=options.block_size,
        kv_memory=options.kv_memory, graphs=options.graphs == "on",
    )  # fmt: skip
    probe = None
    if options.attention_layer is not None or options.attention_head is not None:
        probe = Probe(options.attention_layer or 0, options.attention_head)
    requests = requests_of(options, (DEFAULT_PROMPT,))
    observation = Observation(options.detail, probe, options.nvtx)
    return RunSpec(requests, switches, observation, tuple(merged(options.switch_at)))
