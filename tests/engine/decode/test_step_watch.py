"""A step that takes long, as another thread sees it; and prompts that are counted before a run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from engine.core.settings import LoadSpec, RequestSpec, RunSpec, Switches
from engine.decode.new_request import make_request, prompt_tokens
from engine.decode.step_watch import LONG_S, TOLD_EVERY_S, StepWatch
from engine.host import protocol
from engine.host.service import Service
from engine.model.loader import LoadedModel
from engine.session.schema import AnyEvent, PromptsCounted, StepProgress
from kernels.cpu import step
from tests.engine.drive import drive


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.ns = 1

    def __call__(self) -> int:
        return self.ns

    def pass_s(self, seconds: float) -> None:
        self.ns += round(seconds * 1e9)


def chunk(first: int, end: int, prompt: int, generated: int = 0) -> Any:
    request = SimpleNamespace(generated=generated, prompt_tokens=prompt)
    return SimpleNamespace(request=request, first=first, end=end, length=end - first)


def test_only_a_step_that_takes_long_is_told_of_and_not_too_often() -> None:
    clock = Hand()
    watch = StepWatch(lambda: 0.25, clock)
    assert watch.progress() is None
    watch.begin(7)
    watch.computes([chunk(512, 1024, 3039)])
    clock.pass_s(LONG_S / 2)
    assert watch.progress() is None
    clock.pass_s(LONG_S)
    assert watch.progress() == StepProgress(7, 0.45, 512, 512, 1024, 3039, 0.25)
    assert watch.progress() is None
    clock.pass_s(TOLD_EVERY_S)
    assert watch.progress() is not None
    clock.pass_s(TOLD_EVERY_S)
    watch.end()
    assert watch.progress() is None


def test_what_is_computed_is_told_as_far_as_it_is_known() -> None:
    clock = Hand()
    watch = StepWatch(lambda: 0.5, clock)
    watch.begin(0)
    clock.pass_s(1)
    before = watch.progress()
    assert before is not None
    assert (before.positions, before.share) == (0, -1.0)
    watch.computes([chunk(0, 8, 8), chunk(9, 10, 5, generated=5)])
    clock.pass_s(1)
    batch = watch.progress()
    assert batch is not None
    assert (batch.positions, batch.prompt, batch.share) == (9, 0, 0.5)


def test_a_run_watches_its_steps_and_none_is_left(tiny_model: LoadedModel) -> None:
    seen: list[StepProgress | None] = []
    run = RunSpec((RequestSpec("ab", 4, ignore_eos=True),), Switches())
    drive(tiny_model, run, before_step=lambda engine, _: seen.append(engine.watch.progress()))
    assert seen == [None] * len(seen)


def test_the_share_of_a_compiled_step_is_asked_of_the_crew(tiny_model: LoadedModel) -> None:
    shares: list[float] = []

    def look(engine: Any, _: int) -> None:
        shares.append(engine.runner.share_done())

    drive(tiny_model, RunSpec((RequestSpec("ab", 4, ignore_eos=True),), Switches()), before_step=look)
    assert shares[-1] == step.progress() == 1.0  # the step before is whole


def test_the_share_of_a_step_by_operations_is_that_of_its_layers(tiny_model: LoadedModel) -> None:
    shares: list[float] = []

    def look(engine: Any, _: int) -> None:
        shares.append(engine.runner.share_done())

    drive(tiny_model, RunSpec((RequestSpec("ab", 4, ignore_eos=True),), Switches(graphs=False)), before_step=look)
    layers = tiny_model.config.layers
    assert shares[-1] == (layers - 1) / layers


def test_prompts_are_counted_as_a_run_would_encode_them(tiny_llama: Path, tiny_model: LoadedModel) -> None:
    events: list[AnyEvent] = []
    service = Service(events.extend)
    service.receive(protocol.encode(protocol.Load(LoadSpec(str(tiny_llama), device="cpu", dtype="float32"))))
    specs = (RequestSpec("ab"), RequestSpec("ab" * 10), RequestSpec("x", chat=True))
    service.receive(protocol.encode(protocol.CountPrompts(specs, ask=3)))
    counted = events[-1]
    assert isinstance(counted, PromptsCounted)
    expected = [make_request(spec, 0, 0, tiny_model).prompt_tokens for spec in specs[:2]]
    assert counted.tokens[:2] == expected
    assert counted.tokens[2] == prompt_tokens(specs[2], tiny_model) == -1  # this model has no chat template
    assert (counted.ask, counted.context) == (3, tiny_model.config.max_positions)
