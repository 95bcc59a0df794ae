"""Ceilings are measured once per device, dtype and number of threads."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
import torch

from engine.measure import ceilings
from engine.measure.ceilings import Ceilings, ceilings_of

CPU = torch.device("cpu")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[torch.dtype]:
    """The measurements that were made, none of which takes time."""
    made: list[torch.dtype] = []

    def measure(device: torch.device, dtype: torch.dtype, size: int, seconds: float = ceilings.SECONDS) -> Ceilings:
        if seconds == ceilings.SECONDS:
            made.append(dtype)
            return Ceilings(30e9 + len(made), 100e9)
        return Ceilings(1e9, 1e9)

    monkeypatch.setattr(ceilings, "measure", measure)
    return made


def test_measured_once_and_kept(tmp_path: Path, measured: list[torch.dtype]) -> None:
    first = ceilings_of(CPU, torch.float32, "some CPU", 1000, tmp_path / "cache")
    assert ceilings_of(CPU, torch.float32, "some CPU", 1000, tmp_path / "cache") == first
    ceilings_of(CPU, torch.bfloat16, "some CPU", 1000, tmp_path / "cache")
    ceilings_of(CPU, torch.float32, "another CPU", 1000, tmp_path / "cache")
    assert measured == [torch.float32, torch.bfloat16, torch.float32]


def test_a_brief_look_raises_what_a_busy_machine_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter([Ceilings(10e9, 90e9), Ceilings(30e9, 80e9), Ceilings(20e9, 20e9)])
    monkeypatch.setattr(ceilings, "measure", lambda *_: next(found))
    assert ceilings_of(CPU, torch.float32, "some CPU", 1000, tmp_path) == Ceilings(10e9, 90e9)
    for _ in range(2):
        assert ceilings_of(CPU, torch.float32, "some CPU", 1000, tmp_path) == Ceilings(30e9, 90e9)


def test_a_broken_cache_is_measured_again(tmp_path: Path, measured: list[torch.dtype]) -> None:
    (tmp_path / "ceilings.json").write_text("{ half a")
    ceilings_of(CPU, torch.float32, "some CPU", 1000, tmp_path)
    ceilings_of(CPU, torch.float32, "some CPU", 1000, tmp_path)
    assert len(measured) == 1


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path: Path, measured: list[torch.dtype]) -> None:
    (tmp_path / "file").write_text("")
    assert ceilings_of(CPU, torch.float32, "some CPU", 1000, tmp_path / "file").flops_per_s == 100e9


def test_a_measurement_gives_bytes_and_flops_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ceilings.SIDE, "cpu", 128)
    found = ceilings.measure(CPU, torch.float32, 2**24)
    assert 1e8 < found.read_bytes_per_s < 1e13
    assert 1e8 < found.flops_per_s < 1e15


def test_a_large_model_is_held_against_what_no_cache_can_hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Memory:
        available = 2**33

    sizes: list[int] = []

    def measure(device: torch.device, dtype: torch.dtype, size: int, seconds: float = 0.0) -> Ceilings:
        sizes.append(size >> 20)
        return Ceilings(1e9, 1e9)

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    monkeypatch.setattr(ceilings, "measure", measure)
    for weight_bytes in (0, 27 * 10**6, 2**28, 2**28 + 1, 2**29 + 1, 10**10):
        ceilings_of(CPU, torch.float32, "some CPU", weight_bytes, tmp_path)
    assert sizes == [128, 128, 256, 512, 1024, 1024]
    Memory.available = 2**31
    assert ceilings.read_size(CPU, 10**10) == 128 * 2**20
    assert ceilings.read_size(torch.device("cuda"), 10**10) == 2**31
