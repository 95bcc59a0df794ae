"""llama.cpp as a peer: the same random checkpoint as a GGUF file, decoded greedily.

Optional: `pip install llama-cpp-python gguf` builds it from source for this machine.
"""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


def available() -> bool:
    """Whether llama-cpp-python and gguf are installed."""
    return all(importlib.util.find_spec(name) for name in ("llama_cpp", "gguf"))


def write_gguf(folder: Path) -> Path:
    """The Llama checkpoint of a folder as a GGUF file without a tokenizer, weights in the dtype they are stored in.

    Layout and names follow the GGUF specification; q and k rows are put in llama.cpp's order of rotated pairs.
    """
    import gguf

    config = json.loads((folder / "config.json").read_text())
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    path = folder / "model.gguf"
    writer: Any = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("none")
    for name, tensor in load_file(folder / "model.safetensors").items():
        if "q_proj" in name or "k_proj" in name:
            _add(writer, gguf, _gguf_name(name), _pairs_beside(tensor, heads if "q_proj" in name else kv_heads))
        else:
            _add(writer, gguf, _gguf_name(name), tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def decode(path: Path, prompt: list[int], tokens: int, rounds: int, threads: int) -> tuple[list[float], list[int]]:
    """Tokens/s of each round of greedy decoding (prefill left in, as for the others), and the ids of the last."""
    from llama_cpp import Llama

    model: Any = Llama(str(path), n_ctx=512, n_threads=threads, n_threads_batch=threads, verbose=False)
    rates: list[float] = []
    ids: list[int] = []
    for _ in range(rounds):
        model.reset()
        ids = []
        start = time.perf_counter()
        given = prompt
        for _ in range(tokens):
            model.eval(given)
            ids.append(_argmax(model))
            given = ids[-1:]
        rates.append(tokens / (time.perf_counter() - start))
    model.close()
    return rates, ids


def _argmax(model: Any) -> int:
    """The id of the largest of the last logits."""
    import numpy as np

    return int(np.ctypeslib.as_array(model._ctx.get_logits(), shape=(model.n_vocab(),)).argmax())


def _gguf_name(name: str) -> str:
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    _, _, layer, part = name.removesuffix(".weight").split(".", 3)
    return f"blk.{layer}.{NAMES[part]}.weight"


def _pairs_beside(weight: Tensor, heads: int) -> Tensor:
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns).contiguous()


def _add(writer: Any, gguf: Any, name: str, tensor: Tensor) -> None:
    if tensor.dim() == 1 or tensor.dtype == torch.float32:
        writer.add_tensor(name, tensor.float().numpy())
        return
    kind = gguf.GGMLQuantizationType.BF16 if tensor.dtype == torch.bfloat16 else gguf.GGMLQuantizationType.F16
    raw = tensor.contiguous().view(torch.uint8).numpy()
    writer.add_tensor(name, raw, raw_dtype=kind)
