"""Differences of two sides: their intervals by simulation, what is marked, and what says nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as msgspec_replace

from engine.figures.compared import compared_sides
from engine.figures.compared_side import Side, compared_side, matched
from engine.figures.differences import LEVEL, RELEVANT, Differences, differences
from engine.figures.metrics import summarise
from engine.figures.side_by_side import side_by_side
from engine.session import schema
from engine.session.store import Session
from tests.engine.figures.served import probed, recorded, session_of
from tests.engine.figures.sides import side_of
from tests.engine.figures.test_resampling import ar1
from tests.engine.session.synthetic import synthetic_session

STEPS = 300


def drawn(random: np.random.Generator, phi: float, mean: float = 1e-3, first_key: int = 0) -> Side:
    """Steps of which neighbours are alike, and a few take long."""
    series = ar1(random, STEPS, phi) * np.sqrt(1 - phi**2)
    bursts = random.random(STEPS) < 0.02
    return side_of(mean * (np.exp(0.1 * series) + 0.5 * bursts), first_key)


def simulated(phi: float, pairs: int, factor: float = 1.0) -> list[Differences]:
    random = np.random.default_rng(20261130)
    return [differences(drawn(random, phi), drawn(random, phi, factor * 1e-3, 10**6)) for _ in range(pairs)]


def marks(found: Differences) -> list[str]:
    return [one.name for one in found.figures if one.significant]


@pytest.mark.parametrize("phi", [0.0, 0.6, 0.9])
def test_the_interval_has_the_true_difference_as_often_as_it_says(phi: float) -> None:
    """95 % are stated: of 60 pairs, fewer than 52 would have a chance of 0.3 %; strong likeness costs a little."""
    found = [one.of("decode time per token") for one in simulated(phi, 60)]
    inside = sum(one.low is not None and one.high is not None and one.low <= 0 <= one.high for one in found)
    assert inside >= (50 if phi == 0.9 else 52)


@pytest.mark.parametrize("phi", [0.0, 0.9])
def test_equal_sides_are_marked_no_more_often_than_is_stated(phi: float) -> None:
    marked = sum(bool(marks(one)) for one in simulated(phi, 40))
    assert marked <= 40 * LEVEL + 3  # 1 % chance of more


def test_a_true_difference_is_found() -> None:
    assert sum("time per token" in marks(one) for one in simulated(0.3, 12, 1.1)) >= 11
    assert sum("time per token" in marks(one) for one in simulated(0.3, 12, 1.01)) == 0  # below what is relevant


def test_pairs_of_the_same_tokens_are_compared_as_pairs() -> None:
    random = np.random.default_rng(3)
    load = np.exp(np.cumsum(random.normal(size=STEPS) * 0.03))  # a load of the machine that both meet
    times = [1e-3 * load * np.exp(0.02 * random.normal(size=STEPS)) for _ in range(2)]
    paired = differences(side_of(times[0]), side_of(1.04 * times[1]))
    alone = differences(side_of(times[0]), side_of(1.04 * times[1], 10**6))
    assert (paired.paired, alone.paired) == (True, False)
    widths = [(one.of("step time mean").high or 0) - (one.of("step time mean").low or 0) for one in (paired, alone)]
    assert widths[0] < widths[1] / 5
    assert "step time mean" in marks(paired)
    assert "step time mean" not in marks(alone)


def test_work_that_grows_is_no_chance() -> None:
    """Times that grow with the positions computed: the interval is that of the noise around the trend."""
    random = np.random.default_rng(4)
    positions = np.arange(1, STEPS + 1)
    times = [1e-4 * positions * np.exp(0.02 * random.normal(size=STEPS)) for _ in range(2)]
    sides = [side_of(one, key, positions={"computed": positions}) for one, key in zip(times, (0, 10**6), strict=True)]
    found = differences(*sides).of("decode time per token")
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low < 0.02


def test_a_rate_is_the_inverse_of_a_time() -> None:
    found = simulated(0.3, 1, 1.3)[0]
    rate, time = found.of("tokens/s"), found.of("time per token")
    assert rate.low == pytest.approx(1 / (1 + (time.high or 0)) - 1)
    assert rate.significant
    assert time.significant
    assert (rate.worse, time.worse) == (True, True)


def test_a_phase_counts_by_its_share_of_the_step() -> None:
    """A phase of a twentieth that takes a third longer makes steps 1.7 % longer: no mark."""
    random = np.random.default_rng(6)

    def side(factor: float, key: int) -> Side:
        times = 1e-3 * np.exp(0.005 * random.normal(size=STEPS))
        made = side_of(times, key)
        phases = made.phases_s.copy()
        phases[:, 6] = 5e-5 * factor * np.exp(0.01 * random.normal(size=STEPS))
        return replace(made, phases_s=phases)

    small = differences(side(1.0, 0), side(1.33, 10**6))
    assert (small.of("phase kv_write").relative or 0) > 0.3
    assert marks(small) == []
    assert "phase kv_write" in marks(differences(side(1.0, 0), side(1.7, 10**6)))


def test_too_little_has_no_interval_and_no_mark() -> None:
    found = differences(side_of([1e-3] * 8), side_of([9e-3] * 8, 100))
    assert all(one.low is None for one in found.figures if not one.counted)
    assert marks(found) == []
    some = differences(side_of(np.linspace(1e-3, 2e-3, 100)), side_of(np.linspace(1e-3, 2e-3, 100), 1000))
    assert some.of("step time p99").p is None


@pytest.mark.parametrize(
    "make", [lambda: synthetic_session(120), lambda: session_of(probed())], ids=["own engine", "a server without steps"]
)
def test_a_session_compared_with_itself_has_no_difference(make: Callable[[], Session]) -> None:
    session = make()
    found = compared_sides(session, session, side_by_side(session, session))
    assert found.whole.figures
    assert {one.absolute for one in found.whole.figures} <= {0, None}
    assert marks(found.whole) == []
    assert all(one.low == one.high == 0 for one in found.whole.figures if one.p is not None)
    assert found.common is None
    if found.explained is not None:
        assert all(part.seconds == 0 for part in found.explained.parts)


def test_the_time_per_token_is_that_of_tokens_a_second() -> None:
    session = synthetic_session(80, requests=3)
    for steps in (None, (10, 49)):
        found = compared_sides(session, session, side_by_side(session, session), steps, steps)
        rate = summarise(session, steps).tokens_per_s
        assert found.whole.of("tokens/s").a == pytest.approx(rate, rel=1e-9)


def test_two_ranges_of_a_session_are_compared() -> None:
    session = synthetic_session(100)
    found = compared_sides(session, session, side_by_side(session, session), (0, 49), (50, 99))
    assert (len(found.a), len(found.b)) == (50, 50)
    assert not found.whole.paired


def test_before_the_texts_part_is_compared_apart() -> None:
    events = recorded(40)
    other = [
        msgspec_replace(one, token_id=99) if isinstance(one, schema.Token) and one.request_id == 1 and one.id % 7 == 3
        else one for one in events
    ]  # fmt: skip
    a, b = session_of(events), session_of(other)
    beside = side_by_side(a, b)
    parted = next(pair for pair in beside.pairs if pair.parting is not None)
    found = compared_sides(a, b, beside)
    assert found.common is not None
    known = matched(beside, a, b)
    side = compared_side(a, known[0])
    first_apart = int(a.tokens["step_id"][a.requests[parted.a].token_rows[parted.tokens]])
    assert not side.common[np.searchsorted(side.step, first_apart)]
    assert side.common[side.step < first_apart].all()
    assert len(side.in_common) == int(side.common.sum()) < len(side)


def test_counted_figures_are_exact() -> None:
    a = side_of([1e-3] * 50, kv_used_bytes=np.full(50, 1000))
    b = side_of([1e-3] * 50, kv_used_bytes=np.full(50, int(1000 * (1 + 2 * RELEVANT))))
    found = differences(a, b).of("KV used, mean")
    assert (found.low, found.significant) == (found.relative, True)
    near = differences(a, side_of([1e-3] * 50, kv_used_bytes=np.full(50, 1005))).of("KV used, mean")
    assert not near.significant
