"""A Llama-shaped decoder written for training on a CPU: the same weights and names as transformers' LlamaForCausalLM.

Three things make it several times as fast as the stock model under autocast: weights are cast to bfloat16 once a step,
the attention matrix is formed explicitly (short contexts make that cheaper than the fused kernel's backward pass), and
nothing branches, so that `torch.compile` fuses norms, rotary embedding, dropout and residuals.

Shapes: B sequences, T positions, C hidden size, H query heads, G key/value heads, D head size, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Shape:
    """The sizes of a decoder; the names are those of a Llama `config.json`."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10_000.0

    def as_dict(self) -> dict[str, int | float]:
        """The fields by name."""
        return asdict(self)


TARGET = Shape(4096, 256, 688, 8, 8, 4, 32, 1024)
"""The target: 6.85 million parameters."""

DRAFT = Shape(4096, 128, 352, 2, 4, 2, 32, 1024)
"""The draft: 0.89 million parameters."""


def rotary_tables(positions: int, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine, [positions, head_dim] each, float32, the two halves of a head equal (Llama's layout)."""
    frequencies = theta ** (-torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
    angles = torch.outer(torch.arange(positions, dtype=torch.float32), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Apply the rotary embedding to [..., T, D] with tables [T, D]."""
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat((-second, first), dim=-1) * sine


class Norm(nn.Module):
    """RMS norm over the last axis, computed in float32, returned in `dtype`."""

    def __init__(self, size: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        scale = torch.rsqrt(x.square().mean(-1, keepdim=True) + self.epsilon)
        return (x * scale * self.weight).to(dtype)


def project(x: Tensor, layer: nn.Linear) -> Tensor:
    """A bias-free linear layer in the precision of `x`, whatever precision the weight is kept in."""
    return functional.linear(x, layer.weight.to(x.dtype))


class Attention(nn.Module):
    """Causal self-attention with grouped key/value heads."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.groups, self.head_dim = shape.num_attention_heads, shape.num_key_value_heads, shape.head_dim
        width, kv_width = self.heads * self.head_dim, self.groups * self.head_dim
        self.q_proj = nn.Linear(shape.hidden_size, width, bias=False)
        self.k_proj = nn.Linear(shape.hidden_size, kv_width, bias=False)
        self.v_proj = nn.Linear(shape.hidden_size, kv_width, bias=False)
        self.o_proj = nn.Linear(width, shape.hidden_size, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor) -> Tensor:
        """[B, T, C] to [B, T, C]; `mask` [T, T] is 0 where attention is allowed and -inf elsewhere."""
        b, t, _ = x.shape
        q = project(x, self.q_proj).view(b, t, self.heads, self.head_dim).transpose(1, 2)
        k = project(x, self.k_proj).view(b, t, self.groups, self.head_dim).transpose(1, 2)
        v = project(x, self.v_proj).view(b, t, self.groups, self.head_dim).transpose(1, 2)
        q = rotate(q, cosine, sine) * self.head_dim**-0.5
        k = rotate(k, cosine, sine)
        k = k.repeat_interleave(self.heads // self.groups, dim=1)
        v = v.repeat_interleave(self.heads // self.groups, dim=1)
        scores = q.to(x.dtype) @ k.to(x.dtype).transpose(-1, -2)
        mixed = torch.softmax(scores + mask, dim=-1).to(x.dtype) @ v
        return project(mixed.transpose(1, 2).reshape(b, t, self.heads * self.head_dim), self.o_proj)


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return project(functional.silu(project(x, self.gate_proj)) * project(x, self.up_proj), self.down_proj)


class Layer(nn.Module):
    """One decoder layer: attention and feed-forward, each after a norm and added to the residual stream."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = Norm(shape.hidden_size, shape.rms_norm_eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = Norm(shape.hidden_size, shape.rms_norm_eps)
        self.mlp = FeedForward(shape)

    def forward(self, x: Tensor, tables: tuple[Tensor, Tensor, Tensor], drop: "Dropout", dtype: torch.dtype) -> Tensor:
        """The residual stream, [B, T, C] float32, to the same; `tables` are cosine, sine and mask."""
        x = x + drop(self.self_attn(self.input_layernorm(x, dtype), *tables))
        return x + drop(self.mlp(self.post_attention_layernorm(x, dtype)))


class Dropout:
    """Dropout from bytes drawn beforehand: drawing them inside the layers took a third of a training step.

    `noise` is uint8 [2 layers + 1, B, T, C], uniform; each call uses the next of its rows. None drops nothing.
    """

    def __init__(self, rate: float, noise: Tensor | None) -> None:
        self.threshold = round(rate * 256)
        self.rows = iter(noise.unbind(0)) if noise is not None and self.threshold else None

    def __call__(self, x: Tensor) -> Tensor:
        if self.rows is None:
            return x
        return torch.where(next(self.rows) >= self.threshold, x * (256 / (256 - self.threshold)), 0.0)


class Stack(nn.Module):
    """Embedding, layers and the last norm: what transformers calls `model`."""

    cosine: Tensor
    sine: Tensor
    mask: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = Norm(shape.hidden_size, shape.rms_norm_eps)
        cosine, sine = rotary_tables(shape.max_position_embeddings, shape.head_dim, shape.rope_theta)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)


class Decoder(nn.Module):
    """The whole model up to the hidden states that the tied output layer reads."""

    def __init__(self, shape: Shape, dropout: float = 0.0, dtype: torch.dtype = torch.bfloat16) -> None:
        """`dtype` is the precision of the matrix products; weights and residuals stay float32."""
        super().__init__()
        self.shape = shape
        self.dropout = dropout
        self.dtype = dtype
        self.model = Stack(shape)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)
                if name.endswith(("o_proj.weight", "down_proj.weight")):
                    parameter.data.mul_((2 * shape.num_hidden_layers) ** -0.5)

    @property
    def embedding(self) -> Tensor:
        """The [V, C] table that is both the input embedding and the output layer."""
        return self.model.embed_tokens.weight

    def matrices(self) -> list[nn.Parameter]:
        """The layers' weight matrices: what Muon trains."""
        return [p for name, p in self.named_parameters() if p.ndim == 2 and "embed" not in name]

    def noise(self, tokens: Tensor, generator: torch.Generator) -> Tensor | None:
        """Random bytes for the dropout of one pass over `tokens` [B, T]; None when nothing is dropped."""
        if self.dropout == 0.0:
            return None
        size = (2 * self.shape.num_hidden_layers + 1) * tokens.numel() * self.shape.hidden_size
        words = torch.empty(size // 8, dtype=torch.int64).random_(-(2**63), None, generator=generator)
        return words.view(torch.uint8).view(-1, *tokens.shape, self.shape.hidden_size)

    def forward(self, tokens: Tensor, noise: Tensor | None = None) -> Tensor:
        """Token ids [B, T] to hidden states [B, T, C] in `dtype`; logits are those times `embedding` transposed.

        `noise` is what `noise` drew for these tokens while training, None otherwise.
        """
        t = tokens.shape[1]
        cosine, sine = self.model.cosine[:t], self.model.sine[:t]
        mask = torch.full((t, t), float("-inf"), dtype=self.dtype).triu(1)
        drop = Dropout(self.dropout, noise)
        x = drop(self.model.embed_tokens(tokens))
        for layer in self.model.layers:
            x = layer(x, (cosine, sine, mask), drop, self.dtype)
        normed: Tensor = self.model.norm(x, self.dtype)
        return normed


def parameter_count(parameters: Sequence[Tensor]) -> int:
    """The number of scalars in `parameters`."""
    return sum(p.numel() for p in parameters)
