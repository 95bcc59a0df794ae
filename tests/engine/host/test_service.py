"""Commands and what they are answered with, without a process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.settings import LoadSpec, Observation, Probe, RequestSpec, RunSpec, Switches
from engine.decode.engine import Engine
from engine.host import kept_ceilings, protocol
from engine.host.service import Service
from engine.measure.ceilings import Ceilings
from engine.model.loader import LoadedModel
from engine.session.schema import (
    AnyEvent,
    AttentionRow,
    CeilingsMeasured,
    ConfigChanged,
    DeviceSample,
    Loading,
    Mark,
    ModelReady,
    Overhead,
    Refused,
    RequestArrived,
    RequestFinished,
    RunEnded,
    SessionStarted,
    StateChanged,
    Step,
    Token,
)
from tests.engine.measure.fake_load import BUSY, QUIET
from tests.engine.tiny import save_tiny_llama


class Bench:
    """A service with what it said."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.service = Service(self.events.extend)

    def send(self, command: protocol.AnyCommand) -> list[AnyEvent]:
        """What a command was answered with at once."""
        before = len(self.events)
        self.service.receive(protocol.encode(command))
        return self.events[before:]

    def steps(self, count: int) -> list[float | None]:
        return [self.service.work() for _ in range(count)]

    def finish(self) -> None:
        """Step until the run is over."""
        for _ in range(10_000):
            if isinstance(self.events[-1], StateChanged) and self.events[-1].state == "idle":
                return
            self.service.work()
        raise AssertionError("The run does not end.")

    def count(self, kind: type) -> int:
        return sum(isinstance(event, kind) for event in self.events)

    def refusal(self, command: protocol.AnyCommand) -> Refused:
        (refused,) = self.send(command)
        assert isinstance(refused, Refused)
        assert refused.command == type(command).__name__
        return refused


@pytest.fixture
def bench(tiny_llama: Path) -> Iterator[Bench]:
    """A service that has the tiny model."""
    bench = Bench()
    bench.send(protocol.Load(LoadSpec(str(tiny_llama), device="cpu", dtype="float32")))
    yield bench
    bench.send(protocol.Stop())


def run_of(tokens: int = 6, prompt: str = "ab", **switches: str) -> RunSpec:
    return RunSpec((RequestSpec(prompt, tokens, ignore_eos=True),), Switches(**switches))  # type: ignore[arg-type]


