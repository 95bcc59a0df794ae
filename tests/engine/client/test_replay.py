"""A replay shows at any moment what a Session holds to which the events until then were applied, one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.client.replay import Replay
from engine.core.settings import Observation, Probe, RequestSpec, RunSpec, Switches
from engine.model.loader import LoadedModel
from engine.session import schema
from engine.session.file import open_session
from engine.session.schema import AnyEvent
from engine.session.store import Session
from engine.session.writer import SessionWriter
from tests.engine.drive import drive, session_of
from tests.engine.figures.served import recorded as served_events

TABLES = ("steps", "phases", "tokens", "work", "speculation", "kv_blocks", "device_samples", "metric_samples")
BLOCK_BYTES = 4 * 2 * 2 * 2 * 8 * 4
PROMPT = "The cat sits on"


def requests(*lengths: int) -> tuple[RequestSpec, ...]:
    return tuple(RequestSpec(PROMPT, n, ignore_eos=True, arrival_s=0.002 * i) for i, n in enumerate(lengths))


RUNS = {
    "recomputing": RunSpec(requests(12), Switches(kv="none"), Observation("layer", Probe(0, None))),
    "crowded": RunSpec(
        requests(22, 18, 14), Switches(kv="paged", block_size=4, batching="continuous", kv_memory=15 * BLOCK_BYTES),
        Observation("phase", Probe(1, 2)),
    ),
    "speculating": RunSpec(requests(18, 9), Switches(speculate="ngram", k=3), Observation("step")),
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tiny_model: LoadedModel) -> dict[str, list[AnyEvent]]:
    marks: list[AnyEvent] = [schema.Mark(1_000, "user", "one"), schema.Mark(2_000_000, "switch", "two")]
    reading = schema.DeviceSample(1_500_000, "cpu", "process_cpu_percent", 99.0)
    made = {name: [*drive(tiny_model, run), *marks, reading] for name, run in RUNS.items()}
    return {**made, "served": served_events(16)}


def moments(events: Sequence[AnyEvent]) -> list[int]:  # noqa: PLR0912 - one event, one line
    """When each event was there, by the written rule, found event by event."""
    ends = {one.id: one.end_ns for one in events if isinstance(one, schema.Step)}
    starts = {one.id: one.start_ns for one in events if isinstance(one, schema.Step)}
    last_token: dict[int, int] = {}
    for one in events:
        if isinstance(one, schema.Token):
            last_token[one.request_id] = max(one.emitted_ns, ends.get(one.step_id, 0))
    last = max(
        [*ends.values(), *(one.t_ns for one in events if hasattr(one, "t_ns")),
         *(one.emitted_ns for one in events if isinstance(one, schema.Token)),
         *(one.finished_ns for one in events if isinstance(one, schema.RequestFinished))]
    )  # fmt: skip
    found = []
    for event in events:
        match event:
            case schema.Step():
                at = event.end_ns
            case schema.Token():
                at = max(event.emitted_ns, ends.get(event.step_id, 0))
            case schema.KvBlock():
                at = max(event.t_ns, ends.get(event.step_id, 0))
            case schema.Work() | schema.Speculation() | schema.AttentionRow():
                at = ends.get(event.step_id, last)
            case schema.Mark() | schema.DeviceSample() | schema.MetricSample():
                at = event.t_ns
            case schema.RequestArrived():
                at = event.arrived_ns
            case schema.RequestScheduled():
                at = event.scheduled_ns
            case schema.RequestFinished():
                at = max(event.finished_ns, last_token.get(event.id, 0))
            case schema.ConfigChanged() if event.step_id:
                at = starts.get(event.step_id, last)
            case _:
                at = -1
        found.append(at)
    return found


def applied(events: Sequence[AnyEvent], t_ns: int) -> Session:
    """The Session of what was there at a moment; a prompt is told with its request, as no file says when it was."""
    timed = sorted(zip(moments(events), range(len(events)), strict=True))
    told = {event.id: event for event in events if isinstance(event, schema.PromptTold)}
    session = Session()
    for at, place in timed:
        event = events[place]
        if at > t_ns or isinstance(event, schema.PromptTold):
            continue
        session.apply([event])
        if isinstance(event, schema.RequestArrived) and event.id in told:
            session.apply([told[event.id]])
    return session


def assert_same(one: Session, other: Session, words: bool = True) -> None:
    """Everything that can be read of two Sessions is equal."""
    for name in TABLES:
        mine, theirs = getattr(one, name), getattr(other, name)
        for column in theirs.names:
            np.testing.assert_array_equal(mine[column], theirs[column], f"{name}.{column}")
        if words and name != "phases":
            assert mine.words == theirs.words
    assert list(one.requests.values()) == list(other.requests.values())
    assert (one.marks, one.configs, one.meta) == (other.marks, other.configs, other.meta)
    assert one.details.attention_maps() == other.details.attention_maps()
    for key in other.details.attention_maps():
        assert one.details.attention_map(*key) == other.details.attention_map(*key)
        rows = other.details.attention_rows(*key, 2, 5)
        assert one.details.attention_rows(*key, 2, 5) == rows
        for _, position, _ in rows:
            assert one.details.attention_row(*key, position) == other.details.attention_row(*key, position)


@pytest.mark.parametrize("name", [*RUNS, "served"])
@settings(max_examples=12, deadline=None)
@given(shares=st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_at_any_moment_it_is_what_the_events_until_then_make(
    name: str, runs: dict[str, list[AnyEvent]], shares: list[float]
) -> None:
    events = runs[name]
    replay = Replay(session_of(events))
    for share in shares:
        t_ns = replay.begin_ns + round(share * (replay.end_ns - replay.begin_ns))
        replay.go(t_ns)
        expected = applied(events, t_ns)
        expected.meta = replay.session.meta
        assert_same(replay.session, expected)


@pytest.mark.parametrize("name", [*RUNS, "served"])
def test_at_the_end_it_is_the_recording(name: str, runs: dict[str, list[AnyEvent]], tmp_path: Path) -> None:
    whole = written(tmp_path / "a.dscope", runs[name])
    replay = Replay(whole)
    first = replay.session
    for _ in range(1000):
        if replay.at_end:
            break
        assert not replay.go(replay.later())
    assert replay.session is first
    assert_same(replay.session, whole)
    assert replay.session.dropped == whole.dropped
    for step in range(len(whole.steps)):
        mine, theirs = replay.session.details.step(step), whole.details.step(step)
        assert (mine is None) == (theirs is None)
        assert mine is None or theirs is None or all(np.array_equal(*pair) for pair in zip(mine, theirs, strict=True))
    assert isinstance(whole.source, object)
    whole.source.close()  # type: ignore[union-attr]


def test_going_back_is_another_session_and_what_was_read_of_the_first_stays(runs: dict[str, list[AnyEvent]]) -> None:
    replay = Replay(session_of(runs["crowded"]))
    replay.go(replay.end_ns)
    before, tokens = replay.session, replay.session.tokens["token_id"]
    kept = tokens.copy()
    assert replay.go((replay.begin_ns + replay.end_ns) // 2)
    assert replay.session is not before
    assert len(replay.session.steps) < len(before.steps)
    assert np.array_equal(tokens, kept)
    assert replay.session.details.step(len(before.steps) - 1) is None


def test_step_by_step_each_stop_has_one_step_more_and_back_one_fewer(runs: dict[str, list[AnyEvent]]) -> None:
    replay = Replay(session_of(runs["crowded"]))
    replay.go(replay.begin_ns)
    for count in range(len(replay.session.steps) + 1, 12):
        replay.go(replay.later())
        assert len(replay.session.steps) == count
    for count in range(10, 3, -1):
        replay.go(replay.earlier())
        assert len(replay.session.steps) == count


def test_requests_and_marks_out_of_the_order_of_their_times_end_in_that_of_the_recording() -> None:
    events: list[AnyEvent] = [
        schema.SessionStarted({}),
        schema.RequestArrived(0, "late", [], [], "{}", 900), schema.RequestArrived(1, "early", [], [], "{}", 100),
        schema.Mark(800, "user", "put first"), schema.Mark(200, "user", "put later, at an earlier moment"),
    ]  # fmt: skip
    replay = Replay(session_of(events))
    replay.go(300)
    assert list(replay.session.requests) == [1]
    assert [mark.t_ns for mark in replay.session.marks] == [200]
    replay.go(850)
    assert [mark.t_ns for mark in replay.session.marks] == [800, 200]
    assert replay.go(900)
    assert list(replay.session.requests) == [0, 1]
    assert [mark.t_ns for mark in replay.session.marks] == [800, 200]


def test_a_mark_that_is_edited_meanwhile_is_seen(runs: dict[str, list[AnyEvent]]) -> None:
    whole = session_of(runs["crowded"])
    replay = Replay(whole)
    replay.go(replay.end_ns // 2)
    whole.apply([schema.Mark(replay.end_ns // 4, "user", "put while it is replayed")])
    shown, revision, state = replay.session, replay.session.revision, replay.session.marks_state
    assert not replay.go(replay.now_ns)
    assert shown.marks[-1].label == "put while it is replayed"
    assert shown.revision > revision
    assert shown.marks_state != state
    whole.apply([schema.MarkChanged(shown.marks[0], None), schema.FactsSet({"name": "a name"})])
    assert not replay.go(replay.now_ns)
    assert [mark.label for mark in shown.marks] == [mark.label for mark in whole.marks if mark.t_ns <= replay.now_ns]
    assert shown.meta["name"] == "a name"
    assert not replay.go(replay.end_ns)
    assert shown.marks == whole.marks


def test_a_run_that_was_stopped_shows_the_work_of_its_last_step_at_its_end(runs: dict[str, list[AnyEvent]]) -> None:
    events = runs["recomputing"]
    steps = sum(isinstance(event, schema.Step) for event in events)
    whole = session_of([*events, schema.Work(steps, 0, 0, 0, 5, 6, 0, 0)])
    replay = Replay(whole)
    replay.go(replay.end_ns - 1)
    assert len(replay.session.work) < len(whole.work)
    replay.go(replay.end_ns)
    assert_same(replay.session, whole)


def test_an_empty_recording_has_one_moment() -> None:
    replay = Replay(session_of([schema.SessionStarted({"model": "none"})]))
    assert (replay.begin_ns, replay.end_ns, replay.at_end) == (0, 0, True)
    assert replay.session.meta == {"model": "none"}


def written(path: Path, events: Iterable[AnyEvent]) -> Session:
    writer = SessionWriter(path)
    writer.append(list(events))
    writer.close()
    return open_session(path)
