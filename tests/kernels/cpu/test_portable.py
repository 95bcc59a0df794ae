"""Compiled for processors with smaller vectors, the kernels compute the same; for ARM's they compile."""

from __future__ import annotations

import ctypes
import platform
import shutil
import subprocess
from array import array
from pathlib import Path
from typing import Final

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from kernels.cpu import library, packed, tiled_linear
from kernels.cpu.attention import BatchAttention, Shape, attention_reference
from kernels.cpu.kinds import BLOCKS
from kernels.cpu.kv_places import row_places
from kernels.cpu.read_memory import bytes_read, reader
from kernels.cpu.row_operations import rms_norm, rotate_, swiglu
from kernels.cpu.sampling import Proposed, Sampled, Wanted, draw, sample, verify
from kernels.cpu.step import SPAN, CompiledStep, LayerParts, Matrix, ModelParts, NormWeights
from kernels.cpu.streamed_linear import PAIRS, streamed_linear, streamed_linear_reference
from kernels.rmsnorm import rms_norm_reference
from kernels.swiglu import swiglu_reference
from tests.kernels.cpu.quantised_cases import bound, stored_rows, true_weights
from tests.kernels.step_cases import BOUNDS, assert_close, random

LEVELS: Final = {
    "plain": ("-march=x86-64", set[str]()),
    "AVX": ("-march=sandybridge", {"avx", "popcnt", "aes", "pclmulqdq"}),
    "AVX2": ("-march=x86-64-v3", {"avx2", "fma", "bmi2", "f16c", "movbe", "abm"}),
    "AVX-512": ("-march=x86-64-v4", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
}
"""The compiler's name of a processor, and the features that running its code needs."""
SAMPLING: Final = (
    Wanted(0),
    Wanted(1, temperature=1.0, uniform=0.3),
    Wanted(2, temperature=0.7, uniform=0.7, top_k=40),
    Wanted(3, temperature=0.8, uniform=0.5, top_p=0.95),
    Wanted(0, temperature=1.5, uniform=0.9, min_p=0.01, top_k=60, top_p=0.8),
    Wanted(1, token=77),
)
dtypes = pytest.mark.parametrize("dtype", BOUNDS, ids=str)


def features() -> set[str]:
    if platform.system() != "Linux":
        return set()
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())


on_each = pytest.mark.parametrize(
    "variant",
    [
        pytest.param(
            (march, "-O2"),  # takes two thirds of the time of -O3
            id=name,
            marks=pytest.mark.skipif(not needed <= features(), reason=f"this processor cannot run {march}"),
        )
        for name, (march, needed) in LEVELS.items()
    ],
    indirect=True,
)
in_tiles = pytest.mark.parametrize(
    "variant",
    [
        pytest.param(
            ("-DEMULATED_TILES", f"-I{Path(__file__).parent}", "-O2"),
            id="tiles",
            marks=pytest.mark.skipif("avx512_bf16" not in features(), reason="this processor has no bfloat16"),
        )
    ],
    indirect=True,
)
"""The tile unit's instructions are functions of emulated_tiles.h."""


@on_each
@pytest.mark.usefixtures("variant")
def test_products() -> None:
    for weight_dtype, dtype in PAIRS:
        for out, channels in ((1, 32), (13, 96), (130, 84)):
            weight, bias = random((out, channels), weight_dtype, "cpu", 1), random((out,), dtype, "cpu", 2)
            for rows in (1, 2, 3, 7, 40):
                x = random((rows, channels), dtype, "cpu", 3)
                true = streamed_linear_reference(x.double(), weight.double(), bias.double())
                for threads in (1, 3):
                    torch.set_num_threads(threads)
                    assert_close(streamed_linear(x, weight, bias), true, dtype)


@on_each
@pytest.mark.usefixtures("variant")
@pytest.mark.parametrize("kind", BLOCKS)
def test_products_with_quantised_weights(kind: str) -> None:
    stored = stored_rows(kind, 35, 768)
    assert torch.equal(packed.unpacked(stored).double(), true_weights(stored))
    weights, ready = true_weights(stored), packed.PackedRows(stored)
    for rows in (1, 3, 6):
        x = random((rows, 768), torch.float32, "cpu", 3)
        assert ((packed.packed_linear(x, ready).double() - x.double() @ weights.t()).abs() <= bound(x, weights)).all()


