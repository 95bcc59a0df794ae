"""Caches are those that the system reports, once for each that the threads of a run can reach."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from engine.measure.caches import CacheLevel, cache_levels, cpu_caches, size_in_bytes


def described(root: Path, cpu: int, *caches: tuple[int, str, str, str]) -> None:
    for index, (level, kind, size, shared) in enumerate(caches):
        folder = root / f"cpu{cpu}" / "cache" / f"index{index}"
        folder.mkdir(parents=True)
        for name, text in (("level", level), ("type", kind), ("size", size), ("shared_cpu_list", shared)):
            (folder / name).write_text(f"{text}\n")


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """Four processors: first and second level of their own, a third level for each two."""
    for cpu in range(4):
        pair = "0-1" if cpu < 2 else "2-3"
        described(
            tmp_path, cpu, (1, "Data", "32K", f"{cpu}"), (1, "Instruction", "32K", f"{cpu}"),
            (2, "Unified", "512K", f"{cpu}"), (3, "Unified", "16M", pair),
        )  # fmt: skip
    return tmp_path


def test_a_thread_has_its_own_caches_and_two_share_the_third(system: Path) -> None:
    cpus = [0, 1, 2, 3]
    assert cpu_caches(1, system, cpus) == [CacheLevel("L2", 512 << 10), CacheLevel("L3", 16 << 20)]
    assert cpu_caches(2, system, cpus) == [CacheLevel("L2", 1 << 20), CacheLevel("L3", 16 << 20)]
    assert cpu_caches(3, system, cpus) == [CacheLevel("L2", 1536 << 10), CacheLevel("L3", 32 << 20)]
    assert cpu_caches(2, system, [1, 2]) == [CacheLevel("L2", 1 << 20), CacheLevel("L3", 32 << 20)]


def test_what_is_not_reported_is_not_there(tmp_path: Path) -> None:
    assert cpu_caches(2, tmp_path, [0, 1]) == []
    described(tmp_path, 0, (2, "Unified", "", "0"))
    assert cpu_caches(1, tmp_path, [0]) == []
    assert size_in_bytes("32768K") == 32 << 20
    assert size_in_bytes("16M") == 16 << 20
    assert size_in_bytes("unknown") == 0


def test_a_gpu_has_a_second_level(monkeypatch: pytest.MonkeyPatch) -> None:
    properties = SimpleNamespace(L2_cache_size=50 << 20)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    assert cache_levels(torch.device("cuda"), 1) == [CacheLevel("L2", 50 << 20)]
    properties.L2_cache_size = 0
    assert cache_levels(torch.device("cuda"), 1) == []
