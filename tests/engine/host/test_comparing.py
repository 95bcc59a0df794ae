"""The command that compares two precisions: what it is answered with, its pauses, its end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.core.settings import CompareSpec, LoadSpec, RequestSpec, RunSpec
from engine.host import protocol
from engine.host.child import Inbox
from engine.host.service import Service
from engine.lens.positions import predictions
from engine.session.precision_fact import precision_of
from engine.session.schema import (
    AnyEvent,
    Loading,
    Mark,
    PrecisionLayer,
    PrecisionPosition,
    Refused,
    RunEnded,
    SessionStarted,
    StateChanged,
)
from tests.engine.host.test_service import Bench
from tests.engine.tiny import save_tiny_llama


@pytest.fixture
def bench(tiny_llama: Path) -> Bench:
    """A service that has the tiny model."""
    bench = Bench()
    bench.send(protocol.Load(LoadSpec(str(tiny_llama), device="cpu", dtype="float32")))
    return bench


def command(folder: Path, text: str = "The cat sits on the mat.") -> protocol.CompareModels:
    return protocol.CompareModels(CompareSpec(str(folder), text, "a.txt", "bfloat16", 16, 20, 10), "compare")


def test_a_comparison_is_a_run_with_a_session_of_its_own(bench: Bench, tiny_llama: Path) -> None:
    answer = bench.send(command(tiny_llama))
    assert isinstance(answer[0], Loading)
    assert answer[0].stage.endswith("(B)")
    started = next(event for event in answer if isinstance(event, SessionStarted))
    fact = precision_of(started.meta["precision"])
    assert fact is not None
    assert (fact.a.dtype, fact.b.dtype, fact.text, fact.positions, fact.layer_positions) == (
        "float32", "bfloat16", "a.txt", 18, 9,
    )  # fmt: skip
    assert json.loads(started.meta["model_config"])["layers"] == fact.layers == 2
    assert started.meta["command"] == "compare"
    assert bench.service.running
    bench.finish()
    assert (bench.count(PrecisionPosition), bench.count(PrecisionLayer)) == (18, 2)
    assert bench.events[-2:] == [RunEnded("finished"), StateChanged("idle")]
    assert not bench.service.running


def test_it_is_paused_stepped_resumed_and_stopped_between_its_parts(bench: Bench, tiny_llama: Path) -> None:
    bench.send(command(tiny_llama))
    assert bench.service.work() == 0.0
    assert bench.send(protocol.Pause()) == [StateChanged("paused")]
    assert bench.service.paused
    assert bench.service.work() is None
    assert bench.send(protocol.StepOnce())[-1] == StateChanged("paused")
    assert bench.service.work() is None
    assert bench.send(protocol.SetPace(1.0)) == []  # what only a generation has changes nothing
    assert bench.send(protocol.Resume()) == [StateChanged("running")]
    assert bench.service.work() == 0.0
    mark, *rest = bench.send(protocol.Stop())
    assert isinstance(mark, Mark)
    assert mark.kind == "stop"
    assert rest == [RunEnded("stopped"), StateChanged("idle")]
    assert bench.count(PrecisionLayer) == 0
    assert bench.service.work() is None


def test_what_cannot_be_compared_is_refused_and_the_model_stays(bench: Bench, tiny_llama: Path, tmp_path: Path) -> None:
    deeper = save_tiny_llama(tmp_path / "deeper", layers=3)
    for folder, sentence in ((deeper, "no other precision"), (tmp_path / "none", "none")):
        *_, refused = bench.send(command(folder))
        assert isinstance(refused, Refused)
        assert refused.command == "CompareModels"
        assert sentence in refused.message
    assert bench.count(SessionStarted) == 0
    bench.send(command(tiny_llama))
    assert bench.refusal(command(tiny_llama)).message.startswith("A run is going on")
    assert bench.refusal(protocol.Start(RunSpec((RequestSpec("a"),)))).message.startswith("A run is going on")
    bench.finish()


def test_it_is_stopped_while_the_other_model_is_loaded(tiny_llama: Path) -> None:
    asked = [False]
    events: list[AnyEvent] = []
    service = Service(events.extend, asks_to_stop=lambda: asked[0])
    service.handle(protocol.Load(LoadSpec(str(tiny_llama), device="cpu", dtype="float32")))
    asked[0] = True
    service.handle(command(tiny_llama))
    assert events[-2:] == [RunEnded("stopped"), StateChanged("idle")]
    assert not any(isinstance(event, SessionStarted | Refused) for event in events)
    assert not service.running
    asked[0] = False
    service.handle(command(tiny_llama))
    assert service.running


def test_an_engine_sees_a_stop_that_waits() -> None:
    inbox = Inbox()
    inbox.take(protocol.encode(protocol.Pause()))
    assert not inbox.asks_to_stop()
    inbox.take(protocol.encode(protocol.Stop()))
    assert inbox.asks_to_stop()


def test_without_a_model_there_is_nothing_to_compare_with(tiny_llama: Path) -> None:
    assert Bench().refusal(command(tiny_llama)).message == "No model is loaded."


def test_a_part_that_fails_ends_the_comparison_with_a_sentence(
    bench: Bench, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> object:
        raise RuntimeError("the device is gone")

    monkeypatch.setattr(f"engine.lens.compare.{predictions.__name__}", failing)
    bench.send(command(tiny_llama))
    bench.finish()
    assert bench.count(PrecisionPosition) == 0
    refused = next(event for event in bench.events if isinstance(event, Refused))
    assert (refused.command, refused.message) == ("Step", "The comparison failed: the device is gone.")
    assert any(isinstance(event, Mark) and event.kind == "fault" for event in bench.events)
    assert RunEnded("failed") in bench.events
