"""A GGUF file's metadata as a model's config, in the form of a Hugging Face `config.json`.

`engine/model/families.py` then reads both alike. What the metadata does not say is read from the tensors: an LM head of
its own, biases, the size of the vocabulary, and the factors of rotary frequencies. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from engine.errors import CheckpointError
from engine.gguf.header import Header
from engine.gguf.metadata import Metadata
from engine.gguf.numbers import float32_numbers
from engine.plain_text import one_line, quoted

Raw = dict[str, Any]

EMBEDDING: Final = "token_embd.weight"
HEAD: Final = "output.weight"
MOST_FACTORS: Final = 1024
"""Half of the widest head that is run."""
LAYERS_OF_GEMMA_27B: Final = {"gemma2": 46, "gemma3": 62}
"""Only Gemma's largest models scale q·k by the width of the residual stream; the files do not say so, llama.cpp and its
converter go by the number of layers."""


def raw_config(header: Header) -> Raw:
    """The config of a model; raises CheckpointError for an unknown architecture, and for what is missing or wrong."""
    architecture = Metadata(header.metadata).text("general.architecture")
    if architecture not in CONFIGS:
        raise CheckpointError(
            f"The GGUF architecture {one_line(architecture)} is not supported; supported are "
            f"{', '.join(sorted(CONFIGS))}."
        )
    said = Metadata(header.metadata, architecture)
    if said.integer("expert_count", 0, least=0):
        raise CheckpointError("A model with a mixture of experts (expert_count) is not supported.")
    return CONFIGS[architecture](header, said)


def llama(header: Header, said: Metadata) -> Raw:
    """Llama and Mistral, and what the families beside them have in common."""
    heads, hidden = said.integer("attention.head_count"), said.integer("embedding_length")
    if hidden < heads and not said.has("attention.key_length"):
        raise said.wrong("attention.head_count", f"at most the width of {hidden}", heads)
    head_dim = said.integer("attention.key_length", max(1, hidden // heads))
    if said.integer("attention.value_length", head_dim) != head_dim:
        raise CheckpointError("A model whose keys and values have different widths is not supported.")
    if said.integer("rope.dimension_count", head_dim) != head_dim:
        raise CheckpointError("Rotating only a part of each head (rope.dimension_count) is not supported.")
    bias = "blk.0.attn_q.bias" in header.tensors
    if bias != ("blk.0.attn_output.bias" in header.tensors) and said.architecture == "llama":
        raise CheckpointError("A Llama with biases in a part of its attention only is not supported.")
    return {
        "architectures": ["LlamaForCausalLM"],
        **common(header, said),
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": said.integer("attention.head_count_kv", heads),
        "head_dim": head_dim,
        "intermediate_size": said.integer("feed_forward_length"),
        "num_hidden_layers": said.integer("block_count"),
        "max_position_embeddings": said.integer("context_length"),
        "rms_norm_eps": said.number("attention.layer_norm_rms_epsilon", None),
        "rope_theta": said.number("rope.freq_base", 10_000.0),
        "rope_scaling": rope_scaling(header, said, head_dim),
        "hidden_act": "silu",
        "attention_bias": bias,
        "mlp_bias": "blk.0.ffn_down.bias" in header.tensors,
    }


def qwen2(header: Header, said: Metadata) -> Raw:
    """Qwen2 and 2.5; no published file has a sliding window."""
    return {**llama(header, said), "architectures": ["Qwen2ForCausalLM"], "use_sliding_window": False}


def qwen3(header: Header, said: Metadata) -> Raw:
    """Qwen3."""
    return {**llama(header, said), "architectures": ["Qwen3ForCausalLM"], "use_sliding_window": False}


def phi3(header: Header, said: Metadata) -> Raw:
    """Phi-3: a sliding window of 0 means none. Of a long context only the first part, with the short factors, is run.

    llama.cpp ignores the window, and says so; the model was trained with it.
    """
    raw = llama(header, said)
    window = said.integer("attention.sliding_window", 0, least=0)
    raw |= {"architectures": ["Phi3ForCausalLM"], "sliding_window": window or None}
    if "rope_factors_short.weight" in header.tensors:
        original = said.integer("rope.scaling.original_context_length", raw["max_position_embeddings"])
        raw["max_position_embeddings"] = min(original, raw["max_position_embeddings"])
    return raw


def gemma3(header: Header, said: Metadata) -> Raw:
    """Gemma 3 (text). Norms are stored as they multiply: the converter has added the 1."""
    raw = llama(header, said)
    layers = raw["num_hidden_layers"]
    window = said.integer("attention.sliding_window", 0, least=0)
    sliding = window_layers(said, layers, 6) if window else [False] * layers
    return {
        **raw,
        "architectures": ["Gemma3ForCausalLM"],
        "hidden_activation": "gelu_pytorch_tanh",
        "sliding_window": window or None,
        "layer_types": ["sliding_attention" if one else "full_attention" for one in sliding],
        "rope_local_base_freq": said.number("rope.freq_base_swa", 10_000.0),
        "query_pre_attn_scalar": query_scalar(said, raw),
        "final_logit_softcapping": said.number("final_logit_softcapping", 0.0) or None,
    }


def gemma2(header: Header, said: Metadata) -> Raw:
    """Gemma 2: every second layer has a sliding window, and scores and logits are capped."""
    raw = llama(header, said)
    return {
        **raw,
        "architectures": ["Gemma2ForCausalLM"],
        "hidden_activation": "gelu_pytorch_tanh",
        "sliding_window": said.integer("attention.sliding_window", 4096, least=0) or None,
        "layer_types": [
            "sliding_attention" if one else "full_attention" for one in window_layers(said, raw["num_hidden_layers"], 2)
        ],
        "query_pre_attn_scalar": query_scalar(said, raw),
        "attn_logit_softcapping": said.number("attn_logit_softcapping", 50.0),
        "final_logit_softcapping": said.number("final_logit_softcapping", 30.0),
    }


def gpt2(header: Header, said: Metadata) -> Raw:
    """GPT-2."""
    hidden, heads = said.integer("embedding_length"), said.integer("attention.head_count")
    if hidden % heads:
        raise said.wrong("attention.head_count", f"a divisor of {hidden}", heads)
    return {
        "architectures": ["GPT2LMHeadModel"],
        **common(header, said),
        "n_head": heads,
        "n_embd": hidden,
        "n_layer": said.integer("block_count"),
        "n_inner": said.integer("feed_forward_length", 4 * hidden),
        "n_positions": said.integer("context_length"),
        "layer_norm_epsilon": said.number("attention.layer_norm_epsilon", None),
        "activation_function": "gelu_new",
    }


CONFIGS: Final[dict[str, Callable[[Header, Metadata], Raw]]] = {
    "gemma2": gemma2, "gemma3": gemma3, "gpt2": gpt2, "llama": llama, "phi3": phi3, "qwen2": qwen2, "qwen3": qwen3,
}  # fmt: skip
"""By `general.architecture`. Mistral's files call themselves llama."""


