"""The shape of a decoder-only model, as read from a Hugging Face `config.json`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch

from engine.session.kv_shape import KvShape
from engine.session.weight_reads import FACT, WeightReads

RopeKind = Literal["none", "linear", "llama3", "factors"]
NormKind = Literal["rmsnorm", "layernorm"]
PositionKind = Literal["rope", "learned"]
MlpKind = Literal["swiglu", "gelu"]
Activation = Literal["silu", "gelu", "gelu_tanh"]


@dataclass(frozen=True, slots=True)
class Rope:
    """Rotary positions: the base frequency, and how frequencies are scaled for long contexts.

    `linear` divides every frequency by `factor`. `llama3` (Llama 3.1) divides only the low frequencies and blends
    between low and high ones; `low_freq_factor`, `high_freq_factor` and `original_max_positions` set the limits.
    `factors` (as GGUF files have them) divides the frequency of each pair of channels by a factor of its own. A
    `magnitude` other than 1 makes q and k longer or shorter by it, as LongRoPE does.
    """

    theta: float = 10_000.0
    scaling: RopeKind = "none"
    factor: float = 1.0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_max_positions: int = 8192
    factors: tuple[float, ...] = ()
    magnitude: float = 1.0


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of a model: everything that the decoder, the caches and the cost formulas need to know.

    `sliding_window` None means that every position sees all positions before it. Otherwise a position sees the last
    `sliding_window` positions, itself included, in the layers of `window_layers`. These layers rotate by `window_rope`
    where it is not None.
    """

    architecture: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    max_positions: int
    norm_eps: float = 1e-6
    norm: NormKind = "rmsnorm"
    positions: PositionKind = "rope"
    rope: Rope = Rope()
    mlp: MlpKind = "swiglu"
    activation: Activation = "silu"
    tied: bool = False
    qkv_bias: bool = False
    o_bias: bool = False
    mlp_bias: bool = False
    qk_norm: bool = False
    post_norms: bool = False
    """Whether the outputs of attention and feed-forward are normalised before they are added to the residual stream."""
    embedding_scale: float = 1.0
    query_factor: float = 1.0
    """Factor for the weight of the norm of q, where a family scales q·k by something other than 1/√head_dim."""
    sliding_window: int | None = None
    window_layers: tuple[int, ...] = ()
    window_rope: Rope | None = None
    bos_token_id: int | None = None
    eos_token_ids: tuple[int, ...] = ()
    dtype: torch.dtype = torch.float32

    @property
    def group(self) -> int:
        """Query heads that share one key/value head."""
        return self.heads // self.kv_heads

    @property
    def scale(self) -> float:
        """The factor of q·k before the softmax."""
        return float(self.head_dim**-0.5)

    def window(self, layer: int) -> int | None:
        """How many positions a row of this layer sees, itself included; None: all before it."""
        return self.sliding_window if layer in self.window_layers else None

    def rope_of(self, layer: int) -> Rope:
        """How this layer rotates q and k."""
        return self.window_rope if self.window_rope is not None and layer in self.window_layers else self.rope

    @property
    def layer_parameters(self) -> int:
        """The number of weights of one layer."""
        q, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        norms = 2 * self.hidden * (2 if self.norm == "layernorm" or self.post_norms else 1)
        norms += 2 * self.head_dim if self.qk_norm else 0
        attention = self.hidden * (2 * q + 2 * kv) + (q + 2 * kv if self.qkv_bias else 0)
        attention += self.hidden if self.o_bias else 0
        wide = self.ffn * (2 if self.mlp == "swiglu" else 1)
        mlp = self.hidden * (wide + self.ffn) + (wide + self.hidden if self.mlp_bias else 0)
        return norms + attention + mlp

    @property
    def parameters(self) -> int:
        """The number of weights of the whole model; a tied embedding counts once."""
        embeddings = self.vocab * self.hidden * (1 if self.tied else 2)
        embeddings += self.max_positions * self.hidden if self.positions == "learned" else 0
        final_norm = self.hidden * (2 if self.norm == "layernorm" else 1)
        return self.layers * self.layer_parameters + embeddings + final_norm

    def kv_bytes_per_position(self, itemsize: int) -> int:
        """Bytes one position takes in a KV cache, all layers: 2 · layers · kv_heads · head_dim · itemsize."""
        return KvShape(self.layers, self.kv_heads, self.head_dim, itemsize).total_bytes(1)

    def facts(self, dtype: torch.dtype, weight_bytes: int, reads: WeightReads) -> dict[str, Any]:
        """What a session keeps about the model (SessionStarted.meta["model_config"]), ready for JSON.

        `dtype` is the dtype of activations and KV cache; `weight_bytes` and `reads` come from the decoder.
        """
        return {
            "architecture": self.architecture,
            "layers": self.layers,
            "hidden": self.hidden,
            "heads": self.heads,
            "kv_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "ffn": self.ffn,
            "vocab": self.vocab,
            "max_positions": self.max_positions,
            "parameters": self.parameters,
            "weight_bytes": weight_bytes,
            "itemsize": dtype.itemsize,
            FACT: asdict(reads),
            "mlp": self.mlp,
            "tied": self.tied,
            "sliding_window": self.sliding_window,
            "window_layers": len(self.window_layers) if self.sliding_window is not None else 0,
        }
