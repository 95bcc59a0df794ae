"""Sessions of servers, written event by event: one with a recorder inside the server, one of our streams alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from engine.session import schema
from engine.session.serving import Level, Serving, Topic, as_fact
from engine.session.store import Session
from engine.session.writer import SessionWriter

MS: Final = 1_000_000
BLOCK: Final = 4
"""Positions of a block."""
A_POSITION: Final = 2 * 2 * 2 * 16 * 2
"""Bytes of K and V of one position: 2 layers, 2 KV heads of 16 numbers of 2 bytes."""
BLOCKS: Final = 32
BY_NO_SERVER: Final = "Not told by this server."
WITH_RECORDER: Final = "Not told: it needs the recorder inside vLLM (see README, “vLLM and other servers”)."
BY_NONE: Final[tuple[Topic, ...]] = (
    "phases", "device_time", "attention", "flops", "bytes_moved", "kv_layers", "padding", "entropy",
)  # fmt: skip
BY_A_RECORDER: Final[tuple[Topic, ...]] = ("steps", "kv", "slots", "requests of others", "switches")
MODEL: Final = {"layers": 2, "heads": 4, "kv_heads": 2, "head_dim": 16, "itemsize": 2, "hidden": 64, "ffn": 128,
                "vocab": 512}  # fmt: skip
PROMPT: Final = (" The", " cat", " sat")


def meta(levels: tuple[Level, ...], **more: str) -> dict[str, str]:
    """The facts of a session in which a server was attached to at these levels."""
    not_told: dict[Topic, str] = dict.fromkeys(BY_NONE, BY_NO_SERVER)
    if "recorder" not in levels:
        not_told |= dict.fromkeys(BY_A_RECORDER, WITH_RECORDER)
    serving = Serving("vLLM", "0.32.0", "http://127.0.0.1:8000", levels, not_told, {})
    model = MODEL if "recorder" in levels else {}
    facts = {
        "epoch_ns": "0", "model": "tiny", "model_path": "", "model_config": json.dumps(model), "draft_config": "",
        "device": "", "device_name": "", "dtype": "float16", "threads": "0", "versions": "{}", "ceilings": "",
        "detail": "step", "command": "decodescope attach", "serving": as_fact(serving),
    }  # fmt: skip
    return facts | more


def recorded(steps: int = 12) -> list[Any]:
    """What a recorder tells of two requests that generate a token each in each of so many steps; the second one comes
    with the third step. Both hold blocks of a pool, and the server's own counters are read beside them.
    """
    switches = {"kv": "paged", "batching": "continuous", "max_batch": 4, "block_size": BLOCK, "speculate": "off"}
    events: list[Any] = [
        schema.SessionStarted(meta(("probe", "metrics", "recorder"))), schema.ConfigChanged(0, 0, json.dumps(switches)),
    ]  # fmt: skip
    length = {0: 0, 1: 0}
    tokens = 0
    held: dict[int, int] = {0: 0, 1: 0}
    free = iter(range(BLOCKS))
    for step in range(steps):
        start_ns, end_ns = (10 * step + 2) * MS, (10 * step + 10) * MS
        running = [0] if step < 2 else [0, 1]
        work, emitted = [], []
        for request in running:
            if not length[request]:
                params = '{"sampling": {"temperature": 0.0}}'
                told = (list(range(len(PROMPT))), list(PROMPT), params, start_ns - MS, "recorder")
                events += [schema.RequestArrived(request, "".join(PROMPT), *told),
                           schema.RequestScheduled(request, start_ns)]  # fmt: skip
            first = length[request]
            end = first + 1 if first else len(PROMPT)
            length[request] = end
            while held[request] * BLOCK < end:
                held[request] += 1
                block = schema.KvBlock(step, start_ns, next(free), "allocate", request, "recorder")
                events.append(block)
            work.append(schema.Work(step, request, request, first, first, end, 0, first))
            emitted.append(
                schema.Token(
                    tokens + len(emitted), request, step, end, 7 + tokens, " and", float("nan"), float("nan"),
                    "target", end_ns, b"", end_ns + MS, "recorder",
                )
            )  # fmt: skip
        tokens += len(emitted)
        new = sum(one.end - one.first for one in work)
        events += [*work, schema.Step(
            id=step, config_id=0, kind="prefill" if step == 0 else "mixed" if step == 2 else "decode",
            start_ns=start_ns, end_ns=end_ns, device_ns=-1,
            positions_computed=new, positions_new=new, positions_recomputed=0, positions_padding=0,
            positions_rejected=0, positions_reused=sum(one.reused for one in work), tokens_out=len(emitted),
            flops=0, bytes_moved=0, kv_used_bytes=sum(length.values()) * A_POSITION,
            kv_reserved_bytes=BLOCKS * BLOCK * A_POSITION, kv_evictable_bytes=0, running=len(running), waiting=0,
            attention_kernel="", phases=b"", kv_layers=b"",
            kv_held_bytes=sum(held.values()) * BLOCK * A_POSITION, kv_kept_bytes=0, told_by="recorder",
        ), *emitted]  # fmt: skip
        if step % 4 == 0:
            events += page(end_ns, running=len(running), waiting=step // 4, usage=0.05 * len(running),
                           queries=100 + 20 * step, hits=60 + 10 * step, preempted=3 + step // 8,
                           generated=1000 + tokens)  # fmt: skip
    return [*events, *(schema.RequestFinished(request, 10 * steps * MS + 1, "length") for request in (0, 1))]


def page(
    t_ns: int, running: int, waiting: int, usage: float, queries: int, hits: int, preempted: int, generated: int,
) -> list[schema.MetricSample]:  # fmt: skip
    """What vLLM's page says at a moment, among other things."""
    told = {
        "num_requests_running": running, "num_requests_waiting": waiting, "kv_cache_usage_perc": usage,
        "prefix_cache_queries_total": queries, "prefix_cache_hits_total": hits, "num_preemptions_total": preempted,
        "generation_tokens_total": generated,
    }  # fmt: skip
    return [
        schema.MetricSample(t_ns, "metrics", f"vllm:{name}", '{"engine":"0"}', float(v)) for name, v in told.items()
    ]


def probed() -> list[Any]:
    """What our own streams tell of a server without a recorder: no step, no block, and when each token came."""
    events: list[Any] = [schema.SessionStarted(meta(("probe", "metrics"))), schema.ConfigChanged(0, 0, "{}")]
    params = '{"sampling": {"temperature": 0.0}}'
    for request in (0, 1):
        told = (list(range(len(PROMPT))), list(PROMPT), params, request * MS, "probe")
        events.append(schema.RequestArrived(request, "".join(PROMPT), *told))
        events += [
            schema.Token(
                3 * request + n, request, -1, len(PROMPT) + n, 7 + n, f" w{n}", float("nan"), float("nan"), "target",
                (request + 20 + 5 * n) * MS, b"", (request + 20 + 5 * n) * MS, "probe",
            )
            for n in range(3)
        ]  # fmt: skip
        events.append(schema.RequestFinished(request, (request + 31) * MS, "length"))
    return events


def session_of(events: list[Any]) -> Session:
    """The session in memory."""
    session = Session()
    session.apply(events)
    return session


def write(events: list[Any], path: Path) -> Path:
    """The session as a file."""
    writer = SessionWriter(path)
    writer.append(events)
    writer.close()
    return path
