"""Figures against hand computation, against each other, and against plain SQL over the file."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.figures import metrics
from engine.figures.acceptance import acceptance_by_position, acceptance_by_request
from engine.figures.gaps import itl_seconds
from engine.figures.kv_classes import kv_classes
from engine.figures.step_range import token_rows
from engine.figures.teacher import teacher_figures
from engine.session import schema
from engine.session.columns import Columns
from engine.session.kv_shape import KvShape
from engine.session.schema import PHASES
from engine.session.store import Session
from engine.session.writer import SessionWriter
from tests.engine.figures.projecting import projection_s
from tests.engine.session.synthetic import HEAD_DIM, ITEMSIZE, KV_HEADS, PROMPT, synthetic_events, synthetic_session


def test_positions_follow_the_textbook_arithmetic() -> None:
    none, cached = synthetic_session(60, kv="none"), synthetic_session(60)
    total = sum(PROMPT + t for t in range(60))
    assert metrics.summarise(none).positions["computed"] == total
    assert metrics.summarise(none).positions["recomputed"] == total - (PROMPT + 59)
    assert metrics.summarise(cached).positions == {
        "computed": PROMPT + 59, "new": PROMPT + 59, "recomputed": 0, "padding": 0, "rejected": 0,
        "reused": total - (PROMPT + 59),
    }  # fmt: skip


def test_measured_kv_bytes_equal_the_formula_and_none_caches_nothing() -> None:
    kv = metrics.summarise(synthetic_session(60, layers=5)).kv
    assert kv["used_peak_bytes"] == kv["predicted_bytes"] == 2 * 5 * (PROMPT + 59) * KV_HEADS * HEAD_DIM * ITEMSIZE
    assert kv["reserved_peak_bytes"] >= kv["used_peak_bytes"]
    assert set(metrics.summarise(synthetic_session(60, kv="none")).kv.values()) == {0}


def test_the_capacity_for_llama_7b() -> None:
    of_llama_7b = KvShape(layers=32, kv_heads=32, head_dim=128, itemsize=2)
    assert of_llama_7b.total_bytes(2048) == 2**30  # T=2048, fp16: 1 GiB


def test_phases_and_groups_sum_to_the_steps_wall_time() -> None:
    session = synthetic_session(200)
    summary = metrics.summarise(session)
    wall = metrics.step_walls_s(session).sum()
    assert sum(summary.phases_s.values()) == pytest.approx(wall, rel=1e-9)
    assert sum(summary.groups_s.values()) == pytest.approx(wall, rel=1e-9)
    assert metrics.group_table_s(session).sum(axis=1) == pytest.approx(metrics.step_walls_s(session))


def test_a_range_of_steps_limits_every_figure() -> None:
    session = synthetic_session(100, requests=2)
    part = metrics.summarise(session, (10, 19))
    assert (part.steps, part.tokens) == (10, 20)
    assert part.positions["new"] == 20
    assert part.wall_s == (session.steps["end_ns"][19] - session.steps["start_ns"][10]) / 1e9
    assert len(part.requests[1].token_ids) == 10
    assert metrics.summarise(session, (500, 600)).steps == 0


def test_latencies_by_their_definitions() -> None:
    session = synthetic_session(50, requests=2)
    figures = metrics.summarise(session).requests[1]
    times = session.tokens["emitted_ns"][session.tokens["request_id"] == 1] / 1e9
    assert figures.ttft_s == times[0]
    assert figures.latency_s == times[-1]
    assert figures.tpot_s == pytest.approx((times[-1] - times[0]) / 49)
    gaps = np.concatenate([np.diff(session.tokens["emitted_ns"][session.tokens["request_id"] == r]) for r in (0, 1)])
    itl = metrics.summarise(session).itl_s
    assert [itl["p50"], itl["p90"], itl["p99"]] == pytest.approx(np.percentile(gaps / 1e9, (50, 90, 99)))


def step_of(id: int, kind: schema.StepKind = "decode", running: int = 0) -> schema.Step:
    return schema.Step(id, 0, kind, id * 100, id * 100 + 90, *([0] * 13), running, 0, "sdpa", b"", b"")


def test_what_the_cache_holds_is_counted_from_the_work() -> None:
    session = Session()
    session.apply([schema.ConfigChanged(0, 0, '{"kv": "paged"}')])
    session.apply(
        [
            step_of(0), schema.Work(0, 0, 0, 0, 0, 8, 0, 0),
            step_of(1), schema.Work(1, 0, 0, 8, 8, 9, 0, 8), schema.Work(1, 1, 1, 0, 0, 4, 0, 0),
            step_of(2, running=2), schema.Work(2, 1, 1, 4, 4, 9, 3, 4), schema.Work(2, -1, 0, 0, 0, 5, 0, 0),
            step_of(3), schema.Work(3, 0, 0, 9, 9, 10, 0, 9), schema.Work(3, 1, 1, 6, 6, 7, 0, 6),
            step_of(4), schema.Work(4, 0, 0, 10, 10, 11, 0, 10),
            # Preempted, then back with two shared positions, of which it computed only some before.
            step_of(5), schema.Work(5, 1, 1, 2, 5, 6, 0, 2), schema.Work(5, 1, 1, 6, 7, 8, 0, 0),
            step_of(6, "teacher"), schema.Work(6, 0, 0, 0, 10, 10, 0, 0),
        ]
    )  # fmt: skip
    # Request 0 sits out step 2 and goes on from where it was; request 1 drops out of step 4 and starts over.
    assert metrics.cached_positions(session).tolist() == [8, 9 + 4, 9 + 6, 10 + 7, 11, 8, 0]
    assert metrics.cached_positions(session, (2, 3)).tolist() == [15, 17]
    session.configs[:] = []
    session.apply([schema.ConfigChanged(0, 0, '{"kv": "none"}')])
    assert metrics.cached_positions(session).tolist() == [0] * 7


def test_who_is_preempted_and_finds_all_of_it_again_held_nothing_meanwhile() -> None:
    session = Session()
    session.apply([schema.ConfigChanged(0, 0, '{"kv": "paged"}')])
    session.apply(
        [
            step_of(0, running=2), schema.Work(0, 0, 0, 0, 0, 8, 0, 0), schema.Work(0, 1, 1, 0, 0, 4, 0, 0),
            step_of(1, running=1), schema.Work(1, 0, 0, 8, 8, 9, 0, 8),
            step_of(2, running=2), schema.Work(2, 0, 0, 9, 9, 10, 0, 9), schema.Work(2, 1, 1, 4, 4, 5, 0, 4),
        ]
    )  # fmt: skip
    assert metrics.cached_positions(session).tolist() == [12, 9, 15]


def test_what_was_computed_for_who_had_ended_is_not_held() -> None:
    session = Session()
    session.apply([schema.ConfigChanged(0, 0, '{"kv": "paged"}')])
    session.apply(
        [
            step_of(0, running=2), schema.Work(0, 0, 0, 0, 0, 8, 0, 0), schema.Work(0, 1, 1, 0, 0, 4, 0, 0),
            step_of(1, running=2), schema.Work(1, 0, 0, 8, 8, 9, 0, 8), schema.Work(1, 1, 1, 4, 4, 5, 1, 4),
        ]
    )  # fmt: skip
    assert metrics.cached_positions(session).tolist() == [12, 9]


def test_rows_that_come_while_they_are_counted_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The window counts what a run has, while another thread adds to it."""
    session = Session()
    session.apply([schema.ConfigChanged(0, 0, '{"kv": "paged"}'), step_of(0), schema.Work(0, 0, 0, 0, 0, 8, 0, 0)])
    read, work = Columns.__getitem__, session.work

    def read_beside_a_writer(table: Columns, name: str) -> NDArray[Any]:
        if table is work:
            session.apply([schema.Work(1, 0, 0, 8, 8, 9, 0, 8)])
        return read(table, name)

    monkeypatch.setattr(Columns, "__getitem__", read_beside_a_writer)
    assert metrics.cached_positions(session).tolist() == [8]
    assert len(work) > 1


