"""Captured steps, their graphs replaced by plain calls, give the tokens that steps without them give."""

from __future__ import annotations

import gc
import weakref
from itertools import pairwise, product
from time import perf_counter_ns
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.request import Request
from engine.core.scheduled_chunk import Proposal
from engine.core.settings import LoadSpec, Observation, Probe, RequestSpec, RunSpec, Sampling, SwitchChange, Switches
from engine.decode.draft import DraftProposer
from engine.decode.engine import Engine
from engine.errors import InputError
from engine.graphs.device import PlainDevice
from engine.measure.timers import DeviceTimer
from engine.model.loader import LoadedModel, load_model
from engine.session.schema import PHASES, Mark, RequestFinished, Step, Token, Work
from tests.engine.decode.requests import ENDS, alone, specs, tokens_with_graphs, with_ends
from tests.engine.drive import drive, session_of, tokens_of
from tests.engine.host_event import HostEvent

PROMPTS = ("the cat sits", "once upon a time", "x", "a longer prompt than the others", "two")
COMBINATIONS = tuple(
    product(("none", "contiguous", "paged"), ("single", "static", "continuous"), ("off", "ngram", "draft"))
)


def requests_of(*counts: int, **sampling: float) -> tuple[RequestSpec, ...]:
    return tuple(
        RequestSpec(prompt, count, ignore_eos=True, sampling=Sampling(**sampling))  # type: ignore[arg-type]
        for prompt, count in zip(PROMPTS, counts, strict=False)
    )


def steps_of(events: list[object]) -> list[Step]:
    return [event for event in events if isinstance(event, Step)]


@pytest.mark.parametrize(("kv", "batching", "speculate"), COMBINATIONS)
def test_tokens_are_those_without_graphs(
    tiny_model: LoadedModel, tiny_draft: LoadedModel, kv: str, batching: str, speculate: str
) -> None:
    def run(graphs: bool) -> list[object]:
        switches = Switches(kv=kv, batching=batching, speculate=speculate, k=3, max_batch=3, graphs=graphs)  # type: ignore[arg-type]
        spec = RunSpec(requests_of(20, 9, 14, 6, 17), switches)
        draft = tiny_draft if speculate == "draft" else None
        return list(drive(tiny_model, spec, draft=draft, graph_device=PlainDevice()))

    off, on = run(False), run(True)
    assert tokens_of(on) == tokens_of(off)  # type: ignore[arg-type]
    launches = {step.launch for step in steps_of(on)}
    assert {step.launch for step in steps_of(off)} == {"eager"}
    assert launches == ({"eager"} if kv == "none" else {"eager", "graph", "twin"})
    for step in steps_of(on):
        if step.kind == "prefill":
            assert step.launch == "eager"
        if step.launch != "eager":
            assert step.attention_kernel.startswith("sdpa-padded:")
            assert step.kind in ("decode", "verify")
        classes = (step.positions_new, step.positions_recomputed, step.positions_padding, step.positions_rejected)
        assert step.positions_computed == sum(classes)


@pytest.mark.parametrize(("kv", "speculate"), [*product(("contiguous", "paged"), ("off", "ngram"))])
def test_the_projects_own_kernel_in_captured_steps_gives_the_tokens_of_the_reference(
    tiny_model: LoadedModel, kv: str, speculate: str
) -> None:
    """In Triton's interpreter: tables, lengths and padding as a graph would hand them over."""
    rest = {"kv": kv, "speculate": speculate, "batching": "continuous", "max_batch": 3, "k": 2}
    triton = RunSpec(requests_of(7, 5, 6), Switches(attention="triton", graphs=True, **rest))  # type: ignore[arg-type]
    events = drive(tiny_model, triton, graph_device=PlainDevice())
    reference = RunSpec(requests_of(7, 5, 6), Switches(attention="reference", **rest))  # type: ignore[arg-type]
    assert tokens_of(events) == tokens_of(drive(tiny_model, reference))
    kernels = {step.attention_kernel for step in steps_of(list(events)) if step.launch != "eager"}
    assert kernels == {"triton:decode"}


