"""Attaching to a server: what becomes a session, and how every end of a run is told."""

from __future__ import annotations

import asyncio
import json

import pytest

from engine.core.settings import AttachSpec, RequestSpec, RunSpec
from engine.errors import InputError
from engine.host import protocol
from engine.serving import served_run
from engine.session import schema
from engine.session.checking import check_content
from engine.session.serving import serving_of
from tests.engine.serving.attached_to import Attached, attached, vllm
from tests.engine.serving.fake_server import FakeServer, Gate, SeenRequest, Wire, answering, replaying
from tests.engine.serving.recorded_exchange import recorded
from tests.engine.serving.recorded_pages import VLLM_PAGE

COMPLETIONS = "/v1/completions"


def spec(server: FakeServer) -> AttachSpec:
    return AttachSpec(server.url, recorder="none")


def chunks_of(name: str) -> list[dict[str, object]]:
    """The events of a recorded stream that hold tokens."""
    lines = recorded(name).answer.decode().splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    return [event for event in events if event["choices"]]


async def finished(found: Attached, *requests: RequestSpec) -> schema.RunEnded:
    await found.start(*requests)
    return await found.saw(schema.RunEnded)


def test_a_stream_becomes_a_session_without_steps() -> None:
    async def run(server: FakeServer) -> Attached:
        async with attached(spec(server)) as found:
            await finished(found, RequestSpec("The cat sits on", 8))
            return found

    name = "vllm-0.32-completion-ids"
    with vllm(name) as server:
        found = asyncio.run(run(server))
    session = found.session()
    check_content(session)
    request = session.requests[0]
    told = chunks_of(name)
    ids = [one for event in told for one in event["choices"][0]["token_ids"]]  # type: ignore[index]
    assert session.tokens["token_id"].tolist() == ids
    assert "".join(session.tokens["text"]) == "".join(event["choices"][0]["text"] for event in told)  # type: ignore[index]
    assert request.prompt_token_ids == told[0]["choices"][0]["prompt_token_ids"]  # type: ignore[index]
    assert session.tokens["position"].tolist() == [request.prompt_tokens + i for i in range(len(ids))]
    assert set(session.tokens["step_id"].tolist()) == {-1}
    assert (session.tokens["received_ns"] == session.tokens["emitted_ns"]).all()
    assert session.tokens.words["told_by"] == ["probe"]
    assert request.told_by == "probe"
    assert request.first_token_ns is not None
    assert request.finished_ns is not None
    assert 0 <= request.arrived_ns <= request.first_token_ns <= request.finished_ns
    assert request.finish_reason == "length"
    assert len(session.steps) == 0
    assert session.serving is not None
    assert (session.serving.kind, session.serving.levels) == ("vLLM", ("probe",))
    assert session.untold("steps")
    assert session.untold("logprobs")
    assert found.of(schema.RunEnded) == [schema.RunEnded("finished")]


def test_what_several_requests_ask_for_is_kept_apart_and_more_can_be_added() -> None:
    gate = Gate()

    async def run(server: FakeServer) -> Attached:
        async with attached(spec(server)) as found:
            await found.start(RequestSpec("a", 8), RequestSpec("b", 8))
            await asyncio.to_thread(gate.wait_reached)
            await found.send(protocol.AddRequests(protocol.Start(run=_run(RequestSpec("c", 8))).run))
            gate.open()
            await found.saw(schema.RunEnded)
            return found

    name = "vllm-0.32-completion-ids"
    with vllm(name) as server:
        server.scripts[COMPLETIONS] = replaying(recorded(name), {1: gate})
        session = asyncio.run(run(server)).session()
    assert {request.prompt: request.finish_reason for request in session.requests.values()} == dict.fromkeys(
        "abc", "length"
    )
    counts = {len(request.token_rows) for request in session.requests.values()}
    assert len(counts) == 1


def _run(*requests: RequestSpec):  # type: ignore[no-untyped-def]
    from engine.core.settings import RunSpec

    return RunSpec(requests)


