"""One real vLLM for the checks of a run: with the recorder, KV events, and everything that it tells with flags."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.serving.vllm_server import Server, vllm

BLOCKS = 48
"""Few, so that the checks see evictions; with block 0, which is never given to a request."""
BLOCK_SIZE = 32
"""As `vllm_server.py` starts it."""


@dataclass(frozen=True, slots=True)
class Served:
    """The running vLLM, and the endpoints of its KV events."""

    server: Server
    kv_events: str
    replay: str

    @property
    def url(self) -> str:
        return self.server.url


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """A vLLM that is ended after the last check; without VLLM_PYTHON the checks are skipped."""
    if not os.environ.get("VLLM_PYTHON"):
        pytest.skip("it needs a vLLM: run `make test-serving`")
    with tempfile.TemporaryDirectory() as name:  # not pytest's folder: a Unix socket's path must be short
        folder = Path(name)
        events, replay = f"ipc://{folder}/kv", f"ipc://{folder}/replay"
        config = {"enable_kv_cache_events": True, "publisher": "zmq", "endpoint": events, "replay_endpoint": replay}
        flags = [
            "--num-gpu-blocks-override", str(BLOCKS), "--enable-prompt-tokens-details", "--enable-per-request-metrics",
            "--kv-events-config", json.dumps(config),
        ]  # fmt: skip
        more = {"TRITON_INTERPRET": "0"}
        with vllm(folder, "decodescope_recorder.RecordingScheduler", flags, more) as server:
            yield Served(server, events, replay)
