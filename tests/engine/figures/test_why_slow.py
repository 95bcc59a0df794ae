"""Why a step was slow: made sessions in which what is different about one step is put in by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engine.figures.why_slow import LEAST, MOST, WhySlow, why_slow
from engine.session import schema
from engine.session.schema import PHASES, Step
from engine.session.store import Session

MS = 1_000_000
USUAL = {"attention": 2.0, "ffn": 2.0, "norm": 0.4, "sample": 0.2}


def step(number: int, start_ns: int, ms: dict[str, float] | None = None, **columns: object) -> Step:
    """A step of these ms by phase, and as much `other` as is given."""
    ms = USUAL if ms is None else ms
    table = np.zeros((1, len(PHASES)), np.float32)
    for phase, value in ms.items():
        table[0, PHASES.index(phase)] = 1e3 * value
    known: dict[str, object] = {
        "id": number, "config_id": 0, "kind": "decode", "start_ns": start_ns,
        "end_ns": start_ns + round(sum(ms.values()) * MS), "device_ns": -1, "positions_computed": 1,
        "positions_new": 1, "positions_recomputed": 0, "positions_padding": 0, "positions_rejected": 0,
        "positions_reused": 0, "tokens_out": 1, "flops": 0, "bytes_moved": 0, "kv_used_bytes": 0,
        "kv_reserved_bytes": 0, "kv_evictable_bytes": 0, "running": 1, "waiting": 0, "attention_kernel": "native",
        "phases": table.tobytes(), "kv_layers": b"", **columns,
    }  # fmt: skip
    return Step(**known)  # type: ignore[arg-type]


def session_of(steps: list[Step], *more: schema.AnyEvent) -> Session:
    session = Session()
    session.apply(
        [schema.SessionStarted({"model_config": "{}"}), schema.ConfigChanged(0, 0, json.dumps({"kv": "paged"}))]
    )
    session.apply([*more, *steps])
    return session


def usual(count: int = 40, every_ms: int = 6, **columns: object) -> list[Step]:
    return [step(n, n * every_ms * MS, **columns) for n in range(count)]


def compared(session: Session, number: int) -> WhySlow:
    found = why_slow(session, number)
    assert found is not None
    return found


def test_a_slow_step_is_compared_part_by_part() -> None:
    steps = usual()
    steps[20] = step(20, 20 * 6 * MS, {"attention": 9.9, "ffn": 3.1, "norm": 0.4, "sample": 0.2, "other": 0.6},
                     positions_computed=212, positions_recomputed=211)  # fmt: skip
    why = compared(session_of(steps), 20)
    assert (why.verdict, why.peers, why.alike, why.rows) == ("slower", 39, "rows", (1, 1))
    assert why.median_s == pytest.approx(4.6e-3)
    assert why.step_s / why.median_s == pytest.approx(14.2 / 4.6)
    assert [name for name, _ in why.parts] == ["attention", "ffn"]
    assert [value for _, value in why.parts] == pytest.approx([7.9e-3, 1.1e-3], abs=1e-8)
    assert why.unexplained_s == pytest.approx(0.6e-3, abs=1e-8)
    assert why.excess_s == pytest.approx(9.6e-3)
    assert why.positions is not None
    assert (why.positions.here, why.positions.usual, why.recomputed) == (212, 1.0, 211)
    assert (why.launch, why.kernel, why.marks, why.gap_s, why.paused_before) == ("", "", (), None, False)


def test_a_step_like_the_others_is_usual_and_a_short_one_faster() -> None:
    steps = usual()
    steps[7] = step(7, 7 * 6 * MS, {"attention": 1.0, "ffn": 1.0})
    session = session_of(steps)
    assert compared(session, 20).verdict == "usual"
    assert compared(session, 20).positions is None
    why = compared(session, 7)
    assert why.verdict == "faster"
    assert dict(why.parts) == pytest.approx({"attention": -1e-3, "ffn": -1e-3, "norm": -0.4e-3, "sampling": -0.2e-3},
                                            abs=1e-8)  # fmt: skip


def test_a_noisy_run_calls_no_step_slow_that_is_among_the_others() -> None:
    draw = np.random.default_rng(1)
    steps = [step(n, n * 20 * MS, {"ffn": float(draw.uniform(2, 10))}) for n in range(200)]
    session = session_of(steps)
    verdicts = [compared(session, n).verdict for n in range(200)]
    assert verdicts.count("slower") == pytest.approx(20, abs=3)
    assert verdicts.count("faster") == pytest.approx(20, abs=3)


def test_steps_are_alike_by_kind_settings_and_requests_as_far_as_there_are_enough() -> None:
    of_one = usual(30)
    of_four = [step(30 + n, (30 + n) * 6 * MS, running=4) for n in range(LEAST)]
    prompts = [step(38 + n, (38 + n) * 6 * MS, kind="prefill", running=4) for n in range(20)]
    session = session_of([*of_one, *of_four, *prompts])
    assert (compared(session, 3).alike, compared(session, 3).peers) == ("rows", 29)
    assert (compared(session, 33).alike, compared(session, 33).peers) == ("settings", 37)
    assert compared(session, 33).rows == (1, 4)
    assert (compared(session, 40).alike, compared(session, 40).peers) == ("rows", 19)
    near = [*of_four, step(38, 38 * 6 * MS, running=5)]
    session = session_of([*of_one, *near])
    assert (compared(session, 38).alike, compared(session, 38).peers, compared(session, 38).rows) == ("near", 8, (4, 4))


def test_settings_count_as_equal_where_they_are_and_not_by_their_number() -> None:
    again = json.dumps({"kv": "paged"})
    steps = [step(n, n * 6 * MS, config_id=n // 10) for n in range(40)]
    more = [schema.ConfigChanged(1, 10, json.dumps({"kv": "none"})), schema.ConfigChanged(2, 20, again),
            schema.ConfigChanged(3, 30, again)]  # fmt: skip
    session = session_of(steps, *more)
    assert (compared(session, 5).alike, compared(session, 5).peers) == ("rows", 29)
    assert (compared(session, 15).alike, compared(session, 15).peers) == ("rows", 9)


def test_too_few_steps_are_not_compared() -> None:
    assert why_slow(session_of(usual(LEAST)), 3) is None
    assert why_slow(session_of(usual(LEAST + 1)), 3) is not None
    for outside in (-1, 40):
        assert why_slow(session_of(usual()), outside) is None
    assert why_slow(Session(), 0) is None


def test_what_happened_before_a_step_is_told() -> None:
    steps = usual()
    for place in range(20, 40):
        late = step(place, steps[place].start_ns + 30 * MS)
        steps[place] = late
    mark = schema.Mark(steps[20].start_ns - MS, "switch", "kv: paged → none")
    session = session_of(steps, mark, schema.Mark(steps[30].start_ns, "user", "mine"))
    why = compared(session, 20)
    assert (why.verdict, why.marks) == ("usual", (mark,))
    assert why.gap_s == pytest.approx(31.4e-3)
    assert why.gap_median_s == pytest.approx(1.4e-3)
    assert compared(session, 21).gap_s is None
    assert compared(session, 30).marks == ()
    paused = session_of(
        steps, schema.Mark(steps[19].end_ns, "pause", ""), schema.Mark(steps[20].start_ns, "resume", "")
    )
    assert compared(paused, 20).paused_before
    assert compared(paused, 20).gap_s is None
    assert not compared(paused, 21).paused_before


def test_another_launch_and_another_kernel_are_told_of_the_odd_one() -> None:
    steps = usual(launch="compiled")
    steps[20] = step(20, 20 * 6 * MS, launch="eager", attention_kernel="reference")
    session = session_of(steps)
    assert (compared(session, 20).launch, compared(session, 20).kernel) == ("eager", "reference")
    assert (compared(session, 21).launch, compared(session, 21).kernel) == ("", "")


def test_without_phases_the_whole_is_compared_and_no_part_is_made_up() -> None:
    bare = usual(phases=b"")
    bare[9] = step(9, 9 * 6 * MS, {"ffn": 9.0}, phases=b"")
    why = compared(session_of(bare), 9)
    assert (why.verdict, why.parts, why.unexplained_s) == ("slower", (), None)
    replayed = usual(launch="graph")
    replayed[9] = step(9, 9 * 6 * MS, {"ffn": 9.0}, launch="graph")
    assert compared(session_of(replayed), 9).parts == ()


def test_of_very_many_steps_the_nearest_are_taken() -> None:
    steps = usual(20_000)
    for n in range(10_000, 20_000):
        steps[n] = step(n, n * 6 * MS, {"ffn": 5.0})
    session = session_of(steps)
    assert (compared(session, 2_000).median_s, compared(session, 18_000).median_s) == pytest.approx((4.6e-3, 5e-3))
    assert compared(session, 0).peers == compared(session, 19_999).peers == MOST
