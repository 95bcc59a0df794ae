"""Bytes are those of what is held: in every form of weight, cache and family, against a walk over the objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.core.batch import Batch
from engine.core.kv_cache import KVCache, StepKv
from engine.measure.cost import CostModel
from engine.model import linear
from engine.model.checkpoint import open_checkpoint
from engine.model.decoder import Decoder, build_decoder
from engine.model.families import family_of
from engine.model.linear import PackedLinear, PlainLinear, StreamedLinear, TransposedLinear
from engine.model.loader import LoadedModel
from engine.session.weight_reads import WeightReads
from kernels.cpu import library, tiled_linear
from tests.engine.model.checkpoints import KINDS, VOCAB, save_checkpoint
from tests.engine.model.forward import cache_of, load, run, run_over
from tests.engine.model.holding import held_bytes

EVEN = {"hidden_size": 96, "intermediate_size": 64, "head_dim": 16}
"""Sizes that the streamed and the tiled product take."""
F32, BF16, F16 = torch.float32, torch.bfloat16, torch.float16
FORMS = {
    "streamed": (StreamedLinear, BF16, "float32"),
    "streamed-wide": (StreamedLinear, F32, "float32"),
    "tiled": (StreamedLinear, BF16, "bfloat16"),
    "transposed": (TransposedLinear, BF16, "float32"),
    "packed": (PackedLinear, BF16, "float32"),
    "packed-narrow": (PackedLinear, F32, "bfloat16"),
    "plain": (PlainLinear, F16, "float16"),
    "plain-narrowed": (PlainLinear, F32, "float16"),
}
"""Of each form: its class, the dtype that is stored, and the one that is computed in."""
streams = pytest.mark.skipif(library.unavailable() is not None, reason=f"no C kernels: {library.unavailable()}")


@pytest.fixture
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Weights of every size take this form, as on a machine where it is the fastest."""
    name: str = request.param
    kind, _, dtype = FORMS[name]
    if kind is StreamedLinear:
        if library.unavailable() is not None:
            pytest.skip(f"no C kernels: {library.unavailable()}")
        monkeypatch.setattr(tiled_linear, "_allowed", lambda: name == "tiled")
    else:
        monkeypatch.setattr(library, "unavailable", lambda: "There is no C compiler.")
        monkeypatch.setattr(linear, "PACK_BYTES", 0)
        monkeypatch.setattr(linear, "packing_pays", lambda threads: kind is PackedLinear)
        if kind is PackedLinear and not linear.can_pack(getattr(torch, dtype)):
            pytest.skip(f"this processor packs no {dtype}")
    return name


def walked(decoder: Decoder) -> WeightReads:
    """What a pass reads, by the objects that it goes through."""
    layers = decoder.layers
    norms = [
        norm for layer in layers
        for norm in (
            layer.attention_norm, layer.qk_norm, layer.ffn_norm, layer.attention_post_norm, layer.ffn_post_norm,
        )
    ]  # fmt: skip
    rows = decoder.embedding[torch.tensor([3])].nbytes
    rows += 0 if decoder.positions is None else decoder.positions[torch.tensor([3])].nbytes
    return WeightReads(
        position=rows,
        norm=held_bytes(*norms),
        qkv=held_bytes(*(layer.qkv for layer in layers)),
        attn_out=held_bytes(*(layer.out for layer in layers)),
        ffn=held_bytes(*(part for layer in layers for part in (layer.mlp.up, layer.mlp.down))),
        final_norm=held_bytes(decoder.final_norm),
        lm_head=held_bytes(decoder.head),
    )


def kv_bytes(model: LoadedModel, kv: StepKv, batch: Batch) -> int:
    """K and V that a pass read for its first row's sake on, and those it wrote, by the tensors that hold them."""
    total = 0
    for layer in range(model.config.layers):
        window = model.config.window(layer)
        for span in batch.spans:
            k, v = kv.keys_values(layer, span)  # [kv_heads, end, head_dim]
            seen = 0 if window is None else max(0, span.first + 1 - window)
            total += sum(one[:, seen:].nbytes + one[:, span.first :].nbytes for one in (k, v))
    return total


def counted(model: LoadedModel, cache: KVCache, batch: Batch) -> int:
    spans = ((span.first, span.end) for span in batch.spans)
    return CostModel(model.config, model.decoder.reads).of(spans, batch.wanted, cache.position_bytes)[1]


@pytest.mark.parametrize("form", sorted(FORMS), indirect=True)
@pytest.mark.parametrize("kind", ["llama", "llama-tied", "llama-biases", "gpt2"])
def test_every_form_of_weight_counts_what_it_holds(form: str, kind: str, tmp_path: Path) -> None:
    expected, stored, dtype = FORMS[form]
    model = load(save_checkpoint(tmp_path, kind, EVEN, stored), dtype)  # type: ignore[arg-type]
    linears = [*(one for layer in model.decoder.layers for one in layer.linears), model.decoder.head]
    assert {type(one) for one in linears} == {expected}
    if form == "tiled":
        assert all(one._tiled is not None for one in linears if one is not model.decoder.head)  # type: ignore[attr-defined]
    assert model.decoder.reads == walked(model.decoder)
    for held in linears:
        assert held.bytes == held_bytes(held)


