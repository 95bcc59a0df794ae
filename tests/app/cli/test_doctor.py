"""`decodescope attach URL --doctor`: text, JSON, and options that do not go with it."""

from __future__ import annotations

import json

import pytest

from app.cli.parser import parse_command
from engine.errors import InputError
from tests.engine.serving.fake_server import FakeServer, answering, event_bytes


def server() -> FakeServer:
    fake = FakeServer()
    fake.scripts["/v1/models"] = answering(200, b'{"data": [{"id": "demo", "owned_by": "llamacpp"}]}')
    token = event_bytes({"choices": [{"index": 0, "text": "a"}]}) + event_bytes("[DONE]")
    fake.scripts["/v1/completions"] = answering(200, token, "text/event-stream")
    return fake


def run(*arguments: str) -> int:
    command, options = parse_command(["attach", *arguments])
    return command(options)


def test_the_diagnosis_is_printed_and_what_is_sent_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with server() as fake:
        assert run(fake.url, "--doctor", "--recorder", "none") == 0
    told, said = capsys.readouterr()
    assert told.startswith(f"{fake.url}: llama.cpp's server\n")
    assert "add: --metrics" in told
    assert "one token (max_tokens: 1)" in said


def test_as_json_it_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    with server() as fake:
        assert run(fake.url, "--doctor", "--json", "--recorder", "none") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kind"] == "llama.cpp's server"
    assert {"topic": "streaming", "state": "ok"}.items() <= told["findings"][2].items()


def test_requests_do_not_go_with_it() -> None:
    with pytest.raises(InputError, match="leave out --prompt"):
        run("http://127.0.0.1:9", "--doctor", "--prompt", "a")
