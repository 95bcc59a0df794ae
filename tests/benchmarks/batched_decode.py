"""Continuous batching of 16 requests against one after another: the same requests, weights and threads, in turn."""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from engine.core.settings import LoadSpec, RequestSpec, RunSpec, Switches
from engine.decode.engine import Engine
from engine.model.loader import LoadedModel, load_model
from engine.session.schema import AnyEvent, Token
from tests.benchmarks.shapes import half_billion

ROUNDS = 3
REQUESTS = 16
TOKENS = 12
PROMPT = "The cat sits on the"


def run() -> list[dict[str, Any]]:
    """Decoding tokens/s of both and the ratio (budgets on the 0.5 B shape: 4 in float32, 6 in bfloat16)."""
    with tempfile.TemporaryDirectory() as folder:
        return [_row(half_billion(Path(folder), dtype), dtype) for dtype in ("float32", "bfloat16")]


def _row(folder: Path, dtype: str) -> dict[str, Any]:
    model = load_model(LoadSpec(str(folder), dtype=dtype), lambda stage, fraction: None)  # type: ignore[arg-type]
    rates: dict[str, list[float]] = {"single": [], "continuous": []}
    for _ in range(ROUNDS + 1):
        rates["single"].append(_rate(model, "single", 2))
        rates["continuous"].append(_rate(model, "continuous", REQUESTS))
    ratios = [many / one for one, many in zip(rates["single"][1:], rates["continuous"][1:], strict=True)]
    del model
    gc.collect()
    return {
        "dtype": dtype, "threads": torch.get_num_threads(),
        "single tokens/s": round(statistics.median(rates["single"][1:]), 2),
        f"continuous, {REQUESTS} requests": round(statistics.median(rates["continuous"][1:]), 2),
        "ratio": round(statistics.median(ratios), 3), "least": round(min(ratios), 3), "most": round(max(ratios), 3),
    }  # fmt: skip


def _rate(model: LoadedModel, batching: str, requests: int) -> float:
    """Tokens a second from the first token of the last request that joined on (`single` has no such overlap)."""
    texts = [f"{PROMPT} {chr(97 + i)}" for i in range(requests)]
    spec = RunSpec(
        tuple(RequestSpec(text, TOKENS, ignore_eos=True) for text in texts),
        Switches(kv="paged", batching=batching, max_batch=requests),  # type: ignore[arg-type]
    )
    events: list[AnyEvent] = []
    engine = Engine(model, spec, {}, events.extend)
    engine.begin(time.perf_counter_ns())
    seconds, emitted = 0.0, 0
    while not engine.done:
        start, before = time.perf_counter(), len(events)
        engine.step()
        tokens = [event for event in events[before:] if isinstance(event, Token)]
        if tokens and all(token.position > _prompt_end(events, token) for token in tokens):
            seconds += time.perf_counter() - start
            emitted += len(tokens)
    return emitted / seconds


def _prompt_end(events: list[AnyEvent], token: Token) -> int:
    """The position of a request's first emitted token: its prefill is not decoding."""
    return next(e.position for e in events if isinstance(e, Token) and e.request_id == token.request_id)
