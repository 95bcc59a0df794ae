"""Which level of memory a step is held against, and what MBU and the roof make of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from engine.figures.ceilings import ceiling_facts, held_bytes, least_read_s, measured_when_busy
from engine.figures.json_figures import json_figures
from engine.figures.metrics import ceilings, read_ceiling, summarise
from engine.figures.roofline import Point, RooflineTotals, roof_of
from engine.session.checking import check_content
from engine.session.store import Session
from tests.engine.session.synthetic import synthetic_session

MEMORY_B_S, L3_B_S, L2_B_S = 1e10, 4e10, 8e10
CONDITIONS = {"busy": True, "others_cores": 1.0, "stolen_cores": None, "waiting_threads": 1.0, "spread": 0.9, "cpus": 2}


def session_with(l3_bytes: float, conditions: dict[str, Any] | None = None, l2_bytes: float = 2**20) -> Session:
    session = synthetic_session(20)
    levels = [
        {"name": "L2", "size_bytes": l2_bytes, "read_bytes_per_s": L2_B_S},
        {"name": "L3", "size_bytes": l3_bytes, "read_bytes_per_s": L3_B_S},
    ]
    facts = {"read_bytes_per_s": MEMORY_B_S, "flops_per_s": 2e11, "levels": levels, "conditions": conditions}
    session.meta["ceilings"] = json.dumps(facts)
    return session


def wall_s(session: Session) -> float:
    return float((session.steps["end_ns"] - session.steps["start_ns"]).sum()) / 1e9


def test_mbu_is_over_memory_where_no_cache_holds_what_a_step_walks() -> None:
    session = session_with(l3_bytes=2**22)
    moved = float(session.steps["bytes_moved"].sum())
    summary = summarise(session)
    assert summary.mbu == pytest.approx(moved / wall_s(session) / MEMORY_B_S)
    session.meta["ceilings"] = json.dumps({"read_bytes_per_s": MEMORY_B_S, "flops_per_s": 2e11})  # an older recording
    assert summarise(session).mbu == pytest.approx(summary.mbu)


def test_mbu_of_a_model_that_lies_in_a_cache_is_over_that_cache() -> None:
    """It was over memory, and above 1 where the cache is the faster."""
    session = session_with(l3_bytes=2**30)
    moved = float(session.steps["bytes_moved"].sum())
    assert summarise(session).mbu == pytest.approx(moved / wall_s(session) / L3_B_S)
    assert read_ceiling(session) == pytest.approx(L3_B_S)
    assert ceilings(session)["read_bytes_per_s"] == MEMORY_B_S


def test_each_step_is_judged_by_its_own_bytes() -> None:
    session = session_with(l3_bytes=1)
    held = held_bytes(session, slice(0, 20))
    between = float(np.sort(held)[10])
    session = session_with(l3_bytes=between)
    rates = np.where(held <= between, L3_B_S, MEMORY_B_S)
    moved = session.steps["bytes_moved"].astype(np.float64)
    least = least_read_s(session, slice(0, 20))
    assert least is not None
    assert np.allclose(least, moved / rates)
    assert summarise(session).mbu == pytest.approx(float((moved / rates).sum()) / wall_s(session))
    assert L3_B_S > read_ceiling(session) > MEMORY_B_S  # type: ignore[operator]


def test_weights_that_are_read_several_times_in_a_step_are_held_once() -> None:
    session = session_with(l3_bytes=2**22)
    facts = session.model_config
    weights, kv = facts["weight_bytes"], session.steps["kv_used_bytes"][:20]
    session.steps["bytes_moved"][:] = 10 * weights
    assert held_bytes(session, slice(0, 20)).tolist() == (weights + kv).tolist()
    session.meta["draft_config"] = json.dumps({"weight_bytes": 1000})
    assert held_bytes(session, slice(0, 20)).tolist() == (weights + kv + 1000).tolist()
    session.meta["model_config"] = "{}"  # of a server nobody knows the weights
    assert held_bytes(session, slice(0, 20)).tolist() == [10.0 * weights] * 20


def test_points_stand_under_the_roof_of_the_level_that_holds_the_whole_step() -> None:
    """`lm_head` reads less than a cache holds, but its weights are still there only where all others are too."""
    for l3_bytes, level, rate in ((2**30, "L3", L3_B_S), (8 * 2**20, "memory", MEMORY_B_S)):
        session = session_with(l3_bytes=l3_bytes)
        totals, roof = RooflineTotals(session), roof_of(session)
        totals.update()
        assert roof is not None
        points = [*totals.kind_points(), *totals.phase_points("decode")]
        assert {point.name for point in points} >= {"decode", "lm_head", "ffn"}
        for point in points:
            assert point.level == level
            assert roof.of(point).bytes_per_s == pytest.approx(rate)
            assert point.factor(roof) == pytest.approx(
                min(roof.flops_per_s, point.intensity * rate) / point.flops_per_s
            )
    decode = next(point for point in points if point.name == "decode")
    assert decode.factor(roof) == pytest.approx(1 / summarise(session, (1, 19)).mbu)  # type: ignore[operator,arg-type]


def test_a_draft_is_held_by_the_level_of_its_own_weights() -> None:
    session = session_with(l3_bytes=2**22)
    session.meta["draft_config"] = json.dumps({"weight_bytes": 2**20})
    for config in session.configs:
        config.switches["speculate"] = "draft"
    session.steps["flops"][:] *= 2
    session.steps["bytes_moved"][:] *= 2
    totals = RooflineTotals(session)
    totals.update()
    levels = {point.name: point.level for point in totals.phase_points("decode")}
    assert levels.get("draft", "L2") == "L2"
    assert levels["ffn"] == "memory"


def test_a_busy_machine_is_told() -> None:
    session = session_with(2**22, CONDITIONS)
    assert measured_when_busy(session)
    told = json_figures(session)["devices"]["ceilings"]
    assert (told["busy"], told["conditions"]) == (True, CONDITIONS)
    assert [level["name"] for level in told["levels"]] == ["L2", "L3", "memory"]
    assert told["levels"][-1]["size_bytes"] is None
    assert not measured_when_busy(session_with(2**22, {**CONDITIONS, "busy": False}))
    assert not measured_when_busy(session_with(2**22))  # an older recording does not say
    assert not measured_when_busy(None)


def test_a_roof_without_points_of_a_level_is_memorys() -> None:
    roof = roof_of(session_with(2**22))
    assert roof is not None
    assert roof.of(Point("decode", 1.0, 1.0, 1.0)) == roof
    session = synthetic_session(3)
    session.meta["ceilings"] = ""
    assert ceiling_facts(session) is None
    assert least_read_s(session, slice(0, 3)) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"levels": 3}, "a level of memory is no object"),
        ({"levels": [{"size_bytes": 1, "read_bytes_per_s": 1.0}]}, "a level of memory has no name"),
        ({"levels": [{"name": "L2", "size_bytes": "1M", "read_bytes_per_s": 1.0}]}, "a measured ceiling is no number"),
        ({"read_bytes_per_s": "fast"}, "a measured ceiling is no number"),
        ({"conditions": "busy"}, "no object"),
        ({"reader": 3}, "no name"),
    ],
)
def test_a_file_that_says_something_else_is_refused(change: dict[str, Any], says: str) -> None:
    session = session_with(2**22, CONDITIONS)
    check_content(session)
    session.meta["ceilings"] = json.dumps({**json.loads(session.meta["ceilings"]), **change})
    with pytest.raises(ValueError, match=says):
        check_content(session)
