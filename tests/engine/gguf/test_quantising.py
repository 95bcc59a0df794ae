"""The bytes of each kind: against the format's own package, and Q4_K and Q6_K against ggml's loops written out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine.gguf.quantising import KINDS, PIECE, quantised
from tests.engine.gguf.plain_kinds import q4_k, q6_k

SIMPLE = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q5_0"]
ODD = {
    "zeros": lambda draw: np.zeros((3, 256), np.float32),
    "normal": lambda draw: draw.standard_normal((5, 256), np.float32),
    "heavy tails": lambda draw: (draw.standard_t(2, (5, 256)) * 0.01).astype(np.float32),
    "above zero": lambda draw: np.abs(draw.standard_normal((3, 256), np.float32)) + 1,
    "below zero": lambda draw: -np.abs(draw.standard_normal((3, 256), np.float32)) - 1,
    "constant": lambda draw: np.full((2, 256), 0.37, np.float32),
    "one weight": lambda draw: np.eye(2, 256, 77, dtype=np.float32) * -3,
    "tiny": lambda draw: draw.standard_normal((2, 256), np.float32) * np.float32(1e-20),
    "steps of a half": lambda draw: (draw.integers(-254, 255, (4, 256)) / 2).astype(np.float32),
}


def package(rows: np.ndarray, kind: str) -> bytes:
    return gguf.quants.quantize(rows, gguf.GGMLQuantizationType[kind]).tobytes()


@pytest.mark.parametrize("kind", SIMPLE)
@pytest.mark.parametrize("case", ODD)
@pytest.mark.filterwarnings("ignore::RuntimeWarning:gguf")
def test_simple_kinds_are_those_of_the_formats_own_package(kind: str, case: str) -> None:
    rows = ODD[case](np.random.default_rng(5))
    assert quantised(rows, kind).tobytes() == package(rows, kind)


@settings(deadline=None, max_examples=60)
@given(arrays.arrays(np.float32, (2, 64), elements=st.floats(-60000, 60000, width=32)), st.sampled_from(SIMPLE))
@pytest.mark.filterwarnings("ignore::RuntimeWarning:gguf")
def test_simple_kinds_of_any_weights_are_those_of_the_package(rows: np.ndarray, kind: str) -> None:
    packed = quantised(rows, kind)
    largest = np.abs(rows.reshape(-1, KINDS[kind].block)).max(axis=1)
    if ((largest == 0) | (largest > 1e-30)).all():  # the package divides by scales that are denormal
        assert packed.tobytes() == package(rows, kind)


@settings(deadline=None, max_examples=60)
@given(arrays.arrays(np.float32, (1, 256), elements=st.floats(-60000, 60000, width=32)), st.sampled_from(list(KINDS)))
def test_any_finite_weights_become_finite_ones_not_far_from_them(rows: np.ndarray, kind: str) -> None:
    found = gguf.quants.dequantize(quantised(rows, kind).reshape(1, -1), gguf.GGMLQuantizationType[kind])
    assert np.isfinite(found).all()
    assert np.abs(found - rows).max() <= 0.2 * np.abs(rows).max() + 1e-4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1e-45, 5.8e-39, 1e-38, 1e-30, 1e-15, 1e-8])
def test_weights_next_to_zero_become_zeros(kind: str, size: float) -> None:
    rows = np.full((1, 256), size, np.float32)
    rows[0, ::7] *= -1
    found = gguf.quants.dequantize(quantised(rows, kind).reshape(1, -1), gguf.GGMLQuantizationType[kind])
    assert np.abs(found - rows).max() < 1e-7


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize(("kind", "plain"), [("Q4_K", q4_k), ("Q6_K", q6_k)])
def test_superblocks_are_those_of_ggmls_loops(kind: str, plain: object, case: str) -> None:
    rows = ODD[case](np.random.default_rng(6))
    with np.errstate(all="ignore"):
        expected = b"".join(plain(row) for row in rows)  # type: ignore[operator]
    assert quantised(rows, kind).tobytes() == expected


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q5_0", "Q4_K", "Q6_K"])
def test_unpacked_weights_are_near_their_originals(kind: str) -> None:
    rows = np.random.default_rng(7).standard_normal((64, 512), np.float32)
    packed = quantised(rows, kind).reshape(64, -1)
    off = gguf.quants.dequantize(packed, gguf.GGMLQuantizationType[kind]) - rows
    most = {"Q8_0": 0.006, "Q6_K": 0.018, "Q5_0": 0.043, "Q4_K": 0.072, "Q4_0": 0.086}[kind]
    assert np.sqrt((off**2).mean()) < most


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_on_several_threads_give_the_same_bytes(kind: str) -> None:
    rows = np.random.default_rng(8).standard_normal((5, PIECE // 2 + 256), np.float32)
    with ThreadPoolExecutor(3) as workers:
        assert np.array_equal(quantised(rows, kind, workers), quantised(rows, kind))
    assert quantised(rows, kind).size == KINDS[kind].size(rows.size)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_the_size_that_the_package_gives_it(kind: str) -> None:
    assert gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]] == (KINDS[kind].block, KINDS[kind].bytes)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(kind: str, wrong: float) -> None:
    rows = np.ones((2, 256), np.float32)
    rows[1, 200] = wrong
    with pytest.raises(ValueError, match="not finite"):
        quantised(rows, kind)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("F32", "BF16")])
def test_weights_beyond_half_precision_are_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="beyond 65504"):
        quantised(np.full((1, 256), 1e5, np.float32), kind)
