"""Traces of a GPU, made by hand: sums by kernel, links to steps, streams that overlap, ends that are missing."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import InputError
from engine.figures.kernels import kernel_sums, trace_figures
from engine.importing.import_trace import import_trace
from engine.session.file import open_session
from engine.session.reader import SessionFile
from engine.session.schema import PHASES
from engine.session.store import STEP_KINDS, Session
from engine.session.trace_fact import TraceFact, trace_of
from tests.engine.importing.made import BASE_NS, MadeTrace, serving_trace


@pytest.fixture
def opened(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    def open_(made: MadeTrace | str | list[dict[str, Any]], name: str = "trace.json") -> Session:
        path = tmp_path / name
        if isinstance(made, MadeTrace):
            made.write(path)
        else:
            path.write_text(made if isinstance(made, str) else json.dumps({"traceEvents": made}))
        target = tmp_path / f"{name}.dscope"
        import_trace(path, target)
        session = open_session(target)
        assert isinstance(session.source, SessionFile)
        request.addfinalizer(session.source.close)
        return session

    return open_


def fact_of(session: Session) -> TraceFact:
    fact = trace_of(session.meta["trace"])
    assert fact is not None
    return fact


def sums_of(session: Session) -> dict[str, list[int]]:
    return {one.name: [one.calls, round(one.total_s * 1e9)] for one in kernel_sums(session)}


@pytest.mark.parametrize("name", ["trace.json", "trace.pt.trace.json.gz"])
def test_a_serving_trace_keeps_every_kernel_with_its_step_and_phase(opened: Any, name: str) -> None:
    made = serving_trace(12, layers=4, prefill_every=5)
    session: Session = opened(made, name)
    assert sums_of(session) == made.kernels
    kernels = session.kernels
    took = kernels["end_ns"] - kernels["start_ns"]
    assert {step: int(took[kernels["step_id"] == step].sum()) for step in range(-1, 12)} == made.by_step
    kinds = ["prefill" if step % 5 == 0 else "decode" for step in range(12)]
    assert [STEP_KINDS[kind] for kind in session.steps["kind"].tolist()] == kinds
    phases = {one.name: one.phase for one in kernel_sums(session)}
    assert phases["nvjet_tst_256x128_64x4_1x2_h_bz_coopA_TNT"] == "ffn"  # by its module: the name tells nothing
    assert phases["nvjet_tst_192x192_64x4_2x1_v_bz_coopA_TNN"] == "qkv"
    assert phases["nvjet_tst_64x8_64x16_4x1_v_bz_splitK_TNT"] == "lm_head"
    assert phases["ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)"] == "other"
    assert session.meta["device_name"] == "NVIDIA H200"
    first_us = min(event["ts"] for event in made.events if event["ph"] == "X")
    assert abs(int(session.meta["epoch_ns"]) - (BASE_NS + int(first_us * 1000))) <= 1000


def test_the_time_of_a_step_is_the_devices_by_phase(opened: Any) -> None:
    session: Session = opened(serving_trace(6, layers=3))
    kernels, steps = session.kernels, session.steps
    for step in range(6):
        start, end = int(steps["start_ns"][step]), int(steps["end_ns"][step])
        busy = np.zeros(end - start, bool)
        of_ffn = np.zeros(end - start, bool)
        for row in range(len(kernels)):
            part = slice(max(int(kernels["start_ns"][row]) - start, 0), max(int(kernels["end_ns"][row]) - start, 0))
            if PHASES[kernels["phase"][row]] == "ffn":
                of_ffn[part] = True
            busy[part] = True
        assert int(steps["device_ns"][step]) == int(busy.sum())
        assert float(session.phases["us"][step][PHASES.index("ffn")]) == pytest.approx(of_ffn.sum() / 1e3, rel=1e-5)
        assert float(session.phases["us"][step].sum()) <= (end - start) / 1e3 * 1.0001


def test_streams_that_overlap_count_each_kernel_whole_and_each_moment_once(opened: Any) -> None:
    made = MadeTrace()
    made.range("user_annotation", "ProfilerStep#1", 0.0, 100.0)
    for stream, start in ((7, 10.0), (20, 15.0), (21, 18.0), (7, 40.0), (20, 41.0)):
        made.launched("copy_kernel(int)", start - 5, start, 12.5, stream=stream, step=0)
    session: Session = opened(made)
    assert sums_of(session) == made.kernels == {"copy_kernel(int)": [5, 62_500]}
    assert int(session.steps["device_ns"][0]) == 20_500 + 13_500  # [10, 30.5] and [40, 53.5]
    assert set(session.kernels["stream"].tolist()) == {7, 20, 21}


def test_missing_ends_and_beginnings_are_said_and_nothing_is_dropped(opened: Any) -> None:
    events: list[dict[str, Any]] = [
        {"ph": "B", "cat": "user_annotation", "name": "decode", "pid": 1, "tid": 1, "ts": 0},
        {"ph": "B", "cat": "user_annotation", "name": "attention", "pid": 1, "tid": 1, "ts": 10},
        {"ph": "B", "cat": "cpu_op", "name": "aten::mm", "pid": 1, "tid": 1, "ts": 12, "args": {"External id": 5}},
        {"ph": "E", "cat": "user_annotation", "name": "attention", "pid": 1, "tid": 1, "ts": 30},
        {"ph": "E", "cat": "user_annotation", "name": "decode", "pid": 1, "tid": 1, "ts": 50},
        {"ph": "E", "cat": "user_annotation", "name": "decode", "pid": 1, "tid": 1, "ts": 60},
        {"ph": "B", "cat": "user_annotation", "name": "decode", "pid": 1, "tid": 1, "ts": 70},
        {"ph": "X", "cat": "cpu_op", "name": "aten::add", "pid": 1, "tid": 1, "ts": 80},
        {"ph": "X", "cat": "kernel", "name": "k", "pid": 0, "tid": 7, "ts": 20, "dur": 5, "args": {"External id": 5}},
        {"ph": "X", "cat": "kernel", "name": "endless", "pid": 0, "tid": 7, "ts": 75},
        {"ph": "X", "cat": "kernel", "name": "lost", "pid": 0, "tid": 7, "ts": "soon", "dur": 1},
        {"ph": "X", "cat": "kernel", "name": "k", "pid": 0, "tid": 7, "ts": 90, "dur": 6},
    ]
    session: Session = opened(events)
    fact = fact_of(session)
    assert (fact.ends_missing, fact.begins_missing, fact.unreadable) == (4, 1, 1)
    assert sums_of(session) == {"k": [2, 11_000], "endless": [1, 0]}
    names = [session.trace_names[number] for number in session.ranges["name_id"].tolist()]
    ends = dict(zip(names[:3], session.ranges["end_ns"].tolist(), strict=False))
    assert ends == {"decode": 50_000, "attention": 30_000, "aten::mm": 30_000}
    assert session.ranges["end_ns"][3] == session.ranges["end_ns"][4] == 80_000  # until the last moment of the host
    assert session.kernels["step_id"].tolist() == [0, -1, -1]
    assert PHASES[session.kernels["phase"][0]] == "attention"


def test_a_hundred_thousand_kernels_in_random_order_sum_to_what_was_made(opened: Any) -> None:
    draw = random.Random(3)
    made = MadeTrace()
    at = 1_700_000_000_000_000.0  # µs since 1970, as before PyTorch 2.2
    for number in range(100_000):
        name = f"void at::native::kernel_{draw.randrange(700)}<float, {draw.randrange(3)}>(float*)"
        made.kernel(name, at, draw.randrange(1, 90_000) / 1000, stream=draw.randrange(4), correlation=number)
        at += draw.randrange(1, 40)
    draw.shuffle(made.events)
    session: Session = opened(json.dumps(made.events))  # only the list, as the first profiler wrote it
    assert len(session.kernels) == 100_000
    assert sums_of(session) == made.kernels
    assert (session.kernels["step_id"] == -1).all()
    assert session.untold("steps") is not None
    figures = trace_figures(session)
    assert figures is not None
    by_hand: dict[str, int] = defaultdict(int)
    for event in made.events:
        by_hand[event["name"]] += round(event["dur"] * 1000)
    assert {one["name"]: round(one["total_s"] * 1e9) for one in figures["kernels"]} == by_hand
    assert figures["device_s"] == pytest.approx(sum(by_hand.values()) / 1e9)


def test_one_launch_of_a_graph_has_all_its_kernels(opened: Any) -> None:
    made = MadeTrace()
    made.range("user_annotation", "execute_context_0(0)_generation_8(8)", 0.0, 50.0)
    made.range("cuda_runtime", "cudaGraphLaunch", 10.0, 4.0, correlation=900)
    for node in range(6):
        args = {"correlation": 900, "graph id": 3, "graph node id": node}
        made.kernel("flash_fwd_kernel", 60.0 + 3 * node, 2.0, step=0, **args)
    session: Session = opened(made)
    assert session.kernels["step_id"].tolist() == [0] * 6
    assert STEP_KINDS[session.steps["kind"][0]] == "decode"
    assert {one.phase for one in kernel_sums(session)} == {"attention"}


def test_a_step_by_its_span_on_the_device_where_no_launch_is_told(opened: Any) -> None:
    made = MadeTrace()
    for step in range(2):
        made.range("user_annotation", f"ProfilerStep#{step + 4}", 100.0 * step, 50.0)
        made.kernel("k", 100.0 * step + 70, 5.0, step=step)
        made.events.append(
            {"ph": "X", "cat": "gpu_user_annotation", "name": f"ProfilerStep#{step + 4}", "pid": 0, "tid": 7,
             "ts": 100.0 * step + 69, "dur": 10.0, "args": {}}
        )  # fmt: skip
    made.kernel("k", 260.0, 5.0)
    session: Session = opened(made)
    assert session.kernels["step_id"].tolist() == [0, 1, -1]
    assert session.untold("step_kinds") is not None  # nothing tells whether they are prefill or decode


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("PyTorch\n", "it is not JSON"),
        ('{"a": 1}', "it has no list “traceEvents”"),
        ('{"traceEvents": []}', "it has neither kernels nor ranges of a host"),
        ('{"traceEvents": [1, "x", [2], {"ph": 3}]}', "it has neither kernels nor ranges of a host"),
        ('{"otherData": {"model_config": "{}"}, "traceEvents": [{}]}', "exported by DecodeScope"),
        ('{"traceEvents": [' + '{"a":' * 200_000, "it has neither kernels nor ranges"),
        ("[" * 300_000, "it has neither kernels nor ranges"),
    ],
)
def test_what_is_no_trace_is_said_in_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "trace.json").write_text(text)
    with pytest.raises(InputError, match=says) as found:
        import_trace(tmp_path / "trace.json", tmp_path / "made.dscope")
    assert str(found.value).endswith(".")
    assert [one.name for one in tmp_path.iterdir()] == ["trace.json"]


@pytest.mark.parametrize("name", ["cut.json", "cut.json.gz"])
def test_of_a_trace_that_is_cut_short_what_could_be_read_is_kept(opened: Any, tmp_path: Path, name: str) -> None:
    made = serving_trace(3, layers=2)
    made.write(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
    target = tmp_path / "cut.dscope"
    import_trace(tmp_path / name, target)
    session = open_session(target)
    assert isinstance(session.source, SessionFile)
    try:
        assert 0 < len(session.kernels) < sum(calls for calls, _ in made.kernels.values())
        assert fact_of(session).cut_short
    finally:
        session.source.close()


def test_damaged_events_are_counted_and_those_beside_them_kept(opened: Any) -> None:
    good = '{"ph":"X","cat":"kernel","name":"a \\\\\\" {[","pid":0,"tid":7,"ts":1.5,"dur":2,"args":{}}'
    texts = [
        good,
        '{"ph":"X","cat":"kernel","name":"rate","pid":0,"tid":7,"ts":3,"dur":2,"args":{"memory bandwidth": inf}}',
        '{"ph":"X","cat":"kernel","name":"listed","pid":0,"tid":7,"ts":5,"dur":2,"args":[1]}',
        '{"ph":"X","cat":"kernel","name":"no json",,"ts":7}',
        '{"ph":"X","cat":"kernel","name":"half \\ud800","ts":7,"dur":1}',
        '{"ph":"X","cat":"kernel","name":7,"ts":7,"dur":1}',
        '{"ph":"X","cat":"kernel","name":"far","ts":1e300,"dur":1}',
        good,
    ]
    session: Session = opened('{"traceEvents":[' + ",".join(texts) + '],"baseTimeNanoseconds": 5000000}')
    assert sums_of(session) == {'a \\" {[': [2, 4000], "rate": [1, 2000], "listed": [1, 2000]}
    assert fact_of(session).unreadable == 4
    assert session.meta["epoch_ns"] == "5001500"


def test_reading_can_be_given_up_and_leaves_nothing(tmp_path: Path) -> None:
    from engine.session.patience import Patience

    serving_trace(2, layers=2).write(tmp_path / "t.json")
    patience = Patience()
    shares: list[float] = []

    def progress(share: float) -> None:
        shares.append(share)
        patience.give_up()

    with pytest.raises(InputError, match="given up"):
        import_trace(tmp_path / "t.json", tmp_path / "made.dscope", patience, progress)
    assert [one.name for one in tmp_path.iterdir()] == ["t.json"]
    assert 0 < shares[0] < 1
