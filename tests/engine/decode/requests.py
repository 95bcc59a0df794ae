"""Requests for property tests: each with its own sampling, stop texts, end-of-text and arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from engine.core.settings import Observation, RequestSpec, RunSpec, Sampling, Switches
from engine.graphs.device import PlainDevice
from engine.model.loader import LoadedModel
from tests.engine.drive import drive, tokens_of
from tests.engine.sampling.filter_values import samplings

SAMPLINGS: st.SearchStrategy[Sampling] = st.one_of(
    st.just(Sampling()),
    samplings(seed=st.integers(0, 2**63 - 1)),
)
ENDS: st.SearchStrategy[frozenset[int]] = st.frozensets(st.integers(0, 255), max_size=24)
"""Tokens that end a text of a byte-level model: so many that now and then one comes."""


def specs(max_new_tokens: int = 14, most: int = 5) -> st.SearchStrategy[tuple[RequestSpec, ...]]:
    """One to `most` requests."""
    one = st.builds(
        RequestSpec,
        prompt=st.text("abc ", max_size=12),
        max_new_tokens=st.integers(1, max_new_tokens),
        arrival_s=st.just(0.0) | st.floats(0, 0.02),
        ignore_eos=st.booleans(),
        stop=st.lists(st.sampled_from("etaoin shrdlu012") | st.just("ab"), max_size=3).map(tuple),
        sampling=SAMPLINGS,
    )
    return st.lists(one, min_size=1, max_size=most).map(tuple) | st.lists(one, min_size=2, max_size=most).map(tuple)


def with_ends(model: LoadedModel, ends: frozenset[int]) -> LoadedModel:
    """The model, its texts ended by these tokens."""
    return replace(model, tokenizer=replace(model.tokenizer, eos_token_ids=ends))


def alone(
    model: LoadedModel, requests: Sequence[RequestSpec], draft: LoadedModel | None = None, **speculation: Any
) -> dict[int, list[int]]:
    """What each request gives one after the other, everything computed again at every step."""
    waiting = tuple(replace(request, arrival_s=0.0) for request in requests)
    switches = Switches(kv="none", attention="reference", **speculation)
    run = RunSpec(waiting, switches, Observation("off"))
    found = tokens_of(drive(model, run, draft=draft))
    return {index: found.get(index, []) for index in range(len(requests))}


def tokens_with_graphs(
    model: LoadedModel, run: RunSpec, draft: LoadedModel | None = None
) -> tuple[list[Any], dict[int, list[int]]]:
    """The events of a run for which captured steps can be had, and its tokens by request."""
    events = drive(model, run, draft=draft, graph_device=PlainDevice())
    return events, tokens_of(events)
