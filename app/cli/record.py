"""`decodescope record`: run prompts, keep the session, print its figures."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import Final

from app.cli.model_options import load_spec, output_path, say_not_compiled
from app.cli.one_run import print_run, record_one
from app.cli.output import say
from app.cli.parser import DEFAULT_PROMPT
from app.cli.progress import Progress
from app.cli.recording import Recording
from app.cli.requested import requests_of
from engine.core.sampling import Sampling
from engine.core.settings import (
    Observation,
    Probe,
    RequestSpec,
    RunSpec,
    Switches,
    merged,
)
from engine.session.destination import check_destination

MOST_COUNTED: Final = 1000
"""Limit of the prompts that are encoded twice, to know before the run whether the context has room."""
MOST_SAID: Final = 3


def run(options: argparse.Namespace) -> int:
    """Record one run. Without -o it is written to a file in the current folder, or with `--json` to none."""
    if options.scenario is not None:
        from app.cli.scenario import run_scenario

        return run_scenario(options)
    spec, load = run_spec(options), load_spec(options)
    path = output_path(options)
    if path is not None:
        check_destination(path)
    wanted = sum(request.max_new_tokens for request in spec.requests)
    progress = Progress(wanted, paced=spec.pace_tokens_per_s > 0)
    recording = Recording(load, progress.watch)

    def ready(model: dict[str, str]) -> None:
        if note := model.get("weight_note"):
            say(note)
        say_suggestion(model, spec)
        say_not_compiled(recording.client.now.unavailable, spec)
        progress.want(wanted - say_no_room(recording, model, spec.requests))

    session = record_one(recording, progress, spec, path, ready)
    print_run(session, path, options.json)
    return 0


def say_suggestion(model: dict[str, str], spec: RunSpec) -> None:
    """Print the checkpoint's suggested sampling if no option sets sampling: the default is greedy."""
    suggested = json.loads(model.get("suggested_sampling") or "{}")
    drawn = {replace(request.sampling, seed=0) for request in spec.requests}
    if suggested and drawn == {Sampling()}:
        words = " ".join(f"--{name.replace('_', '-')} {value:g}" for name, value in suggested.items())
        say(f"tokens are drawn greedily; this checkpoint suggests {words}.")


def say_no_room(recording: Recording, model: dict[str, str], requests: tuple[RequestSpec, ...]) -> int:
    """Print which requests the model's context is too small for; returns how many of the tokens will not come.

    A prompt has at most as many tokens as bytes, or a few more with a template, so only some need to be counted.
    """
    context = int(json.loads(model.get("model_config") or "{}").get("max_positions") or 0)
    doubtful = [
        (index, one) for index, one in enumerate(requests)
        if context and (one.from_template or most_tokens(one.prompt) + one.max_new_tokens > context)
    ][:MOST_COUNTED]  # fmt: skip
    if not doubtful:
        return 0
    counts = recording.count_prompts(tuple(one for _, one in doubtful))
    short = [
        (index, one.max_new_tokens, context - tokens) for (index, one), tokens in zip(doubtful, counts, strict=True)
        if 0 <= tokens < context < tokens + one.max_new_tokens
    ]  # fmt: skip
    for index, asked, most in short[:MOST_SAID]:
        say(
            f"request {index}: the context holds {context} tokens: at most {most} of {asked} new ones after its prompt."
        )
    if len(short) > MOST_SAID:
        say(f"the context is too small for {len(short) - MOST_SAID} more requests.")
    return sum(asked - most for _, asked, most in short)


def most_tokens(prompt: str) -> int:
    """A bound of the tokens of a prompt without a template: its bytes, and what a tokenizer puts around them."""
    return len(prompt.encode("utf-8", "replace")) + 2


def run_spec(options: argparse.Namespace) -> RunSpec:
    """The run as the options describe it; raises InputError for a value out of range."""
    switches = Switches(
        kv=options.kv, attention=options.attention, speculate=options.speculate, k=options.k,
        batching=options.batching, max_batch=options.max_batch, block_size=options.block_size,
        kv_memory=options.kv_memory, graphs=None if options.graphs == "auto" else options.graphs == "on",
    )  # fmt: skip
    probe = None
    if options.attention_layer is not None or options.attention_head is not None:
        probe = Probe(options.attention_layer or 0, options.attention_head)
    requests = requests_of(options, (DEFAULT_PROMPT,))
    observation = Observation(options.detail, probe, options.nvtx)
    switch_at = tuple(merged(options.switch_at))
    return RunSpec(requests, switches, observation, switch_at, pace_tokens_per_s=options.pace)
