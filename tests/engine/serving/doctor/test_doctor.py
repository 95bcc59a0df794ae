"""The doctor against recorded answers of vLLM, and against servers that offer less or misbehave."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from engine.core.settings import AttachSpec
from engine.errors import DecodeScopeError, InputError
from engine.serving.doctor.doctor import Diagnosis, Finding, examined
from engine.serving.doctor.doctor_text import WIDTH, diagnosis_json, diagnosis_text
from engine.serving.doctor.server_flags import flag_for
from engine.serving.recorder import recorder_search
from tests.engine.serving.fake_server import FakeServer, SeenRequest, Wire, answering, event_bytes
from tests.engine.serving.observe.kv_publisher import publisher
from tests.engine.serving.recorded_pages import VLLM_PAGE

COMPLETIONS, CHATS = "/v1/completions", "/v1/chat/completions"
MODELS = b'{"data": [{"id": "demo", "owned_by": "%s", "max_model_len": 1024}]}'
TOKEN = {
    "id": "cmpl-1",
    "choices": [{
        "index": 0, "text": "ang", "logprobs": {"tokens": ["ang"], "token_logprobs": [-0.26], "top_logprobs": [{}]},
        "finish_reason": "length", "prompt_token_ids": [40, 73], "token_ids": [615],
    }],
    "usage": {"prompt_tokens": 2, "completion_tokens": 1},
}  # fmt: skip
"""An event that vLLM 0.32.0 sent, without what is not looked at."""
USAGE = {"choices": [], "usage": {"prompt_tokens": 2, "completion_tokens": 1}}


@pytest.fixture(autouse=True)
def no_recorders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No recorder of this machine is found, whatever runs on it."""
    monkeypatch.setattr(recorder_search, "_folders", lambda: [tmp_path])


def server(owner: str = "vllm", *events: object) -> FakeServer:
    """A server of this owner, whose streams are these events."""
    fake = FakeServer()
    fake.scripts["/v1/models"] = answering(200, MODELS % owner.encode())

    async def stream(request: SeenRequest, wire: Wire) -> None:
        await wire.stream_head()
        for event in events or (TOKEN, USAGE, "[DONE]"):
            await wire.chunk(event_bytes(event))
        await wire.end()

    fake.scripts[COMPLETIONS] = stream
    return fake


def diagnosed(fake: FakeServer, kv_events: str = "", recorder: str = "") -> dict[str, Finding]:
    """The findings by topic."""
    with fake:
        found = asyncio.run(examined(AttachSpec(fake.url, recorder=recorder, kv_events=kv_events)))
    assert all(one.sentence.isprintable() and one.sentence.endswith(".") for one in found.findings)
    return {one.topic: one for one in found.findings}


def states(found: dict[str, Finding]) -> dict[str, str]:
    return {topic: one.state for topic, one in found.items()}


def test_a_vllm_that_was_started_without_flags_is_told_which_to_add() -> None:
    fake = server()
    fake.scripts["/version"] = answering(200, b'{"version": "0.32.0"}')
    fake.scripts["/metrics"] = answering(200, VLLM_PAGE.read_bytes(), "text/plain; version=0.0.4")
    found = diagnosed(fake)
    assert states(found) == {
        "server": "ok",
        "models": "ok",
        "streaming": "ok",
        "token ids": "ok",
        "logprobs": "ok",
        "counts of tokens": "ok",
        "cached tokens": "missing",
        "times by the server": "missing",
        "metrics": "ok",
        "KV pool": "ok",
        "KV events": "unknown",
        "recorder": "missing",
    }
    assert "vLLM 0.32.0" in found["server"].sentence
    assert found["models"].sentence == "It serves demo (up to 1024 tokens); demo was asked."
    assert "preemptions" in found["metrics"].sentence
    assert found["KV pool"].sentence == "Its KV cache has 24 blocks of 32 positions."
    assert found["cached tokens"].flag == "--enable-prompt-tokens-details"
    assert found["times by the server"].flag == "--enable-per-request-metrics"
    assert found["recorder"].flag.startswith("--scheduler-cls decodescope_recorder.RecordingScheduler")
    told = json.loads(found["KV events"].flag.removeprefix("--kv-events-config '").removesuffix("'"))
    assert told["enable_kv_cache_events"]
    assert told["endpoint"].startswith("ipc://")


def test_exactly_one_token_is_asked_for() -> None:
    fake = server()
    diagnosed(fake)
    (sent,) = fake.seen_at(COMPLETIONS)
    assert sent.json["max_tokens"] == 1
    assert sent.json["stream"] is True
    assert not fake.seen_at(CHATS)


def test_what_the_flags_add_is_seen() -> None:
    more = {
        "choices": [], "metrics": {"queue_time_ms": 0.5},
        "usage": {"prompt_tokens": 2, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 0}},
    }  # fmt: skip
    found = diagnosed(server("vllm", TOKEN, more, "[DONE]"))
    assert (found["cached tokens"].state, found["times by the server"].state) == ("ok", "ok")
    assert found["cached tokens"].flag == ""


