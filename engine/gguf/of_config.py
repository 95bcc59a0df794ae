"""A Hugging Face config as GGUF's metadata, with the keys that llama.cpp's converter writes. Imports no torch.

The values have been checked as far as this engine runs the family (`engine/model/families.py`).
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from engine.errors import CheckpointError
from engine.gguf.write import Value
from engine.plain_text import one_line, quoted

Raw = dict[str, Any]

ARCHITECTURES: Final = {
    "GPT2LMHeadModel": "gpt2", "Gemma2ForCausalLM": "gemma2", "Gemma3ForCausalLM": "gemma3",
    "LlamaForCausalLM": "llama", "MistralForCausalLM": "llama", "Phi3ForCausalLM": "phi3", "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
}  # fmt: skip
"""GGUF's architecture by the Hugging Face one."""
WINDOW_PATTERNS: Final = {"gemma2": 2, "gemma3": 6}
"""Every nth layer sees the whole context."""
LARGEST_GEMMA: Final = {"gemma2": 46, "gemma3": 62}
"""The number of layers by which llama.cpp knows the models whose q·k is divided by the root of another size than a
head's.
"""


def architecture_of(config: Raw) -> str:
    """GGUF's name of the architecture; raises CheckpointError for one that cannot be written."""
    names = config.get("architectures")
    name = names[0] if isinstance(names, list) and names else None
    if name not in ARCHITECTURES:
        raise CheckpointError(
            f"A model of the architecture {one_line(name) or 'that config.json does not name'} cannot be written as "
            f"GGUF; those that can are {', '.join(sorted(ARCHITECTURES))}."
        )
    return ARCHITECTURES[name]


def config_metadata(config: Raw) -> dict[str, Value]:
    """The metadata of a config, keys with the architecture before them.

    Raises CheckpointError where a value is missing, and for settings that GGUF's architecture does not have.
    """
    architecture = architecture_of(config)
    try:
        values = _gpt2(config) if architecture == "gpt2" else _llama_like(architecture, config)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise CheckpointError(f"config.json lacks a value or has a wrong one: {one_line(error)}.") from error
    return {f"{architecture}.{key}": value for key, value in values.items()}


def lost_settings(config: Raw) -> tuple[str, ...]:
    """What of the config GGUF cannot say, a sentence each."""
    window = config.get("sliding_window")
    slides = architecture_of(config) == "llama" or config.get("use_sliding_window")
    if not window or not slides or architecture_of(config) not in ("llama", "qwen2", "qwen3"):
        return ()
    return (
        f"GGUF has no sliding window for this architecture: a token sees all before it, not only the last {window}.",
    )


def query_factor(architecture: str, config: Raw) -> float:
    """What q must be multiplied by, as llama.cpp scales q·k by the size of a head and Gemma's config by its own."""
    scalar = config.get("query_pre_attn_scalar")
    if architecture not in LARGEST_GEMMA or scalar is None:
        return 1.0
    largest = config["num_hidden_layers"] == LARGEST_GEMMA[architecture]
    own = config["hidden_size"] // config["num_attention_heads"] if largest else head_dim_of(architecture, config)
    return math.sqrt(own / float(scalar))


