"""The one consumer of events, with sources that are scripts: lives of runs, faults, and what comes in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine.client import changes
from engine.client.live_session import Begun
from engine.client.run_client import RunClient
from engine.client.source import Tells
from engine.client.suite import END, Suite, WantedSuite
from engine.core.settings import LoadSpec, RequestSpec, RunSpec
from engine.errors import SessionFileError
from engine.figures.before_after import before_after, reasons
from engine.figures.improvements import suite_runs
from engine.host import protocol
from engine.session import schema
from engine.session.store import Session
from tests.engine.client.scripted_source import Batch, ScriptedSource
from tests.engine.session.synthetic import synthetic_events

READY: Batch = [schema.ModelReady({"model": "m"}, {"attention=triton": "No GPU."}), schema.StateChanged("idle")]
RUN = RunSpec((RequestSpec("The cat", 4),))


def a_run(reason: str = "finished", steps: int = 3) -> list[Batch]:
    return [
        [schema.StateChanged("running")],
        *synthetic_events(steps),
        [schema.RunEnded(reason), schema.StateChanged("idle")],  # type: ignore[arg-type]
    ]


def a_failed_run() -> list[Batch]:
    *begun, end = a_run("failed")
    return [*begun, [schema.Refused("Step", "DecodeScopeError", "The step failed."), *end]]


@dataclass
class File:
    """A session file that notes what it is given, and fails at the batch of that number."""

    session_steps: list[int] = field(default_factory=list)
    """Steps that the Session had at each batch."""
    events: Batch = field(default_factory=list)
    fails_at: int = -1
    client: RunClient | None = None
    closed: int = 0

    def append(self, events: Batch) -> None:
        if len(self.session_steps) == self.fails_at:
            raise SessionFileError("The disk is full.")
        assert self.client is not None
        assert self.client.session is not None
        self.session_steps.append(len(self.client.session.steps))
        self.events += events

    def tick(self) -> None:
        """Nothing is due."""

    def close(self) -> None:
        self.closed += 1


class Driven:
    """A client of scripted sources, its files, and all that it told."""

    def __init__(self, *sources: ScriptedSource, fails_at: int = -1) -> None:
        self.sources = list(sources)
        self.connected = 0
        self.files: list[File] = []
        self.models: list[str] = []
        self.told: list[changes.Change] = []
        self._fails_at = fails_at
        self.client = RunClient(self._connect, self._begin_file)

    def _connect(self) -> ScriptedSource:
        self.connected += 1
        return self.sources[self.connected - 1]

    def _begin_file(self, model: str) -> Begun:
        self.models.append(model)
        self.files.append(File(fails_at=self._fails_at, client=self.client))
        return Begun(Path(f"{len(self.files)}.dscope"), self.files[-1])

    def poll(self, times: int = 20) -> None:
        for _ in range(times):
            self.told += self.client.poll(0.0)

    def of(self, kind: type) -> list[changes.Change]:
        return [one for one in self.told if isinstance(one, kind)]

    @property
    def kinds(self) -> list[str]:
        return [type(one).__name__ for one in self.told]

    @property
    def session(self) -> Session:
        assert self.client.session is not None
        return self.client.session


def a_source(*runs: list[Batch], loads: int = 1) -> ScriptedSource:
    return ScriptedSource({"Load": [[READY]] * loads, "Start": list(runs), "Stop": [[[]]]})


def load_and_start(driven: Driven) -> None:
    driven.client.load(LoadSpec("demo"))
    driven.client.start(RUN, "typed")
    driven.poll()


def test_the_life_of_a_run() -> None:
    driven = Driven(a_source(a_run()))
    load_and_start(driven)
    states = [one.state for one in driven.told if isinstance(one, changes.StateIs)]
    assert states == ["idle", "loading", "idle", "running", "idle"]
    assert [name for name in driven.kinds if name != "StateIs"] == [
        "ModelReady", "SessionBegun", "FileClosed", "RunEnded",
    ]  # fmt: skip
    assert driven.of(changes.SessionBegun) == [changes.SessionBegun(driven.session, Path("1.dscope"))]
    assert len(driven.session.steps) == 3
    assert driven.models == ["demo"]
    assert driven.files[0].closed == 1
    assert driven.client.now.unavailable == {"attention=triton": "No GPU."}
    assert not driven.client.now.active


def test_the_session_has_a_batch_before_the_file_and_the_file_has_all() -> None:
    driven = Driven(a_source(a_run(steps=5)))
    load_and_start(driven)
    file, given = driven.files[0], 0
    for steps in file.session_steps:
        assert steps >= given
        given = steps
    assert file.session_steps[-1] == sum(isinstance(event, schema.Step) for event in file.events) == 5


def test_an_event_that_cannot_be_taken_in_does_not_reach_the_file() -> None:
    bad = schema.RequestScheduled(4711, 0)
    driven = Driven(a_source([*a_run()[:-1], [bad]]), a_source())
    load_and_start(driven)
    (died,) = driven.of(changes.EngineDied)
    assert isinstance(died, changes.EngineDied)
    assert isinstance(died.error, KeyError)
    assert bad not in driven.files[0].events
    assert isinstance(driven.files[0].events[-1], schema.Mark)
    assert driven.sources[0].closed == 1


@pytest.mark.parametrize("fails_at", [0, 1])
def test_a_full_disk_is_told_once_and_the_run_goes_on_in_memory(fails_at: int) -> None:
    driven = Driven(a_source(a_run(steps=6)), fails_at=fails_at)
    load_and_start(driven)
    (failed,) = driven.of(changes.FileFailed)
    assert isinstance(failed, changes.FileFailed)
    assert (str(failed.error), failed.never_begun) == ("The disk is full.", False)
    assert len(driven.session.steps) == 6
    assert driven.files[0].closed == 1
    assert driven.of(schema.RunEnded) == [schema.RunEnded("finished")]
    assert driven.of(changes.FileClosed) == [changes.FileClosed(Path("1.dscope"))]


def test_a_file_that_cannot_be_begun_leaves_the_run_in_memory() -> None:
    def fail(_model: str) -> Begun:
        raise SessionFileError("No room.")

    source = a_source(a_run())
    client = RunClient(lambda: source, fail)
    client.load(LoadSpec())
    client.start(RUN)
    told = [change for _ in range(20) for change in client.poll(0.0)]
    (failed,) = [one for one in told if isinstance(one, changes.FileFailed)]
    assert failed.never_begun
    (begun,) = [one for one in told if isinstance(one, changes.SessionBegun)]
    assert begun.path is None
    assert len(begun.session.steps) == 3


def test_an_engine_that_dies_in_a_run_is_marked_told_and_replaced() -> None:
    first = a_source(a_run()[:-1])
    first.dead = "The engine process was killed (signal 9)."
    driven = Driven(first, a_source(a_run()))
    load_and_start(driven)
    assert [(mark.kind, mark.label) for mark in driven.session.marks][-1] == ("fault", first.dead)
    assert driven.files[0].closed == 1
    assert [one.again for one in driven.told if isinstance(one, changes.EngineDied)] == [True]
    assert driven.sources[1].names == ["Load"]
    driven.client.start(RUN)
    driven.poll()
    assert driven.of(schema.RunEnded) == [schema.RunEnded("finished")]


def test_a_death_before_the_session_begins_leaves_the_one_before_alone() -> None:
    source = a_source(a_run(), [])
    driven = Driven(source, a_source())
    load_and_start(driven)
    marks = len(driven.session.marks)
    driven.client.start(RUN)
    driven.poll(1)
    source.dead = "It ended."
    driven.poll(1)
    assert driven.of(changes.EngineDied)
    assert len(driven.session.marks) == marks


def test_an_engine_that_dies_twice_waits_until_somebody_asks() -> None:
    dead = [ScriptedSource({}), ScriptedSource({})]
    for one in dead:
        one.dead = "It ended."
    driven = Driven(*dead, a_source(a_run()))
    driven.client.load(LoadSpec("demo"))
    driven.poll()
    assert [one.again for one in driven.told if isinstance(one, changes.EngineDied)] == [True, False]
    assert (driven.client.now.state, driven.connected) == ("stopped", 2)
    driven.client.start(RUN)
    driven.poll()
    assert driven.sources[2].names == ["Load", "Start"]
    assert driven.of(schema.RunEnded)


def test_of_two_loads_in_a_row_both_are_sent_and_one_that_waits_gives_way() -> None:
    source = ScriptedSource({"Load": [[READY]] * 3, "Start": [a_run()[:-1]], "Stop": [a_run("stopped")[-1:]]})
    driven = Driven(source)
    driven.client.load(LoadSpec("a"))
    driven.client.load(LoadSpec("b"))
    driven.client.start(RUN)
    driven.poll()
    assert source.names == ["Load", "Load", "Start"]
    driven.client.load(LoadSpec("c"))
    driven.client.load(LoadSpec("d"))  # both wait for the end of the run
    driven.poll()
    loaded = [command.spec.model for command in source.sent if isinstance(command, protocol.Load)]
    assert loaded == ["a", "b", "d"]
    assert driven.of(schema.RunEnded) == [schema.RunEnded("stopped")]


def test_a_run_that_is_started_before_the_model_is_ready_waits_for_it() -> None:
    source = ScriptedSource({"Start": [a_run()]})
    driven = Driven(source)
    load_and_start(driven)
    assert source.names == ["Load"]
    source.say(READY)
    driven.poll()
    assert source.names == ["Load", "Start"]
    assert driven.of(schema.RunEnded)


def test_a_suite_that_waits_for_the_model_is_made_of_what_that_model_can() -> None:
    source = ScriptedSource({"Start": [a_run()]})
    driven = Driven(source)
    driven.client.load(LoadSpec())
    made: list[tuple[Mapping[str, str], Mapping[str, Any]]] = []

    def make(unavailable: Mapping[str, str], model: Mapping[str, Any]) -> Suite:
        made.append((unavailable, model))
        return Suite(suite_runs("the cat", unavailable, model, 4, 1)[:1], unavailable)

    driven.client.post(WantedSuite(make))
    driven.poll()
    assert source.names == ["Load"]
    assert not made
    config = '{"layers": 3}'
    source.say([schema.ModelReady({"model": "m", "model_config": config}, {"attention=sdpa": "No."}), *READY[1:]])
    driven.poll()
    assert made == [({"attention=sdpa": "No."}, {"layers": 3})]
    assert source.names == ["Load", "Start"]
    assert driven.of(schema.RunEnded)


def test_a_suite_that_waits_can_be_cancelled() -> None:
    source = ScriptedSource({"Start": [a_run()]})
    driven = Driven(source)
    driven.client.load(LoadSpec())
    driven.client.post(WantedSuite(lambda unavailable, model: Suite.of_improvements("the cat", unavailable, model)))
    driven.poll()
    driven.client.cancel_start()
    source.say(READY)
    driven.poll()
    assert source.names == ["Load"]


def test_a_run_that_waited_for_one_that_is_refused_begins() -> None:
    source = a_source([], a_run())
    driven = Driven(source)
    load_and_start(driven)
    driven.client.start(RUN, "second")
    driven.poll()
    source.say([schema.Refused("Start", "InputError", "No.")])
    driven.poll()
    assert [command.command_line for command in source.sent if isinstance(command, protocol.Start)] == [
        "typed", "second",
    ]  # fmt: skip
    assert driven.of(schema.RunEnded) == [schema.RunEnded("finished")]


def test_a_run_without_a_model_is_refused() -> None:
    driven = Driven(a_source())
    driven.client.start(RUN)
    driven.poll()
    (refused,) = driven.of(schema.Refused)
    assert isinstance(refused, schema.Refused)
    assert refused.command == "Start"


def test_a_failed_run_is_told_and_ends() -> None:
    driven = Driven(a_source(a_failed_run()))
    load_and_start(driven)
    assert [name for name in driven.kinds if name in ("Refused", "RunEnded")] == ["Refused", "RunEnded"]
    assert driven.of(schema.RunEnded) == [schema.RunEnded("failed")]


# --- suites -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    key: str
    label: str
    run: RunSpec = RUN


def a_suite() -> Suite:
    return Suite([Trial("kv", "kv on 1"), Trial("kv", "kv off 1"), Trial("sdpa", "sdpa on 1")], {})


def run_suite(*runs: list[Batch]) -> Driven:
    driven = Driven(a_source(*runs))
    driven.client.load(LoadSpec())
    driven.client.post(a_suite())
    driven.poll(40)
    return driven


def labels(driven: Driven) -> list[str]:
    return [one.label for one in driven.told if isinstance(one, changes.SuiteRunSent)]


def test_the_runs_of_a_suite_are_one_session_and_end_once() -> None:
    driven = run_suite(a_run(), a_run(), a_run())
    assert labels(driven) == ["kv on 1", "kv off 1", "sdpa on 1"]
    assert len(driven.session.steps) == 9
    assert len(driven.files) == len(driven.of(changes.SessionBegun)) == 1
    assert driven.of(schema.RunEnded) == [schema.RunEnded("finished")]
    assert (driven.session.marks[-1].kind, driven.session.marks[-1].label) == (END, "finished")
    assert driven.client.now.suite_progress is None
    assert driven.client.now.state == "idle"


def test_a_failed_run_of_a_suite_is_left_out_with_its_improvement_and_the_suite_goes_on() -> None:
    driven = run_suite(a_run(), a_failed_run(), a_run())
    assert labels(driven) == ["kv on 1", "kv off 1", "sdpa on 1"]
    assert reasons(driven.session) == {"kv": "The step failed."}
    pair = next(one for one in before_after(driven.session) if one.improvement.key == "kv")
    assert (pair.off, pair.on, pair.same_tokens) == (None, None, None)  # the failed run's steps are no measurement
    assert driven.of(schema.RunEnded) == [schema.RunEnded("finished")]
    assert not driven.of(schema.Refused)  # the reason stands in the session


def test_a_refused_run_of_a_suite_is_left_out_likewise() -> None:
    refused: list[Batch] = [[schema.Refused("Start", "UnavailableError", "It cannot run here.")]]
    driven = run_suite(refused, a_run())
    assert labels(driven) == ["kv on 1", "sdpa on 1"]
    assert reasons(driven.session) == {"kv": "It cannot run here."}
    last = run_suite(a_run(), a_run(), refused)
    assert reasons(last.session) == {"sdpa": "It cannot run here."}
    assert last.of(schema.RunEnded) == [schema.RunEnded("finished")]
    assert last.client.now.state == "idle"


def test_a_suite_of_which_no_run_is_taken_is_refused() -> None:
    refused: list[Batch] = [[schema.Refused("Start", "UnavailableError", "It cannot run here.")]]
    driven = run_suite(refused, refused)
    assert driven.of(schema.Refused) == refused[0]
    assert not driven.client.now.active
    assert driven.client.session is None


# --- the end, and other sources ---------------------------------------------------------------------------------------


def test_closing_lets_a_run_end_and_closes_file_and_source() -> None:
    source = ScriptedSource({"Load": [[READY]], "Start": [a_run()[:-1]], "Stop": [a_run("stopped")[-1:]]})
    driven = Driven(source)
    load_and_start(driven)
    told = driven.client.close(1.0)
    assert source.names[-1] == "Stop"
    assert schema.RunEnded("stopped") in told
    assert (driven.files[0].closed, source.closed, source.killed) == (1, 1, False)


def test_closing_by_force_kills_what_does_not_answer() -> None:
    source = a_source(a_run()[:-1])
    driven = Driven(source)
    load_and_start(driven)
    driven.client.close(0.05, kill=True)
    assert (driven.files[0].closed, source.closed, source.killed) == (1, 1, True)


def test_what_a_source_does_not_take_is_refused_without_asking_it() -> None:
    *begun, end = a_run()
    source = ScriptedSource({"Start": [begun]}, Tells(loads_models=False, pauses=False))
    driven = Driven(source)
    driven.client.load(LoadSpec())
    driven.client.start(RUN)  # waits, as its model comes by itself
    driven.poll()
    source.say(READY)
    driven.poll()
    driven.client.post(protocol.Pause())
    driven.poll()
    assert [one.command for one in driven.told if isinstance(one, schema.Refused)] == ["Load", "Pause"]
    assert driven.client.tells == source.tells
    source.say(end)
    driven.poll()
    assert source.names == ["Start"]
    assert driven.of(schema.RunEnded)


def test_a_trace_begins_its_run_by_itself() -> None:
    source = ScriptedSource({}, Tells(loads_models=False, starts_runs=False, pauses=False))
    source.say(READY, *a_run())
    driven = Driven(source)
    driven.poll()
    assert len(driven.session.steps) == 3
    assert driven.of(schema.RunEnded) == [schema.RunEnded("finished")]


def test_no_source_is_connected_once_the_client_is_closed() -> None:
    driven = Driven(a_source(a_run()), a_source(a_run()))
    load_and_start(driven)
    driven.told += driven.client.close()
    driven.client.load(LoadSpec("demo"))
    driven.poll()
    assert driven.connected == 1