def test_a_server_that_dies_in_the_middle_ends_the_run_in_one_sentence() -> None:
    async def dies(request: SeenRequest, wire: Wire) -> None:
        await wire.stream_head()
        await wire.event(chunks_of("vllm-0.32-completion-ids")[0])
        server.scripts["/v1/models"] = reset
        wire.reset()

    async def reset(request: SeenRequest, wire: Wire) -> None:
        wire.reset()

    async def run() -> Attached:
        async with attached(spec(server)) as found:
            await finished(found, RequestSpec("a", 8))
            return found

    with vllm() as server:
        server.scripts[COMPLETIONS] = dies
        found = asyncio.run(run())
        sentence = f"The server {server.url} is gone; what was recorded until then is kept."
    assert found.of(schema.Refused) == [schema.Refused("Start", "ServerError", sentence)]
    assert found.of(schema.RunEnded) == [schema.RunEnded("failed")]
    session = found.session()
    check_content(session)
    assert len(session.tokens) == 1
    assert [mark.label for mark in session.marks if mark.label == sentence] == [sentence]


def test_a_broken_stream_of_a_server_that_lives_ends_one_request_only() -> None:
    async def breaks(request: SeenRequest, wire: Wire) -> None:
        if request.json["prompt"] != "broken":
            await replaying(recorded("vllm-0.32-completion-ids"))(request, wire)
            return
        await wire.stream_head()
        wire.reset()

    async def run() -> Attached:
        async with attached(spec(server)) as found:
            await finished(found, RequestSpec("broken", 8), RequestSpec("whole", 8))
            return found

    with vllm() as server:
        server.scripts[COMPLETIONS] = breaks
        found = asyncio.run(run())
    assert found.of(schema.RunEnded) == [schema.RunEnded("finished")]
    session = found.session()
    assert {one.prompt: one.finish_reason for one in session.requests.values()} == {
        "broken": "cancelled", "whole": "length",
    }  # fmt: skip
    (mark,) = [mark for mark in session.marks if mark.kind == "fault"]
    assert mark.label.startswith("request 0: ")


def test_a_server_whose_packets_are_dropped_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_run, "SILENT_S", 0.02)
    monkeypatch.setattr(served_run, "ALIVE_WITHIN_S", 0.02)

    async def silent(request: SeenRequest, wire: Wire) -> None:
        await wire.gone()

    async def silent_stream(request: SeenRequest, wire: Wire) -> None:
        server.scripts["/v1/models"] = silent
        await wire.stream_head()
        await wire.gone()

    async def run() -> Attached:
        async with attached(spec(server)) as found:
            await finished(found, RequestSpec("a", 8))
            return found

    with vllm() as server:
        server.scripts[COMPLETIONS] = silent_stream
        found = asyncio.run(run())
    assert found.of(schema.RunEnded) == [schema.RunEnded("failed")]
    assert found.session().requests[0].finish_reason == "cancelled"


def test_stop_cancels_what_the_server_still_computes() -> None:
    gate = Gate()

    async def endless(request: SeenRequest, wire: Wire) -> None:
        await wire.stream_head()
        await wire.event(chunks_of("vllm-0.32-completion-ids")[0])
        await wire.gone()
        gate.open()

    async def run() -> Attached:
        async with attached(spec(server)) as found:
            await found.start(RequestSpec("a", 8))
            await found.saw(schema.Token)
            await found.send(protocol.Stop())
            return found

    with vllm() as server:
        server.scripts[COMPLETIONS] = endless
        found = asyncio.run(run())
        asyncio.run(gate.passed())
    assert found.of(schema.RunEnded) == [schema.RunEnded("stopped")]
    assert found.session().requests[0].finish_reason == "cancelled"