def common(header: Header, said: Metadata) -> Raw:
    """The values that every family has."""
    embedding = header.tensors.get(EMBEDDING)
    if embedding is None:
        raise CheckpointError(f"The GGUF file lacks the tensor '{EMBEDDING}'.")
    layers, stored = said.integer("block_count"), layers_of(header.tensors)
    if layers > stored:
        raise CheckpointError(f"The GGUF file asks for {layers} layers (block_count), but holds {stored}.")
    return {
        "vocab_size": embedding.shape[0],
        "tie_word_embeddings": HEAD not in header.tensors,
        "bos_token_id": said.token("bos"),
        "eos_token_id": said.token("eos"),
    }


def layers_of(names: Iterable[str]) -> int:
    """The number of different layers in these tensor names."""
    return len({name.split(".", 2)[1] for name in names if name.startswith("blk.")})


def rope_scaling(header: Header, said: Metadata, head_dim: int) -> Raw | None:
    """How rotary frequencies are scaled: by one factor, by a factor for each pair of channels, or not at all.

    Llama 3's files have the factors of its own scaling as the tensor `rope_freqs`; those of Phi-3 with a long context
    have factors for short and for long texts.
    """
    kind = said.text("rope.scaling.type", "none")
    factor = said.number("rope.scaling.factor", 0.0) or said.number("rope.scale_linear", 0.0) or 1.0
    if kind not in ("none", "linear", "longrope"):
        raise CheckpointError(f"The rope scaling {quoted(kind)} is not supported; supported are linear, longrope.")
    names = [name for name in ("rope_freqs.weight", "rope_factors_short.weight") if name in header.tensors]
    if names:
        factors = float32_numbers(names[0], header.tensors[names[0]], MOST_FACTORS)
        if len(factors) != head_dim // 2:
            raise CheckpointError(
                f"The tensor {quoted(names[0])} has {len(factors)} factors for heads of {head_dim // 2} pairs."
            )
        linear = factor if kind == "linear" else 1.0
        return {
            "rope_type": "factors",
            "factors": [linear * one for one in factors],
            "attention_factor": said.number("rope.scaling.attn_factor", 1.0),
        }
    if kind == "longrope":
        raise CheckpointError("The rope scaling 'longrope' needs the tensor 'rope_factors_short.weight'.")
    return {"rope_type": "linear", "factor": factor} if kind == "linear" and factor != 1.0 else None


def window_layers(said: Metadata, layers: int, default: int) -> list[bool]:
    """Which layers have a sliding window: all but every nth, or as a list says."""
    given = said.value("attention.sliding_window_pattern")
    if given is not None and not isinstance(given, int):
        listed = [bool(one) for one in given]
        if len(listed) != layers:
            raise said.wrong("attention.sliding_window_pattern", f"{layers} values", len(listed))
        return listed
    every = said.integer("attention.sliding_window_pattern", default)
    return [(index + 1) % every != 0 for index in range(layers)]


def query_scalar(said: Metadata, raw: Raw) -> float:
    """What q·k is divided by the root of."""
    if raw["num_hidden_layers"] == LAYERS_OF_GEMMA_27B[said.architecture]:
        return float(raw["hidden_size"] // raw["num_attention_heads"])
    return float(raw["head_dim"])
