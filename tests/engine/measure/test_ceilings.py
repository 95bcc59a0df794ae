"""Ceilings are measured once per device, dtype and number of threads."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.measure import ceilings
from engine.measure.ceilings import Ceilings, ceilings_of

CPU = torch.device("cpu")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[torch.dtype]:
    """The measurements that were made, none of which takes time."""
    made: list[torch.dtype] = []

    def measure(device: torch.device, dtype: torch.dtype, seconds: float = ceilings.SECONDS) -> Ceilings:
        if seconds == ceilings.SECONDS:
            made.append(dtype)
            return Ceilings(30e9 + len(made), 100e9)
        return Ceilings(1e9, 1e9)

    monkeypatch.setattr(ceilings, "measure", measure)
    return made


def test_measured_once_and_kept(tmp_path: Path, measured: list[torch.dtype]) -> None:
    first = ceilings_of(CPU, torch.float32, "some CPU", tmp_path / "cache")
    assert ceilings_of(CPU, torch.float32, "some CPU", tmp_path / "cache") == first
    ceilings_of(CPU, torch.bfloat16, "some CPU", tmp_path / "cache")
    ceilings_of(CPU, torch.float32, "another CPU", tmp_path / "cache")
    assert measured == [torch.float32, torch.bfloat16, torch.float32]


def test_a_brief_look_raises_what_a_busy_machine_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter([Ceilings(10e9, 90e9), Ceilings(30e9, 80e9), Ceilings(20e9, 20e9)])
    monkeypatch.setattr(ceilings, "measure", lambda *_: next(found))
    assert ceilings_of(CPU, torch.float32, "some CPU", tmp_path) == Ceilings(10e9, 90e9)
    for _ in range(2):
        assert ceilings_of(CPU, torch.float32, "some CPU", tmp_path) == Ceilings(30e9, 90e9)


def test_a_broken_cache_is_measured_again(tmp_path: Path, measured: list[torch.dtype]) -> None:
    (tmp_path / "ceilings.json").write_text("{ half a")
    ceilings_of(CPU, torch.float32, "some CPU", tmp_path)
    ceilings_of(CPU, torch.float32, "some CPU", tmp_path)
    assert len(measured) == 1


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path: Path, measured: list[torch.dtype]) -> None:
    (tmp_path / "file").write_text("")
    assert ceilings_of(CPU, torch.float32, "some CPU", tmp_path / "file").flops_per_s == 100e9


def test_a_measurement_gives_bytes_and_flops_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ceilings.BYTES, "cpu", 2**24)
    monkeypatch.setitem(ceilings.SIDE, "cpu", 128)
    found = ceilings.measure(CPU, torch.float32)
    assert 1e8 < found.read_bytes_per_s < 1e13
    assert 1e8 < found.flops_per_s < 1e15