@pytest.mark.parametrize("kv", ["contiguous", "paged"])
def test_all_kernels_together_in_captured_steps_give_the_tokens_of_none(tiny_model: LoadedModel, kv: str) -> None:
    """As on a GPU: norms, rotation with the write, SwiGLU and attention; prompts eager, decoding captured."""
    fused = load_model(LoadSpec(str(tiny_model.path), device="cpu"), lambda stage, fraction: None, kernels=True)
    rest = {"kv": kv, "batching": "continuous", "max_batch": 3}
    spec = RunSpec(requests_of(5, 4, 6), Switches(attention="triton", graphs=True, **rest))  # type: ignore[arg-type]
    events = drive(fused, spec, graph_device=PlainDevice())
    plain = RunSpec(requests_of(5, 4, 6), Switches(attention="reference", **rest))  # type: ignore[arg-type]
    assert tokens_of(events) == tokens_of(drive(tiny_model, plain))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("speculate", ["off", "draft", "ngram"])
def test_drawn_tokens_are_those_without_graphs(
    tiny_model: LoadedModel, tiny_draft: LoadedModel, seed: int, speculate: str
) -> None:
    """The same uniforms are drawn for, whatever the batch and however the step is launched."""
    requests = (
        *requests_of(15, 8, temperature=0.9, top_p=0.8, seed=seed),
        *requests_of(12, 5, temperature=1.3, top_k=7, min_p=0.05, seed=seed),
        *requests_of(10, temperature=0.0),
    )

    def run(graphs: bool) -> dict[int, list[int]]:
        switches = Switches(kv="paged", batching="continuous", max_batch=4, speculate=speculate, k=2, graphs=graphs)  # type: ignore[arg-type]
        return tokens_of(drive(tiny_model, RunSpec(requests, switches), draft=tiny_draft, graph_device=PlainDevice()))

    assert run(True) == run(False)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    requests=specs(), ends=ENDS, kv=st.sampled_from(["contiguous", "paged"]),
    batching=st.sampled_from(["single", "static", "continuous", "continuous"]), max_batch=st.integers(1, 4),
    block_size=st.sampled_from([1, 4, 16]), speculate=st.sampled_from(["off", "ngram", "draft"]), k=st.integers(1, 6),
)  # fmt: skip
def test_captured_steps_give_each_request_what_it_gives_alone(
    tiny_model: LoadedModel,
    tiny_draft: LoadedModel,
    requests: tuple[RequestSpec, ...],
    ends: frozenset[int],
    speculate: str,
    k: int,
    **switches: Any,
) -> None:
    """Whatever its sampling, its stop texts and its end, and whoever comes and goes beside it."""
    model = with_ends(tiny_model, ends)
    run = RunSpec(requests, Switches(speculate=speculate, k=k, graphs=True, **switches))  # type: ignore[arg-type]
    events, tokens = tokens_with_graphs(model, run, tiny_draft)
    assert tokens == alone(model, requests, tiny_draft, speculate=speculate, k=k)
    assert sum(isinstance(event, RequestFinished) for event in events) == len(requests)
    for step in steps_of(events):
        classes = (step.positions_new, step.positions_recomputed, step.positions_padding, step.positions_rejected)
        assert step.positions_computed == sum(classes)


@pytest.mark.parametrize("speculate", ["off", "draft"])
def test_logprobs_and_alternatives_are_those_without_graphs(
    tiny_model: LoadedModel, tiny_draft: LoadedModel, speculate: str
) -> None:
    def run(graphs: bool) -> list[Token]:
        switches = Switches(kv="paged", speculate=speculate, k=3, graphs=graphs)  # type: ignore[arg-type]
        events = drive(tiny_model, RunSpec(requests_of(16), switches), draft=tiny_draft, graph_device=PlainDevice())
        return [event for event in events if isinstance(event, Token)]

    for one, other in zip(run(True), run(False), strict=True):
        assert (one.token_id, one.source) == (other.token_id, other.source)
        assert one.logprob == pytest.approx(other.logprob, abs=1e-4)
        assert one.entropy == pytest.approx(other.entropy, abs=1e-4)
        half = len(one.alternatives) // 2
        assert one.alternatives[:half] == other.alternatives[:half]