@streams
@pytest.mark.parametrize("tied", [True, False])
def test_a_checkpoint_of_bfloat16_reads_what_its_file_holds(tied: bool, tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path, "llama-tied" if tied else "llama", EVEN, BF16)
    stored = load_file(folder / "model.safetensors")
    norms = 2 * sum(weight.nbytes for weight in stored.values() if weight.dim() == 1)  # small, and kept in float32
    matrices = sum(weight.nbytes for weight in stored.values() if weight.dim() == 2)
    embedding = stored["model.embed_tokens.weight"].nbytes
    model = load(folder)
    cache, batch = cache_of(model, "contiguous"), Batch.of([(0, 0, [5])])
    run(model, cache, "sdpa", batch)
    looked_up = 2 * model.config.hidden
    kv = 2 * model.config.kv_bytes_per_position(4)  # read and written, in float32
    head = matrices if tied else matrices - embedding
    assert counted(model, cache, batch) == head + norms + looked_up + kv
    assert model.weight_bytes == matrices + norms


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_norms_and_biases_of_every_family_count(kind: str, tmp_path: Path) -> None:
    model = load(save_checkpoint(tmp_path, kind, None, BF16))
    assert model.decoder.reads == walked(model.decoder)
    decoder = model.decoder
    looked_up = [] if model.config.tied else [decoder.embedding]
    assert model.weight_bytes == held_bytes(
        *decoder.layers, decoder.final_norm, decoder.head, decoder.positions, *looked_up
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kv", ["none", "contiguous", "paged"])
@pytest.mark.parametrize("kind", ["llama-tied", "mistral-window", "qwen2-window", "gemma3"])
def test_keys_and_values_count_as_the_cache_holds_them(kind: str, kv: str, dtype: str, tmp_path: Path) -> None:
    model = load(save_checkpoint(tmp_path, kind), dtype)  # type: ignore[arg-type]
    cache = cache_of(model, kv)
    cache.admit(1, 40)
    ids = torch.randint(3, VOCAB, (30,), generator=torch.Generator().manual_seed(1)).tolist()
    passes = [Batch.of([(0, 0, ids[:14]), (1, 0, ids[:6])], [13])]
    passes.append(Batch.of([(0, 0, ids[:15])]) if kv == "none" else Batch.of([(0, 14, ids[14:15]), (1, 6, ids[6:20])]))
    weights, decoder = walked(model.decoder), model.decoder
    layers = weights.norm + weights.qkv + weights.attn_out + weights.ffn + weights.final_norm + weights.lm_head
    for batch in passes:
        _, view = run_over(model, cache, "sdpa", batch)
        rows = decoder.embedding[batch.token_ids].nbytes
        if kv == "none":  # K and V of one layer at a time, the last one's are still there
            k, v = (torch.cat(parts, 1) for parts in zip(*_last(view, model, batch), strict=True))
            assert cache.position_bytes == k[:, 0].nbytes + v[:, 0].nbytes
        else:
            assert counted(model, cache, batch) == layers + rows + kv_bytes(model, view, batch)


def _last(view: StepKv, model: LoadedModel, batch: Batch) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    return (view.keys_values(model.config.layers - 1, span) for span in batch.spans)


def test_memory_that_never_moves_holds_positions_of_the_same_size(tmp_path: Path) -> None:
    model = load(save_checkpoint(tmp_path, "llama"), "bfloat16")
    sizes = {cache_of(model, kv, graphs=graphs).position_bytes for kv in ("contiguous", "paged") for graphs in (0, 1)}
    assert sizes == {2 * model.config.kv_heads * model.config.head_dim * 2}


@pytest.mark.parametrize("dtype", [F32, BF16])
@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("kind", ["llama-tied", "llama", "llama-biases", "qwen3", "gemma3", "gpt2"])
def test_a_gpu_holds_weights_in_the_dtype_of_the_computation_and_a_tied_head_once(
    kind: str, kernels: bool, dtype: torch.dtype, tmp_path: Path
) -> None:
    """On the meta device, which stores nothing and goes the way of a GPU."""
    checkpoint = open_checkpoint(save_checkpoint(tmp_path, kind, None, BF16))
    _, family = family_of(checkpoint.config)
    config = family.config(checkpoint.config)
    stages = build_decoder(family, config, checkpoint.tensor, torch.device("meta"), dtype, kernels)
    decoder = next(stage for stage in stages if isinstance(stage, Decoder))
    assert decoder.reads == walked(decoder)
    assert decoder.reads.lm_head == config.vocab * config.hidden * dtype.itemsize
    everything = (*decoder.layers, decoder.final_norm, decoder.head, decoder.embedding, decoder.positions)
    assert decoder.weight_bytes == held_bytes(*everything)
    spare = decoder.weight_bytes - config.parameters * dtype.itemsize
    # Norms of heads stand there once a head.
    each = (config.heads + config.kv_heads - 2) * config.head_dim * dtype.itemsize * config.layers
    assert spare == (each if config.qk_norm else 0)
