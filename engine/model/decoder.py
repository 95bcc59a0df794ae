"""The forward pass of a decoder-only transformer over a flat batch of positions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from engine.core.attention import Attention, AttentionProbe
from engine.core.batch import Batch
from engine.core.kv_cache import StepKv
from engine.core.timing import PhaseTimer
from engine.model.config import Activation, ModelConfig
from engine.model.families import Affine, Family, LayerWeights, Read
from engine.model.linear import Linear, kinds_of, make_linear
from engine.model.norm import Norm, layer_norm, rms_norm
from engine.model.quantised import Projection, Quantised, kept
from engine.model.rope import RotationTable, rotate_
from engine.session.weight_reads import WeightReads
from kernels.cpu import library, row_operations
from kernels.cpu.kinds import KIND_OF, StoredRows
from kernels.cpu.packed import unpacked
from kernels.cpu.step import kind_of

ACTIVATIONS: Final[dict[Activation, Callable[[Tensor], Tensor]]] = {
    "silu": functional.silu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
}


Watch = Callable[..., None]
"""Called with the name of a part of the model and its output tensors, some of which may be None."""


@dataclass(frozen=True, slots=True)
class Mlp:
    """Two projections with an activation between them. With a gate, `up` gives both in one tensor, gate first."""

    up: Linear
    down: Linear
    activate: Callable[[Tensor], Tensor]
    """From [P, 2 · ffn], or [P, ffn] without a gate, to [P, ffn]."""

    def __call__(self, x: Tensor) -> Tensor:
        """x [P, hidden] to [P, hidden]."""
        return self.down(self.activate(self.up(x)))

    def into(self, residual: Tensor, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """residual [P, hidden] and mlp(x [P, hidden]), added or separate (see `Linear.into`)."""
        return self.down.into(residual, self.activate(self.up(x)))


@dataclass(frozen=True, slots=True)
class Layer:
    """One transformer layer; its weights are in the form that multiplies fastest on this machine."""

    attention_norm: Norm
    qkv: Linear
    qk_norm: Norm | None
    out: Linear
    ffn_norm: Norm
    mlp: Mlp
    attention_post_norm: Norm | None = None
    ffn_post_norm: Norm | None = None

    @property
    def linears(self) -> tuple[Linear, ...]:
        return self.qkv, self.out, self.mlp.up, self.mlp.down

    @property
    def norms(self) -> tuple[Norm, ...]:
        all_there_can_be = (
            self.attention_norm, self.qk_norm, self.ffn_norm, self.attention_post_norm, self.ffn_post_norm,
        )  # fmt: skip
        return tuple(norm for norm in all_there_can_be if norm is not None)


class Decoder:
    """A whole model: embedding, layers, final norm and LM head; `forward` is one pass through it."""

    def __init__(
        self, config: ModelConfig, embedding: Tensor | StoredRows, positions: Tensor | None,
        layers: list[Layer], final_norm: Norm, head: Linear, dtype: torch.dtype, kernels: bool = False,
    ) -> None:  # fmt: skip
        self.config = config
        self.dtype = dtype
        device = embedding.device if isinstance(embedding, Tensor) else embedding.bytes.device
        self.embedding = embedding  # [vocab, hidden], in the stored dtype
        self.embedding_scale = torch.tensor(config.embedding_scale, dtype=dtype, device=device)
        self.positions = positions  # [max_positions, hidden] where positions are learned
        self.layers = layers
        self.final_norm = final_norm
        self.head = head
        self._rope_kv_write = rope_kv_write() if kernels else None
        self._rotate_ = row_operations.rotate_ if library.serves(device, dtype) else rotate_
        ropes = [config.rope_of(index) for index in range(config.layers)] if config.positions == "rope" else []
        distinct = list(dict.fromkeys(ropes))
        self.rotations = [RotationTable(rope, config, device) for rope in distinct]
        self._rotation_of_layer = [distinct.index(rope) for rope in ropes]  # empty where no layer rotates
        self.at_layer = 0
        """The layer that `forward` computes, for a thread that watches it."""

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights as held in memory; the embedding counts only where it is not tied."""
        embedding = 0 if self.config.tied else self.embedding.nbytes
        return self.reads.weights + embedding + (0 if self.positions is None else self.positions.nbytes)

    @property
    def weight_kinds(self) -> dict[str, int]:
        """The bytes of `weight_bytes` by the kind of numbers that they hold."""
        kinds: Counter[str] = Counter()
        for linear in (self.head, *(linear for layer in self.layers for linear in layer.linears)):
            kinds.update(linear.kinds)
        for norm in (self.final_norm, *(norm for layer in self.layers for norm in layer.norms)):
            kinds[KIND_OF[norm.weight.dtype]] += norm.bytes
        if not self.config.tied:
            kinds[kind_of(self.embedding)] += self.embedding.nbytes
        if self.positions is not None:
            kinds.update(kinds_of(self.positions))
        return dict(kinds)

    @property
    def weight_dtype(self) -> str:
        """In what the large weights lie in memory: a dtype, or the kind of most of them where they are quantised."""
        kinds = self.weight_kinds
        most = max(kinds, key=kinds.__getitem__)
        return {kind: str(dtype).removeprefix("torch.") for dtype, kind in KIND_OF.items()}.get(most, most)

    @property
    def reads(self) -> WeightReads:
        """The bytes of weights that one pass reads, as they are held in memory."""
        layers, positions = self.layers, self.positions
        row = self.embedding.nbytes // self.embedding.shape[0]
        return WeightReads(
            position=row + (0 if positions is None else positions[0].nbytes),
            norm=sum(norm.bytes for layer in layers for norm in layer.norms),
            qkv=sum(layer.qkv.bytes for layer in layers),
            attn_out=sum(layer.out.bytes for layer in layers),
            ffn=sum(layer.mlp.up.bytes + layer.mlp.down.bytes for layer in layers),
            final_norm=self.final_norm.bytes,
            lm_head=self.head.bytes,
        )

    def rotation_of(self, layer: int) -> int | None:
        """Which of `rotations` turns q and k of a layer; None where the layer does not rotate."""
        return self._rotation_of_layer[layer] if self._rotation_of_layer else None

    def reach(self, positions: int) -> None:
        """Extend the rotation tables to the first `positions` positions; `forward` does so for its batch."""
        for table in self.rotations:
            table.reach(positions)

    @torch.inference_mode()
    def forward(
        self, batch: Batch, kv: StepKv, attention: Attention, timer: PhaseTimer,
        probe: AttentionProbe | None = None, *, watch: Watch | None = None,
    ) -> Tensor:  # fmt: skip
        """Logits float32 [R, vocab] of `batch.logits_rows`; `kv` is the batch's view of its cache (`KVCache.begin`).

        P is the number of positions of the batch, R the number of rows whose logits are wanted. `watch` is called after
        each part with its name, the residual stream, and the output that is not added to the stream yet.
        """
        config = self.config
        timer.layer(config.layers)
        with timer("embed"):
            x = self.embed(batch)  # [P, hidden]
            turns = self._turns(batch)
        delta: Tensor | None = None  # output of a projection, not yet added to the residual stream x
        if watch is not None:
            watch("the embedding's", x)
        for index in range(config.layers):
            x, delta = self._layer(index, x, delta, turns, batch, kv, attention, timer, probe)
            if watch is not None:
                watch(f"layer {index}'s", x, delta)
        wanted = batch.logits_rows
        return self.logits(x[wanted], None if delta is None else delta[wanted], timer, watch=watch)

    def run_layers(
        self, layers: range, x: Tensor, delta: Tensor | None, batch: Batch, kv: StepKv, attention: Attention,
        timer: PhaseTimer,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """The residual stream x [P, hidden] after these layers, and the output that is not added to it yet.

        `x` and `delta` are the same before the first of them. `kv` needs to hold nothing of the other layers.
        """
        turns = self._turns(batch)
        for index in layers:
            x, delta = self._layer(index, x, delta, turns, batch, kv, attention, timer, None)
        return x, delta

    def logits(self, x: Tensor, delta: Tensor | None, timer: PhaseTimer, *, watch: Watch | None = None) -> Tensor:
        """Logits float32 [R, vocab] of rows x + delta [R, hidden] of the residual stream after the last layer."""
        timer.layer(self.config.layers)
        with timer("norm"):
            x, _ = self.final_norm(x, delta)  # [R, hidden]
        if watch is not None:
            watch("the final norm's", x)
        with timer("lm_head"):
            return self.head(x).float()  # [R, vocab]

    def _turns(self, batch: Batch) -> list[Tensor]:
        """The rotations of the batch's positions, each [P, 1, head_dim / 2]."""
        self.reach(max((span.end for span in batch.spans), default=0))
        return [table.values[batch.positions] for table in self.rotations]

    def _layer(
        self, index: int, x: Tensor, delta: Tensor | None, turns: list[Tensor], batch: Batch, kv: StepKv,
        attention: Attention, timer: PhaseTimer, probe: AttentionProbe | None,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """One layer over the residual stream x [P, hidden]; delta is an output that is not added to it yet."""
        layer, rows = self.layers[index], batch.rows
        heads, kv_heads, head_dim = self.config.heads, self.config.kv_heads, self.config.head_dim
        timer.layer(index)
        self.at_layer = index
        with timer("norm"):
            h, x = layer.attention_norm(x, delta)  # [P, hidden]
        with timer("qkv"):
            qkv = layer.qkv(h).view(rows, heads + 2 * kv_heads, head_dim)
        if layer.qk_norm is not None:
            with timer("norm"):
                qkv[:, : heads + kv_heads] = layer.qk_norm(qkv[:, : heads + kv_heads])[0]
        rotation = turns[self._rotation_of_layer[index]] if turns else None
        q = self._rotate_and_keep(qkv, rotation, kv, index, timer)  # [P, heads, head_dim]
        with timer("attention"):
            mixed = attention(q, kv, index, batch)  # [P, heads, head_dim]
        if probe is not None and probe.layer == index:
            timer.pause()
            probe.observe(q, kv, batch, attention)
        mixed = mixed.reshape(rows, heads * head_dim)
        x, delta = self._join(x, mixed, layer.out, layer.attention_post_norm, "attn_out", timer)  # [P, hidden]
        with timer("norm"):
            h, x = layer.ffn_norm(x, delta)  # [P, hidden]
        return self._join(x, h, layer.mlp, layer.ffn_post_norm, "ffn", timer)  # [P, hidden]

    @staticmethod
    def _join(
        x: Tensor, h: Tensor, part: Linear | Mlp, post_norm: Norm | None, phase: str, timer: PhaseTimer
    ) -> tuple[Tensor, Tensor | None]:
        """The residual stream x [P, hidden] and part(h): added already (then None), or for the next norm to add."""
        if post_norm is None:
            with timer(phase):
                return part.into(x, h)
        with timer(phase):
            delta = part(h)
        with timer("norm"):
            return x, post_norm(delta)[0]

    def _rotate_and_keep(
        self, qkv: Tensor, rotation: Tensor | None, kv: StepKv, layer: int, timer: PhaseTimer
    ) -> Tensor:
        """Turn q and k of qkv [P, heads + 2 · kv_heads, head_dim], write k and v into the cache, and return q.

        Where one kernel launch does both, its whole time counts as `kv_write`.
        """
        heads, kv_heads = self.config.heads, self.config.kv_heads
        mapping = None if self._rope_kv_write is None else kv.slot_mapping(layer)
        if self._rope_kv_write is not None and mapping is not None:
            with timer("kv_write"):
                memory, slots = mapping
                self._rope_kv_write(qkv, rotation, memory[0], memory[1], slots, heads)
                return qkv[:, :heads]
        with timer("rope"):
            if rotation is not None:
                self._rotate_(qkv, rotation, heads + kv_heads)
            q, k, v = torch.split(qkv, [heads, kv_heads, kv_heads], 1)  # [P, heads or kv_heads, head_dim]
        with timer("kv_write"):
            kv.write(layer, k, v)
        return q

    def embed(self, batch: Batch) -> Tensor:
        """The residual stream before the first layer, [P, hidden]."""
        if isinstance(self.embedding, Tensor):
            x = functional.embedding(batch.token_ids, self.embedding).to(self.dtype)  # [P, hidden]
        else:
            x = unpacked(self.embedding[batch.token_ids]).to(self.dtype)
        if self.config.embedding_scale != 1.0:
            x = x * self.embedding_scale
        if self.positions is not None:
            x = x + self.positions[batch.positions]
        return x


def build_decoder(
    family: Family, config: ModelConfig, read: Read, device: torch.device, dtype: torch.dtype,
    kernels: bool | None = None,
) -> Iterator[float | Decoder]:  # fmt: skip
    """Read the weights and place them on the device layer by layer; yields the fraction done, and last the decoder.

    With `kernels` (the default on a GPU where Triton is installed) norms, rotation, cache writes and SwiGLU
    are this project's Triton kernels.
    """
    if kernels is None:
        kernels = device.type == "cuda" and find_spec("triton") is not None

    def place(weight: Tensor) -> Tensor:
        return weight.to(device=device, dtype=dtype)

    def linear(projection: Projection) -> Linear:
        weight, bias = projection
        return make_linear(weight, bias, device, dtype)

    def norm(affine: Affine) -> Norm:
        weight, bias = affine
        if bias is None:
            return rms_norm(place(weight), config.norm_eps, kernels)
        return layer_norm(place(weight), place(bias), config.norm_eps)

    def heads_norm(weights: tuple[Tensor, Tensor]) -> Norm:
        q, k = weights
        each = torch.cat([q.expand(config.heads, -1), k.expand(config.kv_heads, -1)])  # [heads + kv_heads, head_dim]
        return rms_norm(place(each), config.norm_eps, kernels)

    def layer(weights: LayerWeights) -> Layer:
        mlp = Mlp(linear(weights.up), linear(weights.down), activate)
        qk_norm = None if weights.qk_norm is None else heads_norm(weights.qk_norm)
        return Layer(
            norm(weights.attention_norm), linear(weights.qkv), qk_norm, linear(weights.out),
            norm(weights.ffn_norm), mlp,
            None if weights.attention_post_norm is None else norm(weights.attention_post_norm),
            None if weights.ffn_post_norm is None else norm(weights.ffn_post_norm),
        )  # fmt: skip

    activate = activation_of(config, device, dtype, kernels)
    # The head comes first: it is the largest weight, and converting it takes memory that later holds the layers.
    weights = family.model(read, config)
    embedding: Tensor | StoredRows | None = None
    if device.type != "cpu":
        stored = weights.embedding
        embedding = place(stored if isinstance(stored, Tensor) else Quantised((stored,)).unpacked())
    tied_to = weights.embedding if embedding is None else embedding
    head = linear((kept(tied_to) if weights.head is None else weights.head, None))
    positions = None if weights.positions is None else place(weights.positions)
    final_norm = norm(weights.final_norm)
    del weights, tied_to
    layers: list[Layer] = []
    for index in range(config.layers):
        yield index / config.layers
        layers.append(layer(family.layer(read, config, index)))
    if embedding is None:
        # On a CPU the embedding is mapped from the file: a step reads only a few rows, and the head has the only copy.
        embedding = family.model(read, config).embedding
    yield Decoder(config, embedding, positions, layers, final_norm, head, dtype, kernels)


def activation_of(
    config: ModelConfig, device: torch.device, dtype: torch.dtype, kernels: bool
) -> Callable[[Tensor], Tensor]:
    """The function between the two projections of the feed-forward (see `Mlp.activate`)."""
    activation = ACTIVATIONS[config.activation]
    if config.mlp != "swiglu":
        return activation
    if kernels and config.activation == "silu":
        from kernels.swiglu import swiglu  # noqa: PLC0415 - Triton exists where these kernels run

        return swiglu
    if config.activation == "silu" and library.serves(device, dtype):
        return row_operations.swiglu

    def gated(wide: Tensor) -> Tensor:
        gate, up = wide.chunk(2, -1)
        return activation(gate).mul_(up)

    return gated


def rope_kv_write() -> Callable[[Tensor, Tensor | None, Tensor, Tensor, Tensor, int], None]:
    """The kernel that rotates q and k and writes k and v to the cache in one launch."""
    from kernels.rope_kv_write import rope_kv_write as kernel  # noqa: PLC0415 - Triton exists where it runs

    return kernel
