"""The compiled step: on a CPU, a step's pass over all layers as one native call (kernels/cpu/step.c).

It is to a CPU what a captured step is to a GPU. It reads the same weights and caches as the pass operation by operation
(`engine.model.decoder`), which remains the readable reference.
"""

from __future__ import annotations

from array import array
from time import perf_counter_ns
from typing import Final

import torch
from torch import Tensor

from engine.attention.native import kernel_of
from engine.core.attention import AttentionProbe
from engine.core.batch import Batch
from engine.core.kv_cache import StepKv
from engine.core.timing import StepTimer
from engine.graphs.compiled_kv import Places
from engine.model.decoder import Decoder, Layer
from engine.model.linear import Linear
from engine.model.norm import Norm
from engine.session.schema import PHASES
from kernels.cpu import step
from kernels.cpu.step import CompiledStep, LayerParts, Matrix, ModelParts, NormWeights, Watched

COLUMNS: Final = tuple(PHASES.index(phase) for phase in step.PHASES)


class CompiledForward:
    """A decoder's forward pass as one native call."""

    def __init__(self, decoder: Decoder) -> None:
        """Raises KernelUnavailableError where `unavailable` has a reason."""
        self._decoder = decoder
        self._step = CompiledStep(parts_of(decoder), len(decoder.rotations))
        self._places = Places()
        self._threads = torch.get_num_threads()
        self._spent: array[float] | None = None
        self.kernel = ""
        """The attention kernels of the last step, as `NativeAttention` names them."""

    def __call__(self, batch: Batch, kv: StepKv, timer: StepTimer, probe: AttentionProbe | None = None) -> Tensor:
        """Logits float32 [R, vocab] of `batch.logits_rows`, as `Decoder.forward` gives them.

        The rows that a `probe` asks for are computed in the same call.
        """
        decoder = self._decoder
        with timer("prepare"):
            if self._places.requests > len(batch.spans):
                self._places.keep_only(batch)
            places = self._places.of(batch, kv)
            self.kernel = kernel_of(batch, decoder.config.group)
            decoder.reach(max((span.end for span in batch.spans), default=0))
            spent = timer.inside()
            if spent is not self._spent:
                self._step.time_into(spent, COLUMNS, len(PHASES))
                self._spent = spent
        watched = None if probe is None else self._watched(batch, probe)
        logits = self._step(
            batch.numbers, batch.rows, batch.wanted, places,
            [table.values for table in decoder.rotations], self._threads, watched,
        )  # fmt: skip
        if spent is not None:
            timer.cost_inside(self._step.readings * step.reading_ns())
        if probe is not None and watched is not None:
            self._hand_over(batch, watched, probe)
        return logits

    def _watched(self, batch: Batch, probe: AttentionProbe) -> Watched | None:
        """What the probe asks for of this batch; None where that is nothing."""
        start_ns = perf_counter_ns()
        asked = probe.rows_of(batch)
        rows = [(span, first, batch.spans[span].end) for span, first in asked]
        watched = Watched(probe.layer, probe.heads, rows) if rows else None
        probe.add_cost(perf_counter_ns() - start_ns)
        return watched

    def _hand_over(self, batch: Batch, watched: Watched, probe: AttentionProbe) -> None:
        start_ns = perf_counter_ns()
        for (span, first, _), maps in zip(watched.rows, watched.maps, strict=True):
            probe.take_maps(batch.spans[span], first, maps)
        probe.add_cost(self._step.watched_ns + perf_counter_ns() - start_ns)


def unavailable(decoder: Decoder) -> str | None:
    """Why a decoder cannot run as a compiled step here; None where it can."""
    if reason := step.unavailable(decoder.dtype, decoder.embedding):
        return reason
    linears = (decoder.head, *(linear for layer in decoder.layers for linear in layer.linears))
    return "a weight is not held as the native call reads it" if any(one.slabs is None for one in linears) else None


def parts_of(decoder: Decoder) -> ModelParts:
    """The decoder's shapes and weights as the native call takes them."""
    config = decoder.config
    return ModelParts(
        heads=config.heads, kv_heads=config.kv_heads, head_dim=config.head_dim, ffn=config.ffn,
        gated=config.mlp == "swiglu", activation=config.activation, norm_eps=config.norm_eps, scale=config.scale,
        embedding_scale=float(decoder.embedding_scale), dtype=decoder.dtype, embedding=decoder.embedding,
        positions=decoder.positions, layers=[layer_parts(decoder, index) for index in range(config.layers)],
        final_norm=norm_weights(decoder.final_norm), head=matrix(decoder.head),
    )  # fmt: skip


def layer_parts(decoder: Decoder, index: int) -> LayerParts:
    """One layer's weights."""
    layer: Layer = decoder.layers[index]
    return LayerParts(
        attention_norm=norm_weights(layer.attention_norm), qkv=matrix(layer.qkv),
        heads_norm=None if layer.qk_norm is None else norm_weights(layer.qk_norm), out=matrix(layer.out),
        attention_post_norm=None if layer.attention_post_norm is None else norm_weights(layer.attention_post_norm),
        ffn_norm=norm_weights(layer.ffn_norm), up=matrix(layer.mlp.up, decoder.config.mlp == "swiglu"),
        down=matrix(layer.mlp.down),
        ffn_post_norm=None if layer.ffn_post_norm is None else norm_weights(layer.ffn_post_norm),
        rotation=decoder.rotation_of(index), window=decoder.config.window(index),
    )  # fmt: skip


def matrix(linear: Linear, gated: bool = False) -> Matrix:
    """A linear layer's weight as it is held; with `gated` gate and up apart, which a plain weight has in one."""
    slabs = linear.slabs
    assert slabs is not None
    if gated and len(slabs) == 1 and isinstance(slabs[0], Tensor):
        slabs = tuple(slabs[0].chunk(2))
    return Matrix(slabs, linear.bias)


def norm_weights(norm: Norm) -> NormWeights:
    """A norm's weights."""
    return NormWeights(norm.weight, norm.bias)
