"""Makes the KV cache that the switches name."""

from __future__ import annotations

import torch

from engine.cache.arena import ArenaCache
from engine.cache.contiguous import ContiguousCache
from engine.cache.none import NoCache
from engine.cache.paged import PagedCache
from engine.core.kv_cache import KVCache
from engine.core.settings import Switches
from engine.model.config import ModelConfig


def make_cache(
    switches: Switches, config: ModelConfig, device: torch.device, dtype: torch.dtype, fixed: bool = False
) -> KVCache:
    """An empty cache of the kind that `switches.kv` names, within `switches.kv_memory` bytes.

    With `fixed`, as captured steps need it, its memory is allocated at once and never moves: for a whole batch of the
    longest requests, or as much as the limit allows.
    """
    if switches.kv == "none":
        return NoCache(config.layers, config.kv_bytes_per_position(dtype.itemsize) // config.layers)
    if switches.kv == "contiguous" and fixed:
        return ArenaCache(config, device, dtype, switches.block_size, whole_batch(switches, config), switches.kv_memory)
    if switches.kv == "contiguous":
        return ContiguousCache(config, device, dtype, switches.kv_memory)
    reserve = whole_batch(switches, config) if fixed else None
    return PagedCache(config, device, dtype, switches.block_size, switches.kv_memory, reserve)


def whole_batch(switches: Switches, config: ModelConfig) -> int:
    """The positions of a whole batch of requests, each as long as the context, in whole blocks."""
    most = 1 if switches.batching == "single" else switches.max_batch
    return most * -(-config.max_positions // switches.block_size) * switches.block_size