def test_loading_tells_progress_and_what_cannot_run_here(bench: Bench, tiny_llama: Path) -> None:
    fractions = [event.fraction for event in bench.events if isinstance(event, Loading)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    ready = next(event for event in bench.events if isinstance(event, ModelReady))
    assert ready.meta["model"] == tiny_llama.name
    assert ready.unavailable["speculate=draft"] == "No draft model is loaded."
    assert bench.events[-1] == StateChanged("idle")


def test_the_sessions_facts(bench: Bench) -> None:
    events = bench.send(protocol.Start(run_of(), command_line="decodescope record --kv none"))
    started = events[0]
    assert isinstance(started, SessionStarted)
    facts = json.loads(started.meta["model_config"])
    shape = {name: facts[name] for name in ("layers", "hidden", "heads", "kv_heads", "head_dim", "vocab", "itemsize")}
    assert shape == {
        "layers": 2, "hidden": 32, "heads": 4, "kv_heads": 2, "head_dim": 8, "vocab": 260, "itemsize": 4,
    }  # fmt: skip
    assert started.meta["draft_config"] == ""
    assert started.meta["command"] == "decodescope record --kv none"
    assert started.meta["dtype"] == "float32"
    assert int(started.meta["epoch_ns"]) > 1.7e18
    assert json.loads(started.meta["ceilings"])["read_bytes_per_s"] > 1e8
    assert events[1:] == [ConfigChanged(0, 0, events[1].json), StateChanged("running")]  # type: ignore[union-attr]


def test_a_run_ends_and_another_begins_from_zero(bench: Bench) -> None:
    for _ in range(2):
        bench.events.clear()
        bench.send(protocol.Start(run_of(5)))
        bench.finish()
        assert [event.id for event in bench.events if isinstance(event, Step)] == list(range(5))
        assert [event.id for event in bench.events if isinstance(event, RequestArrived)] == [0]
        assert bench.events[-2:] == [RunEnded("finished"), StateChanged("idle")]


def test_pause_step_resume(bench: Bench) -> None:
    bench.send(protocol.Start(run_of(8)))
    bench.steps(2)
    assert bench.send(protocol.Pause())[-1] == StateChanged("paused")
    assert bench.steps(3) == [None, None, None]
    assert bench.count(Step) == 2
    assert bench.send(protocol.Pause()) == []
    bench.send(protocol.StepOnce())
    bench.send(protocol.StepOnce())
    assert bench.steps(4) == [0.0, 0.0, None, None]
    assert bench.count(Step) == 4
    assert bench.send(protocol.Resume())[-1] == StateChanged("running")
    bench.finish()
    assert bench.count(Step) == bench.count(Token) == 8
    assert [event.kind for event in bench.events if isinstance(event, Mark)] == ["pause", "resume"]


def test_step_once_pauses_a_run_that_goes(bench: Bench) -> None:
    bench.send(protocol.Start(run_of(8)))
    bench.steps(1)
    assert StateChanged("paused") in bench.send(protocol.StepOnce())
    bench.steps(3)
    assert bench.count(Step) == 2


def test_a_run_may_start_paused(bench: Bench) -> None:
    assert bench.send(protocol.Start(run_of(3), paused=True))[-1] == StateChanged("paused")
    assert bench.steps(2) == [None, None]
    bench.send(protocol.Resume())
    bench.finish()
    assert bench.count(Step) == 3
    marks = [event for event in bench.events if isinstance(event, Mark)]
    assert [mark.kind for mark in marks] == ["pause", "resume"]  # what passed until then was no time of the run
    assert marks[1].t_ns <= next(event.start_ns for event in bench.events if isinstance(event, Step))


def test_a_run_of_less_than_a_second_says_what_observing_it_cost(bench: Bench) -> None:
    for _ in range(2):
        bench.events.clear()
        bench.send(protocol.Start(run_of(5)))
        bench.finish()
        (told,) = [event for event in bench.events if isinstance(event, Overhead)]
        assert 0 < told.share < 1


def test_stop_cancels_what_is_left_and_the_session_is_complete(bench: Bench) -> None:
    bench.send(protocol.Start(RunSpec((RequestSpec("ab", 50, ignore_eos=True), RequestSpec("cd", 50)))))
    bench.steps(3)
    bench.send(protocol.Stop())
    ended = [(event.id, event.finish_reason) for event in bench.events if isinstance(event, RequestFinished)]
    assert ended == [(0, "cancelled"), (1, "cancelled")]
    assert bench.events[-2:] == [RunEnded("stopped"), StateChanged("idle")]
    assert bench.steps(1) == [None]


def test_a_command_without_a_run_is_refused(bench: Bench) -> None:
    for command in (protocol.Pause(), protocol.Resume(), protocol.StepOnce(), protocol.Stop()):
        assert bench.refusal(command).message == "There is no run going on."


def test_a_failure_that_nobody_foresaw_is_told_and_the_service_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tiny_llama: Path
) -> None:
    def fail(*_: object) -> LoadedModel:
        raise TypeError("a part that nobody expected")

    with monkeypatch.context() as patched:
        patched.setattr("engine.host.service.load_model", fail)
        refused = bench.refusal(protocol.Load(LoadSpec(str(tiny_llama))))
    assert refused.message == "Load failed: a part that nobody expected."
    assert any(
        isinstance(event, ModelReady) for event in bench.send(protocol.Load(LoadSpec(str(tiny_llama), device="cpu")))
    )


def test_starting_without_a_model_or_twice_is_refused(bench: Bench, tiny_llama: Path) -> None:
    assert Bench().refusal(protocol.Start(run_of())).message == "No model is loaded."
    bench.send(protocol.Start(run_of()))
    assert "stop it before another one starts" in bench.refusal(protocol.Start(run_of())).message
    assert "stop it before" in bench.refusal(protocol.Load(LoadSpec(str(tiny_llama)))).message


def test_what_is_wrong_with_a_run_is_said_and_another_can_start(bench: Bench) -> None:
    refused = bench.refusal(protocol.Start(run_of(prompt="x" * 300)))
    assert (refused.error, refused.message[:41]) == ("InputError", "The prompt of request 0 has 301 tokens, a")
    assert bench.refusal(protocol.Start(run_of(speculate="draft"))).error == "UnavailableError"
    assert bench.refusal(protocol.Start(RunSpec(()))).message == "A run needs at least one request."
    bench.send(protocol.Start(run_of(2)))
    bench.finish()
    assert bench.count(Token) == 2


