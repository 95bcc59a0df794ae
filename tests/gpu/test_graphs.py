"""Captured steps on a GPU: capture, equal tokens, no allocation and no wait between replays, phases of the twin.

`python -m pytest tests/gpu/test_graphs.py`; with `TRITON_INTERPRET=0` the project's own kernels are captured too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from engine.core.sampling import Sampling
from engine.core.settings import LoadSpec, Observation, RequestSpec, RunSpec, Switches
from engine.decode.capabilities import unavailable_switches
from engine.decode.engine import Engine
from engine.graphs.cuda import CudaDevice
from engine.model.loader import LoadedModel, load_model
from engine.session.schema import AnyEvent, Step
from kernels.device import INTERPRETED
from tests.engine.drive import tokens_of

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
ATTENTIONS = ["sdpa", pytest.param("triton", marks=pytest.mark.skipif(INTERPRETED, reason="needs TRITON_INTERPRET=0"))]
PROMPTS = ("the cat sits", "once upon a time", "x", "a longer prompt than the others", "two")


@pytest.fixture(scope="module")
def model(tiny_llama_folder: Path) -> LoadedModel:
    """The tiny Llama in float32 on the GPU."""
    return load_model(LoadSpec(str(tiny_llama_folder), device="cuda", dtype="float32"), lambda stage, fraction: None)


@pytest.fixture(scope="module")
def tiny_llama_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.engine.tiny import save_tiny_llama

    return save_tiny_llama(tmp_path_factory.mktemp("tiny") / "llama")


def requests_of(*counts: int, **sampling: float) -> tuple[RequestSpec, ...]:
    return tuple(
        RequestSpec(prompt, count, ignore_eos=True, sampling=Sampling(**sampling))  # type: ignore[arg-type]
        for prompt, count in zip(PROMPTS, counts, strict=False)
    )


def start(model: LoadedModel, spec: RunSpec) -> tuple[Engine, list[AnyEvent]]:
    events: list[AnyEvent] = []
    engine = Engine(model, spec, unavailable_switches("cuda", has_draft=False), events.extend)
    engine.begin(0)
    return engine, events


def run(model: LoadedModel, spec: RunSpec) -> list[AnyEvent]:
    engine, events = start(model, spec)
    while not engine.done:
        engine.step()
    return events


def steps_of(events: list[AnyEvent]) -> list[Step]:
    return [event for event in events if isinstance(event, Step)]


@contextmanager
def no_waiting() -> Iterator[None]:
    """Raise where anything waits for the whole device or copies without being asynchronous."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_call_is_captured_and_reads_what_its_buffers_hold_when_it_is_replayed() -> None:
    x, y = torch.zeros(4, device="cuda"), torch.zeros(4, device="cuda")
    call = CudaDevice(torch.device("cuda", 0)).capture(lambda: y.copy_(2 * x + 1))
    x.fill_(3.0)
    call()
    assert y.tolist() == [7.0] * 4


def test_events_and_the_marks_of_a_captured_timer_tell_device_time() -> None:
    device = CudaDevice(torch.device("cuda", 0))
    timer = device.timer(1, by_layer=False)
    a = torch.randn(2048, 2048, device="cuda")
    out = torch.empty_like(a)

    def work() -> None:
        timer.begin()
        with timer("ffn"):
            torch.mm(a, a, out=out)
        with timer("norm"):
            out.mul_(0.5)
        timer.pause()

    call = device.capture(work)
    started, finished = device.event(), device.event()
    for _ in range(3):
        started.record()
        call()
        finished.record()
        finished.wait()
        spent_us = timer.spent_us()
        assert 0 < spent_us.sum() <= 1.1 * finished.ns_since(started) / 1e3 + 5
        assert (spent_us > 0).sum() == 2


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("kv", ["contiguous", "paged"])
@pytest.mark.parametrize("batching", ["single", "static", "continuous"])
@pytest.mark.parametrize("speculate", ["off", "ngram"])
def test_replayed_steps_give_the_tokens_of_plain_ones(
    model: LoadedModel, attention: str, kv: str, batching: str, speculate: str
) -> None:
    rest = {"kv": kv, "attention": attention, "batching": batching, "speculate": speculate, "k": 3, "max_batch": 3}

    def tokens(graphs: bool) -> dict[int, list[int]]:
        events = run(model, RunSpec(requests_of(20, 9, 14, 6, 17), Switches(graphs=graphs, **rest)))  # type: ignore[arg-type]
        assert {step.launch for step in steps_of(events)} == ({"eager", "graph", "twin"} if graphs else {"eager"})
        return tokens_of(events)

    assert tokens(True) == tokens(False)


def test_replayed_draws_are_those_of_plain_steps(model: LoadedModel) -> None:
    def tokens(graphs: bool) -> dict[int, list[int]]:
        requests = requests_of(20, 9, 14, temperature=0.9, top_p=0.8, top_k=40, seed=3)
        return tokens_of(run(model, RunSpec(requests, Switches(kv="paged", batching="continuous", graphs=graphs))))

    assert tokens(True) == tokens(False)


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("detail", ["off", "phase", "layer"])
def test_between_replays_nothing_is_allocated_and_nothing_waits(
    model: LoadedModel, attention: str, detail: str
) -> None:
    """From the third step on: the prompt and the captures are over, and one step is always in the air."""
    switches = Switches(kv="paged", attention=attention, batching="continuous", max_batch=4, graphs=True)  # type: ignore[arg-type]
    observation = Observation(detail)  # type: ignore[arg-type]
    engine, _ = start(model, RunSpec(requests_of(100, 100, 100), switches, observation))
    for _ in range(4):
        engine.step()
    torch.cuda.synchronize()
    before = torch.cuda.memory_stats()
    with no_waiting():
        for _ in range(40):
            engine.step()
    after = torch.cuda.memory_stats()
    for name in ("allocation.all.allocated", "segment.all.allocated"):
        assert after[name] == before[name]
    while not engine.done:
        engine.step()


def test_each_step_has_its_device_time_and_twins_their_phases(model: LoadedModel) -> None:
    spec = RunSpec(requests_of(120), Switches(kv="paged", graphs=True), Observation("layer"))
    steps = steps_of(run(model, spec))
    replayed = [step for step in steps if step.launch != "eager"]
    assert all(0 < step.device_ns <= step.end_ns - step.start_ns for step in replayed)
    twins = [step for step in replayed if step.launch == "twin"]
    assert twins
    assert len(twins) < len(replayed)
