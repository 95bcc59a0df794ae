"""The memory tree, against numbers put in by hand."""

from __future__ import annotations

from engine.session.device_series import DeviceSeries
from engine.session.memory import MemoryNode, activation_bytes, memory_tree
from engine.session.schema import DeviceSample
from engine.session.store import Session
from tests.engine.session.synthetic import synthetic_session


def sizes(tree: MemoryNode) -> dict[str, int | None]:
    return {part.name: part.size for part in tree.parts}


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


def test_an_empty_session_has_a_tree_too() -> None:
    tree = memory_tree(Session())
    assert (tree.size, sizes(tree)) == (
        None,
        {"weights": 0, "kv": 0, "activations": None, "allocator": None, "rest": None},
    )
