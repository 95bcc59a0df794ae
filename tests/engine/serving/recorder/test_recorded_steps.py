"""Messages of a recorder as events of a session: of a real vLLM's, and of cases that are hard to catch in one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest

from engine.figures.kv_blocks import BlockHistory
from engine.serving.recorder.recorded_steps import RecordedSteps
from engine.serving.recorder.recorder_wire import (
    AnyMessage,
    Ended,
    Facts,
    Frames,
    Freed,
    Hello,
    Known,
    Output,
    Preempted,
    RecorderError,
    RequestAdded,
    RequestFacts,
    Reset,
    Samples,
    Scheduled,
    Snapshot,
    Started,
    SwitchedOff,
)
from engine.session import schema
from engine.session.file import SessionWriter, open_session
from engine.session.schema import AnyEvent

RECORDED = sorted((Path(__file__).parents[1] / "recorded").glob("*.frames"))
FACTS = Facts(blocks=8, block_bytes=320, groups=[("FullAttentionSpec", 4, 2)], block_group=0)
BLOCK_BYTES = 262_144
"""Of a block of the recorded servers."""
ZERO_NS = 1000
Kind = TypeVar("Kind")


class Numbers:
    """Gives each client's id a number, once."""

    def __init__(self) -> None:
        self.given: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        assert name not in self.given, "asked twice"
        return self.given.setdefault(name, len(self.given))


def translated(path: Path) -> tuple[list[AnyMessage], list[AnyEvent], RecordedSteps]:
    hello, *messages = Frames().feed(path.read_bytes())
    assert isinstance(hello, Hello)
    steps = RecordedSteps(hello.facts, hello.monotonic_ns, Numbers())
    return messages, [event for message in messages for event in steps.feed(message)], steps


def of(events: Sequence[Any], kind: type[Kind]) -> list[Kind]:
    return [event for event in events if isinstance(event, kind)]


def step(number: int, counts: dict[str, int], at: int = 0, **more: Any) -> Scheduled:
    """A scheduled step at ns `at` of the session; each of `first` is a member that goes on."""
    first: dict[str, int] = more.pop("first", {})
    given = {
        "started": [], "added": [None] * len(first), "resumed": [], "drafts": {}, "inside": [], "running": len(counts),
        "waiting": 0, "free_blocks": 0, "cached_blocks": 0,
    }  # fmt: skip
    return Scheduled(
        number, ZERO_NS + at, ZERO_NS + at + 1, counts, ids=list(first), firsts=list(first.values()), **(given | more)
    )


def out(number: int, tokens: dict[str, list[int]], at: int, **more: Any) -> Output:
    """The outputs of a step, taken into account from `at` to `at + 2`."""
    return Output(
        number, ZERO_NS + at, ZERO_NS + at + 2, list(tokens.items()), more.get("sampled", {}), more.get("inside", [])
    )


def arrived(name: str, prompt: int, at: int = 0) -> RequestAdded:
    return RequestAdded(ZERO_NS + at, name, 0, 0.0, prompt, list(range(prompt)), 8, 0)


EMPTY = Snapshot(ZERO_NS, 0, 0, 0, 0, 7, [])


def fed(*messages: AnyMessage, facts: Facts = FACTS) -> tuple[list[AnyEvent], RecordedSteps]:
    steps = RecordedSteps(facts, ZERO_NS, Numbers())
    return [event for message in (EMPTY, *messages) for event in steps.feed(message)], steps