def head_dim_of(architecture: str, config: Raw) -> int:
    """The width of a head."""
    given = config.get("head_dim")
    if given is None and architecture in WINDOW_PATTERNS:
        return 256
    return int(given or config["hidden_size"] // config["num_attention_heads"])


def _gpt2(config: Raw) -> dict[str, Value]:
    if config.get("activation_function", "gelu_new") != "gelu_new":
        raise CheckpointError("GGUF has no GPT-2 with another activation than gelu_new.")
    width = int(config["n_embd"])
    return {
        "block_count": int(config["n_layer"]),
        "context_length": int(config["n_positions"]),
        "embedding_length": width,
        "feed_forward_length": int(config.get("n_inner") or 4 * width),
        "attention.head_count": int(config["n_head"]),
        "attention.layer_norm_epsilon": float(config.get("layer_norm_epsilon", 1e-5)),
    }


def _llama_like(architecture: str, config: Raw) -> dict[str, Value]:
    heads, head_dim = int(config["num_attention_heads"]), head_dim_of(architecture, config)
    values: dict[str, Value] = {
        "block_count": int(config["num_hidden_layers"]),
        "context_length": int(config["max_position_embeddings"]),
        "embedding_length": int(config["hidden_size"]),
        "feed_forward_length": int(config["intermediate_size"]),
        "attention.head_count": heads,
        "attention.head_count_kv": int(config.get("num_key_value_heads") or heads),
        "attention.layer_norm_rms_epsilon": float(config.get("rms_norm_eps", 1e-6)),
        "attention.key_length": head_dim,
        "attention.value_length": head_dim,
        **_rope(architecture, config),
    }
    if architecture in ("llama", "phi3"):
        values["rope.dimension_count"] = head_dim
    if architecture == "llama":
        values["vocab_size"] = int(config["vocab_size"])
    if architecture == "phi3":
        values["attention.sliding_window"] = int(config.get("sliding_window") or 0)
    if architecture in WINDOW_PATTERNS:
        values |= _gemma(architecture, config)
    return values


def _gemma(architecture: str, config: Raw) -> dict[str, Value]:
    values: dict[str, Value] = {"attention.sliding_window": int(config.get("sliding_window") or 4096)}
    kinds, every = config.get("layer_types"), int(config.get("sliding_window_pattern") or WINDOW_PATTERNS[architecture])
    layers = int(config["num_hidden_layers"])
    known = [(index + 1) % WINDOW_PATTERNS[architecture] != 0 for index in range(layers)]
    sliding = [(index + 1) % every != 0 for index in range(layers)]
    if isinstance(kinds, list):
        sliding = [kind == "sliding_attention" for kind in kinds]
    if sliding != known:  # llama.cpp knows the pattern of the published models
        values["attention.sliding_window_pattern"] = np.array(sliding)
    for name in ("attn_logit_softcapping", "final_logit_softcapping"):
        if config.get(name) is not None:
            values[name] = float(config[name])
    return values


def _rope(architecture: str, config: Raw) -> dict[str, Value]:
    """The base and the scaling of rotary frequencies, of Gemma 3 also the base in layers with a sliding window."""
    given: Raw = config.get("rope_parameters") or {}
    full: Raw = given.get("full_attention") or given
    scaling: Raw = full or config.get("rope_scaling") or {}
    default = 1e6 if architecture == "gemma3" else 1e4
    values: dict[str, Value] = {"rope.freq_base": float(full.get("rope_theta") or config.get("rope_theta") or default)}
    if architecture == "gemma3":
        window = given.get("sliding_attention") or {}
        values["rope.freq_base_swa"] = float(window.get("rope_theta") or config.get("rope_local_base_freq") or 1e4)
    kind = scaling.get("rope_type") or scaling.get("type") or "default"
    if kind == "linear":
        values |= {"rope.scaling.type": "linear", "rope.scaling.factor": float(scaling["factor"])}
    elif kind not in ("default", "llama3"):
        raise CheckpointError(f"The rope scaling {quoted(kind)} cannot be written; linear and llama3 can.")
    return values


def rope_factors(config: Raw) -> list[float] | None:
    """What Llama 3.1's scaling divides the frequency of each pair of channels by; None without that scaling.

    Long wavelengths are stretched by the whole factor, short ones not at all, and those between by a blend.
    """
    scaling: Raw = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if (scaling.get("rope_type") or scaling.get("type")) != "llama3":
        return None
    base = float(scaling.get("rope_theta") or config.get("rope_theta") or 1e4)
    head_dim, factor = head_dim_of("llama", config), float(scaling.get("factor", 8.0))
    low, high = float(scaling.get("low_freq_factor", 1.0)), float(scaling.get("high_freq_factor", 4.0))
    context = float(scaling.get("original_max_position_embeddings", 8192))
    found = []
    for channel in range(0, head_dim, 2):
        turns = context / (2 * math.pi * base ** (channel / head_dim))
        share = min(1.0, max(0.0, (turns - low) / (high - low)))
        found.append(1 / ((1 - share) / factor + share))
    return found