def test_llama_cpp_is_told_its_own_flags() -> None:
    fake = server("llamacpp", {"choices": [{"index": 0, "text": "a"}], "timings": {"predicted_n": 1, "cache_n": 0}})
    fake.scripts["/metrics"] = answering(501, b'{"error": {"message": "This server does not support metrics"}}')
    fake.scripts["/slots"] = answering(501, b"{}")
    found = diagnosed(fake)
    assert (found["metrics"].state, found["metrics"].flag) == ("missing", "--metrics")
    assert found["slots"].state == "missing"
    assert found["slots"].flag.startswith("--slots")
    assert (found["token ids"].state, found["token ids"].flag) == ("missing", "")
    assert found["counts of tokens"].state == "ok"
    assert found["cached tokens"].state == "ok"
    assert (found["recorder"].state, found["recorder"].flag) == ("missing", "")
    assert "for vLLM only" in found["recorder"].sentence
    assert (found["KV events"].state, found["KV events"].flag) == ("missing", "")


def test_options_that_a_server_refuses_are_named() -> None:
    fake = server("sglang")

    async def picky(request: SeenRequest, wire: Wire) -> None:
        if "return_token_ids" in request.json:
            await answering(400, b'{"message": "unknown field return_token_ids"}')(request, wire)
            return
        await wire.stream_head()
        await wire.chunk(event_bytes({"choices": [{"index": 0, "text": "a"}]}) + event_bytes("[DONE]"))
        await wire.end()

    fake.scripts[COMPLETIONS] = picky
    found = diagnosed(fake)
    assert found["streaming"].state == "ok"
    assert found["token ids"].sentence.endswith("It refused to be asked for: token ids.")
    assert found["counts of tokens"].sentence == "It sends no counts."
    assert found["cached tokens"].flag == "--enable-cache-report"
    assert found["metrics"].flag == "--enable-metrics"
    assert found["KV events"].flag.startswith("--kv-events-config")


def test_a_server_with_chats_only_is_asked_by_a_chat() -> None:
    fake = server("somebody")
    fake.scripts[CHATS] = fake.scripts.pop(COMPLETIONS)
    found = diagnosed(fake)
    assert found["server"].state == "unknown"
    assert CHATS in found["streaming"].sentence
    (sent,) = fake.seen_at(CHATS)
    assert sent.json["messages"] == [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [(500, b'{"error": {"message": "out of\x1b memory"}}', "answered 500"), (200, b"{}", "instead of a stream")],
)
def test_a_server_that_gives_no_token_is_one_finding(status: int, body: bytes, said: str) -> None:
    fake = server()
    fake.scripts[COMPLETIONS] = answering(status, body)
    found = diagnosed(fake)
    assert found["streaming"].state == "missing"
    assert said in found["streaming"].sentence
    assert "token ids" not in found


def test_an_event_that_is_none_is_one_finding() -> None:
    found = diagnosed(server("vllm", "<html>"))
    assert found["streaming"].state == "missing"


def test_a_page_of_metrics_with_nothing_known_is_not_called_missing() -> None:
    fake = server("somebody")
    fake.scripts["/metrics"] = answering(200, b"node_load1 0.5\n", "text/plain")
    assert diagnosed(fake)["metrics"].state == "unknown"
    fake = server("somebody")
    fake.scripts["/metrics"] = answering(200, b"<html>", "text/html")
    assert "cannot be read" in diagnosed(fake)["metrics"].sentence


def test_a_publisher_of_kv_events_is_found_where_the_user_says() -> None:
    async def run(url: str) -> Diagnosis:
        async with publisher() as events:
            return await examined(AttachSpec(url, kv_events=events.endpoint))

    with server() as fake:
        diagnosis = asyncio.run(run(fake.url))
    (found,) = [one for one in diagnosis.findings if one.topic == "KV events"]
    assert found.state == "ok"


def test_a_server_elsewhere_is_warned_of_an_open_port() -> None:
    assert "firewall" in flag_for("vllm", "kv events", is_here=False)
    assert "tcp://*:5557" in flag_for("sglang", "kv events", is_here=False)
    assert flag_for("tgi", "kv events") == flag_for("openai", "recorder") == ""


def test_a_recorder_is_not_looked_for_where_the_user_says_none() -> None:
    assert diagnosed(server(), recorder="none")["recorder"].state == "unknown"


def test_a_recorder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    found = diagnosed(server(), recorder=str(tmp_path / "none.sock"))
    assert found["recorder"].state == "missing"


def test_where_nothing_answers_there_is_no_diagnosis() -> None:
    with server() as fake:
        url = fake.url
    with pytest.raises(DecodeScopeError):
        asyncio.run(examined(AttachSpec(url)))
    with pytest.raises(InputError, match="no endpoint of KV events"):
        asyncio.run(examined(AttachSpec(url, kv_events="nowhere")))


def test_the_text_has_a_line_for_each_finding_and_names_the_flags() -> None:
    diagnosis = Diagnosis(
        "http://localhost:8000",
        "vLLM",
        "0.32.0",
        "demo",
        (Finding("server", "ok", "word " * 40 + "end."), Finding("recorder", "missing", "None.", "--flag")),
    )
    lines = diagnosis_text(diagnosis).splitlines()
    assert lines[0] == "http://localhost:8000: vLLM 0.32.0"
    assert lines[2].startswith("ok         server    word")
    assert lines[-2:] == ["missing    recorder  None.", "                     add: --flag"]
    assert all(len(line) <= WIDTH for line in lines)
    assert diagnosis_json(diagnosis)["findings"][1] == {
        "topic": "recorder", "state": "missing", "sentence": "None.", "flag": "--flag",
    }  # fmt: skip
