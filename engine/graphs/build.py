"""Makes captured steps for the switches in force, where device, cache and attention allow them."""

from __future__ import annotations

import torch

from engine.cache.block_cache import BlockCache
from engine.core.kv_cache import KVCache
from engine.core.settings import Switches
from engine.graphs import compiled
from engine.graphs.attention import PaddedSdpa, PaddedTriton
from engine.graphs.compiled import CompiledForward
from engine.graphs.cuda import CudaDevice
from engine.graphs.device import GraphDevice
from engine.graphs.steps import GraphedSteps
from engine.model.loader import LoadedModel


def graph_device_of(device: torch.device) -> GraphDevice | None:
    """The `GraphDevice` that captures steps on a device; None where the device has no graphs."""
    return CudaDevice(device) if device.type == "cuda" else None


def make_compiled(model: LoadedModel, switches: Switches) -> CompiledForward | None:
    """The compiled pass for these switches, or None where they are off or a step cannot be compiled.

    Its attention is that of `native`, so no other value is replaced by it in silence: with another the step runs
    operation by operation. Flipping a switch makes it anew, which costs less than a millisecond.
    """
    if not switches.graphs or switches.attention != "native" or compiled.unavailable(model.decoder) is not None:
        return None
    return CompiledForward(model.decoder)


def make_graphed(
    model: LoadedModel, cache: KVCache, switches: Switches, device: GraphDevice | None, longest: int
) -> GraphedSteps | None:
    """Captured steps for these switches, or None where they are off or this cache and attention cannot be captured.

    `longest` is the most tokens that a request may have. Without a cache no step has one position per request; the
    reference attention is never captured, because it serves for comparison.
    """
    if not switches.graphs or device is None or not isinstance(cache, BlockCache) or cache.null_block < 0:
        return None
    padded: dict[str, type[PaddedSdpa | PaddedTriton]] = {"sdpa": PaddedSdpa, "triton": PaddedTriton}
    if switches.attention not in padded:
        return None
    return GraphedSteps(model, cache, padded[switches.attention](model.config), switches, device, longest)
