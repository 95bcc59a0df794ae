"""Whether a request finds room in an empty cache: by hand, from the definitions of the caches."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.settings import RequestSpec, Switches
from engine.model.loader import LoadedModel


def fits(model: LoadedModel, spec: RequestSpec, switches: Switches, captures: bool) -> bool:
    """Whether a request can get all it may need, were it alone: positions, whole blocks, a null block beside them.

    The null block is there where the device `captures` steps.
    """
    captured = captures and bool(switches.settled({}).graphs)
    if switches.kv == "none" or switches.kv_memory is None:
        return True
    positions = min(len(model.tokenizer.encode(spec.prompt)) + spec.max_new_tokens, model.config.max_positions)
    position_bytes = model.config.kv_bytes_per_position(model.dtype.itemsize)
    if switches.kv == "contiguous" and not captured:
        return positions * position_bytes <= switches.kv_memory
    blocks = switches.kv_memory // (switches.block_size * position_bytes) - captured
    return -(-positions // switches.block_size) <= blocks


def all_fit(model: LoadedModel, specs: Sequence[RequestSpec], switches: Switches, captures: bool) -> bool:
    """Whether each of them does."""
    return all(fits(model, spec, switches, captures) for spec in specs)
