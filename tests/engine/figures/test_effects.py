"""The effects that “Before and after” is there to show, by counts: each has its sign on a small model, too."""

from __future__ import annotations

import time
from typing import Final

import pytest

from engine.decode.capabilities import unavailable_for
from engine.figures.before_after import PairFigures, before_after
from engine.figures.improvements import suite_runs
from engine.figures.loads import LETTERS, MIXED_MOST, OPENINGS, PROMPT_ROOM, long_prompt, mixed_budget
from engine.model.loader import LoadedModel
from engine.session.joining import Joiner
from engine.session.kv_shape import kv_shape_of
from engine.session.schema import SessionStarted
from engine.session.store import Session
from tests.engine.drive import drive

CONTEXT: Final = 90
"""Less than the model has: its tokenizer makes a token of nearly every character."""
KEYS: Final = ("paged", "native")


def facts_of(model: LoadedModel) -> dict[str, int]:
    config = model.config
    return {
        "layers": config.layers, "kv_heads": config.kv_heads, "head_dim": config.head_dim,
        "itemsize": model.dtype.itemsize, "max_positions": CONTEXT,
    }  # fmt: skip


@pytest.fixture(scope="module")
def measured(tiny_model: LoadedModel) -> tuple[Session, dict[str, PairFigures]]:
    """The runs of the paged cache and of the native kernels, one counted repeat of each."""
    session, joiner = Session(), Joiner()
    unavailable = unavailable_for(tiny_model, has_draft=False)
    for one in suite_runs("the cat", unavailable, facts_of(tiny_model), tokens=4, repeats=1):
        if one.key in KEYS:
            joiner.begin(one.label)
            started = SessionStarted({"epoch_ns": str(time.time_ns())})
            session.apply(joiner.rewrite([started, *drive(tiny_model, one.run)]))
    return session, {pair.improvement.key: pair for pair in before_after(session)}


def test_paging_fits_more_requests_into_the_same_memory_and_leaves_less_of_it_empty(
    measured: tuple[Session, dict[str, PairFigures]], tiny_model: LoadedModel
) -> None:
    _, pairs = measured
    memory, together = pairs["paged"], pairs["paged_together"]
    assert memory.factor is not None
    assert together.factor is not None
    assert memory.factor > 1.2
    assert together.factor > 1.2
    assert memory.same_tokens
    assert memory.load == together.load
    assert memory.load is not None
    assert memory.load.requests == len(OPENINGS)
    assert memory.load.most_tokens == MIXED_MOST
    assert memory.load.kv_limit_bytes == mixed_budget(facts_of(tiny_model))


def test_neither_cache_takes_more_than_its_limit(measured: tuple[Session, dict[str, PairFigures]]) -> None:
    session, pairs = measured
    load = pairs["paged"].load
    assert load is not None
    assert load.kv_limit_bytes is not None
    runs = [one for one in session.configs if one.switches.get("kv_memory") is not None]
    assert len(runs) == 2
    of_both = session.steps["config_id"] >= 0
    limited = of_both & (session.steps["config_id"] == runs[0].id) | (session.steps["config_id"] == runs[1].id)
    assert int(session.steps["kv_reserved_bytes"][limited].max()) <= load.kv_limit_bytes


def test_tiles_take_less_memory_than_a_matrix_of_scores(measured: tuple[Session, dict[str, PairFigures]]) -> None:
    _, pairs = measured
    memory, took = pairs["native_memory"], pairs["native"]
    if memory.reason:
        pytest.skip(memory.reason)
    assert memory.factor is not None
    assert memory.factor > 1
    assert memory.off is not None
    assert len(memory.off.values) == 1  # counted in the run that warms up
    assert took.load == memory.load
    assert took.load is not None
    assert took.load.prompt_tokens[0] == took.load.prompt_tokens[1] > 10


def test_the_budget_is_room_for_two_of_the_longest() -> None:
    facts = {"layers": 8, "kv_heads": 4, "head_dim": 32, "itemsize": 4, "max_positions": 1024}
    shape = kv_shape_of(facts)
    assert shape is not None
    assert mixed_budget(facts) == 2 * shape.total_bytes(MIXED_MOST + PROMPT_ROOM)
    assert mixed_budget({**facts, "max_positions": 64}) == 2 * shape.total_bytes(64)
    assert mixed_budget({}) is None


def test_a_long_prompt_fits_a_context_of_three_letters_a_token() -> None:
    assert len(long_prompt({"max_positions": 1024})) <= LETTERS * 1024
    assert len(long_prompt({"max_positions": 100_000})) == len(long_prompt({}))
    assert len(long_prompt({"max_positions": 8})) >= 1
