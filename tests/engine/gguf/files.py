"""Small GGUF files, written by the format's own package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, quants

SHAPE: dict[str, Any] = {
    "block_count": 2, "context_length": 64, "embedding_length": 32, "feed_forward_length": 64,
    "attention.head_count": 4, "attention.head_count_kv": 2, "attention.layer_norm_rms_epsilon": 1e-5,
    "rope.freq_base": 10_000.0, "rope.dimension_count": 8,
}  # fmt: skip
GPT2_SHAPE: dict[str, Any] = {
    "block_count": 2, "context_length": 64, "embedding_length": 32, "feed_forward_length": 128,
    "attention.head_count": 4, "attention.layer_norm_epsilon": 1e-5,
}  # fmt: skip
VOCAB = 96


def write_gguf(
    path: Path,
    metadata: dict[str, Any],
    tensors: dict[str, np.ndarray],
    kinds: dict[str, str] | None = None,
    architecture: str = "llama",
) -> Path:
    """A GGUF file of these values and tensors, each in float32 or, where `kinds` names it, in that kind."""
    writer = GGUFWriter(path, architecture)
    for key, value in metadata.items():
        add_value(writer, key, value)
    for name, tensor in tensors.items():
        kind = GGMLQuantizationType[(kinds or {}).get(name, "F32")]
        writer.add_tensor(name, quants.quantize(tensor.astype(np.float32), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def add_value(writer: GGUFWriter, key: str, value: Any) -> None:
    """One metadata value in the type that converters give it."""
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def of_architecture(architecture: str, values: dict[str, Any]) -> dict[str, Any]:
    """Values with the architecture's name before their keys."""
    return {f"{architecture}.{key}": value for key, value in values.items()}


def embedding(rows: int = VOCAB, columns: int = 32, layers: int = 2) -> dict[str, np.ndarray]:
    """The one tensor that every model has, and one of each layer."""
    norms = {f"blk.{layer}.attn_norm.weight": np.ones(columns, np.float32) for layer in range(layers)}
    return {"token_embd.weight": np.linspace(-1, 1, rows * columns, dtype=np.float32).reshape(rows, columns), **norms}
