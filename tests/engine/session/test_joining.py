"""Runs joined to one session: ids and times go on, marks say where each begins, parts have their own figures."""

from __future__ import annotations

import numpy as np
import pytest

from engine.figures.before_after import RecordedRun, before_after, reasons, recorded_runs
from engine.figures.metrics import summarise
from engine.session.joining import KIND, Joiner
from engine.session.schema import TokenText
from engine.session.store import Session
from tests.engine.session.synthetic import synthetic_events, synthetic_session


def joined(labels: list[str], steps: int = 20, requests: int = 2) -> Session:
    session, joiner = Session(), Joiner()
    for label in labels:
        joiner.begin(label)
        for batch in synthetic_events(steps, requests=requests, kv="none" if " off " in label else "contiguous"):
            session.apply(joiner.rewrite(batch))
    return session


def test_ids_and_times_go_on() -> None:
    session = joined(["kv off 0", "kv on 0", "kv off 1"])
    assert session.steps["id"].tolist() == list(range(60))
    assert session.tokens["id"].tolist() == list(range(120))
    assert sorted(session.requests) == list(range(6))
    assert [config.id for config in session.configs] == [0, 1, 2]
    assert [config.step_id for config in session.configs] == [0, 20, 40]
    assert session.steps["config_id"].tolist() == [0] * 20 + [1] * 20 + [2] * 20
    assert (np.diff(session.steps["start_ns"]) > 0).all()
    assert (session.steps["start_ns"][1:] >= session.steps["end_ns"][:-1]).all()
    assert [mark.label for mark in session.marks if mark.kind == KIND] == ["kv off 0", "kv on 0", "kv off 1"]


def test_figures_of_a_part_are_those_of_the_run_alone() -> None:
    session = joined(["kv off 0", "kv on 0"])
    alone = summarise(synthetic_session(20, requests=2, kv="contiguous"), (0, 19))
    part = summarise(session, (20, 39))
    assert part.positions == alone.positions
    assert part.wall_s == alone.wall_s
    assert part.kv == alone.kv
    assert part.itl_s == alone.itl_s
    assert part.phases_s == alone.phases_s
    assert [r.token_ids for r in part.requests[2:]] == [r.token_ids for r in alone.requests]


def test_runs_are_found_by_their_marks() -> None:
    session, joiner = Session(), Joiner()
    for label in ("kv off 1", "kv on 1"):
        joiner.begin(label)
        for batch in synthetic_events(5):
            session.apply(joiner.rewrite(batch))
    session.apply([joiner.note("graphs unavailable: CUDA graphs need a CUDA device.")])
    assert recorded_runs(session) == [RecordedRun("kv", "off", 1, (0, 4)), RecordedRun("kv", "on", 1, (5, 9))]
    assert reasons(session) == {"graphs": "CUDA graphs need a CUDA device."}


def test_a_run_that_has_not_ended_does_not_count() -> None:
    session, joiner = Session(), Joiner()
    joiner.begin("kv off 1")
    batches = list(synthetic_events(600))
    for batch in batches[:-1]:
        session.apply(joiner.rewrite(batch))
    assert len(session.steps) > 0
    assert recorded_runs(session) == []
    session.apply(joiner.rewrite(batches[-1]))
    assert recorded_runs(session) == [RecordedRun("kv", "off", 1, (0, 599))]


def test_medians_spread_and_factor() -> None:
    labels = [f"kv {side} {repeat}" for repeat in range(3) for side in ("off", "on")]
    session = joined(labels, steps=10, requests=1)
    pairs = {pair.improvement.key: pair for pair in before_after(session)}
    kv = pairs["kv"]
    assert kv.off is not None
    assert kv.on is not None
    for side, first in ((kv.off, 20), (kv.on, 30)):
        parts = [summarise(session, (at, at + 9)) for at in (first, first + 20)]  # repeat 0 warmed up
        assert side.values == tuple(part.tokens / part.wall_s for part in parts)
        assert side.median == sum(side.values) / 2
        assert (side.least, side.most) == (min(side.values), max(side.values))
    assert kv.factor == kv.on.median / kv.off.median
    assert kv.same_tokens is True
    assert pairs["graphs"].off is None
    assert pairs["graphs"].factor is None


def test_memory_and_attention_have_their_own_measures() -> None:
    labels = ["paged off 1", "paged on 1", "sdpa off 1", "sdpa on 1"]
    session, joiner = Session(), Joiner()
    for label in labels:
        joiner.begin(label)
        for batch in synthetic_events(10):
            session.apply(joiner.rewrite(batch))
    pairs = {pair.improvement.key: pair for pair in before_after(session)}
    paged, sdpa = pairs["paged"], pairs["sdpa"]
    assert paged.off is not None
    assert sdpa.off is not None
    table = session.steps
    waiting = np.flatnonzero(table["waiting"][:10])
    chosen = waiting if len(waiting) else np.arange(10)
    assert paged.off.values == (
        float(table["kv_used_bytes"][chosen].sum()) / float(table["kv_reserved_bytes"][chosen].sum()),
    )
    together = pairs["paged_together"]
    assert together.off is not None
    assert together.off.values == (float(table["running"][chosen].mean()),)
    run = summarise(session, (20, 29))
    assert sdpa.off.values == (pytest.approx(run.phases_s["attention"], rel=1e-6),)
    assert sdpa.on is not None
    assert sdpa.factor == 1 / (sdpa.on.median / sdpa.off.median)  # less time is better


def test_the_text_of_a_token_id_is_kept_once_though_each_run_tells_it() -> None:
    joiner = Joiner()
    told = [TokenText(7, " cat"), TokenText(9, "<0xE4>")]
    joiner.begin("kv off 0")
    assert joiner.rewrite(told) == told
    joiner.begin("kv on 0")
    assert joiner.rewrite([*told, TokenText(8, " dog")]) == [TokenText(8, " dog")]
