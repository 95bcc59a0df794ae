"""One session of what a recorder and our own streams told of the same requests; the recorder told of a real vLLM."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from engine.core.settings import RequestSpec
from engine.serving.probe.probe_events import Chunk, Ended, Sent, Stalled
from engine.serving.recorder.recorder_wire import AnyMessage, Frames, Hello, Output
from engine.serving.served_events import ServedEvents
from engine.session import schema
from engine.session.checking import check_content
from engine.session.store import Session

RECORDED = Path(__file__).parent / "recorded"
REQUESTS = 5


def messages(name: str) -> tuple[Hello, list[AnyMessage]]:
    hello, *others = Frames().feed((RECORDED / f"{name}.frames").read_bytes())
    assert isinstance(hello, Hello)
    return hello, others


def streams(told: list[AnyMessage]) -> dict[int, list[int]]:
    """What the streams of the requests r0, r1, ... brought: all that the recorder says they were given."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for message in told:
        if isinstance(message, Output):
            for name, ids in message.tokens:
                found[int(name.removeprefix("cmpl-r").partition("-")[0])] += ids
    return found


def recording(name: str, ours: int) -> tuple[ServedEvents, Hello, list[AnyMessage]]:
    """The translation of a recording of which this many requests are ours."""
    hello, told = messages(name)
    served = ServedEvents(hello.facts, "", "r")
    served.begin(hello.monotonic_ns)
    served.expect([RequestSpec(f"prompt {number}", 64) for number in range(ours)])
    return served, hello, told


@pytest.mark.parametrize("name", ["drafts", "preemption"])
def test_streams_add_texts_and_moments_to_what_the_recorder_told(name: str) -> None:
    served, hello, told = recording(name, REQUESTS)
    events: list[schema.AnyEvent] = []
    for number in range(REQUESTS):
        events += served.probed(
            Sent(number, hello.monotonic_ns + number, hello.monotonic_ns + number, f"r{number}", ())
        )
    for message in told:
        events += served.recorded(message, 0)
    late_ns = max(event.end_ns for event in events if isinstance(event, schema.Step)) + hello.monotonic_ns
    for number, ids in streams(told).items():
        for token in ids:
            events += served.probed(Chunk(number, late_ns, f"<{token}>", (token,), 1, None))
        events += served.probed(Ended(number, late_ns, "length"))
    events += served.end(late_ns)
    session = Session()
    session.apply(events)
    check_content(session)
    assert [request.prompt for request in session.requests.values()] == [f"prompt {n}" for n in range(REQUESTS)]
    assert all(-1 not in request.prompt_token_ids for request in session.requests.values())
    for number, ids in streams(told).items():
        rows = session.requests[number].token_rows
        assert session.tokens["token_id"][rows].tolist() == ids
        assert session.tokens["text"][rows].tolist() == [f"<{token}>" for token in ids]
    assert set(session.tokens["received_ns"].tolist()) == {late_ns - hello.monotonic_ns}
    assert (session.tokens["emitted_ns"] <= session.tokens["received_ns"]).all()
    assert session.tokens.words["told_by"] == ["recorder"]
    assert len([event for event in events if isinstance(event, schema.RequestArrived)]) == REQUESTS
    assert not served.owed


def test_requests_of_others_are_numbered_after_ours_and_have_no_stream() -> None:
    served, hello, told = recording("preemption", 1)
    events = served.probed(Sent(0, hello.monotonic_ns, hello.monotonic_ns, "r0", ()))
    for message in told:
        events += served.recorded(message, 0)
    events += served.end(hello.monotonic_ns + 10**12)
    session = Session()
    session.apply(events)
    check_content(session)
    assert sorted(session.requests) == list(range(REQUESTS))
    assert [session.requests[n].told_by for n in range(REQUESTS)] == ["probe"] + ["recorder"] * (REQUESTS - 1)
    assert {n: len(request.token_rows) for n, request in session.requests.items()} == {
        n: len(ids) for n, ids in streams(told).items()
    }
    assert set(session.tokens["received_ns"].tolist()) == {-1}


def test_the_end_of_ours_is_when_the_recorder_says_and_why_the_stream_says() -> None:
    served, hello, told = recording("prefix_and_abort", 6)
    at = hello.monotonic_ns
    events: list[schema.AnyEvent] = []
    for number in range(6):
        events += served.probed(Sent(number, at, at, f"r{number}", ()))
    for message in told:
        events += served.recorded(message, 0)
    assert not [event for event in events if isinstance(event, schema.RequestFinished)]
    (end,) = served.probed(Ended(3, at + 10**12, "stop"))
    assert isinstance(end, schema.RequestFinished)
    assert (end.id, end.finish_reason) == (3, "eos")
    assert end.finished_ns < 10**12


def test_an_end_that_only_the_stream_told_is_kept_at_the_end_of_the_run() -> None:
    served, hello, told = recording("prefix_and_abort", 6)
    at = hello.monotonic_ns
    served.probed(Sent(0, at, at, "r0", ()))
    for message in told[:3]:
        served.recorded(message, 0)
    assert served.probed(Ended(0, at + 10**12, "length")) == []
    assert served.owed
    (last,) = [event for event in served.end(at + 10**12) if isinstance(event, schema.RequestFinished)]
    assert (last.id, last.finished_ns, last.finish_reason) == (0, 10**12, "length")


def test_a_client_that_did_not_read_says_for_how_long() -> None:
    served = ServedEvents(None, "", "r")
    served.begin(1000)
    (reading,) = served.probed(Stalled(2000, 2000 + 30_000_000))
    assert reading == schema.MetricSample(30_001_000, "probe", schema.CLIENT_STALLED, "", 0.03)
    _, mark = served.probed(Stalled(2000, 2_000_002_000))
    assert mark == schema.Mark(2_000_001_000, "server", "Our own client did not read for 2.0 s.")
