"""What each request gives alone: the naive way for greedy ones, under the run's own speculation for sampled ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from engine.attention.build import make_attention
from engine.cache.build import make_cache
from engine.core.batch import Batch
from engine.core.settings import Observation, RequestSpec, RunSpec, Sampling, Switches
from engine.core.timing import NoTimer
from engine.model.loader import LoadedModel
from engine.sampling.sampler import distribution
from engine.session.schema import Token
from tests.engine.drive import drive

NAIVE = Switches(kv="none", attention="reference")
"""Everything computed again at every step, by written-out attention, one request after the other."""
TIE = 2e-4
"""Logits, and shares of probability, that lie closer than this may come out either way round."""


def solo_tokens(
    target: LoadedModel, draft: LoadedModel, specs: Sequence[RequestSpec], wanted: Sequence[int], switches: Switches
) -> dict[int, list[int]]:
    """The tokens of the `wanted` requests, one after the other under `switches`; each keeps its id and its stream.

    Those that are not wanted are there for their ids only.
    """
    if not wanted:
        return {}
    kept = set(wanted)
    shortened = tuple(
        replace(spec, arrival_s=0.0) if index in kept else RequestSpec("a", 1, sampling=Sampling())
        for index, spec in enumerate(specs)
    )
    events = drive(target, RunSpec(shortened, switches, Observation("off")), draft=draft)
    found: dict[int, list[int]] = {index: [] for index in wanted}
    for event in events:
        if isinstance(event, Token) and event.request_id in kept:
            found[event.request_id].append(event.token_id)
    return found


def chances(target: LoadedModel, tokens: list[int], first: int, sampling: Sampling) -> Any:
    """What the target draws from after each of tokens[first - 1:-1]: float64 [n, vocab], and its logits [n, vocab]."""
    rows = list(range(first - 1, len(tokens) - 1))
    cache = make_cache(Switches(kv="none"), target.config, target.device, target.dtype)
    batch = Batch.of([(0, 0, tokens[:-1])], rows)
    with torch.inference_mode():
        kv = cache.begin(batch)
        logits = target.decoder.forward(batch, kv, make_attention("reference", target.config), NoTimer())
        return distribution(logits, [sampling] * len(rows)), logits


def is_tie(target: LoadedModel, prefix: list[int], one: int, other: int, sampling: Sampling) -> bool:
    """Whether rounding decides which of two tokens comes after a prefix.

    Greedy: the two are as likely as each other. Sampled: a boundary between tokens, or the edge of a filter, may lie
    where the number falls, which only shows in that a slightly different distribution would give the other one.
    """
    probs, logits = chances(target, [*prefix, one], len(prefix), sampling)
    if sampling.greedy:
        return abs(float(logits[0, one] - logits[0, other])) < TIE
    if float(probs[0, one]) < TIE or float(probs[0, other]) < TIE:
        return True
    # Neighbours in the order of ids, but for tokens that have no probability, share a boundary.
    between = probs[0, min(one, other) + 1 : max(one, other)]
    return bool(between.sum() < TIE)
