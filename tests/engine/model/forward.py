"""Runs a loaded model without the engine: the plain loop that every test of the forward pass compares with."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from engine.attention.build import make_attention
from engine.cache.build import make_cache
from engine.core.batch import Batch
from engine.core.kv_cache import KVCache, StepKv, commit_batch
from engine.core.settings import Dtype, LoadSpec, Switches
from engine.core.timing import NoTimer
from engine.graphs.compiled import CompiledForward
from engine.model.loader import LoadedModel, load_model


def load(folder: Path | str, dtype: Dtype = "float32", kernels: bool = False) -> LoadedModel:
    """A model on the CPU, with Triton's interpreter where `kernels` are wanted."""
    return load_model(LoadSpec(str(folder), device="cpu", dtype=dtype), lambda stage, fraction: None, kernels)


def cache_of(model: LoadedModel, kv: str, capacity: int = 160, **switches: object) -> KVCache:
    """An empty cache into which request 0 has entered."""
    cache = make_cache(Switches().changed(kv=kv, **switches), model.config, model.device, model.dtype)
    cache.admit(0, capacity)
    return cache


def run(model: LoadedModel, cache: KVCache, attention: str, batch: Batch) -> Tensor:
    """Logits [R, vocab] of one pass, what it computed committed; `attention` "compiled" is the compiled step."""
    return run_over(model, cache, attention, batch)[0]


def run_over(model: LoadedModel, cache: KVCache, attention: str, batch: Batch) -> tuple[Tensor, StepKv]:
    """The same, and the view of the cache that the pass had."""
    kv = cache.begin(batch)
    if attention == "compiled":
        logits = CompiledForward(model.decoder)(batch, kv, NoTimer())
    else:
        logits = model.decoder.forward(batch, kv, make_attention(attention, model.config), NoTimer())
    commit_batch(cache, batch)
    return logits, kv


def logits_in_chunks(model: LoadedModel, cache: KVCache, attention: str, ids: list[int], chunks: list[int]) -> Tensor:
    """Logits [len(ids), vocab] of one request, computed in pieces of the given lengths (whatever is not held)."""
    parts = []
    end = 0
    for chunk in chunks:
        end += chunk
        first = cache.length(0)
        new = end - first
        logits = run(model, cache, attention, Batch.of([(0, first, ids[first:end])], list(range(new))))
        parts.append(logits[new - chunk :])
    return torch.cat(parts)


def greedy(model: LoadedModel, cache: KVCache, attention: str, ids: list[int], count: int) -> list[int]:
    """`count` tokens after `ids`, each the most likely one."""
    tokens = list(ids)
    for _ in range(count):
        first = cache.length(0)
        logits = run(model, cache, attention, Batch.of([(0, first, tokens[first:])]))
        tokens.append(int(logits[0].argmax()))
    return tokens[len(ids) :]
