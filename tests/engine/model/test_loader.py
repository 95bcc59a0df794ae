"""What `--model`, `--device` and `--dtype` come to."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.core.batch import Batch
from engine.core.settings import LoadSpec
from engine.errors import UnavailableError
from engine.model import device
from engine.model.device import choose_device
from engine.model.loader import choose_dtype, load_model, model_path
from engine.model.memory import HostMemory
from engine.model.rope import FIRST_POSITIONS, rotations
from kernels.cpu import library
from tests.engine.model.checkpoints import edit_config, save_checkpoint
from tests.engine.model.forward import cache_of, load, run

without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("loader") / "tiny-llama", "llama", max_shard_size="60KB")


def test_a_loaded_model_says_what_it_is(folder: Path) -> None:
    heard: list[tuple[str, float]] = []
    model = load_model(LoadSpec(str(folder), device="cpu"), lambda stage, fraction: heard.append((stage, fraction)))
    assert (model.name, model.path, model.device.type, model.dtype) == ("tiny-llama", folder, "cpu", torch.float32)
    assert model.device_name
    fractions = [fraction for _, fraction in heard]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert model.weight_bytes == 4 * model.config.parameters
    facts = model.config.facts(model.dtype, model.weight_bytes, model.decoder.reads)
    wanted = ("layers", "hidden", "heads", "kv_heads", "head_dim", "ffn", "vocab", "max_positions", "itemsize")
    assert [facts[name] for name in wanted] == [3, 48, 6, 2, 8, 88, 97, 192, 4]


@pytest.mark.parametrize("waits", [True, False])
def test_whoever_waits_for_the_kernels_to_be_compiled_is_told(
    waits: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "must_compile", lambda: waits)
    stages: list[str] = []
    load_model(LoadSpec(str(folder), device="cpu"), lambda stage, _fraction: stages.append(stage))
    assert ("Compiling the kernels" in stages) is waits


def test_demo_is_the_bundled_target() -> None:
    path = model_path("demo")
    assert path.parts[-3:] == ("assets", "demo", "target")
    assert (path / "config.json").exists()


@without_cuda
def test_auto_is_the_cpu_where_there_is_no_gpu() -> None:
    assert choose_device("auto") == torch.device("cpu")


@without_cuda
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:3"])
def test_a_gpu_that_is_not_there(name: str) -> None:
    with pytest.raises(UnavailableError, match=f"^The device {name} cannot be used here: .*; choose cpu.$") as caught:
        choose_device(name)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:1", ""])
def test_a_device_there_is_no_such_thing_as(name: str) -> None:
    with pytest.raises(UnavailableError, match="The device must be auto, cpu, cuda or cuda:N"):
        choose_device(name)


def test_too_little_memory_says_how_much_is_needed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "host_memory", lambda: HostMemory(2000, 1000))
    with pytest.raises(UnavailableError, match=r"^The weights need 0\.3 MiB in float32, and cpu has 0\.0 MiB free; "):
        load(folder)


@pytest.mark.skipif(library.unavailable() is not None, reason="needs the C kernels")
def test_a_checkpoint_of_bfloat16_needs_no_more_memory_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "host_memory", lambda: HostMemory(2000, 1000))
    with pytest.raises(UnavailableError, match=r"^The weights need 13\.1 MiB in bfloat16, "):
        load("demo")  # 6.85 M parameters


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_lower_precision_halves_the_weights_and_stays_close(folder: Path, dtype: str) -> None:
    from typing import Any

    def last(model: Any) -> torch.Tensor:
        return run(model, cache_of(model, "contiguous"), "sdpa", Batch.of([(0, 0, [3, 4, 5, 6, 7, 8])]))

    full, half = load(folder), load(folder, dtype)  # type: ignore[arg-type]
    assert half.dtype == getattr(torch, dtype)
    reference, mine = last(full), last(half)
    assert mine.dtype == torch.float32
    error = (mine - reference).norm() / reference.norm()
    assert error < (0.03 if dtype == "bfloat16" else 0.004)


@pytest.mark.parametrize("stored", ["bfloat16", "float16", "float32"])
def test_without_a_dtype_in_its_config_a_model_has_that_of_its_weights(tmp_path: Path, stored: str) -> None:
    made = save_checkpoint(tmp_path / "m", "llama", dtype=getattr(torch, stored))
    edit_config(made, lambda config: (config.pop("dtype", None), config.pop("torch_dtype", None)))
    config = load(made).config
    assert config.dtype == getattr(torch, stored)
    assert choose_dtype("auto", torch.device("cuda:0"), config) == getattr(torch, stored)
    assert choose_dtype("auto", torch.device("cpu"), config) == torch.float32


def test_a_context_of_millions_takes_memory_as_far_as_a_run_reaches(tmp_path: Path) -> None:
    made = save_checkpoint(tmp_path / "m", "llama-llama3-rope", {"max_position_embeddings": 10_000_000})
    model = load(made)
    tables = model.decoder.rotations
    first = tables[0].values
    assert first.shape == (FIRST_POSITIONS, 1, model.config.head_dim // 2)
    cache = cache_of(model, "contiguous", capacity=FIRST_POSITIONS + 100)
    long = [(5 * i) % 97 for i in range(FIRST_POSITIONS + 50)]
    run(model, cache, "sdpa", Batch.of([(0, 0, long)]))
    assert tables[0].values.shape[0] == 2 * FIRST_POSITIONS
    assert torch.equal(tables[0].values[:FIRST_POSITIONS], first)
    whole = rotations(model.config.rope, model.config.head_dim, 2 * FIRST_POSITIONS, model.device)
    assert torch.equal(tables[0].values, whole)
    model.decoder.reach(9_000_000 // 1000)
    assert tables[0].values.shape[0] == 4 * FIRST_POSITIONS


def test_a_table_of_rotations_ends_where_the_context_does(folder: Path) -> None:
    model = load(folder)
    model.decoder.reach(model.config.max_positions)
    assert model.decoder.rotations[0].values.shape[0] == model.config.max_positions


def test_threads_are_set_as_asked(folder: Path) -> None:
    before = torch.get_num_threads()
    try:
        load_model(LoadSpec(str(folder), device="cpu", threads=1), lambda stage, fraction: None)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