@on_each
@pytest.mark.usefixtures("variant")
@dtypes
def test_operations_on_rows(dtype: torch.dtype) -> None:
    for width in (1, 80, 130):
        x, weight, wide = (random(shape, dtype, "cpu", 1) for shape in ((5, width), (width,), (5, 2 * width)))
        assert_close(rms_norm(weight, 1e-5)(x), rms_norm_reference(x.double(), weight.double(), 1e-5), dtype)
        assert_close(swiglu(wide), swiglu_reference(wide.double()), dtype)
    qkv, angle = random((5, 3, 24), dtype, "cpu", 1), random((5, 1, 12), torch.float32, "cpu", 2).double()
    rotation = torch.polar(torch.ones_like(angle), angle)
    true = torch.view_as_real(torch.view_as_complex(qkv[:, :2].double().view(5, 2, 12, 2)) * rotation).view(5, 2, 24)
    rotate_(qkv, rotation.to(torch.complex64), 2)
    assert_close(qkv[:, :2], true, dtype)


@on_each
@pytest.mark.usefixtures("variant")
def test_reading_memory() -> None:
    words = torch.arange(10_000, dtype=torch.int32)
    torch.set_num_threads(3)
    assert int(reader(words, 2)().sum()) == 2 * int(words[: bytes_read(words, 3) // 4].sum())


@on_each
@pytest.mark.usefixtures("variant")
@dtypes
@pytest.mark.parametrize("head_dim", [20, 64])
def test_attention(head_dim: int, dtype: torch.dtype) -> None:
    """One row with a context that is split, a few rows, and many; whole heads of vectors and not."""
    shape, starts = Shape(6, 2, head_dim, dtype), [0, 1200, 1265]
    spans = [(0, 1, 1199), (1, 5, 60), (6, 150, 11)]
    q = random((156, 6, head_dim), dtype, "cpu", 1)
    k, v = random((1426, 2, head_dim), dtype, "cpu", 2), random((1426, 2, head_dim), dtype, "cpu", 3)
    attend = BatchAttention(spans, shape)
    for window in (None, 100):
        true = []
        for (row, count, first), start in zip(spans, starts, strict=True):
            keys, values = (x[start : start + first + count].double().transpose(0, 1) for x in (k, v))
            true.append(attention_reference(q[row : row + count].double(), keys, values, window))
        for threads in (1, 3):
            torch.set_num_threads(threads)
            assert_close(attend(q, row_places(k, v, starts), window), torch.cat(true), dtype)


def sampled(logits: Tensor) -> tuple[list[Sampled], Tensor, list[tuple[int, int]]]:
    drafts = [Wanted(row, 3 + row, 1.0, 0.4) for row in range(3)]
    uniform = torch.full((3, logits.shape[1]), 1 / logits.shape[1], dtype=torch.float64)
    proposals = [Proposed([*drafts, Wanted(3, -1, 1.0, 0.6)], probs) for probs in (None, uniform)]
    return sample(logits, SAMPLING, 8), draw(logits, SAMPLING)[1], verify(logits, proposals)


@pytest.fixture
def sampled_here() -> tuple[list[Sampled], Tensor, list[tuple[int, int]]]:
    """Before `variant` in a test's arguments: what the library for this processor gives."""
    return sampled(3 * random((4, 5003), torch.float32, "cpu", 1))


@on_each
def test_sampling(sampled_here: tuple[list[Sampled], Tensor, list[tuple[int, int]]], variant: None) -> None:
    """The same tokens."""
    there, probs, verdicts = sampled(3 * random((4, 5003), torch.float32, "cpu", 1))
    assert verdicts == sampled_here[2]
    torch.testing.assert_close(probs, sampled_here[1], rtol=1e-5, atol=1e-37)
    for one_here, one_there in zip(sampled_here[0], there, strict=True):
        assert one_there[0] == one_here[0]
        assert one_there[1:3] == pytest.approx(one_here[1:3], rel=1e-6, abs=1e-7)
        assert one_there[3][:32] == one_here[3][:32]  # the ids


def model(weights: torch.dtype, dtype: torch.dtype) -> ModelParts:
    """Two layers with all parts that a model may have, in sizes that are no multiples of vectors."""
    hidden, heads, kv_heads, head_dim, ffn, vocab = 50, 4, 2, 20, 74, 61
    seeds = iter(range(1000))

    def matrix(out: int, channels: int, bias: bool = False) -> Matrix:
        weight = random((out, channels), torch.float32, "cpu", next(seeds)) * channels**-0.5
        return Matrix((weight.to(weights),), random((out,), weights, "cpu", next(seeds)) if bias else None)

    def gated(bias: bool) -> Matrix:
        both = matrix(2 * ffn, hidden, bias)
        return Matrix(tuple(slab for whole in both.slabs for slab in whole.chunk(2)), both.bias)

    def norm(*shape: int, bias: bool = False) -> NormWeights:
        weight = 1 + random(shape, torch.float32, "cpu", next(seeds)) / 4
        return NormWeights(weight, random(shape, torch.float32, "cpu", next(seeds)) if bias else None)

    layers = [
        LayerParts(
            attention_norm=norm(hidden, bias=full), qkv=matrix((heads + 2 * kv_heads) * head_dim, hidden, full),
            heads_norm=norm(heads + kv_heads, head_dim) if full else None, out=matrix(hidden, heads * head_dim, full),
            attention_post_norm=norm(hidden) if full else None, ffn_norm=norm(hidden), up=gated(full),
            down=matrix(hidden, ffn), ffn_post_norm=norm(hidden) if full else None, rotation=0,
            window=7 if full else None,
        )
        for full in (False, True)
    ]  # fmt: skip
    return ModelParts(
        heads=heads, kv_heads=kv_heads, head_dim=head_dim, ffn=ffn, gated=True, activation="silu", norm_eps=1e-5,
        scale=head_dim**-0.5, embedding_scale=1.0, dtype=dtype, embedding=random((vocab, hidden), weights, "cpu", 999),
        positions=None, layers=layers, final_norm=norm(hidden), head=matrix(vocab, hidden),
    )  # fmt: skip


def logits_of_steps(weights: torch.dtype, dtype: torch.dtype) -> list[Tensor]:
    """Of one row, of few and of many, on several threads; without a cache, each request from its start."""
    step, found = CompiledStep(model(weights, dtype), 1), []
    angle = torch.arange(40.0)[:, None, None] / torch.arange(1.0, 11.0)
    rotation = torch.polar(torch.ones_like(angle), angle)
    for lengths in ((1,), (3, 1), (30, 2, 9)):
        positions = [position for length in lengths for position in range(length)]
        token_ids = [(7 * position + 3) % 61 for position in positions]
        numbers = array("q", [*token_ids, *positions, *range(len(positions))])
        spans = array("q")
        for index, length in enumerate(lengths):
            spans.extend((sum(lengths[:index]), length, *[0] * (SPAN - 2)))
        found += [step(numbers, len(positions), len(positions), spans, [rotation], threads) for threads in (1, 3)]
    return found


@pytest.fixture
def logits_here() -> dict[tuple[torch.dtype, torch.dtype], list[Tensor]]:
    """Before `variant` in a test's arguments: what the library for this processor gives."""
    return {pair: logits_of_steps(*pair) for pair in PAIRS}


@on_each
def test_steps(logits_here: dict[tuple[torch.dtype, torch.dtype], list[Tensor]], variant: None) -> None:
    for (weights, dtype), expected in logits_here.items():
        for here, there in zip(expected, logits_of_steps(weights, dtype), strict=True):
            assert_close(there, here.double(), dtype)


class Stretch(ctypes.Structure):
    """As in stretch.h."""

    _fields_ = [*((name, ctypes.c_size_t) for name in ("first", "apart", "begin", "end")), ("runs", ctypes.c_int)]


TILED: Final = 4


@in_tiles
@pytest.mark.usefixtures("variant")
@pytest.mark.parametrize("channels", [32, 96, 100, 1024, 1094])
@pytest.mark.parametrize("rows", [1, 5, 15, 16, 17, 32, 40, 65])
def test_products_in_tiles(rows: int, channels: int) -> None:
    """Four runs of columns, of which the last may end beyond the weight's: its sums do not count."""
    multiply = library.library().multiply
    multiply.argtypes = [
        ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int, *[ctypes.c_size_t] * 3, Stretch, ctypes.c_void_p,
    ]  # fmt: skip
    multiply.restype = None
    out, half = 83, torch.bfloat16
    weight, x = random((out, channels), half, "cpu", 1), random((rows, channels), half, "cpu", 2)
    true = functional.pad(x.double() @ weight.double().t(), (0, 4), value=torch.nan)
    for first, apart, begin, end in ((0, 21, 0, 21), (0, 21, 3, 7), (8, 10, 2, 10), (3, 20, 4, 13), (0, 8, 0, 3)):
        y = torch.empty(rows, 4, end - begin)
        multiply(
            weight.data_ptr(), 1, x.data_ptr(), TILED, rows, channels, out, Stretch(first, apart, begin, end, 4),
            y.data_ptr(),
        )  # fmt: skip
        columns = first + apart * torch.arange(4)[:, None] + torch.arange(begin, end)
        there = columns < out
        assert_close(y[:, there], true[:, columns[there]], torch.float32)


@in_tiles
@pytest.mark.usefixtures("variant")
def test_layers_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiled_linear, "_allowed", lambda: True)
    weight, bias = random((48, 96), torch.bfloat16, "cpu", 1), random((48,), torch.bfloat16, "cpu", 2)
    multiply = tiled_linear.tiled(weight, bias)
    for rows in (1, 5, 16, 33, 64):
        x, residual = random((rows, 96), torch.bfloat16, "cpu", 3), random((rows, 48), torch.bfloat16, "cpu", 4)
        true = streamed_linear_reference(x.double(), weight.double(), bias.double(), residual.double())
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert_close(multiply(x, residual), true, torch.bfloat16)


@in_tiles
def test_steps_in_tiles(logits_here: dict[tuple[torch.dtype, torch.dtype], list[Tensor]], variant: None) -> None:
    pair = torch.bfloat16, torch.bfloat16
    for here, there in zip(logits_here[pair], logits_of_steps(*pair), strict=True):
        assert_close(there, here.double(), torch.bfloat16)
    assert not torch.equal(there, here)  # the last step has rows enough


def test_they_compile_for_a_processor_with_tiles(tmp_path: Path) -> None:
    folder = Path(library.__file__).parent
    march = "-march=sapphirerapids"
    command = [library.c_compiler(), *library.FLAGS, "-O1", march, library.OPENMP, "-Wall", "-Wextra", "-Werror"]
    if subprocess.run([*command, "-E", "-"], input="", capture_output=True, text=True, check=False).returncode:
        pytest.skip(f"this compiler does not know {march}")
    sources = [str(folder / name) for name in ("product.c", "tiled_product.c", "tiled_linear.c")]
    done = subprocess.run(
        [*command, "-shared", *sources, "-o", str(tmp_path / "tiles.so")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "tiles.so").stat().st_size > 0


CROSS: Final = shutil.which("aarch64-linux-gnu-gcc")


@pytest.mark.skipif(CROSS is None, reason="needs a compiler for ARM (gcc-aarch64-linux-gnu)")
@pytest.mark.parametrize("processor", ["armv8-a", "armv8.2-a+bf16"])
def test_they_compile_for_arm(processor: str, tmp_path: Path) -> None:
    assert CROSS is not None
    sources = sorted(Path(library.__file__).parent.glob("*.c"))
    done = subprocess.run(
        [
            CROSS, *library.FLAGS, "-O1", f"-march={processor}", library.OPENMP, "-Wall", "-Wextra", "-Werror",
            "-shared", *map(str, sources), "-lm", "-o", str(tmp_path / "kernels.so"),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "kernels.so").stat().st_size > 0
