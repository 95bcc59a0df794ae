"""A run that waits for its model can be forgotten, and prompts are counted only where the answer is of use."""

from __future__ import annotations

from engine.core.settings import LoadSpec, RequestSpec
from engine.host import protocol
from engine.session import schema
from tests.engine.client.scripted_source import ScriptedSource
from tests.engine.client.test_run_client import READY, RUN, Driven, a_run, a_source

COUNTED = schema.PromptsCounted([5], 1024, 1)
COUNT = protocol.CountPrompts((RequestSpec("The cat"),), 1)


def test_a_run_that_waits_for_its_model_is_forgotten() -> None:
    source = ScriptedSource({"Start": [a_run()]})
    driven = Driven(source)
    driven.client.load(LoadSpec("demo"))
    driven.client.start(RUN)
    driven.poll()
    driven.client.cancel_start()
    driven.poll()
    source.say(READY)
    driven.poll()
    assert source.names == ["Load"]
    assert driven.client.session is None
    driven.client.start(RUN)
    driven.poll()
    assert source.names == ["Load", "Start"]


def test_a_run_that_goes_on_is_not_what_is_forgotten() -> None:
    driven = Driven(a_source(a_run()))
    driven.client.load(LoadSpec("demo"))
    driven.client.start(RUN)
    driven.poll(3)
    driven.client.cancel_start()
    driven.poll()
    assert len(driven.session.steps) == 3


def test_prompts_are_counted_before_and_after_a_run_but_not_within_one() -> None:
    source = ScriptedSource({"Load": [[READY]], "Start": [a_run()[:1]], "CountPrompts": [[[COUNTED]]] * 2})
    driven = Driven(source)
    driven.client.post(COUNT)  # there is no model yet
    driven.client.load(LoadSpec("demo"))
    driven.poll()
    assert source.names == ["Load"]
    driven.client.post(COUNT)
    driven.poll()
    assert driven.of(schema.PromptsCounted) == [COUNTED]
    driven.client.start(RUN)
    driven.client.post(COUNT)
    driven.poll()
    assert source.names == ["Load", "CountPrompts", "Start"]


def test_the_progress_of_a_step_is_told_and_not_kept() -> None:
    progress = schema.StepProgress(0, 1.5, 3039, 0, 3039, 3039, 0.25)
    *begun, end = a_run()
    driven = Driven(a_source([*begun, [progress], end]))
    driven.client.load(LoadSpec("demo"))
    driven.client.start(RUN)
    driven.poll()
    assert driven.of(schema.StepProgress) == [progress]
    assert len(driven.session.steps) == 3
