"""A checkpoint of the Llama or Qwen2 family as a GGUF file without a tokenizer. Needs numpy and gguf, nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

NAMES: Final = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
OUTSIDE: Final = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
ARCHITECTURES: Final = {"LlamaForCausalLM": "llama", "Qwen2ForCausalLM": "qwen2"}
STORED: Final = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}
"""numpy's type for the dtypes of safetensors; bfloat16, which it lacks, as its bits."""


def write_gguf(folder: Path, path: Path) -> None:
    """Write the checkpoint of a folder to `path`, weights in the dtype they are stored in, vectors in float32.

    Layout and names follow the GGUF specification. Llama's q and k rows are put in the order of rotated pairs that
    llama.cpp expects of this architecture; it rotates Qwen2's halves, as `transformers` does.
    """
    gguf = import_module("gguf")  # no dependency of the project
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    architecture = ARCHITECTURES[config["architectures"][0]]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(rope_theta(config))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("none")
    for name, dtype, values in tensors_of(folder):
        rotated = heads if "q_proj" in name else kv_heads if "k_proj" in name else 0
        ordered = pairs_beside(values, rotated) if rotated and architecture == "llama" else values
        _add(writer, gguf.GGMLQuantizationType, gguf_name(name), dtype, ordered)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def rope_theta(config: dict[str, Any]) -> float:
    """The base of the rotation, as older and newer checkpoints write it; scaled rotations are not written."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    assert rope.get("rope_type", "default") == "default"
    return float(rope.get("rope_theta") or config["rope_theta"])


def tensors_of(folder: Path) -> Iterator[tuple[str, str, NDArray[Any]]]:
    """(name, dtype as safetensors writes it, values) of a checkpoint in one file; bfloat16 as uint16."""
    path = folder / "model.safetensors"
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    for name, entry in header.items():
        if name != "__metadata__":
            dtype, (first, _) = STORED[entry["dtype"]], entry["data_offsets"]
            values = np.memmap(path, dtype, "r", 8 + length + first, tuple(entry["shape"]))
            yield name, entry["dtype"], values


def gguf_name(name: str) -> str:
    """GGUF's name of a tensor, `.weight` or `.bias` kept."""
    stem, _, kind = name.rpartition(".")
    if stem in OUTSIDE:
        return f"{OUTSIDE[stem]}.{kind}"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{NAMES[part]}.{kind}"


def pairs_beside(values: NDArray[Any], heads: int) -> NDArray[Any]:
    """Rows (or a bias) with each head's halves interleaved: [first, second] becomes first and second in turn."""
    rest = values.shape[1:]
    halves = values.reshape(heads, 2, values.shape[0] // heads // 2, *rest)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(values.shape))


def _add(writer: Any, kinds: Any, name: str, dtype: str, values: NDArray[Any]) -> None:
    if dtype != "BF16":
        writer.add_tensor(name, np.ascontiguousarray(values, np.float32 if values.ndim == 1 else None))
    elif values.ndim == 1:
        writer.add_tensor(name, (values.astype(np.uint32) << 16).view(np.float32))
    else:
        writer.add_tensor(name, np.ascontiguousarray(values).view(np.uint8), raw_dtype=kinds.BF16)
