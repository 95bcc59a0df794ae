"""The memory tree, against numbers put in by hand."""

from __future__ import annotations

import json

from engine.figures.device_series import DeviceSeries
from engine.figures.memory import MemoryNode, activation_bytes, memory_tree
from engine.figures.range_figures import memory
from engine.session.schema import DeviceSample, SessionStarted
from engine.session.store import Session
from tests.engine.session.synthetic import synthetic_session

DRAFT_BYTES = 3_100_000


def sizes(tree: MemoryNode) -> dict[str, int | None]:
    return {part.name: part.size for part in tree.parts}


def part_of(tree: MemoryNode, name: str) -> MemoryNode:
    return next(part for part in tree.parts if part.name == name)


def drafting_session(steps: int, first: int) -> Session:
    """A run beside a draft model, whose cache takes 40 000 bytes at step `first` and holds 100 more at each step."""
    session = synthetic_session(steps)
    facts = {"name": "small", "layers": 2, "weight_bytes": DRAFT_BYTES, "itemsize": 4}
    session.apply([SessionStarted({"draft_config": json.dumps(facts)})])
    for step in range(first, steps):
        session.steps["draft_kv_used_bytes"][step] = 1000 + 100 * step
        session.steps["draft_kv_reserved_bytes"][step] = 40_000
    return session


def test_the_parts_sum_to_the_process() -> None:
    session = synthetic_session(60)
    tree = memory_tree(session)
    rss = [value for name, value in zip(session.device_samples["name"], session.device_samples["value"], strict=True)
           if name == "process_rss_bytes"]  # fmt: skip
    assert tree.size == int(max(rss))
    parts = sizes(tree)
    assert parts["weights"] == 27_400_000
    assert parts["allocator"] is None  # a CPU's allocator does not say
    assert sum(size or 0 for size in parts.values()) == tree.size
    kv = tree.parts[1]
    assert kv.size == sum(part.size or 0 for part in kv.parts) == int(session.steps["kv_reserved_bytes"].max())


def test_who_keeps_the_readings_reads_each_sample_once() -> None:
    session = synthetic_session(60)
    readings = DeviceSeries(session)
    assert memory_tree(session, None, readings) == memory_tree(session)
    before = memory_tree(session)
    session.device_samples["name"][:] = "read already"
    now_ns = int(session.steps["end_ns"][-1])
    assert memory_tree(session, None, readings) == before
    session.apply([DeviceSample(now_ns, "cpu", "process_rss_bytes", 9e9)])
    assert memory_tree(session, None, readings).size == 9_000_000_000


def test_a_range_shows_its_own_peak() -> None:
    session = synthetic_session(60)
    assert memory_tree(session, (5, 9)).parts[1].parts[0].size == int(session.steps["kv_used_bytes"][5])
    assert memory_tree(session, (70, 80)).parts[1].size == 0


def test_activations_are_the_widest_moment() -> None:
    session = synthetic_session(2)
    assert activation_bytes(session, 1, 1) == 256 * 4 + 4096 * (4 + 4)
    assert activation_bytes(session, 500, 1) == 500 * (2 * 256 + 3 * 688) * 4
    assert activation_bytes(Session(), 1, 1) is None


def test_on_a_gpu_the_allocator_is_asked() -> None:
    session = synthetic_session(20)
    session.meta["device"] = "cuda:0"
    at = int(session.steps["start_ns"][3])
    readings = {"memory_used_bytes": 9e8, "allocator_peak_bytes": 4e7, "allocator_reserved_bytes": 6e7}
    session.apply([DeviceSample(at, "cuda", name, value) for name, value in readings.items()])
    tree = memory_tree(session)
    parts = sizes(tree)
    reserved = int(session.steps["kv_reserved_bytes"].max())
    assert (tree.size, parts["allocator"]) == (900_000_000, 20_000_000)
    assert parts["activations"] == 40_000_000 - 27_400_000 - reserved
    assert parts["rest"] == 900_000_000 - 60_000_000


def test_a_draft_model_is_told_apart_from_the_rest() -> None:
    without, tree = memory_tree(synthetic_session(60)), memory_tree(drafting_session(60, 1))
    assert [part.name for part in tree.parts] == ["weights", "kv", "draft", "activations", "allocator", "rest"]
    draft = part_of(tree, "draft")
    weights, cache = draft.parts
    assert (weights.name, weights.size, weights.provenance) == ("draft_weights", DRAFT_BYTES, "measured")
    assert (cache.name, cache.size, cache.provenance) == ("draft_kv", 40_000, "measured")
    assert sizes(cache) == {"draft_kv_used": 1100, "draft_kv_free": 40_000 - 1100}
    assert draft.size == DRAFT_BYTES + 40_000 == sum(part.size or 0 for part in draft.parts)
    before, after = sizes(without), sizes(tree)
    assert after["rest"] == (before["rest"] or 0) - (draft.size or 0)
    assert after["activations"] == before["activations"]
    assert tree.size == without.size == sum(size or 0 for size in after.values())


def test_on_a_gpu_the_draft_is_no_activation() -> None:
    session = drafting_session(20, 1)
    session.meta["device"] = "cuda:0"
    at = int(session.steps["start_ns"][3])
    readings = {"memory_used_bytes": 9e8, "allocator_peak_bytes": 4e7, "allocator_reserved_bytes": 6e7}
    session.apply([DeviceSample(at, "cuda", name, value) for name, value in readings.items()])
    tree = memory_tree(session)
    reserved = int(session.steps["kv_reserved_bytes"].max())
    assert sizes(tree) == {
        "weights": 27_400_000,
        "kv": reserved,
        "draft": DRAFT_BYTES + 40_000,
        "activations": 40_000_000 - 27_400_000 - reserved - DRAFT_BYTES - 40_000,
        "allocator": 20_000_000,
        "rest": 900_000_000 - 60_000_000,
    }
    assert sum(size or 0 for size in sizes(tree).values()) == tree.size


def test_the_peak_is_that_of_both_caches_together() -> None:
    """A contiguous cache of the target is as large from the first step on; the draft's comes after it."""
    session = drafting_session(20, 7)
    draft = part_of(memory_tree(session), "draft")
    assert (draft.parts[1].size, draft.parts[1].parts[0].size) == (40_000, 1700)
    assert part_of(memory_tree(session), "kv").parts[0].size == int(session.steps["kv_used_bytes"][7])
    assert part_of(memory_tree(session, (2, 5)), "draft").size == DRAFT_BYTES  # it is there, and does not draft yet


def test_every_part_has_a_name_of_its_own() -> None:
    def count(node: MemoryNode) -> int:
        return 1 + sum(count(part) for part in node.parts)

    tree = memory_tree(drafting_session(20, 1))
    told = memory(tree)
    assert len(told) == count(tree)
    assert [name for name in told if "draft" in name] == [
        "draft", "draft_weights", "draft_kv", "draft_kv_used", "draft_kv_free",
    ]  # fmt: skip


def test_an_empty_session_has_a_tree_too() -> None:
    tree = memory_tree(Session())
    assert (tree.size, sizes(tree)) == (
        None,
        {"weights": 0, "kv": 0, "activations": None, "allocator": None, "rest": None},
    )
