"""What a recorder knows of its server, as facts of a session's `meta`."""

from __future__ import annotations

from pathlib import PurePath

import msgspec

from engine.plain_text import one_line, path_text
from engine.serving.recorder.recorder_wire import Facts


def meta_of(facts: Facts) -> dict[str, str]:
    """The keys of `meta` that a recorder can tell; one that it does not know is left out.

    `model_config.itemsize` is that of the KV cache, from the size of a block; it is left out where it is no whole
    number, as with quantised caches that keep scales.
    """
    model = {
        "architecture": None if facts.architecture is None else one_line(facts.architecture),
        "layers": facts.layers,
        "hidden": facts.hidden,
        "heads": facts.heads,
        "kv_heads": facts.kv_heads,
        "head_dim": facts.head_dim,
        "ffn": facts.ffn,
        "vocab": facts.vocab,
        "max_positions": facts.max_model_len,
        "itemsize": cache_itemsize(facts),
    }
    told = {
        "model": None if facts.model is None else one_line(facts.served_name or PurePath(facts.model).name),
        "model_path": None if facts.model is None else path_text(facts.model),
        "device": facts.device,
        "device_name": facts.device_name,
        "dtype": facts.dtype,
    }
    meta = {name: one_line(value, 1000) for name, value in told.items() if value}
    meta["model_config"] = _json({name: value for name, value in model.items() if value is not None})
    if facts.vllm_version:
        meta["versions"] = _json({"vllm": one_line(facts.vllm_version)})
    return meta


def cache_itemsize(facts: Facts) -> int | None:
    """Bytes of one element of the KV cache, as the size of a block says; None where that cannot be told."""
    if not 0 <= facts.block_group < len(facts.groups) or len(facts.groups) != 1:
        return None
    _, positions, layers = facts.groups[facts.block_group]
    elements = (
        2 * positions * layers * (facts.kv_heads or 0) * (facts.head_dim or 0) // max(1, facts.tensor_parallel or 1)
    )
    if not elements or not facts.block_bytes or facts.block_bytes % elements:
        return None
    return facts.block_bytes // elements


def _json(value: dict[str, object]) -> str:
    return msgspec.json.encode(value).decode()