def test_a_caller_that_lets_time_pass_between_steps_has_none_in_the_air_meanwhile(tiny_model: LoadedModel) -> None:
    run = RunSpec(requests_of(12), Switches(graphs=True))
    in_the_air: list[bool] = []

    def rest(engine: Engine, _: int) -> None:
        engine.launches_ahead = False
        in_the_air.append(engine.in_flight is not None)

    rested = drive(tiny_model, run, rest, graph_device=PlainDevice())
    assert not any(in_the_air)
    assert tokens_of(rested) == tokens_of(drive(tiny_model, run, graph_device=PlainDevice()))


def test_steps_overlap_and_their_times_do_not(tiny_model: LoadedModel) -> None:
    """While a step runs, the next one is launched; recorded steps follow each other all the same."""
    in_the_air: list[bool] = []

    def before_step(engine: Engine, call: int) -> None:
        in_the_air.append(engine.in_flight is not None)

    spec = RunSpec(requests_of(12), Switches(kv="paged", graphs=True))
    events = drive(tiny_model, spec, before_step, graph_device=PlainDevice())
    steps = steps_of(list(events))
    assert [step.kind for step in steps] == ["prefill"] + ["decode"] * 11
    assert in_the_air == [False, False] + [True] * 10  # the prompt, the first decode step, and then always one ahead
    assert [step.tokens_out for step in steps] == [1] * 12
    for one, after in pairwise(steps):
        assert one.start_ns < one.end_ns <= after.start_ns


def test_a_step_launched_for_a_request_that_had_ended_is_thrown_away_and_told(tiny_model: LoadedModel) -> None:
    """Only one: its position was computed and belongs to no token, which is what rejected means."""
    whole = drive(tiny_model, RunSpec(requests_of(40), Switches(kv="paged")))
    text = "".join(event.text for event in whole if isinstance(event, Token))
    stop = text[10:13]

    def run(graphs: bool) -> list[object]:
        request = RequestSpec(PROMPTS[0], 40, ignore_eos=True, stop=(stop,))
        return list(
            drive(tiny_model, RunSpec((request,), Switches(kv="paged", graphs=graphs)), graph_device=PlainDevice())
        )

    off, on = run(False), run(True)
    assert tokens_of(on) == tokens_of(off)  # type: ignore[arg-type]
    reasons = [event.finish_reason for event in on if isinstance(event, RequestFinished)]
    assert reasons == ["stop"]
    last = steps_of(on)[-1]
    assert (last.tokens_out, last.positions_computed, last.positions_rejected) == (0, 1, 1)
    assert sum(step.positions_rejected for step in steps_of(on)) == 1
    assert sum(step.positions_rejected for step in steps_of(off)) == 0
    assert sum(step.positions_new for step in steps_of(on)) == sum(step.positions_new for step in steps_of(off))
    assert last.kv_used_bytes == 0


def test_a_known_last_token_launches_nothing_more(tiny_model: LoadedModel) -> None:
    events = drive(tiny_model, RunSpec(requests_of(7), Switches(kv="paged", graphs=True)), graph_device=PlainDevice())
    steps = steps_of(list(events))
    assert len(steps) == 7
    assert sum(step.positions_rejected for step in steps) == 0


@pytest.mark.parametrize("kv", ["contiguous", "paged"])
def test_rows_of_a_bucket_that_nobody_has_are_padding(tiny_model: LoadedModel, kv: str) -> None:
    """Three requests run in four rows; the padding lies in the null block, and none of it is usage."""
    switches = Switches(kv=kv, batching="continuous", max_batch=8, graphs=True)  # type: ignore[arg-type]
    spec = RunSpec(requests_of(10, 10, 10), switches)
    events = drive(tiny_model, spec, graph_device=PlainDevice())
    decode = [step for step in steps_of(list(events)) if step.launch != "eager"]
    assert decode
    assert {(step.positions_computed, step.positions_padding) for step in decode} == {(4, 1)}
    plain = drive(tiny_model, RunSpec(requests_of(10, 10, 10), Switches(kv=kv, batching="continuous")))  # type: ignore[arg-type]
    used = [step.kv_used_bytes for step in steps_of(list(plain)) if step.kind == "decode"]
    assert [step.kv_used_bytes for step in decode] == used
    padding = {event.slot for event in events if isinstance(event, Work) and event.request_id == -1}
    assert padding == {3}


