"""What to start each kind of server with so that it tells more: the flags that the doctor names.

vLLM's are those of 0.32.0; SGLang's and llama.cpp's are of their sources of 2025 and 2026.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, Literal

from engine.serving.server.dialect import Kind

Gain = Literal["cached tokens", "server times", "metrics", "kv events", "recorder", "slots"]
"""What a flag adds. Ids, logprobs and usage of each chunk need none: they are asked for with each request."""

HERE: Final = "ipc:///tmp/kv-events.sock"
"""An endpoint of KV events for a server on this machine: its socket is that of the user who starts it."""
ELSEWHERE: Final = "tcp://*:5557"
WARNING: Final = "whoever can reach this port reads the tokens of all prompts, so let a firewall guard it"
CONNECTS: Final = (
    "Give it as the server has it: where its endpoint has no *, as in tcp://127.0.0.1:5557, the server connects to us."
)
_VLLM_EVENTS: Final = (
    '--kv-events-config \'{{"enable_kv_cache_events":true,"publisher":"zmq","endpoint":"{endpoint}","topic":""}}\''
)
_SGLANG_EVENTS: Final = '--kv-events-config \'{{"publisher":"zmq","endpoint":"{endpoint}","topic":""}}\''

FLAGS: Final[MappingProxyType[tuple[Kind, Gain], str]] = MappingProxyType(
    {
        ("vllm", "cached tokens"): "--enable-prompt-tokens-details",
        ("vllm", "server times"): "--enable-per-request-metrics",
        ("vllm", "metrics"): "leave out --disable-log-stats",
        ("vllm", "kv events"): _VLLM_EVENTS,
        ("vllm", "recorder"): "--scheduler-cls decodescope_recorder.RecordingScheduler, after installing the recorder "
        "into the server's environment: pip install --no-deps ./engine/serving/in_vllm",
        ("sglang", "cached tokens"): "--enable-cache-report",
        ("sglang", "metrics"): "--enable-metrics",
        ("sglang", "kv events"): _SGLANG_EVENTS,
        ("llama.cpp", "metrics"): "--metrics",
        ("llama.cpp", "slots"): "--slots, or in newer versions no --no-slots",
    }
)


def flag_for(kind: Kind, gain: Gain, is_here: bool = True) -> str:
    """The flag that adds something to a server of this kind, which may run on this machine; "" where there is none."""
    flag = FLAGS.get((kind, gain), "")
    if gain == "kv events" and flag:
        flag = flag.format(endpoint=HERE if is_here else ELSEWHERE)
        return flag if is_here else f"{flag} ({WARNING})"
    return flag
