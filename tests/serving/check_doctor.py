"""The doctor against a real vLLM that was started with every flag that it names."""

from __future__ import annotations

import asyncio

from engine.core.settings import AttachSpec
from engine.serving.doctor.doctor import examined
from tests.serving.conftest import BLOCK_SIZE, BLOCKS, Served


def test_a_vllm_with_every_flag_lacks_nothing(served: Served) -> None:
    diagnosis = asyncio.run(examined(AttachSpec(served.url, kv_events=served.kv_events)))
    assert {one.topic: one.sentence for one in diagnosis.findings if one.state != "ok"} == {}
    assert {one.topic for one in diagnosis.findings} == {
        "server", "models", "streaming", "token ids", "logprobs", "counts of tokens", "cached tokens",
        "times by the server", "metrics", "KV pool", "KV events", "recorder",
    }  # fmt: skip
    assert (diagnosis.kind, diagnosis.model) == ("vLLM", "demo")
    (pool,) = [one.sentence for one in diagnosis.findings if one.topic == "KV pool"]
    assert pool == f"Its KV cache has {BLOCKS} blocks of {BLOCK_SIZE} positions."


def test_where_no_kv_events_are_published_it_says_so(served: Served) -> None:
    diagnosis = asyncio.run(examined(AttachSpec(served.url, kv_events=served.kv_events + "-elsewhere")))
    (events,) = [one for one in diagnosis.findings if one.topic == "KV events"]
    assert events.state == "missing"
    assert events.flag.startswith("--kv-events-config")