def test_watching_records_the_metrics_and_sends_nothing() -> None:
    async def run(server: FakeServer) -> Attached:
        async with attached(spec(server)) as found:
            await found.start()
            await found.saw(schema.MetricSample)
            await found.send(protocol.Stop())
            return found

    with vllm() as server:
        server.scripts["/metrics"] = answering(200, VLLM_PAGE.read_bytes(), "text/plain")
        session = asyncio.run(run(server)).session()
        assert not server.seen_at(COMPLETIONS)
    check_content(session)
    assert not session.requests
    assert session.serving is not None
    assert session.serving.levels == ("metrics",)
    names = session.metric_samples.words["name"]
    assert "vllm:num_requests_running" in names
    assert session.metric_samples.words["source"] == ["metrics"]


def test_a_key_is_sent_to_the_server_and_stands_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "sk-a-secret-of-the-user"
    monkeypatch.setenv("DECODESCOPE_API_KEY", secret)

    async def run(server: FakeServer, key: str) -> Attached:
        async with attached(spec(server), key) as found:
            await finished(found, RequestSpec("a", 8))
            return found

    for key in ("", secret):
        with vllm("vllm-0.32-completion-ids") as server:
            found = asyncio.run(run(server, key))
            assert server.seen_at(COMPLETIONS)[0].headers["authorization"] == f"Bearer {secret}"
        assert secret not in repr(found.events)
    assert secret not in repr(protocol.Attach(AttachSpec("x"), secret))


def test_what_cannot_be_done_is_refused_in_a_sentence() -> None:
    async def run(server: FakeServer, *commands: protocol.AnyCommand, name: str = "") -> list[schema.Refused]:
        async with attached(AttachSpec(server.url, name, recorder="none")) as found:
            for command in commands:
                await found.send(command)
            return found.of(schema.Refused)

    with vllm() as server:
        assert asyncio.run(run(server, protocol.Pause()))[0].message.startswith("A server cannot be paused")
        assert "no model" in asyncio.run(run(server, name="another"))[0].message
        (refused,) = asyncio.run(run(server, protocol.AddRequests(RunSpec((RequestSpec("x", 1),)))))
        assert refused == schema.Refused("AddRequests", "InputError", "No run is going on.")
    with FakeServer() as nothing:
        (refused,) = asyncio.run(run(nothing))
    assert (refused.command, refused.error) == ("Attach", "ServerError")
    assert "no server of the OpenAI API" in refused.message


def test_a_wrong_key_is_the_users_input() -> None:
    async def run() -> list[schema.Refused]:
        async with attached(spec(server)) as found:
            return found.of(schema.Refused)

    with FakeServer({"/v1/models": answering(401, b'{"error":"Unauthorized"}')}) as server:
        (refused,) = asyncio.run(run())
    assert refused.error == InputError.__name__
    assert "DECODESCOPE_API_KEY" in refused.message


def test_the_fact_is_read_back() -> None:
    with vllm() as server:

        async def run() -> Attached:
            async with attached(spec(server)) as found:
                return found

        (ready,) = asyncio.run(run()).of(schema.ModelReady)
    serving = serving_of(ready.meta["serving"])
    assert serving is not None
    assert serving.url == server.url
    assert ready.meta["model"] == "demo"


def test_a_part_that_fails_is_told_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_: object) -> None:
        raise LookupError("nobody\nknows")

    monkeypatch.setattr(served_run.MetricsObserver, "run", fails)

    async def run(server: FakeServer) -> Attached:
        async with attached(spec(server)) as found:
            await finished(found, RequestSpec("a", 8))
            return found

    with vllm("vllm-0.32-completion-ids") as server:
        server.scripts["/metrics"] = answering(200, VLLM_PAGE.read_bytes(), "text/plain")
        found = asyncio.run(run(server))
    assert found.of(schema.RunEnded) == [schema.RunEnded("finished")]
    (mark,) = [mark for mark in found.of(schema.Mark) if mark.kind == "fault"]
    assert mark.label == "A part of the recording has failed (LookupError): nobody\\nknows"
    assert len(found.session().tokens)