def test_verify_steps_are_padded_to_the_drafts_there_may_be(tiny_model: LoadedModel, tiny_draft: LoadedModel) -> None:
    switches = Switches(kv="paged", speculate="draft", k=4, graphs=True)
    spec = RunSpec(requests_of(23), switches)
    events = drive(tiny_model, spec, draft=tiny_draft, graph_device=PlainDevice())
    verify = [step for step in steps_of(list(events)) if step.kind == "verify"]
    assert verify
    assert {step.positions_computed for step in verify} == {5}
    assert {step.launch for step in verify} <= {"graph", "twin"}


def test_what_a_probe_watches_runs_eagerly(tiny_model: LoadedModel) -> None:
    spec = RunSpec(requests_of(5), Switches(kv="paged", graphs=True), Observation("phase", Probe(0, 0)))
    assert {step.launch for step in steps_of(list(drive(tiny_model, spec, graph_device=PlainDevice())))} == {"eager"}


@pytest.mark.parametrize("attention", ["reference"])
def test_the_reference_attention_runs_eagerly(tiny_model: LoadedModel, attention: str) -> None:
    spec = RunSpec(requests_of(5), Switches(kv="paged", attention=attention, graphs=True))  # type: ignore[arg-type]
    steps = steps_of(list(drive(tiny_model, spec, graph_device=PlainDevice())))
    assert {(step.launch, step.attention_kernel) for step in steps} == {("eager", attention)}


def test_a_switch_takes_effect_at_its_step_while_the_next_one_would_be_in_the_air(tiny_model: LoadedModel) -> None:
    changes = (SwitchChange(4, {"kv": "contiguous"}), SwitchChange(7, {"graphs": False}))
    spec = RunSpec(requests_of(12), Switches(kv="paged", graphs=True), switch_at=changes)
    events = drive(tiny_model, spec, graph_device=PlainDevice())
    assert tokens_of(events) == tokens_of(drive(tiny_model, RunSpec(requests_of(12), Switches(kv="paged"))))
    steps = steps_of(list(events))
    assert [step.config_id for step in steps] == [0] * 4 + [1] * 3 + [2] * (len(steps) - 7)
    assert {step.launch for step in steps[7:]} == {"eager"}


def test_changes_from_outside_wait_for_the_step_in_the_air(tiny_model: LoadedModel) -> None:
    def before_step(engine: Engine, call: int) -> None:
        if call == 5:
            engine.set_switches({"graphs": False})
        if call == 8:
            engine.set_switches({"graphs": True, "batching": "continuous"})

    spec = RunSpec(requests_of(15), Switches(kv="paged", graphs=True))
    events = drive(tiny_model, spec, before_step, graph_device=PlainDevice())
    assert tokens_of(events) == tokens_of(drive(tiny_model, RunSpec(requests_of(15), Switches(kv="paged"))))
    assert [step.launch == "eager" for step in steps_of(list(events))][5:9] == [False, True, True, True]


def test_arrivals_join_as_soon_as_there_is_a_slot(tiny_model: LoadedModel) -> None:
    late = RequestSpec("late", 6, ignore_eos=True, arrival_s=1e-6)
    spec = RunSpec((*requests_of(30), late), Switches(kv="paged", batching="continuous", max_batch=2, graphs=True))
    events = drive(tiny_model, spec, graph_device=PlainDevice())
    off = RunSpec(spec.requests, Switches(kv="paged", batching="continuous", max_batch=2))
    assert tokens_of(events) == tokens_of(drive(tiny_model, off))
    first = next(step.id for step in steps_of(list(events)) if step.running == 2)
    assert first <= 2


def test_too_little_memory_preempts_as_without_graphs(tiny_model: LoadedModel) -> None:
    for kv in ("paged", "contiguous"):
        memory = 16 * tiny_model.config.kv_bytes_per_position(4) * 7
        switches = Switches(kv=kv, batching="continuous", max_batch=4, kv_memory=memory, graphs=True)  # type: ignore[arg-type]
        events = drive(tiny_model, RunSpec(requests_of(40, 30, 40, 20), switches), graph_device=PlainDevice())
        plain = drive(tiny_model, RunSpec(requests_of(40, 30, 40, 20), Switches(kv="paged", batching="continuous")))
        assert tokens_of(events) == tokens_of(plain)
        assert max(step.kv_reserved_bytes for step in steps_of(list(events))) <= memory


