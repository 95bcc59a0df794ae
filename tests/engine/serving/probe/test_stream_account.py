"""The size of a prompt is told before its first token, where the server tells it by then."""

from __future__ import annotations

import json

import pytest

from engine.serving.probe.probe_events import Chunk, ProbeEvent, Prompted, Usage
from engine.serving.probe.stream_account import StreamAccount
from engine.serving.server.address import server_address
from engine.serving.server.connection import Connection
from tests.engine.serving.recorded_exchange import recorded


def events_of(name: str) -> list[ProbeEvent]:
    account = StreamAccount(0, 64, Connection(server_address("http://localhost")))
    lines = [line[6:] for line in recorded(name).answer.split(b"\n") if line.startswith(b"data: ")]
    return [event for line in lines for event in account.read(line.strip(), 1)]


def last_size(name: str) -> int:
    """The prompt's tokens as the last event of the recording has them."""
    lines = [line[6:] for line in recorded(name).answer.splitlines() if line.startswith(b"data: {")]
    usages = [event["usage"] for event in map(json.loads, lines) if event.get("usage")]
    return int(usages[-1]["prompt_tokens"])


@pytest.mark.parametrize("name", ["llama.cpp-0c1e570-completion-all", "llama.cpp-0c1e570-chat-all"])
def test_computed_and_cached_tokens_of_llama_cpp_make_the_prompt(name: str) -> None:
    events = events_of(name)
    first_chunk = next(place for place, one in enumerate(events) if isinstance(one, Chunk))
    (size,) = [one for one in events[:first_chunk] if isinstance(one, Usage)]
    assert size == Usage(0, 1, last_size(name), None, None)


def test_a_running_usage_tells_it_too_and_ids_tell_more() -> None:
    events = events_of("vllm-0.32-completion-usage")
    (size,) = [one for one in events if isinstance(one, Usage)][:1]
    assert size.prompt_tokens == last_size("vllm-0.32-completion-usage")
    assert events.index(size) < next(place for place, one in enumerate(events) if isinstance(one, Chunk))
    with_ids = events_of("vllm-0.32-completion-ids")
    assert next(type(one) for one in with_ids if isinstance(one, Prompted | Usage)) is Prompted
