"""Latency figures: equal to `summarise`, to numpy and to arithmetic by hand, for a run and for a range of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engine.figures.latency import LatencySeries, merged
from engine.figures.latency_figures import PARTS, quantile
from engine.figures.metrics import summarise
from engine.session import schema
from engine.session.schema import GROUPS, PHASES
from engine.session.store import Session
from tests.engine.figures.projecting import projection_s
from tests.engine.figures.test_comparison import taught
from tests.engine.session.synthetic import synthetic_events, synthetic_session


def by_part(figures, name: str) -> dict[str, float]:  # type: ignore[no-untyped-def]
    return {part.part: getattr(part, name) for part in figures.parts}


def step(index: int, start_us: int, phases_us: dict[str, float], wall_us: int, tokens: int = 1) -> schema.Step:
    table = np.zeros((1, len(PHASES)), np.float32)
    for phase, value in phases_us.items():
        table[0, PHASES.index(phase)] = value
    return schema.Step(
        index, 0, "decode", 1000 * start_us, 1000 * (start_us + wall_us), -1, 1, 1, 0, 0, 0, 0, tokens, 10, 20,
        0, 0, 0, 1, 0, "sdpa", table.tobytes(), b"",
    )  # fmt: skip


def token(index: int, step_id: int, emitted_us: int, request: int = 0) -> schema.Token:
    return schema.Token(index, request, step_id, index, 1, "a", -1.0, 1.0, "target", 1000 * emitted_us, b"")


def small_session() -> Session:
    """Three steps by hand: 100, 200 and 600 µs, the last with two tokens, 50 and 150 µs apart."""
    session = Session()
    session.apply(
        [
            schema.RequestArrived(0, "", [1], ["x"], json.dumps({}), 0),
            step(0, 0, {"ffn": 60, "attention": 20, "qkv": 10}, 100),
            token(0, 0, 100),
            step(1, 150, {"ffn": 120, "norm": 30, "sample": 40}, 200),
            token(1, 1, 350),
            step(2, 500, {"ffn": 300, "prepare": 100}, 600, tokens=2),
            token(2, 2, 1090),
            token(3, 2, 1100),
        ]
    )
    return session


def test_figures_by_hand() -> None:
    series = LatencySeries(small_session())
    assert series.update()
    figures = series.figures()
    means = by_part(figures, "mean_s")
    assert means["ffn"] == pytest.approx(480e-6 / 4)
    assert means["attention"] == pytest.approx(30e-6 / 4)
    assert means["norm"] == pytest.approx(30e-6 / 4)
    assert means["sampling"] == pytest.approx(40e-6 / 4)
    assert means["prepare"] == pytest.approx(100e-6 / 4)
    assert means["other"] == pytest.approx((10 + 10 + 200) * 1e-6 / 4)
    assert means["total"] == pytest.approx(900e-6 / 4)
    assert by_part(figures, "p50_s")["total"] == pytest.approx(200e-6)  # of 100, 200 and 600 / 2
    assert by_part(figures, "p50_s")["ffn"] == pytest.approx(120e-6)  # of 60, 120 and 300 / 2
    assert by_part(figures, "share")["ffn"] == pytest.approx(480 / 900)
    assert (figures.steps, figures.tokens) == (3, 4)
    assert figures.gap_s == pytest.approx(200e-6)
    assert figures.device_s is None
    assert figures.projected_s(100) == pytest.approx(100 * 900e-6 / 4)
    assert figures.itl.p50_s == pytest.approx(250e-6)  # of 250, 740 and 10


@pytest.mark.parametrize("steps", [None, (0, 0), (5, 40), (30, 200)])
@pytest.mark.parametrize("requests", [1, 3])
def test_equal_to_the_one_place_of_figures_and_to_numpy(steps: tuple[int, int] | None, requests: int) -> None:
    session = synthetic_session(64, requests=requests)
    series = LatencySeries(session)
    series.update()
    figures, summary = series.figures(steps), summarise(session, steps)
    last = 63 if steps is None else min(steps[1], 63)
    first = 0 if steps is None else steps[0]
    decode = summarise(session, (max(first, 1), last))  # step 0 computes the prompts
    for group, seconds in decode.groups_s.items():
        if last > 0:
            each = by_part(figures, "mean_s")[group] * figures.decode_steps
            assert each == pytest.approx(seconds, rel=1e-9)  # a token of each request a step
        else:
            assert by_part(figures, "mean_s")[group] is None
    assert (figures.decode_steps, figures.decode_tokens) == (last - max(first, 1) + 1, requests * figures.decode_steps)
    assert figures.tokens == summary.tokens
    assert figures.steps == summary.steps
    assert figures.busy_s == pytest.approx(sum(summary.phases_s.values()), rel=1e-6)
    projected = projection_s(session, 100, steps)
    assert figures.projected_s(100) == (None if projected is None else pytest.approx(projected, rel=1e-9))
    for name, expected in summary.itl_s.items():
        assert getattr(figures.itl, f"{name}_s") == (None if expected is None else pytest.approx(expected, rel=1e-9))
    own = series.us[max(first, 1) : last + 1]
    for index, part in enumerate(PARTS):
        figure = figures.parts[index]
        assert figure.part == part
        if not len(own):
            assert figure.p50_s is None
            continue
        ranks = np.percentile(own[:, index], (50, 90, 99)) / 1e6
        assert (figure.p50_s, figure.p90_s, figure.p99_s) == pytest.approx(tuple(ranks), rel=1e-9)


def test_a_growing_session_gives_what_a_whole_one_gives() -> None:
    live, whole = Session(), synthetic_session(1300, requests=2)
    series = LatencySeries(live)
    for batch in synthetic_events(1300, requests=2):
        for start in range(0, len(batch), 97):
            live.apply(batch[start : start + 97])
            series.update()
    once = LatencySeries(whole)
    once.update()
    assert len(series) == 1300
    np.testing.assert_array_equal(series.us, once.us)
    a, b = series.figures(), once.figures()
    assert by_part(a, "p99_s") == by_part(b, "p99_s")
    assert by_part(a, "mean_s") == pytest.approx(by_part(b, "mean_s"), rel=1e-12)
    assert (a.itl.p50_s, a.itl.p99_s, a.gap_s) == (b.itl.p50_s, b.itl.p99_s, b.gap_s)


def test_without_phases_only_the_wall_time_is_known() -> None:
    session = Session()
    session.apply([step(0, 0, {}, 100)])
    series = LatencySeries(session)
    series.update()
    figures = series.figures()
    assert by_part(figures, "mean_s")["attention"] is None
    assert by_part(figures, "mean_s")["total"] == pytest.approx(100e-6)


def test_a_pause_is_no_gap() -> None:
    session = small_session()
    session.apply([schema.Mark(400_000, "pause", "")])  # between steps 1 and 2, whose gap is 150 µs
    series = LatencySeries(session)
    series.update()
    assert series.figures().gap_s == pytest.approx(100e-6)  # 50 before step 1, and 50 until the pause began


def test_device_time_is_reported_only_where_every_step_has_it() -> None:
    session = Session()
    first = step(0, 0, {"ffn": 50}, 100)
    session.apply([type(first)(*[80_000 if f == "device_ns" else getattr(first, f) for f in first.__struct_fields__])])
    series = LatencySeries(session)
    series.update()
    assert series.figures().device_s == pytest.approx(80e-6)
    session.apply([step(1, 200, {"ffn": 50}, 100)])
    series.update()
    assert series.figures().device_s is None


def test_a_teacher_forced_pass_is_no_step_of_the_generation() -> None:
    """Its device time is no part of the generation's, nor its time one of those among which steps stand out."""
    session = taught()
    session.steps["device_ns"][:] = 1_000_000
    series = LatencySeries(session)
    series.update()
    figures = series.figures()
    assert figures.device_s == pytest.approx(1e-3 * figures.steps)
    assert len(series.walls_us()) == figures.steps == len(session.steps) - 1
    assert len(series.steps_within((0.0, np.inf))) == figures.steps


def test_no_steps_no_figures() -> None:
    figures = LatencySeries(Session()).figures()
    assert figures.token_s is None
    assert figures.projected_s(100) is None


def test_merging_and_quantiles_are_numpys() -> None:
    draw = np.random.default_rng(2)
    old, new = np.sort(draw.random(101)), np.sort(draw.random(7))
    together = merged(old, new)
    np.testing.assert_array_equal(together, np.sort(np.concatenate([old, new])))
    for percent in (0, 50, 90, 99, 100):
        assert quantile(together, percent) == pytest.approx(np.percentile(together, percent))


def test_the_parts_are_the_groups_and_the_total() -> None:
    assert (*GROUPS, "total") == PARTS
