"""Batched generation with a key/value cache: what the target says is what the draft learns to foresee."""

import torch
from torch import Tensor
from torch.nn import functional

from assets.demo.training.decoder import Attention, Decoder, Layer, project, rotate


class Cache:
    """Keys and values, [layers, B, G, T, D] each, filled from the left."""

    def __init__(self, model: Decoder, batch: int, length: int) -> None:
        shape = model.shape
        size = (shape.num_hidden_layers, batch, shape.num_key_value_heads, length, shape.head_dim)
        self.keys = torch.zeros(size, dtype=model.dtype)
        self.values = torch.zeros(size, dtype=model.dtype)
        self.filled = 0


def _attend(attention: Attention, x: Tensor, model: Decoder, cache: Cache, layer: int) -> Tensor:
    b, t, _ = x.shape
    start, end = cache.filled, cache.filled + t
    cosine, sine = model.model.cosine[start:end], model.model.sine[start:end]
    q = project(x, attention.q_proj).view(b, t, attention.heads, attention.head_dim).transpose(1, 2)
    k = project(x, attention.k_proj).view(b, t, attention.groups, attention.head_dim).transpose(1, 2)
    v = project(x, attention.v_proj).view(b, t, attention.groups, attention.head_dim).transpose(1, 2)
    cache.keys[layer, :, :, start:end] = rotate(k, cosine, sine)
    cache.values[layer, :, :, start:end] = v
    keys, values = cache.keys[layer, :, :, :end], cache.values[layer, :, :, :end]
    allowed = torch.ones(t, end, dtype=torch.bool).tril(start)
    mixed = functional.scaled_dot_product_attention(
        rotate(q, cosine, sine).to(x.dtype), keys, values, attn_mask=allowed, enable_gqa=True
    )
    return project(mixed.transpose(1, 2).reshape(b, t, -1), attention.o_proj)


@torch.no_grad()
def advance(model: Decoder, tokens: Tensor, cache: Cache) -> Tensor:
    """Hidden states [B, t, C] of `tokens` [B, t], which follow what `cache` holds and are added to it."""
    x = model.model.embed_tokens(tokens)
    for number, layer in enumerate(model.model.layers):
        assert isinstance(layer, Layer)
        x = x + _attend(layer.self_attn, layer.input_layernorm(x, model.dtype), model, cache, number)
        x = x + layer.mlp(layer.post_attention_layernorm(x, model.dtype))
    cache.filled += tokens.shape[1]
    normed: Tensor = model.model.norm(x, model.dtype)
    return normed


@torch.no_grad()
def continue_texts(
    model: Decoder, prompts: Tensor, count: int, temperature: float, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Continue `prompts` [B, P] by `count` tokens; temperature 0 is greedy. An end of text does not stop a row.

    Returns the token ids [B, P + count], and the hidden states [B, P + count - 1, C] that predict all but the first.
    """
    cache = Cache(model, len(prompts), prompts.shape[1] + count)
    weight = model.embedding.to(model.dtype).t().contiguous()
    hidden = advance(model, prompts, cache)
    texts, states = [prompts], [hidden]
    for number in range(count):
        logits = (hidden[:, -1] @ weight).float()
        if temperature == 0.0:
            token = logits.argmax(-1, keepdim=True)
        else:
            token = torch.multinomial(torch.softmax(logits / temperature, -1), 1, generator=generator)
        texts.append(token)
        if number < count - 1:
            hidden = advance(model, token, cache)
            states.append(hidden)
    return torch.cat(texts, 1), torch.cat(states, 1)
