"""Another source in place of the present one: what becomes of the run, of what was posted, and of refusals."""

from __future__ import annotations

from collections.abc import Callable

from engine.client import changes
from engine.client.commands import NO_SUITE
from engine.client.source import Tells
from engine.client.suite import Suite
from engine.core.settings import LoadSpec
from engine.host import protocol
from engine.session import schema
from tests.engine.client.scripted_source import ScriptedSource
from tests.engine.client.test_run_client import READY, RUN, Driven, a_run, a_source, load_and_start

SERVES = Tells(loads_models=False, pauses=False, flips_switches=False)
REFUSED = [schema.Refused("Attach", "UnavailableError", "Nothing answers there.")]


def a_server(*runs: list[list[schema.AnyEvent]], answers: bool = True) -> ScriptedSource:
    """A source that has its model already, or finds none to attach to."""
    source = ScriptedSource({"Start": list(runs)}, SERVES)
    source.say(READY if answers else REFUSED)
    return source


def connecting(*sources: ScriptedSource) -> Callable[[], ScriptedSource]:
    left = list(sources)
    return lambda: left.pop(0)


def states(driven: Driven) -> list[str]:
    return [one.state for one in driven.told if isinstance(one, changes.StateIs)]


def test_a_run_that_goes_on_is_stopped_and_kept_before_the_other_source_is_connected() -> None:
    *begun, end = a_run("stopped")
    engine = ScriptedSource({"Load": [[READY]], "Start": [begun], "Stop": [[end]]})
    server = a_server(a_run())
    driven = Driven(engine)
    load_and_start(driven)
    driven.client.connect_to(lambda: server)
    driven.client.start(RUN)
    driven.poll()
    assert engine.names == ["Load", "Start", "Stop"]
    assert engine.closed == 1
    assert server.names == ["Start"]  # not before its model was ready
    assert [one.closed for one in driven.files] == [1, 1]
    assert driven.of(schema.RunEnded) == [schema.RunEnded("stopped"), schema.RunEnded("finished")]
    assert driven.of(changes.TellsChanged) == [changes.TellsChanged(SERVES)]
    assert states(driven)[3:] == ["running", "idle", "starting", "loading", "idle", "running", "idle"]
    assert driven.models == ["demo", "synthetic"]


def test_a_run_that_does_not_end_by_itself_is_cut_off() -> None:
    engine = a_source(a_run()[:-1])
    driven = Driven(engine)
    load_and_start(driven)
    engine.dead = "The engine process was killed (signal 9)."
    driven.client.connect_to(a_server)
    driven.poll()
    assert (driven.files[0].closed, engine.closed) == (1, 1)
    assert driven.of(schema.RunEnded) == [schema.RunEnded("stopped")]
    assert not driven.of(changes.EngineDied)
    assert driven.client.now.state == "idle"


def test_what_was_posted_before_goes_to_the_old_source_and_what_is_posted_after_to_the_new_one() -> None:
    engine, server = a_source(loads=2), a_server()
    driven = Driven(engine)
    driven.client.load(LoadSpec("demo"))
    driven.client.connect_to(lambda: server)
    driven.client.load(LoadSpec("between"))
    driven.client.connect_to(lambda: engine)
    driven.client.load(LoadSpec("other"))
    driven.poll()
    assert [command.spec.model for command in engine.sent if isinstance(command, protocol.Load)] == ["demo", "other"]
    assert server.names == []
    assert [one.command for one in driven.of(schema.Refused)] == ["Load"]  # type: ignore[attr-defined]
    assert driven.client.now.tells == Tells()


def test_the_model_of_an_engine_is_not_loaded_into_what_takes_its_place() -> None:
    driven = Driven(a_source())
    driven.client.load(LoadSpec("demo"))
    driven.poll()
    server = a_server()
    driven.client.connect_to(lambda: server)
    driven.poll()
    server.dead = "gone"
    driven.client.connect_to(connecting(again := a_server()))
    driven.poll()
    assert (server.names, again.names) == ([], [])
    assert driven.client.now.model == ""


def test_a_source_that_has_nothing_to_attach_to_is_tried_again_with_the_next_run_only() -> None:
    silent, answering = a_server(answers=False), a_server(a_run())
    driven = Driven()
    driven.client.connect_to(connecting(silent, answering))
    driven.client.start(RUN)
    driven.poll()
    assert driven.of(schema.Refused) == REFUSED
    assert (driven.client.now.state, silent.closed, answering.closed) == ("stopped", 1, 0)
    assert not driven.client.now.active
    driven.client.start(RUN)
    driven.poll()
    assert answering.names == ["Start"]
    assert driven.of(schema.RunEnded) == [schema.RunEnded("finished")]
    assert len(driven.of(schema.Refused)) == 1


def test_a_source_is_connected_also_where_the_engine_is_not_started_again_by_itself() -> None:
    dead = ScriptedSource({})
    dead.dead = "no"
    driven = Driven(dead, dead)
    driven.poll()
    assert driven.client.now.state == "stopped"
    driven.client.connect_to(a_server)
    driven.poll()
    assert driven.client.now.state == "idle"


def test_what_dies_before_it_is_connected_to_loses_no_posted_source() -> None:
    dead = ScriptedSource({})
    dead.dead = "no"
    driven = Driven(dead, dead)
    driven.poll(1)
    driven.client.load(LoadSpec("demo"))
    driven.client.connect_to(a_server)
    driven.poll()
    assert driven.client.now.tells == SERVES
    assert driven.client.now.state == "idle"


def test_improvements_are_not_measured_with_what_flips_no_switches() -> None:
    *begun, end = a_run()
    server = a_server(begun)
    driven = Driven(server)
    driven.client.start(RUN)
    driven.poll()
    driven.client.post(Suite.of_improvements("The cat", {}, {}))
    driven.poll()
    assert driven.of(schema.Refused) == [schema.Refused("Suite", "UnavailableError", NO_SUITE)]
    assert driven.client.now.active  # the run goes on
    server.say(end)
    driven.poll()
    assert driven.of(schema.RunEnded) == [schema.RunEnded("finished")]
    assert server.names == ["Start"]


def test_no_other_source_is_connected_once_the_client_is_closed() -> None:
    driven = Driven(a_source())
    driven.poll()
    driven.client.closing = True
    driven.client.connect_to(a_server)
    driven.poll()
    assert driven.client.now.tells == Tells()
    driven.client.close()
