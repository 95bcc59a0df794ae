"""The difference of the time per token, taken apart: the parts add up, and each names the right cause."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.core.settings import Switches
from engine.figures.compared import compared_sides
from engine.figures.compared_side import Side
from engine.figures.explained import CAUSES, UNEXPLAINED, Explained, explained
from engine.figures.side_by_side import side_by_side
from engine.session.schema import PHASES
from tests.benchmarks.equal_pairs import demo_model, in_turn
from tests.engine.figures.sides import side_of

STEPS = 200


def of(a: Side, b: Side) -> Explained:
    found = explained(a, b)
    assert found is not None
    assert math.fsum(part.seconds for part in found.parts) == pytest.approx(found.difference_s, abs=1e-15)
    assert {part.cause for part in found.parts} <= set(CAUSES)
    return found


def noisy(seed: int, mean: Any, **changes: Any) -> Side:
    random = np.random.default_rng(seed)
    return side_of(mean * np.exp(0.03 * random.normal(size=STEPS)), **changes)


def test_positions_explain_what_they_cost() -> None:
    positions = np.arange(1, STEPS + 1)
    a = noisy(1, 1e-3 + 2e-5 * positions, positions={"computed": positions})
    found = of(a, noisy(2, np.full(STEPS, 1.02e-3)))
    assert found.share("positions") == pytest.approx(1, abs=0.05)


def test_a_longer_phase_is_that_phase_and_another_kernel_the_kernel() -> None:
    a, b = noisy(1, np.full(STEPS, 1e-3)), noisy(2, np.full(STEPS, 1.5e-3))
    assert of(a, b).share("phase ffn") == pytest.approx(1, abs=0.1)
    ffn, attention = PHASES.index("ffn"), PHASES.index("attention")
    moved = []
    for side, kernel in ((a, "sdpa"), (b, "native")):
        phases = side.phases_s.copy()
        phases[:, [ffn, attention]] = phases[:, [attention, ffn]]
        moved.append(replace(side, phases_s=phases, kernel=kernel))
    assert of(*moved).share("kernel") == pytest.approx(1, abs=0.1)
    assert of(moved[0], replace(moved[1], kernel="sdpa")).share("phase attention") == pytest.approx(1, abs=0.1)


def test_weights_of_half_the_bytes_explain_half_the_time() -> None:
    reads = np.zeros(len(PHASES))
    reads[PHASES.index("ffn")] = 1e6
    a = noisy(1, np.full(STEPS, 1e-3), weight_bytes=reads)
    b = noisy(2, np.full(STEPS, 0.5e-3), weight_bytes=reads / 2)
    assert of(a, b).share("bytes") == pytest.approx(1, abs=0.05)


def test_fewer_steps_per_token_explain_what_batching_gives() -> None:
    four = np.full(STEPS, 4)
    a = noisy(1, np.full(STEPS, 1e-3))
    b = noisy(2, np.full(STEPS, 1e-3), tokens=four, positions={"computed": four})
    assert of(a, b).share("steps") == pytest.approx(1, abs=0.05)


def test_gaps_are_gaps() -> None:
    a = noisy(1, np.full(STEPS, 1e-3))
    b = replace(a, gap_s=np.full(STEPS, 5e-4), total_s=a.total_s + STEPS * 5e-4)
    found = of(a, b)
    assert found.share("gaps") == pytest.approx(1)
    assert abs(found.share(UNEXPLAINED)) < 1e-9


def test_a_few_long_steps_of_one_side_stay_unexplained() -> None:
    a = noisy(1, np.full(STEPS, 1e-3))
    times = a.wall_s.copy()
    times[::20] += 20e-3
    found = of(a, side_of(times))
    assert found.share(UNEXPLAINED) > 0.9


def test_nothing_emitted_explains_nothing() -> None:
    a = side_of([1e-3] * 5)
    assert explained(a, replace(a, tokens=np.zeros(5, np.int64))) is None
    assert explained(a, replace(a, steps_told=False)) is None


def test_a_cache_is_explained_by_positions() -> None:
    """`kv=none` against `contiguous` on the demo model, really recorded: positions explain at least 90 %."""
    a, b = in_turn(demo_model(), Switches(kv="none"), Switches(), tokens=100)
    found = compared_sides(a, b, side_by_side(a, b))
    assert found.whole.paired
    rate = found.whole.of("tokens/s")
    assert rate.significant
    assert rate.worse is False
    assert found.explained is not None
    assert found.explained.share("positions") >= 0.9
    assert math.fsum(part.seconds for part in found.explained.parts) == pytest.approx(found.explained.difference_s)
