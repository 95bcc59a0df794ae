"""The cache that the switches ask for."""

from __future__ import annotations

import torch

from engine.cache.base import KVCache
from engine.cache.contiguous import ContiguousCache
from engine.cache.none import NoCache
from engine.cache.paged import PagedCache
from engine.decode.settings import Switches
from engine.model.config import ModelConfig


def make_cache(switches: Switches, config: ModelConfig, device: torch.device, dtype: torch.dtype) -> KVCache:
    """An empty cache of the kind `switches.kv` names, within `switches.kv_memory` bytes."""
    if switches.kv == "none":
        return NoCache(config.layers)
    if switches.kv == "contiguous":
        return ContiguousCache(config, device, dtype, switches.kv_memory)
    return PagedCache(config, device, dtype, switches.block_size, switches.kv_memory)