def test_a_message_that_is_no_command_is_refused(bench: Bench) -> None:
    bench.events.clear()
    bench.service.receive(b"\xc1 nonsense")
    (refused,) = bench.events
    assert isinstance(refused, Refused)
    assert refused.error == "InputError"


def test_switches_and_observation_change_while_it_runs(bench: Bench) -> None:
    bench.send(protocol.Start(run_of(6)))
    bench.steps(2)
    assert bench.send(protocol.SetSwitches({"kv": "none"})) == []
    assert bench.send(protocol.SetObservation(Observation("layer", Probe(0, 1)))) == []
    bench.finish()
    marks = [(event.kind, event.label) for event in bench.events if isinstance(event, Mark)]
    assert marks == [("switch", "kv: contiguous → none")]
    steps = [event for event in bench.events if isinstance(event, Step)]
    assert [len(step.phases) // 64 for step in steps] == [1, 1, 3, 3, 3, 3]
    assert [row.step_id for row in bench.events if isinstance(row, AttentionRow)] == [2, 3, 4, 5]
    assert bench.count(Token) == 6


def test_requests_may_be_added_to_a_run(bench: Bench) -> None:
    bench.send(protocol.Start(run_of(4)))
    bench.steps(2)
    bench.send(protocol.AddRequests(run_of(3)))
    bench.finish()
    assert [event.id for event in bench.events if isinstance(event, RequestFinished)] == [0, 1]
    assert bench.count(Token) == 7


def test_a_failing_step_ends_the_run_and_not_the_process(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.send(protocol.Start(run_of(9)))
    bench.steps(3)

    def fail(engine: Engine) -> bool:
        raise MemoryError("tried to allocate 9000000000000 bytes")

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "step", fail)
        assert bench.steps(1) == [None]
    told = bench.events[-5:]
    message = "The step failed: not enough memory (tried to allocate 9000000000000 bytes)."
    assert isinstance(told[0], Mark)
    assert (told[0].kind, told[0].label) == ("fault", message)
    assert isinstance(told[1], RequestFinished)
    assert told[2:] == [Refused("Step", "DecodeScopeError", message), RunEnded("failed"), StateChanged("idle")]
    bench.send(protocol.Start(run_of(2)))
    bench.finish()
    assert bench.events[-2] == RunEnded("finished")


def test_memory_that_a_limit_denies_is_told(bench: Bench) -> None:
    refused = bench.refusal(protocol.Start(RunSpec((RequestSpec("ab", 50),), Switches(kv_memory=1000))))
    assert refused.error == "InputError"
    assert "bytes of KV memory, and the limit is 1000" in refused.message


def test_a_limit_that_is_lowered_too_far_on_the_way_ends_the_run_with_a_sentence(bench: Bench) -> None:
    bench.send(protocol.Start(RunSpec((RequestSpec("ab", 50, ignore_eos=True),))))
    bench.steps(3)
    bench.send(protocol.SetSwitches({"kv_memory": 1000}))
    bench.steps(1)
    refused = next(event for event in bench.events if isinstance(event, Refused))
    assert refused.error == "InputError"  # the user's own limit: the command line exits with 2
    assert refused.message.startswith("The limit of the KV memory is too low to go on: 53 positions need ")
    assert RunEnded("failed") in bench.events


def test_devices_are_sampled_during_a_run_only(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.send(protocol.Start(run_of(2)))
    sampler = bench.service.sampler
    assert sampler is not None
    sampler.sample()
    names = {event.name for event in bench.events if isinstance(event, DeviceSample)}
    assert {"process_cpu_percent", "process_rss_bytes"} <= names
    bench.finish()
    assert bench.service.sampler is None


def test_a_draft_model_is_loaded_beside_its_target(tiny_llama: Path, tiny_draft: LoadedModel, tmp_path: Path) -> None:
    bench = Bench()
    bench.send(protocol.Load(LoadSpec(str(tiny_llama), str(tiny_draft.path), device="cpu", dtype="float32")))
    ready = next(event for event in bench.events if isinstance(event, ModelReady))
    assert "speculate=draft" not in ready.unavailable
    started = bench.send(protocol.Start(run_of()))[0]
    assert isinstance(started, SessionStarted)
    decoder = tiny_draft.decoder
    held = (tiny_draft.dtype, tiny_draft.weight_bytes, decoder.reads, decoder.weight_kinds)
    facts = {"name": tiny_draft.path.name, **tiny_draft.config.facts(*held)}
    assert json.loads(started.meta["draft_config"]) == facts  # it takes memory, whether it drafts or not
    assert ready.meta["draft_config"] == started.meta["draft_config"]
    bench.finish()
    other = save_tiny_llama(tmp_path / "other")
    renamed = json.loads((other / "tokenizer.json").read_text())
    renamed["model"]["vocab"]["?"], renamed["model"]["vocab"]["!"] = (
        renamed["model"]["vocab"]["!"], renamed["model"]["vocab"]["?"]
    )  # fmt: skip
    (other / "tokenizer.json").write_text(json.dumps(renamed))
    refused = [
        event
        for event in bench.send(protocol.Load(LoadSpec(str(tiny_llama), str(other))))
        if isinstance(event, Refused)
    ]
    assert [event.message for event in refused] == ["The draft model other does not share the vocabulary of llama."]


def test_without_a_draft_model_drafting_is_refused(bench: Bench) -> None:
    refused = bench.refusal(protocol.Start(run_of(speculate="draft")))
    assert refused.message == "speculate=draft cannot run here: No draft model is loaded."


# --- ceilings -------------------------------------------------------------------------------------------------------


class Load:
    """In place of the measurements: whether the machine is busy, and how often each was made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.busy, self.looks, self.now_s = True, 0, 1000.0
        self.asked: list[bool] = []
        monkeypatch.setattr(kept_ceilings, "ceilings_of", self._ceilings_of)
        monkeypatch.setattr(kept_ceilings, "is_quiet", self._is_quiet)
        monkeypatch.setattr(time, "monotonic", lambda: self.now_s)

    def _ceilings_of(self, *_: object, anew: bool = False) -> Ceilings:
        self.asked.append(anew)
        return Ceilings(1e9, 1e9, conditions=BUSY if self.busy else QUIET)

    def _is_quiet(self) -> bool:
        self.looks += 1
        return not self.busy


def busy_in(started: AnyEvent) -> bool:
    assert isinstance(started, SessionStarted)
    return bool(json.loads(started.meta["ceilings"])["conditions"]["busy"])


def test_a_session_keeps_under_what_load_its_ceilings_were_measured(
    bench: Bench, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Load(monkeypatch)
    for _ in range(3):  # a suite starts run after run, and none waits for a look at the load
        assert busy_in(bench.send(protocol.Start(run_of(2)))[0])
        bench.finish()
    assert (load.asked, load.looks) == ([False], 0)
    load.busy = False
    bench.send(protocol.Load(LoadSpec(str(tiny_llama), device="cpu", dtype="float32")))
    assert not busy_in(bench.send(protocol.Start(run_of(2)))[0])
    assert load.asked == [False, False]


def test_an_idle_engine_measures_again_once_the_machine_is_quiet(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    load = Load(monkeypatch)
    assert bench.service.rest() is None  # nothing was measured yet
    bench.send(protocol.Start(run_of(2)))
    bench.finish()
    assert bench.service.rest() == pytest.approx(5.0)
    assert load.looks == 0
    bench.send(protocol.Start(run_of(2), paused=True))
    assert bench.service.rest() is None  # paused is not over
    bench.send(protocol.Stop())
    assert bench.service.rest() == pytest.approx(5.0)
    waits = []
    for _ in range(6):
        load.now_s += 1000.0
        waits.append(bench.service.rest())
    assert waits == pytest.approx([10.0, 20.0, 40.0, 80.0, 80.0, 80.0])
    load.now_s += 1.0
    assert bench.service.rest() == pytest.approx(79.0)
    assert (load.looks, load.asked) == (6, [False])
    load.busy = False
    load.now_s += 100.0
    assert bench.service.rest() is None
    assert (load.looks, load.asked) == (7, [False, False])
    assert bench.service.rest() is None
    assert not busy_in(bench.send(protocol.Start(run_of(2)))[0])


def test_ceilings_are_measured_again_when_asked_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    load = Load(monkeypatch)
    [measured] = bench.send(protocol.MeasureCeilings())
    assert isinstance(measured, CeilingsMeasured)
    assert json.loads(measured.ceilings)["conditions"]["busy"]
    assert measured.of["dtype"] == "float32"
    assert load.asked == [True]
    bench.send(protocol.Start(run_of(8)))
    assert "A run is going on" in bench.refusal(protocol.MeasureCeilings()).message
    nobody = Bench()
    assert nobody.refusal(protocol.MeasureCeilings()).message == "No model is loaded."
