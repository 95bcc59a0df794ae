"""Figures of a session whose server did not tell all that our own engine measures: None, never 0."""

from __future__ import annotations

from typing import Any

import pytest

from engine.figures.comparison import compare
from engine.figures.json_figures import json_figures
from engine.figures.memory import MemoryNode, memory_tree, peak_step
from engine.figures.metrics import summarise
from engine.figures.slots import slot_figures
from engine.figures.told import column_told, told, total_of
from engine.session.store import Session
from tests.app.panels.sessions import decode_run
from tests.engine.figures.served import A_POSITION, BLOCK, probed, recorded, session_of


@pytest.fixture
def server() -> Session:
    """Twelve steps that a recorder told."""
    return session_of(recorded())


def test_our_own_engine_tells_everything() -> None:
    own = decode_run(4, "contiguous").session
    assert told(own, "steps", "phases", "attention", "flops", "padding")
    assert all(column_told(own, name) for name in ("flops", "launch", "positions_padding", "draft_kv_used_bytes"))
    assert total_of(own, "flops", slice(0, 4)) == 1000 * (1 + 2 + 3 + 4)


def test_a_column_is_told_where_its_topic_and_the_steps_are(server: Session) -> None:
    assert [column_told(server, name) for name in ("tokens_out", "kv_used_bytes", "positions_new")] == [True] * 3
    assert [column_told(server, name) for name in ("flops", "bytes_moved", "positions_padding", "launch")] == [
        False
    ] * 4
    streams = session_of(probed())
    assert not any(column_told(streams, name) for name in ("tokens_out", "kv_used_bytes", "running", "flops"))


def test_the_summary_of_a_recorded_server_has_none_for_what_was_not_told(server: Session) -> None:
    found = summarise(server)
    assert found.positions == {
        "computed": 14 + 12, "new": 14 + 12, "recomputed": 0, "padding": None, "rejected": 0,
        "reused": sum(range(3, 14)) + sum(range(3, 12)),
    }  # fmt: skip
    assert found.steps == 12
    assert found.mbu is None
    assert found.mfu is None
    assert set(found.phases_s.values()) == {None}
    assert set(found.groups_s.values()) == {None}
    assert found.attention_kernels == {}
    assert found.launches == {}
    assert found.kv["used_peak_bytes"] == (14 + 12) * A_POSITION
    assert found.kv["draft_kv_used_peak_bytes"] is None
    assert found.serving is not None
    assert found.serving["levels"] == ("probe", "metrics", "recorder")


def test_the_summary_of_streams_alone_has_no_figure_of_steps() -> None:
    found = summarise(session_of(probed()))
    assert found.tokens == 6
    assert found.steps is None
    assert set(found.positions.values()) == {None}
    assert set(found.kv.values()) == {None}


def test_slots_of_a_server_are_lanes_without_padding(server: Session) -> None:
    found = slot_figures(server)
    assert (found.lanes, found.useful, found.idle) == (2, 22, 2)
    assert (found.padding, found.computed, found.waste, found.positions_padding) == (None,) * 4


def test_only_the_cache_of_a_server_has_a_size(server: Session) -> None:
    assert peak_step(server) == 10  # the first step of the last block: 4 blocks of request 0, 3 of request 1
    sizes = _sizes(memory_tree(server))
    assert sizes.pop("kv") == 32 * BLOCK * A_POSITION
    assert sizes.pop("used") == (13 + 11) * A_POSITION
    assert {name for name, size in sizes.items() if size is None} == {
        "total", "weights", "activations", "allocator", "rest",
    }  # fmt: skip


def test_the_comparison_counts_no_operation_that_was_not_told(server: Session) -> None:
    rows = {row.metric: row for row in compare(server)}
    assert [one.unit for one in rows["complexity"].inference] == ["positions"]
    assert rows["complexity"].gap is None
    assert rows["utilisation"].inference == ()


def test_json_has_null_for_what_was_not_told(server: Session) -> None:
    found = json_figures(server, (3, 5))
    assert found["totals"]["flops"] is None
    assert found["totals"]["with_cache"] == 6
    assert found["kv_end"]["layers"] is None
    assert found["kv_end"]["used_bytes"] == (8 + 6) * A_POSITION
    assert found["latency"]["a_token"]["other"] == dict.fromkeys(("mean_s", "p50_s", "p90_s", "p99_s", "share"))
    assert found["latency"]["a_token"]["total"]["mean_s"] == pytest.approx(0.008)
    assert found["devices"]["bytes_per_s"] is None
    assert found["roofline"]["kinds"] == {}
    detail = found["detail"]
    assert {one["padding"] for one in detail["work"]} == {None}
    assert (detail["last"]["kernel"], detail["last"]["launch"], detail["last"]["mbu"]) == (None, None, None)
    assert set(detail["last"]["phases_s"].values()) == {None}
    assert detail["last"]["positions"]["padding"] is None
    assert detail["last"]["positions"]["computed"] == 2


def test_our_own_engine_has_the_same_keys_and_no_server() -> None:
    own, served = json_figures(decode_run(4, "contiguous").session), json_figures(session_of(recorded()))
    assert own.keys() == served.keys()
    assert own["serving"] is None
    assert own["server"] == {}
    assert own["positions"]["padding"] == 0
    assert _keys(own["kv_end"]) >= _keys(served["kv_end"])


def test_a_session_without_steps_has_the_same_keys_with_null() -> None:
    found = json_figures(session_of(probed()))
    assert found.keys() == json_figures(session_of(recorded())).keys()
    assert set(found["totals"].values()) == {None}
    assert set(found["memory"].values()) == {None}


def _sizes(node: MemoryNode) -> dict[str, int | None]:
    found = {node.name: node.size}
    for part in node.parts:
        found |= _sizes(part)
    return found


def _keys(values: Any) -> set[str]:
    return set(values)