def test_tokens_that_came_at_once_are_one_emission() -> None:
    session = synthetic_session(2)
    at = 10**9
    session.apply(
        [schema.Token(2 + i, 0, 2 + i // 3, 6 + i, 1, "a", 0, 0, "draft", at * (1 + i // 3), b"") for i in range(6)]
    )
    first, second = session.tokens["emitted_ns"][:2].tolist()
    gaps = itl_seconds(session, token_rows(session))
    assert gaps.tolist() == [(second - first) / 1e9, (at - second) / 1e9, 1.0]


def test_speculation_rate_and_length() -> None:
    session = synthetic_session(3)
    session.apply([schema.Speculation(0, 0, 4, 3), schema.Speculation(1, 0, 4, 4), schema.Speculation(2, 0, 2, 0)])
    assert metrics.summarise(session).speculation == {
        "drafted": 10, "accepted": 7, "rate": 0.7, "length": 1 + 7 / 3, "by_position": [2 / 3, 2 / 3, 2 / 3, 1 / 3],
    }  # fmt: skip
    assert metrics.summarise(session, (0, 1)).speculation["length"] == 4.5
    assert metrics.summarise(synthetic_session(3)).speculation["rate"] is None


def test_acceptance_of_each_request_and_of_each_place() -> None:
    session = synthetic_session(3)
    session.apply([schema.Speculation(0, 0, 4, 3), schema.Speculation(0, 1, 2, 0), schema.Speculation(1, 1, 3, 1)])
    assert acceptance_by_request(session) == {
        0: {"drafted": 4, "accepted": 3, "rate": 0.75, "length": 4.0},
        1: {"drafted": 5, "accepted": 1, "rate": 0.2, "length": 1.5},
    }
    assert acceptance_by_request(session, (1, 1))[0]["rate"] is None
    assert acceptance_by_position(session).tolist() == [2 / 3, 1 / 3, 1 / 3, 0.0]
    assert acceptance_by_position(session, (1, 2)).tolist() == [1.0, 0.0, 0.0]
    assert acceptance_by_position(synthetic_session(2)).tolist() == []


def test_a_teacher_forced_pass_is_in_no_figure_of_the_generation() -> None:
    session = synthetic_session(20)
    before = metrics.summarise(session)
    projected = projection_s(session, 100)
    end = int(session.steps["end_ns"][-1])
    session.apply(
        [
            schema.Work(20, 0, 0, 0, 23, 23, 0, 0),
            schema.Step(
                20, 0, "teacher", end + 50, end + 50 + 4 * 10**6, -1, 23, 0, 23, 0, 0, 0, 0, 10**8, 3 * 10**7,
                0, 0, 0, 1, 0, "sdpa", b"", b"",
            ),
            schema.Mark(end + 5 * 10**6, "teacher", "request 0: 17 of 20 tokens agree"),
        ]
    )  # fmt: skip
    after = metrics.summarise(session)
    assert after.to_json() == before.to_json()
    assert projection_s(session, 100) == projected
    assert metrics.summarise(session, (20, 20)).steps == 0
    (figures,) = teacher_figures(session)
    assert (figures.request_id, figures.step_id, figures.positions) == (0, 20, 23)
    assert (figures.tokens, figures.agreeing, figures.pass_s) == (20, 17, 4e-3)
    assert figures.serial_s == pytest.approx(metrics.step_walls_s(session, (0, 19)).sum())
    assert figures.pass_mbu == pytest.approx(3e7 / 4e-3 / 3e10)
    assert figures.pass_mfu == pytest.approx(1e8 / 4e-3 / 2e11)
    assert figures.serial_mbu == before.mbu
    assert teacher_figures(synthetic_session(3)) == []


def test_mbu_and_mfu_against_measured_ceilings() -> None:
    session = synthetic_session(40)
    wall = metrics.step_walls_s(session).sum()
    summary = metrics.summarise(session)
    assert summary.mbu == pytest.approx(session.steps["bytes_moved"].sum() / wall / 3.0e10)
    assert summary.mfu == pytest.approx(session.steps["flops"].sum() / wall / 2.0e11)
    session.meta["ceilings"] = ""
    assert metrics.summarise(session).mbu is None


def test_a_projection_is_the_prefill_and_as_many_times_a_tokens_time() -> None:
    session = synthetic_session(25)
    walls_s = metrics.step_walls_s(session)  # the first step computes the prompt
    assert projection_s(session, 100) == pytest.approx(walls_s[0] + walls_s[1:].mean() * 100)
    assert projection_s(session, 100, (10, 19)) == pytest.approx(walls_s[0] + walls_s[10:20].mean() * 100)
    assert projection_s(session, 100, (0, 0)) is None
    assert projection_s(Session(), 100) is None


def test_changes_of_switches_are_told_with_their_step() -> None:
    session = synthetic_session(5)
    switches = {**session.configs[0].switches, "kv": "none"}
    session.apply([schema.ConfigChanged(1, 3, json.dumps(switches))])
    assert metrics.settings(session)["changes"] == [{"step": 3, "kv": "none"}]


def test_a_session_without_a_step_has_figures_too() -> None:
    summary = metrics.summarise(Session())
    assert (summary.steps, summary.tokens, summary.wall_s, summary.tokens_per_s) == (0, 0, 0.0, None)
    json.dumps(summary.to_json())


def test_plain_sql_over_the_file_gives_the_same_figures(tmp_path: Path) -> None:
    with SessionWriter(tmp_path / "run.dscope") as writer:
        for batch in synthetic_events(80, requests=2):
            writer.append(batch)
    summary = metrics.summarise(synthetic_session(80, requests=2))
    db = sqlite3.connect(tmp_path / "run.dscope")
    assert db.execute("SELECT count(*) FROM tokens").fetchone()[0] == summary.tokens
    wall = db.execute(
        "SELECT ((SELECT max(emitted_ns) FROM tokens) - (SELECT min(arrived_ns) FROM requests)) / 1e9"
    ).fetchone()[0]
    assert wall == summary.wall_s
    for name, value in summary.positions.items():
        assert db.execute(f"SELECT sum(positions_{name}) FROM steps").fetchone()[0] == value
    assert db.execute("SELECT max(kv_used_bytes) FROM steps").fetchone()[0] == summary.kv["used_peak_bytes"]
    phases = sum(
        np.frombuffer(blob, np.float32).reshape(-1, len(PHASES)).sum(axis=0, dtype=np.float64)
        for (blob,) in db.execute("SELECT phases FROM steps")
    )
    for name, value in zip(PHASES, phases / 1e6, strict=True):
        assert summary.phases_s[name] == pytest.approx(value, rel=1e-4, abs=1e-6)
    db.close()


def test_peaks_of_every_class_and_of_the_draft_models_cache() -> None:
    session = synthetic_session(20)
    whole = int(session.steps["kv_reserved_bytes"].max())
    session.steps["kv_held_bytes"][3:] = whole - 700
    session.steps["kv_held_bytes"][:3] = whole - 800
    session.steps["kv_kept_bytes"][5] = 300
    session.steps["kv_evictable_bytes"][6] = 200
    session.steps["draft_kv_used_bytes"][8] = 90
    session.steps["draft_kv_reserved_bytes"][8:] = 100
    kv = metrics.kv_figures(session)
    assert {name: kv[f"{name}_peak_bytes"] for name in ("held", "kept", "evictable", "draft_kv_used")} == {
        "held": whole - 700, "kept": 300, "evictable": 200, "draft_kv_used": 90,
    }  # fmt: skip
    assert kv["draft_kv_reserved_peak_bytes"] == 100
    assert metrics.kv_figures(session, (0, 2))["draft_kv_reserved_peak_bytes"] == 0
    session.steps["kv_held_bytes"][:] = -1
    assert metrics.kv_figures(session)["held_peak_bytes"] is None


def test_internal_fragmentation_is_of_what_is_held() -> None:
    """One of four blocks is evictable, one is nobody's: what counts is that the other two are 89.6 % full."""
    session = synthetic_session(4)
    table = session.steps
    table["kv_reserved_bytes"][:], table["kv_evictable_bytes"][:], table["kv_held_bytes"][:] = 4000, 1000, 2000
    table["kv_used_bytes"][:] = 1792
    assert metrics.kv_fragmentation(session).tolist() == pytest.approx([0.104] * 4)
    now = kv_classes(session, 2)
    assert (now.unfilled, now.free, now.fragmentation) == (208, 1000, pytest.approx(0.104))
    table["kv_held_bytes"][3] = -1
    assert np.isnan(metrics.kv_fragmentation(session)[3])
    assert (kv_classes(session, 3).free, kv_classes(session, 3).fragmentation) == (None, None)
