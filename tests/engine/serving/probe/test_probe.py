"""The probe against recorded exchanges: what it reports is what the recorded bytes say, when they were read."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from engine.core.sampling import Sampling
from engine.core.settings import RequestSpec
from engine.errors import InputError
from engine.serving.probe.probe import Probe, ProbeLimits
from engine.serving.probe.probe_events import (
    Answered,
    Chunk,
    Ended,
    ProbeEvent,
    Prompted,
    Sent,
    Stalled,
    Timings,
    Usage,
)
from engine.serving.server.address import server_address
from engine.serving.server.connection import Connection
from tests.engine.serving.fake_server import FakeServer, Gate, SeenRequest, Wire, answering, event_bytes, replaying
from tests.engine.serving.probe.probing import CHAT, COMPLETIONS, PLAIN, of, only_end, probed, text
from tests.engine.serving.recorded_exchange import RecordedExchange, recorded

STREAMS = [
    f"vllm-0.32-{name}"
    for name in (
        *("completion-bare", "completion-usage", "completion-ids", "completion-logprobs", "completion-all"),
        *("completion-stop", "completion-unicode", "ngram-all", "ngram-bare", "ngram-cached", "ngram-detailed"),
        *("chat-bare", "chat-all"),
    )
]


def replayed(name: str) -> tuple[RecordedExchange, list[ProbeEvent]]:
    exchange = recorded(name)
    asked = json.loads(exchange.body)
    spec = RequestSpec("shown", asked["max_tokens"], chat="messages" in asked)
    with FakeServer().replay(exchange) as server:
        return exchange, probed(server, [spec], "vllm" if name.startswith("vllm") else "llama.cpp")


def in_json(exchange: RecordedExchange) -> list[dict[str, Any]]:
    """The choices of a recorded stream, by a parser of our own that knows its lines only."""
    listed = [json.loads(line[6:]) for line in exchange.answer.decode().split("\n") if line.startswith("data: {")]
    return [one["choices"][0] for one in listed if one["choices"]]


@pytest.mark.parametrize("name", STREAMS)
def test_texts_ids_and_counts_are_those_of_the_recorded_stream(name: str) -> None:
    exchange, events = replayed(name)
    choices = in_json(exchange)
    told = [one.get("text", one.get("delta", {}).get("content")) for one in choices]
    assert text(events) == "".join(told)
    ids = [one for choice in choices for one in choice.get("token_ids") or []]
    chunks = of(Chunk, events)
    assert [one for chunk in chunks for one in chunk.token_ids or ()] == ids
    if ids:
        assert sum(chunk.token_count or 0 for chunk in chunks) == len(ids)
    end = only_end(events)
    assert (end.finish_reason, end.error, end.doubt) == (choices[-1]["finish_reason"], "", "")


def test_a_bare_stream_tells_no_number_of_tokens() -> None:
    _, events = replayed("vllm-0.32-ngram-bare")
    assert {(one.token_ids, one.token_count, one.chances) for one in of(Chunk, events)} == {(None, None, None)}
    assert not [one for one in events if isinstance(one, Usage | Timings | Prompted)]


def test_a_running_usage_tells_how_many_tokens_a_chunk_holds() -> None:
    _, events = replayed("vllm-0.32-completion-usage")
    assert [one.token_count for one in of(Chunk, events)] == [1] * 12
    assert {one.token_ids for one in of(Chunk, events)} == {None}
    (usage, *_) = reversed(of(Usage, events))
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (5, 12, None)


def test_logprobs_tell_how_many_tokens_a_chunk_holds_and_how_likely_they_were() -> None:
    _, events = replayed("vllm-0.32-completion-logprobs")
    first, *rest = of(Chunk, events)
    assert [one.token_count for one in (first, *rest)] == [1] * 12
    assert first.chances is not None
    (chance,) = first.chances
    assert chance.text == " the"
    assert chance.logprob == pytest.approx(-0.2793, abs=1e-4)
    assert [one[0] for one in chance.alternatives] == [" the", " a"]


def test_with_speculation_a_chunk_holds_several_tokens_with_one_chance_each() -> None:
    _, events = replayed("vllm-0.32-ngram-all")
    (chunk,) = [one for one in of(Chunk, events) if one.token_count != 1]
    assert (chunk.text, chunk.token_ids, chunk.token_count) == (" potful", (1912, 650), 2)
    assert chunk.chances is not None
    assert [one.text for one in chunk.chances] == [" pot", "ful"]
    assert chunk.text == "".join(one.text for one in chunk.chances)


def test_the_prompt_s_ids_the_server_s_id_and_the_cached_tokens() -> None:
    exchange, events = replayed("vllm-0.32-ngram-cached")
    (prompted,) = of(Prompted, events)
    assert list(prompted.token_ids) == in_json(exchange)[0]["prompt_token_ids"]
    assert [one.server_request_id for one in of(Answered, events)] == ["cmpl-ds-5eed-1"]
    assert of(Usage, events)[-1].cached_tokens == 32


def test_a_chat_s_first_event_has_the_prompt_and_no_token() -> None:
    _, events = replayed("vllm-0.32-chat-all")
    (prompted,) = of(Prompted, events)
    first, *_ = of(Chunk, events)
    assert len(prompted.token_ids) == 17
    assert (first.text, first.token_count) == ("\n", 1)
    assert first.chances is not None
    assert [one[0] for one in first.chances[0].alternatives] == ["\n", ' "']


def test_the_server_s_own_times_and_drafts() -> None:
    _, events = replayed("vllm-0.32-ngram-detailed")
    (timings,) = of(Timings, events)
    assert (timings.drafted, timings.accepted) == (9, 9)
    assert timings.accepted_by_step == timings.drafted_by_step == (3, 3, 3)
    assert timings.first_token_ms == pytest.approx(1039.008, abs=1e-3)
    assert timings.prompt_ms is None
    (without,) = of(Timings, replayed("vllm-0.32-chat-all")[1])
    assert (without.drafted, without.accepted_by_step) == (None, None)


LLAMA = [
    f"llama.cpp-0c1e570-{name}"
    for name in (
        *("completion-bare", "completion-ids", "completion-timings", "completion-all", "ngram-timings"),
        *("chat-bare", "chat-all"),
    )
]


@pytest.mark.parametrize("name", LLAMA)
def test_llama_cpp_s_texts_ids_and_counts_are_those_of_its_recorded_stream(name: str) -> None:
    exchange, events = replayed(name)
    choices = in_json(exchange)
    assert text(events) == "".join(
        one["delta"].get("content") or "" if "delta" in one else one["text"] for one in choices
    )
    listed = [json.loads(line[6:]) for line in exchange.answer.decode().split("\n") if line.startswith("data: {")]
    ids = [one for event in listed for one in event.get("__verbose", {}).get("tokens", ())]
    ids = ids or [one["id"] for choice in choices for one in (choice.get("logprobs") or {}).get("content", ())]
    chunks = of(Chunk, events)
    assert [one for chunk in chunks for one in chunk.token_ids or ()] == ids
    told = name.endswith(("all", "ids", "timings"))
    assert sum(chunk.token_count or 0 for chunk in chunks) == (json.loads(exchange.body)["max_tokens"] if told else 0)
    end = only_end(events)
    assert (end.finish_reason, end.error, end.doubt) == ("length", "", "")


def test_llama_cpp_s_own_times_drafts_and_cached_tokens() -> None:
    _, events = replayed("llama.cpp-0c1e570-completion-all")
    (timings,) = of(Timings, events)
    assert (timings.prompt_ms, timings.generation_ms, timings.drafted, timings.accepted) == (1.153, 9.5, 1, 1)
    assert of(Usage, events)[-1].cached_tokens == 4
    (without,) = of(Timings, replayed("llama.cpp-0c1e570-chat-all")[1])
    assert (without.drafted, without.accepted) == (None, None)


def test_tokens_of_a_step_with_a_draft_have_no_logprobs_in_llama_cpp() -> None:
    _, events = replayed("llama.cpp-0c1e570-completion-all")
    chunks = of(Chunk, events)
    assert {chunk.token_count for chunk in chunks} == {1}
    assert [chunk.chances is None for chunk in chunks] == [False] * 10 + [True, True]


def test_events_of_one_piece_have_one_moment_and_later_ones_a_later_one() -> None:
    gate = Gate()
    seen: list[ProbeEvent] = []

    async def script(_: SeenRequest, wire: Wire) -> None:
        await wire.stream_head()
        tokens = [{"choices": [{"index": 0, "text": letter}]} for letter in "abc"]
        await wire.chunk(b"".join(map(event_bytes, tokens[:2])))
        await gate.passed()
        await wire.event(tokens[2])
        await wire.event("[DONE]")
        await wire.end()

    async def run(server: FakeServer) -> None:
        got_two = asyncio.Event()

        def keep(event: ProbeEvent) -> None:
            seen.append(event)
            if text(seen) == "ab":
                got_two.set()

        async with Connection(server_address(server.url)) as connection:
            probe = Probe(connection, "openai", "demo", keep)
            probe.start([PLAIN])
            await got_two.wait()
            before_ns = time.monotonic_ns()
            gate.open()
            await probe.wait()
        first, second, third = of(Chunk, seen)
        assert first.t_ns == second.t_ns < before_ns < third.t_ns

    with FakeServer({COMPLETIONS: script}) as server:
        asyncio.run(run(server))


def test_the_request_that_is_sent() -> None:
    with FakeServer().replay(recorded("vllm-0.32-completion-all")) as server:
        events = probed(server, [RequestSpec("Hi", 12, stop=("x",), sampling=Sampling(0.5, top_k=3, seed=1))])
        (seen,) = server.seen
    (sent,) = of(Sent, events)
    assert seen.headers["x-request-id"] == sent.request_id
    assert (seen.headers["accept-encoding"], seen.headers["content-type"]) == ("identity", "application/json")
    assert "authorization" not in seen.headers
    assert (seen.json["prompt"], seen.json["stop"], seen.json["top_k"], seen.json["seed"]) == ("Hi", ["x"], 3, 1)
    assert sent.asked == ("logprobs", "token ids", "usage of each chunk", "usage")


def test_requests_are_sent_at_their_arrival_times_and_all_at_once_where_these_are_equal() -> None:
    gate = Gate()
    together = replaying(recorded("vllm-0.32-completion-all"), {0: gate})
    with FakeServer({COMPLETIONS: together}) as server:
        zero_ns = time.monotonic_ns()
        gate.open()
        events = probed(server, [PLAIN, RequestSpec("late", 12, arrival_s=0.2), PLAIN])
    sent = {one.request: one for one in of(Sent, events)}
    assert all(one.t_ns >= one.due_ns >= zero_ns for one in sent.values())
    assert sent[1].due_ns - sent[0].due_ns == 200_000_000
    assert sent[0].due_ns == sent[2].due_ns
    assert len({one.request_id for one in sent.values()}) == 3


def test_three_hundred_streams_at_once() -> None:
    exchange = recorded("vllm-0.32-completion-all")
    ids = [choice["token_ids"] for choice in in_json(exchange)]
    with FakeServer().replay(exchange) as server:
        events = probed(server, [PLAIN] * 300)
    assert {one.error for one in of(Ended, events)} == {""}
    by_request: dict[int, list[object]] = {}
    for chunk in of(Chunk, events):
        by_request.setdefault(chunk.request, []).append(list(chunk.token_ids or ()))
    assert list(by_request.values()) == [ids] * 300


def test_a_cancelled_run_closes_its_connections_and_ends_each_request_once() -> None:
    gone = Gate()
    gone.open()
    events: list[ProbeEvent] = []

    async def script(_: SeenRequest, wire: Wire) -> None:
        await wire.stream_head()
        await wire.event({"choices": [{"index": 0, "text": "a"}]})
        await wire.gone()
        await gone.passed()

    async def run(server: FakeServer) -> None:
        came = asyncio.Event()

        def keep(event: ProbeEvent) -> None:
            events.append(event)
            if isinstance(event, Chunk):
                came.set()

        async with Connection(server_address(server.url)) as connection:
            probe = Probe(connection, "vllm", "demo", keep)
            probe.start([PLAIN, RequestSpec("much later", 3, arrival_s=1000.0)])
            await came.wait()
            probe.start([PLAIN], first_index=2)  # cancelled before it has begun
            await probe.cancel()

    with FakeServer({COMPLETIONS: script}) as server:
        asyncio.run(run(server))
        gone.wait_reached()
    ended = {one.request: (one.finish_reason, one.error) for one in of(Ended, events)}
    assert ended == dict.fromkeys(range(3), ("cancelled", ""))
    assert len(of(Ended, events)) == 3


def test_a_time_in_which_this_program_did_not_run_is_reported_with_its_ends() -> None:
    """The test holds the loop itself, for a time that it measures."""
    held: list[int] = []

    def hold(event: ProbeEvent) -> None:
        if isinstance(event, Answered):
            held.append(time.monotonic_ns())
            while time.monotonic_ns() < held[0] + 50_000_000:
                pass
            held.append(time.monotonic_ns())

    with FakeServer().replay(recorded("vllm-0.32-completion-all")) as server:
        gate = Gate()
        server.scripts[COMPLETIONS] = replaying(recorded("vllm-0.32-completion-all"), {5: gate})

        def keep(event: ProbeEvent) -> None:
            hold(event)
            if isinstance(event, Stalled):
                gate.open()

        events = probed(server, on_event=keep)
    stalls = [one for one in of(Stalled, events) if one.to_ns >= held[1]]
    assert any(one.t_ns <= held[0] + 10_000_000 and one.to_ns - one.t_ns >= 30_000_000 for one in stalls)


def test_requests_can_be_added_while_others_run() -> None:
    gate = Gate()
    script = replaying(recorded("vllm-0.32-completion-all"), {3: gate})
    events: list[ProbeEvent] = []

    async def run(server: FakeServer) -> None:
        async with Connection(server_address(server.url)) as connection:
            probe = Probe(connection, "vllm", "demo", events.append)
            probe.start([PLAIN])
            probe.start([PLAIN, PLAIN], first_index=1)
            gate.open()
            await probe.wait()

    with FakeServer({COMPLETIONS: script}) as server:
        asyncio.run(run(server))
    assert sorted(one.request for one in of(Ended, events)) == [0, 1, 2]


def test_a_setting_that_the_server_would_ignore_is_refused_before_anything_is_sent() -> None:
    with FakeServer() as server:
        with pytest.raises(InputError, match=r"min_p is not known to Text Generation Inference"):
            probed(server, [PLAIN, RequestSpec("x", sampling=Sampling(1.0, min_p=0.1))], kind="tgi")
        assert server.seen == []


def refusing(*fields: str, status: int = 400, say: bool = True) -> FakeServer:
    """A server that refuses requests with any of these fields, and streams otherwise."""
    exchange = recorded("vllm-0.32-completion-bare")

    async def script(request: SeenRequest, wire: Wire) -> None:
        known = [name for name in fields if name in request.json]
        if known:
            message = f"Extra inputs are not permitted: {known[0]}" if say else "Bad request"
            await answering(status, json.dumps({"error": {"message": message}}).encode())(request, wire)
        else:
            await replaying(exchange)(request, wire)

    return FakeServer({COMPLETIONS: script})


@pytest.mark.parametrize("status", [400, 422])
def test_what_a_server_refuses_by_name_is_left_out_then_and_later(status: int) -> None:
    with refusing("return_token_ids", status=status) as server:
        events = probed(server, [PLAIN, PLAIN], in_turn=True)
    assert {one.error for one in of(Ended, events)} == {""}
    without = ("logprobs", "usage of each chunk", "usage")
    assert [one.asked for one in of(Sent, events, 0)] == [("logprobs", "token ids", *without[1:]), without]
    assert [one.asked for one in of(Sent, events, 1)] == [without]


def test_a_server_that_does_not_say_why_is_asked_for_less_one_by_one() -> None:
    with refusing("stream_options", "logprobs", say=False) as server:
        events = probed(server)
    assert [len(one.asked) for one in of(Sent, events)] == [4, 3, 2, 1, 0]
    assert only_end(events).error == ""
    assert text(events)


def test_a_faulty_request_does_not_take_the_options_from_the_others() -> None:
    wrong, good = recorded("vllm-0.32-too-long"), recorded("vllm-0.32-completion-all")

    async def script(request: SeenRequest, wire: Wire) -> None:
        await replaying(wrong if request.json["max_tokens"] > 1000 else good)(request, wire)

    with FakeServer({COMPLETIONS: script}) as server:
        events = probed(server, [RequestSpec("x", 5000), PLAIN], in_turn=True)
    first, second = of(Ended, events)
    assert "max_tokens=5000 cannot be greater than max_model_len=1024" in first.error
    assert second.error == ""
    assert len(of(Sent, events, 1)[0].asked) == 4


def test_chats_and_completions_go_to_their_own_paths() -> None:
    with FakeServer().replay(recorded("vllm-0.32-completion-all"), recorded("vllm-0.32-chat-all")) as server:
        probed(server, [PLAIN, RequestSpec("Hi", 12, chat=True)])
        assert sorted(one.path for one in server.seen) == sorted([COMPLETIONS, CHAT])


def test_no_logprobs_are_asked_for_where_that_is_not_wanted() -> None:
    with FakeServer().replay(recorded("vllm-0.32-completion-ids")) as server:
        probed(server, limits=ProbeLimits(alternatives=None))
        assert "logprobs" not in server.seen[0].json