# --- what a real vLLM sent --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recording_is_a_session_that_can_be_opened(path: Path, tmp_path: Path) -> None:
    _, events, _ = translated(path)
    with SessionWriter(tmp_path / "x.dscope") as writer:
        writer.append([schema.SessionStarted({"model": "demo"}), schema.ConfigChanged(0, 0, '{"block_size": 32}')])
        writer.append(events)
    session = open_session(tmp_path / "x.dscope")
    history = BlockHistory(session)
    history.update()
    for row in of(events, schema.Step):
        _, evictable, held, shared = history.at(row.id).counts()
        blocks = (row.kv_evictable_bytes // BLOCK_BYTES, row.kv_held_bytes // BLOCK_BYTES)
        assert (evictable, held + shared) == blocks
    assert len(session.steps) == len(of(events, schema.Step))
    assert len(session.tokens) == len(of(events, schema.Token))
    assert all(request.finish_reason for request in session.requests.values())


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_steps_follow_each_other_and_count_what_was_scheduled(path: Path) -> None:
    messages, events, _ = translated(path)
    rows = of(events, schema.Step)
    scheduled = [one for one in of(messages, Scheduled) if one.counts]
    assert [row.id for row in rows] == list(range(len(scheduled)))
    assert [row.positions_computed for row in rows] == [sum(one.counts.values()) for one in scheduled]
    assert all(before.end_ns <= after.start_ns < after.end_ns for before, after in pairwise(rows))
    assert all(
        row.positions_computed == row.positions_new + row.positions_recomputed + row.positions_rejected for row in rows
    )
    work = Counter(one.step_id for one in of(events, schema.Work))
    assert [work[row.id] for row in rows] == [len(one.counts) for one in scheduled]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_tokens_are_those_of_the_outputs_at_rising_positions(path: Path) -> None:
    messages, events, _ = translated(path)
    told: dict[int, list[int]] = defaultdict(list)
    places: dict[int, list[int]] = defaultdict(list)
    for token in of(events, schema.Token):
        told[token.request_id].append(token.token_id)
        places[token.request_id].append(token.position)
    sent: dict[str, list[int]] = defaultdict(list)
    for message in of(messages, Output):
        for name, ids in message.tokens:
            sent[name] += ids
    assert sorted(told.values()) == sorted(sent.values())
    prompts = {event.id: len(event.prompt_token_ids) for event in of(events, schema.RequestArrived)}
    assert all(place == list(range(prompts[one], prompts[one] + len(place))) for one, place in places.items())
    assert [token.id for token in of(events, schema.Token)] == list(range(sum(map(len, told.values()))))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_block_events_lead_to_the_block_tables(path: Path) -> None:
    """Replayed alone, as a session's reader does, and compared with what each step's blocks add up to."""
    messages, events, steps = translated(path)
    holders: Counter[int] = Counter()
    held_after: dict[int, int] = {}
    change = {"allocate": 1, "share": 1, "free": -1, "evict": 0}
    ends = {row.id: row.end_ns for row in of(events, schema.Step)}
    for event in of(events, schema.KvBlock):
        holders[event.block] += change[event.event]
        assert holders[event.block] >= 0
        if event.t_ns <= ends.get(event.step_id, 0):
            held_after[event.step_id] = sum(count > 0 for count in holders.values())
    hello = next(iter(Frames().feed(path.read_bytes())))
    assert isinstance(hello, Hello)
    size = hello.facts.block_bytes
    assert size
    rows = {row.id: row.kv_held_bytes for row in of(events, schema.Step)}
    assert held_after
    assert {one: held * size for one, held in held_after.items()} == {one: rows[one] for one in held_after}
    assert sum(holders.values()) == 0
    assert not any(steps.blocks.tables.values())
    last = of(messages, Scheduled)[-1]
    assert last.free_blocks + rows[max(rows)] // size == (hello.facts.blocks or 0) - 1


def test_a_shared_prefix_is_reused_and_its_blocks_are_shared() -> None:
    _, events, _ = translated(next(path for path in RECORDED if path.stem == "prefix_and_abort"))
    shares = [event for event in of(events, schema.KvBlock) if event.event == "share"]
    firsts = {}
    for row in of(events, schema.Work):
        firsts.setdefault(row.request_id, row.reused)
    assert sum(firsts.values()) == 64
    assert len(shares) == 64 // 32
    reasons = Counter(event.finish_reason for event in of(events, schema.RequestFinished))
    assert reasons == {"length": 5, "cancelled": 1}


def test_preempted_positions_are_computed_again() -> None:
    messages, events, _ = translated(next(path for path in RECORDED if path.stem == "preemption"))
    preempted = [one.id for message in of(messages, Scheduled) for one in message.inside if isinstance(one, Preempted)]
    assert preempted
    assert sum(row.positions_recomputed for row in of(events, schema.Step)) > 0
    assert {event.finish_reason for event in of(events, schema.RequestFinished)} == {"length"}


def test_drafts_are_counted_as_the_streams_had_them() -> None:
    _, events, _ = translated(next(path for path in RECORDED if path.stem == "drafts"))
    drafts = of(events, schema.Speculation)
    rows = of(events, schema.Step)
    sources = Counter(token.source for token in of(events, schema.Token))
    assert sum(one.accepted for one in drafts) == sources["draft"] > 0
    assert sum(one.proposed - one.accepted for one in drafts) == sum(row.positions_rejected for row in rows) > 0
    assert {row.kind for row in rows} >= {"verify", "decode"}


# --- hard cases -------------------------------------------------------------------------------------------------------


def test_steps_of_asynchronous_scheduling_do_not_overlap() -> None:
    events, _ = fed(
        arrived("a", 3),
        step(1, {"a": 3}, at=10, started=[Started("a", 0, [[1]])]),
        step(2, {"a": 1}, at=20, first={"a": 3}),
        out(1, {"a": [7]}, at=100),
        step(3, {"a": 1}, at=110, first={"a": 4}, added=[[[2]]]),
        out(2, {"a": [8]}, at=200),
        out(3, {"a": [9]}, at=300),
    )
    rows = of(events, schema.Step)
    assert [(row.start_ns, row.end_ns) for row in rows] == [(10, 102), (102, 202), (202, 302)]
    assert [row.kv_held_bytes for row in rows] == [320, 320, 640]
    assert [event.step_id for event in of(events, schema.KvBlock)] == [0, 2]
    assert [token.emitted_ns for token in of(events, schema.Token)] == [100, 200, 300]


def test_a_step_scheduled_for_a_request_that_then_ends_is_thrown_away() -> None:
    end = [Ended(ZERO_NS + 101, "a", "stop", None), Freed(ZERO_NS + 101, "a", 0)]
    events, _ = fed(
        arrived("a", 3),
        step(1, {"a": 3}, at=10, started=[Started("a", 0, [[1]])]),
        step(2, {"a": 1}, at=20, first={"a": 3}),
        out(1, {"a": [7]}, at=100, inside=end),
        out(2, {}, at=200),
    )
    rows = of(events, schema.Step)
    assert [(row.positions_new, row.positions_rejected, row.tokens_out) for row in rows] == [(3, 0, 1), (0, 1, 0)]
    assert [event.finish_reason for event in of(events, schema.RequestFinished)] == ["eos"]
    frees = [(event.step_id, event.t_ns) for event in of(events, schema.KvBlock) if event.event == "free"]
    assert frees == [(1, 103)]


def test_chunks_scheduled_before_drafts_were_rejected_are_set_right() -> None:
    events, _ = fed(
        arrived("a", 3),
        step(1, {"a": 3}, at=10, started=[Started("a", 0, [[1, 2, 3]])]),
        out(1, {"a": [7]}, at=20),
        step(2, {"a": 3}, at=30, first={"a": 3}, drafts={"a": 2}),
        step(3, {"a": 3}, at=40, first={"a": 6}, drafts={"a": 2}),
        out(2, {"a": [8]}, at=50, sampled={"a": 1}),
        out(3, {"a": [9, 10, 11]}, at=60, sampled={"a": 3}),
    )
    work = [(row.first, row.new_from, row.end, row.rejected) for row in of(events, schema.Work)]
    assert work == [(0, 0, 3, 0), (3, 3, 6, 2), (4, 4, 7, 0)]
    assert [token.source for token in of(events, schema.Token)] == ["target", "target", "draft", "draft", "bonus"]


def test_drafts_after_the_end_of_a_text_are_rejected() -> None:
    events, _ = fed(
        arrived("a", 3),
        step(1, {"a": 6}, at=10, started=[Started("a", 0, [[1, 2]])], drafts={"a": 3}),
        out(1, {"a": [7, 0]}, at=20, sampled={"a": 4}, inside=[Ended(ZERO_NS + 21, "a", "stop", 0)]),
    )
    (draft,) = of(events, schema.Speculation)
    assert (draft.proposed, draft.accepted) == (3, 2)
    assert of(events, schema.Step)[0].positions_rejected == 1
    assert of(events, schema.RequestFinished)[0].finish_reason == "stop"


def test_an_abort_between_steps_is_told_at_once() -> None:
    _, steps = fed(
        arrived("a", 3),
        step(1, {"a": 3}, at=10, started=[Started("a", 0, [[1]])]),
        out(1, {"a": [7]}, at=20),
    )
    told = [*steps.feed(Ended(ZERO_NS + 50, "a", "abort", None)), *steps.feed(Freed(ZERO_NS + 51, "a", 1))]
    finished, freed = told
    assert isinstance(finished, schema.RequestFinished)
    assert (finished.finished_ns, finished.finish_reason) == (50, "cancelled")
    assert isinstance(freed, schema.KvBlock)
    assert (freed.event, freed.t_ns) == ("free", 51)


def test_a_lane_is_the_lowest_that_is_free_and_kept_while_a_request_runs() -> None:
    started = [Started(name, 0, [[index + 1]]) for index, name in enumerate("abc")]
    events, _ = fed(
        *(arrived(name, 1) for name in "abcd"),
        step(1, dict.fromkeys("abc", 1), at=10, started=started),
        out(1, {}, at=20, inside=[Freed(ZERO_NS + 21, "b", 1)]),
        step(2, {"c": 1, "d": 1}, at=30, first={"c": 1}, started=[Started("d", 0, [[4]])]),
        out(2, {}, at=40),
    )
    assert [(row.step_id, row.slot) for row in of(events, schema.Work)] == [(0, 0), (0, 1), (0, 2), (1, 2), (1, 1)]


def test_a_cached_block_is_evicted_when_it_is_given_out_again() -> None:
    events, steps = fed(
        arrived("a", 4), arrived("b", 4), arrived("c", 4),
        step(1, {"a": 4}, at=10, started=[Started("a", 0, [[6]])]),
        out(1, {}, at=20, inside=[Freed(ZERO_NS + 21, "a", 0)]),
        step(2, {"b": 4}, at=30, started=[Started("b", 0, [[6]])]),
        out(2, {}, at=40, inside=[Freed(ZERO_NS + 41, "b", 1)]),
        step(3, {"c": 4}, at=50, started=[Started("c", 0, [[6]])]),
        out(3, {}, at=60),
    )  # fmt: skip
    assert [(event.event, event.request_id) for event in of(events, schema.KvBlock)] == [
        ("allocate", 0), ("free", 0), ("evict", 1), ("allocate", 1), ("free", 1), ("evict", 1), ("allocate", 2),
    ]  # fmt: skip
    assert {event.block for event in of(events, schema.KvBlock)} == {0}
    assert steps.blocks.server_blocks == [6]
    assert [row.kv_evictable_bytes for row in of(events, schema.Step)] == [0, 0, 0]


def test_an_emptied_cache_evicts_what_was_kept() -> None:
    events, steps = fed(
        arrived("a", 4),
        step(1, {"a": 4}, at=10, started=[Started("a", 0, [[6]])]),
        out(1, {}, at=20, inside=[Freed(ZERO_NS + 21, "a", 0)]),
        Reset(ZERO_NS + 30),
    )
    assert of(events, schema.KvBlock)[-1].event == "evict"
    assert not steps.blocks.kept


def test_requests_from_before_the_recording_go_on() -> None:
    facts = RequestFacts("cmpl-x-0-0123abcd", 5_000, 1.0, 3, [1, 2, 3], 8, 0)
    events, _ = fed(
        Known(facts, True, 6, 4, 0, [[3, 4]]),
        out(-1, {"cmpl-x-0-0123abcd": [50]}, at=5),
        step(1, {"cmpl-x-0-0123abcd": 1}, at=10, first={"cmpl-x-0-0123abcd": 7}),
        out(1, {"cmpl-x-0-0123abcd": [9]}, at=20),
    )
    (token,) = of(events, schema.Token)
    assert (token.position, token.step_id) == (8, 0)
    (came,) = of(events, schema.RequestArrived)
    assert (came.arrived_ns, came.before_ns, came.begun_before) == (0, 5_000, 1)
    assert [event.event for event in of(events, schema.KvBlock)] == ["allocate", "allocate"]
    assert of(events, schema.Step)[0].positions_new == 1


def test_a_request_that_waited_when_the_recording_began_has_waited_since_it_came() -> None:
    events, _ = fed(
        Known(RequestFacts("a", 5_000, 1.0, 3, [1, 2, 3], 8, 0), False, 0, 0, 0, [[]]),
        step(1, {"a": 3}, at=10, started=[Started("a", 0, [[1]])]),
        out(1, {"a": [9]}, at=20),
    )
    (came,) = of(events, schema.RequestArrived)
    assert (came.arrived_ns, came.before_ns, came.begun_before) == (0, 5_000, 0)
    (scheduled,) = of(events, schema.RequestScheduled)
    assert scheduled.scheduled_ns == of(events, schema.Step)[0].start_ns


def test_after_a_loss_the_snapshot_counts_and_requests_keep_their_numbers() -> None:
    known = Known(RequestFacts("a", 0, 1.0, 3, [1, 2, 3], 8, 0), True, 9, 7, 0, [[1, 2, 3]])
    events, steps = fed(
        arrived("a", 3), arrived("b", 3),
        step(1, {"a": 3, "b": 3}, at=10, started=[Started("a", 0, [[1]]), Started("b", 0, [[2]])]),
        out(1, {"a": [7], "b": [7]}, at=20),
        step(2, {"a": 1, "b": 1}, at=30, first={"a": 3, "b": 3}),
        Snapshot(ZERO_NS + 500, 17, 1, 1, 0, 4, []), known,
        step(20, {"a": 1}, at=510, first={"a": 9}),
        out(20, {"a": [8]}, at=520),
    )  # fmt: skip
    assert [row.id for row in of(events, schema.Step)] == [0, 1]
    assert [(token.request_id, token.position) for token in of(events, schema.Token)] == [(0, 3), (1, 3), (0, 10)]
    assert len(of(events, schema.RequestArrived)) == 2
    (mark,) = of(events, schema.Mark)
    assert mark.label == "17 steps were lost, because this program read the recorder too slowly."
    assert steps.lost_steps == 17
    assert steps.blocks.tables == {"a": [1, 2, 3]}
    ids = [event.step_id for event in of(events, schema.KvBlock)]
    assert ids == sorted(ids)
    assert max(ids) <= 1


def test_a_server_without_full_attention_tells_no_blocks() -> None:
    facts = Facts(groups=[("MambaSpec", 4, 2)], block_group=-1)
    events, _ = fed(
        arrived("a", 3), step(1, {"a": 3}, at=10, started=[Started("a", 0, [[1]])]), out(1, {}, at=20), facts=facts
    )
    assert not of(events, schema.KvBlock)
    assert of(events, schema.Step)[0].kv_held_bytes == 0


def test_the_recorders_end_and_figures_are_told() -> None:
    figures = Samples(ZERO_NS + 5, 0, [("running", 2.0), ("bad", float("nan"))])
    events, _ = fed(SwitchedOff("KeyError:\n'x'"), figures, figures)
    mark, sample = events
    assert isinstance(mark, schema.Mark)
    assert mark.label == "The recorder in the server switched itself off: KeyError:\\n'x'."
    assert sample == schema.MetricSample(5, "recorder", "running", '{"engine":"0"}', 2.0)


@pytest.mark.parametrize(
    "message",
    [
        step(1, {"nobody": 1}),
        step(1, {"a": 1}),
        step(1, {"a": 1}, first={"a": 0}, drafts={"a": 2}),
        step(1, {"a": 1}, started=[Started("nobody", 0, [[1]])]),
        step(1, {"a": 1}, started=[Started("a", 0, [])]),
        step(1, {"a": 1}, first={"a": 0}, added=[[]]),
    ],
)
def test_messages_that_cannot_follow_are_refused(message: AnyMessage) -> None:
    with pytest.raises(RecorderError, match="The recorder "):
        fed(arrived("a", 3), message)


@pytest.mark.parametrize(
    "messages",
    [
        [out(5, {"a": [1]}, at=1)],
        [Freed(ZERO_NS, "nobody", 0), Ended(ZERO_NS, "nobody", "stop", None), Preempted(ZERO_NS, "nobody", 3)],
        [arrived("a", 3), Freed(0, "a", 99), Freed(0, "a", 99)],
        [arrived("a", 3), step(1, {"a": 3}, started=[Started("a", 0, [[1, 1, 1]])]), out(1, {}, at=1)],
    ],
)
def test_messages_about_what_is_not_known_change_nothing(messages: list[AnyMessage]) -> None:
    events, _ = fed(*messages)
    assert not of(events, schema.Token)
