"""Deterministic runs made of events, for tests and benchmarks of whatever reads a Session: no model, no engine.

One token a step and a request, each request decoding from a prompt of `PROMPT` tokens; times, phases and KV sizes are
of the order of the demo model's. Positions follow the engine's arithmetic exactly, so that tests can compute what they
expect.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from engine.session import schema
from engine.session.schema import PHASES
from engine.session.store import Session

PROMPT = 4
KV_HEADS, HEAD_DIM, ITEMSIZE = 4, 32, 4
WORDS = (" the", " king", " had", " a", " daughter", ",", " and", " she", " said", ".", "\n", " cat", " sat", " on")
SHARE_OF_PHASE = {
    "schedule": 0.01, "prepare": 0.02, "embed": 0.01, "norm": 0.12, "qkv": 0.14, "rope": 0.06, "kv_write": 0.05,
    "attention": 0.15, "attn_out": 0.08, "ffn": 0.22, "lm_head": 0.06, "sample": 0.04, "detokenize": 0.01,
    "other": 0.03,
}  # fmt: skip
OUTSIDE_LAYERS = {"schedule", "prepare", "embed", "lm_head", "sample", "detokenize", "other"}


def model_config(layers: int, heads: int) -> dict[str, object]:
    return {
        "architecture": "LlamaForCausalLM", "layers": layers, "hidden": 256, "heads": heads, "kv_heads": KV_HEADS,
        "head_dim": HEAD_DIM, "ffn": 688, "vocab": 4096, "max_positions": 1_000_000, "parameters": 6_850_000,
        "weight_bytes": 27_400_000, "itemsize": ITEMSIZE,
    }  # fmt: skip


def synthetic_events(
    steps: int,
    layers: int = 8,
    heads: int = 8,
    requests: int = 1,
    kv: str = "contiguous",
    seed: int = 0,
    attention_rows: int = 256,
    alternatives: int = 8,
) -> Iterator[list[schema.AnyEvent]]:
    """Batches of events of a run of `steps` steps, in which every request emits a token a step.

    Attention rows of layer 0, head 0 of request 0 are given for the first `attention_rows` positions.
    """
    draw = np.random.default_rng(seed)
    meta = {
        "epoch_ns": "1790000000000000000", "model": "synthetic", "model_path": "", "device": "cpu", "dtype": "float32",
        "device_name": "a CPU", "threads": "2", "versions": "{}", "command": "synthetic", "detail": "layer",
        "model_config": json.dumps(model_config(layers, heads)), "draft_config": "",
        "ceilings": json.dumps({"read_bytes_per_s": 3.0e10, "flops_per_s": 2.0e11}),
    }  # fmt: skip
    switches = {
        "kv": kv,
        "attention": "sdpa",
        "speculate": "off",
        "k": 4,
        "batching": "single" if requests == 1 else "continuous",
    }
    opening: list[schema.AnyEvent] = [schema.SessionStarted(meta), schema.ConfigChanged(0, 0, json.dumps(switches))]
    for request in range(requests):
        ids = [1 + (request + i) % 4000 for i in range(PROMPT)]
        texts = [WORDS[i % len(WORDS)] for i in ids]
        opening.append(
            schema.RequestArrived(request, "".join(texts), ids, texts, json.dumps({"max_new_tokens": steps}), 0)
        )
        opening.append(schema.RequestScheduled(request, 50_000))
    yield opening

    now_ns = 100_000
    batch: list[schema.AnyEvent] = []
    for step in range(steps):
        known = PROMPT + step
        first = 0 if kv == "none" or step == 0 else known - 1
        new_from = 0 if step == 0 else known - 1
        computed, new = known - first, known - new_from
        wall_us = float(2000 + 4 * computed + 600 * draw.random())
        end_ns = now_ns + round(wall_us * 1000)
        cached = 0 if kv == "none" else known
        used_layer = 2 * cached * KV_HEADS * HEAD_DIM * ITEMSIZE * requests
        reserved_layer = 0 if kv == "none" else 2 * (PROMPT + steps) * KV_HEADS * HEAD_DIM * ITEMSIZE * requests
        reused = 0 if kv == "none" else first
        batch += [schema.Work(step, r, r, first, new_from, known, 0, reused) for r in range(requests)]
        batch.append(
            schema.Step(
                id=step, config_id=0, kind="prefill" if step == 0 else "decode", start_ns=now_ns, end_ns=end_ns,
                device_ns=-1, positions_computed=computed * requests, positions_new=new * requests,
                positions_recomputed=(computed - new) * requests, positions_padding=0, positions_rejected=0,
                positions_reused=reused * requests, tokens_out=requests,
                flops=2 * 6_850_000 * computed * requests, bytes_moved=27_400_000 + layers * used_layer,
                kv_used_bytes=layers * used_layer, kv_reserved_bytes=layers * reserved_layer, kv_evictable_bytes=0,
                running=requests, waiting=0, attention_kernel="sdpa",
                phases=_phases(wall_us, layers, draw).tobytes(),
                kv_layers=np.tile(np.array([[used_layer, reserved_layer]], np.int64), (layers, 1)).tobytes(),
                kv_held_bytes=layers * reserved_layer, kv_kept_bytes=0,
            )
        )  # fmt: skip
        for request in range(requests):
            logprob = -float(draw.exponential(1.2))
            ids = np.arange(step, step + alternatives, dtype=np.int32) % 4096
            logprobs = np.sort(-draw.exponential(2.0, alternatives)).astype(np.float32)[::-1]
            batch.append(
                schema.Token(
                    step * requests + request, request, step, known, 1 + (step * 7 + request) % 4000,
                    WORDS[(step * 5 + request) % len(WORDS)], logprob, -1.5 * logprob, "target", end_ns,
                    ids.tobytes() + logprobs.tobytes(),
                )
            )  # fmt: skip
        if known <= attention_rows:
            scores = 3 * draw.standard_normal(known)
            probs = np.exp(scores) / np.exp(scores).sum()
            batch.append(schema.AttentionRow(step, 0, 0, 0, known - 1, probs.astype(np.float16).tobytes()))
        if step % 50 == 0:
            readings = {"process_cpu_percent": 150 + 20 * draw.random(), "process_rss_bytes": 4.0e8 + 1e4 * step}
            batch += [schema.DeviceSample(end_ns, "cpu", name, float(value)) for name, value in readings.items()]
        now_ns = end_ns + 20_000
        if len(batch) >= 500:
            yield batch
            batch = []
    batch += [schema.RequestFinished(request, now_ns, "length") for request in range(requests)]
    yield batch


def synthetic_session(steps: int, **options: object) -> Session:
    """A Session of the events that `synthetic_events` gives."""
    session = Session()
    for batch in synthetic_events(steps, **options):  # type: ignore[arg-type]
        session.apply(batch)
    return session


def _phases(wall_us: float, layers: int, draw: np.random.Generator) -> np.ndarray:
    """float32 [layers + 1, PHASES] that sums to wall_us."""
    shares = np.array([SHARE_OF_PHASE.get(name, 0.0) for name in PHASES])
    outside = np.array([name in OUTSIDE_LAYERS for name in PHASES])
    table = np.zeros((layers + 1, len(PHASES)))
    table[layers] = np.where(outside, shares, 0.0)
    table[:layers] = np.where(outside, 0.0, shares) / layers * (0.9 + 0.2 * draw.random((layers, len(PHASES))))
    return (table * (wall_us / table.sum())).astype(np.float32)