@pytest.mark.parametrize("kv", ["contiguous", "paged"])
def test_a_request_that_leaves_no_room_for_the_null_block_is_refused_at_once(tiny_model: LoadedModel, kv: str) -> None:
    """Ten positions take three blocks of four, and captured steps need one more that nobody gets."""
    block = 4 * tiny_model.config.kv_bytes_per_position(4)

    def run(blocks: int) -> None:
        switches = Switches(kv=kv, block_size=4, kv_memory=blocks * block, graphs=True)  # type: ignore[arg-type]
        spec = RunSpec((RequestSpec("", 9, ignore_eos=True),), switches)
        drive(tiny_model, spec, graph_device=PlainDevice())

    run(4)
    with pytest.raises(InputError, match="Request 0 may come to 10 tokens"):
        run(3)


def test_replays_have_ranges_of_their_own_where_they_are_asked_for(tiny_model: LoadedModel) -> None:
    class Ranges:
        def __init__(self) -> None:
            self.seen: list[str] = []

        def range_push(self, msg: str) -> None:
            self.seen.append(msg)

        def range_pop(self) -> None:
            self.seen.append("end")

    ranges = Ranges()

    def before_step(engine: Engine, call: int) -> None:
        engine.runner.ranges = ranges

    spec = RunSpec(requests_of(4, 4, 4), Switches(kv="paged", batching="continuous", graphs=True))
    drive(tiny_model, spec, before_step, graph_device=PlainDevice())
    assert ranges.seen == ["replay 4x1", "end"] * 3


def test_capturing_is_marked(tiny_model: LoadedModel) -> None:
    spec = RunSpec(requests_of(4), Switches(kv="paged", batching="continuous", max_batch=4, graphs=True))
    marks = [e for e in drive(tiny_model, spec, graph_device=PlainDevice()) if isinstance(e, Mark)]
    assert [(mark.kind, mark.label.split(" calls in")[0]) for mark in marks] == [("graphs", "captured 6")]


def test_a_longer_request_that_is_added_gets_its_room(tiny_model: LoadedModel) -> None:
    longer = RequestSpec("a longer prompt than the others " * 3, 90, ignore_eos=True)

    def before_step(engine: Engine, call: int) -> None:
        if call == 5:
            engine.add((longer,))

    switches = Switches(kv="paged", batching="continuous", max_batch=4, graphs=True)
    events = drive(tiny_model, RunSpec(requests_of(12), switches), before_step, graph_device=PlainDevice())
    plain = RunSpec((*requests_of(12), longer), Switches(kv="paged", batching="continuous"))
    assert tokens_of(events) == tokens_of(drive(tiny_model, plain))
    assert steps_of(list(events))[-1].launch != "eager"


def test_nothing_holds_the_memory_of_a_run_that_is_over(tiny_model: LoadedModel) -> None:
    """Not even until the garbage collector comes by: on a GPU the next run takes what is free at its start."""
    engine = Engine(
        tiny_model, RunSpec(requests_of(8), Switches(kv="paged", attention="sdpa", graphs=True)), {},
        lambda events: None, graph_device=PlainDevice(),
    )  # fmt: skip
    engine.begin(0)
    while not engine.done:
        engine.step()
    memory = weakref.ref(engine.runner.cache)
    gc.disable()
    try:
        del engine
        assert memory() is None
    finally:
        gc.enable()


def test_cancelling_lands_what_is_in_the_air(tiny_model: LoadedModel) -> None:
    events: list[object] = []
    spec = RunSpec(requests_of(30, 30), Switches(kv="paged", batching="continuous", attention="sdpa", graphs=True))
    engine = Engine(tiny_model, spec, {}, events.extend, graph_device=PlainDevice())
    engine.begin(0)
    for _ in range(6):
        engine.step()
    assert engine.in_flight is not None
    engine.cancel()
    assert engine.done
    last = steps_of(events)[-1]
    assert (last.tokens_out, last.positions_rejected) == (0, 2)


