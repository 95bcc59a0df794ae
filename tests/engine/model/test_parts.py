"""Linear layers in every stored form, norms, and rotary positions give what PyTorch's own functions give."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from engine.model import linear as linears
from engine.model.config import Rope
from engine.model.linear import (
    GEMM_ROWS,
    PackedLinear,
    PlainLinear,
    StreamedLinear,
    TransposedLinear,
    make_linear,
    packing_pays,
)
from engine.model.norm import Norm, layer_norm, rms_norm
from engine.model.rope import frequencies, interleave_pairs, rotate_
from kernels.cpu import library, tiled_linear

CPU = torch.device("cpu")
streams = pytest.mark.skipif(library.unavailable() is not None, reason=f"no C kernels: {library.unavailable()}")


def as_stored(weight: torch.Tensor, bias: torch.Tensor | None) -> StreamedLinear:
    return StreamedLinear(weight, bias, weight.dtype)


FORMS = (PlainLinear, TransposedLinear, PackedLinear, pytest.param(as_stored, marks=streams))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [1, 4, 5, 130])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_linear_layer_multiplies_alike(
    form: Callable[..., linears.Linear], biased: bool, rows: int, dtype: torch.dtype
) -> None:
    if form is PackedLinear and not linears.can_pack(dtype):
        pytest.skip(f"this processor packs no {dtype}")
    torch.manual_seed(1)
    # 64 outputs are whole blocks of the packed form on every processor: some pack blocks of 64, where others take 16.
    weight, x = torch.randn(64, 64).to(dtype), torch.randn(rows, 64).to(dtype)
    bias = torch.randn(64).to(dtype) if biased else None
    residual = torch.randn(rows, 64).to(dtype)
    linear = form(weight, bias)
    exact = functional.linear(x.float(), weight.float(), None if bias is None else bias.float())
    tolerance = {"atol": 1e-5, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 0.15, "rtol": 0.02}
    assert torch.allclose(linear(x).float(), exact, **tolerance)
    before = residual.clone()
    total, delta = linear.into(residual, x)
    total = total if delta is None else total + delta
    assert torch.allclose(total.float(), residual.float() + exact, **tolerance)
    assert torch.equal(residual, before)
    assert linear.bytes == weight.nbytes + (0 if bias is None else bias.nbytes)


@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16])
@streams
def test_large_weights_stay_as_stored(stored: torch.dtype) -> None:
    weight, x = torch.randn(1000, 512).to(stored), torch.randn(1, 512)
    linear = make_linear(weight, None, CPU, torch.float32)
    assert isinstance(linear, StreamedLinear)
    assert linear.bytes == weight.nbytes
    assert torch.allclose(linear(x), functional.linear(x, weight.float()), atol=1e-4)
    weight.zero_()  # the checkpoint's mapping may go
    assert linear(x).any()


def test_the_form_follows_dtype_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linears, "unavailable", lambda weight, dtype: "no C compiler")

    def form(dtype: torch.dtype, side: int) -> linears.Linear:
        return make_linear(torch.randn(side, side), torch.randn(side), CPU, dtype)

    assert isinstance(form(torch.float32, 8), TransposedLinear)
    best = PackedLinear if packing_pays(torch.get_num_threads()) else TransposedLinear
    assert isinstance(form(torch.float32, 2048), best)
    assert isinstance(form(torch.float16, 8), PlainLinear)
    packs = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    assert isinstance(form(torch.bfloat16, 8), PackedLinear if packs else PlainLinear)


@streams
@pytest.mark.parametrize("tiles", [True, False])
def test_many_rows_go_to_pytorch_where_it_is_faster(tiles: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not tiles:
        monkeypatch.setattr(tiled_linear, "unavailable", lambda weight, dtype: "no tile unit")
    weight = torch.zeros(16, 64, dtype=torch.bfloat16)
    has_tiles = tiled_linear.unavailable(weight, torch.bfloat16) is None
    most = {torch.float32: GEMM_ROWS[torch.float32],
            torch.bfloat16: tiled_linear.MOST_ROWS + 1 if has_tiles else GEMM_ROWS[torch.bfloat16]}  # fmt: skip
    calls: list[int] = []
    product = functional.linear

    def counted(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        calls.append(x.shape[0])
        return product(x, weight, bias)

    monkeypatch.setattr(functional, "linear", counted)
    for dtype, rows in most.items():
        as_stored(torch.randn(16, 64).to(dtype), None)(torch.randn(rows - 1, 64).to(dtype))
        assert calls == []
        as_stored(torch.randn(16, 64).to(dtype), None)(torch.randn(rows, 64).to(dtype))
        assert calls == [rows]
        calls.clear()
    StreamedLinear(torch.randn(8, 64).bfloat16(), None, torch.float32)(torch.randn(200, 64))
    assert calls == []  # PyTorch would have to widen the whole weight


@pytest.mark.parametrize("rows", [1, 9])
def test_norms_are_pytorchs(rows: int) -> None:
    torch.manual_seed(2)
    x, weight, bias = torch.randn(rows, 48) * 5, torch.randn(48), torch.randn(48)
    ours, total = rms_norm(weight, 1e-5)(x)
    assert torch.allclose(ours, functional.rms_norm(x, (48,), weight, 1e-5), atol=1e-6)
    assert total is x
    ours, total = layer_norm(weight, bias, 1e-5)(x)
    assert torch.allclose(ours, functional.layer_norm(x, (48,), weight, bias, 1e-5))
    assert total is x
    half = x.bfloat16()
    assert rms_norm(weight.bfloat16(), 1e-5)(half)[0].dtype == torch.bfloat16


@pytest.mark.parametrize("make", [lambda w: rms_norm(w, 1e-5), lambda w: layer_norm(w, w, 1e-5),
                                  lambda w: rms_norm(w, 1e-5, kernels=True)])  # fmt: skip
def test_a_norm_adds_what_was_left_to_add(make: Callable[[torch.Tensor], Norm]) -> None:
    torch.manual_seed(3)
    norm, x, delta = make(torch.randn(48)), torch.randn(4, 48), torch.randn(4, 48)
    normed, total = norm(x, delta)
    assert torch.equal(total, x + delta)
    assert torch.allclose(normed, norm(x + delta)[0], atol=1e-6)


def test_a_norm_of_zeros_is_zero() -> None:
    assert torch.equal(rms_norm(torch.ones(8), 1e-5)(torch.zeros(2, 8))[0], torch.zeros(2, 8))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_rotating_neighbours_is_rotating_halves(dtype: torch.dtype) -> None:
    torch.manual_seed(3)
    x = torch.randn(4, 3, 8)
    angle = torch.arange(4)[:, None] * frequencies(Rope(), 8)
    cos, sin = (torch.cat([f(angle), f(angle)], -1)[:, None].float() for f in (torch.cos, torch.sin))
    halves = x * cos + torch.cat([-x[..., 4:], x[..., :4]], -1) * sin

    def neighbours(t: torch.Tensor) -> torch.Tensor:
        return torch.stack([interleave_pairs(head, 8) for head in t.flatten(0, 1)]).view(t.shape)

    mine = neighbours(x).to(dtype)
    rotate_(mine, torch.polar(torch.ones_like(angle), angle).to(torch.complex64)[:, None], 3)
    assert mine.dtype == dtype
    assert torch.allclose(mine.float(), neighbours(halves), atol=1e-5 if dtype == torch.float32 else 0.03)


def test_scaled_frequencies() -> None:
    plain = frequencies(Rope(theta=500_000.0), 64)
    assert torch.equal(frequencies(Rope(500_000.0, "linear", 4.0), 64), plain / 4)
    scaled = frequencies(Rope(500_000.0, "llama3", 8.0, 1.0, 4.0, 8192), 64)
    wavelength = 2 * math.pi / plain
    assert torch.allclose(scaled[wavelength < 2048], plain[wavelength < 2048])
    assert torch.allclose(scaled[wavelength > 8192], plain[wavelength > 8192] / 8)
    between = (wavelength > 2048) & (wavelength < 8192)
    assert bool(((scaled < plain) & (scaled > plain / 8))[between].all())
    assert bool(between.any())