@pytest.mark.parametrize("detail", ["off", "step", "phase", "layer"])
def test_which_steps_had_measured_phases_is_told(tiny_model: LoadedModel, detail: str) -> None:
    """A twin times its phases; the others show the last twin's, scaled, and say so; below `phase` nobody pretends."""
    spec = RunSpec(requests_of(60), Switches(kv="paged", graphs=True), Observation(detail))  # type: ignore[arg-type]
    events = drive(tiny_model, spec, graph_device=PlainDevice())
    launches = [step.launch for step in steps_of(list(events))]
    session = session_of(events)
    table = session.phases["us"][: len(launches)]
    if detail in ("off", "step"):
        assert set(launches) == {"eager", "graph"}
        assert not table.any()
        return
    assert launches[:2] == ["eager", "twin"]
    assert 2 <= launches.count("twin") <= 15
    walls_us = (session.steps["end_ns"] - session.steps["start_ns"])[: len(launches)] / 1e3
    assert table.sum(axis=1) == pytest.approx(walls_us, rel=1e-3)
    assert (table[1:, 9] > 0).all()  # ffn


def test_the_level_of_detail_changes_while_a_step_is_in_the_air(tiny_model: LoadedModel) -> None:
    def before_step(engine: Engine, call: int) -> None:
        if call in (4, 8, 12, 16):
            engine.observe(Observation({4: "layer", 8: "off", 12: "phase", 16: "layer"}[call]))  # type: ignore[arg-type]

    spec = RunSpec(requests_of(24), Switches(kv="paged", graphs=True))
    events = drive(tiny_model, spec, before_step, graph_device=PlainDevice())
    assert tokens_of(events) == tokens_of(drive(tiny_model, RunSpec(requests_of(24), Switches(kv="paged"))))
    steps = steps_of(list(events))
    for step in steps:
        phases = np.frombuffer(step.phases, np.float32)
        assert len(phases) in (0, len(PHASES), (tiny_model.config.layers + 1) * len(PHASES))
        assert not len(phases) or phases.sum() == pytest.approx((step.end_ns - step.start_ns) / 1e3, rel=1e-3)


def test_a_teacher_pass_comes_after_what_is_in_the_air(tiny_model: LoadedModel) -> None:
    whole = drive(tiny_model, RunSpec(requests_of(20), Switches(kv="paged")))
    stop = "".join(event.text for event in whole if isinstance(event, Token))[5:7]
    request = RequestSpec(PROMPTS[0], 20, ignore_eos=True, stop=(stop,))
    spec = RunSpec((request,), Switches(kv="paged", graphs=True), teacher_pass=True)
    kinds = [step.kind for step in steps_of(list(drive(tiny_model, spec, graph_device=PlainDevice())))]
    assert kinds[-2:] == ["decode", "teacher"]


@pytest.mark.parametrize("temperature", [0.0, 0.9])
@pytest.mark.parametrize("graphs", [False, True])
def test_on_a_device_the_draft_has_its_own_time_and_no_more(
    tiny_model: LoadedModel, tiny_draft: LoadedModel, graphs: bool, temperature: float
) -> None:
    """A device's phase ends where the next one begins: a captured step has none that would end the draft's."""

    drafting_us: list[float] = []
    propose = DraftProposer.propose

    def timed(self: DraftProposer, requests: list[Request], counts: list[int]) -> list[Proposal]:
        start_ns = perf_counter_ns()
        found = propose(self, requests, counts)
        drafting_us.append((perf_counter_ns() - start_ns) / 1e3)
        return found

    def before_step(engine: Engine, call: int) -> None:
        if call == 0:
            engine.runner.timer = DeviceTimer(tiny_model.config.layers, False, HostEvent)

    switches = Switches(kv="paged", speculate="draft", k=3, graphs=graphs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DraftProposer, "propose", timed)
        events = drive(tiny_model, RunSpec(requests_of(20, temperature=temperature), switches), before_step,
                       draft=tiny_draft, graph_device=PlainDevice())  # fmt: skip
    pairs = list(zip(steps_of(list(events)), drafting_us, strict=True))  # each step asks the proposer once
    drafted = [(step, own_us) for step, own_us in pairs if step.kind == "verify"]
    assert {step.launch for step, _ in drafted} == ({"graph", "twin"} if graphs else {"eager"})
    column = PHASES.index("draft")
    chunks = [float(np.frombuffer(step.phases, np.float32)[column]) / own_us for step, own_us in drafted]
    # Plain calls in place of graphs run within the host's "prepare", which is why host phases shrink to what is left.
    assert (0.5 if graphs else 0.9) < np.median(chunks) < 1.15
