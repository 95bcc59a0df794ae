"""Threads are as many as there are processors for this process, not as the machine has."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from engine.model import loader, processors
from engine.model.processors import cgroup_quota, usable_cores
from tests.engine.model.fake_root import fake_root


def machine(root: Path, cgroup: str) -> Path:
    """A file system in which this process has that line in /proc/self/cgroup; four cores of two processors each."""
    cores = {
        f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list": f"{cpu % 4},{cpu % 4 + 4}\n"
        for cpu in range(8)
    }
    return fake_root(root, cgroup, cores)


@pytest.fixture(autouse=True)
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 8 if logical else 4)
    monkeypatch.setattr(processors, "allowed_processors", lambda: set(range(8)))


def test_all_cores_where_nothing_limits(tmp_path: Path) -> None:
    assert usable_cores(machine(tmp_path, "0::/\n")) == 4


@pytest.mark.parametrize(("allowed", "cores"), [({0}, 1), ({0, 4}, 1), ({0, 1}, 2), ({1, 2, 5}, 2)])
def test_an_affinity_counts_by_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: set[int], cores: int
) -> None:
    monkeypatch.setattr(processors, "allowed_processors", lambda: allowed)
    assert usable_cores(machine(tmp_path, "0::/\n")) == cores


@pytest.mark.parametrize(("text", "cores"), [("max 100000", 4), ("150000 100000", 2), ("50000 100000", 1)])
def test_a_quota_of_version_2_also_of_a_group_further_up(tmp_path: Path, text: str, cores: int) -> None:
    folder = machine(tmp_path, "0::/a/b\n") / "sys/fs/cgroup/a"
    (folder / "b").mkdir(parents=True)
    (folder / "cpu.max").write_text(text)
    (folder / "b" / "cpu.max").write_text("max 100000")
    assert usable_cores(tmp_path) == cores


@pytest.mark.parametrize(("quota", "wanted"), [("-1", None), ("250000", 2.5)])
def test_a_quota_of_version_1(tmp_path: Path, quota: str, wanted: float | None) -> None:
    folder = machine(tmp_path, "4:memory:/x\n3:cpu,cpuacct:/docker/x\n") / "sys/fs/cgroup/cpu,cpuacct"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text(quota)
    (folder / "cpu.cfs_period_us").write_text("100000")
    assert cgroup_quota(tmp_path) == wanted


@pytest.mark.parametrize("cgroup", ["3:cpu:/a/b\n", "3:cpuacct,cpu:/a/b\n0::/\n"])
def test_a_quota_of_version_1_of_a_group_further_up(tmp_path: Path, cgroup: str) -> None:
    mount = machine(tmp_path, cgroup) / "sys/fs/cgroup" / cgroup.split(":")[1]
    for folder, quota in ((mount, "-1"), (mount / "a", "300000"), (mount / "a/b", "350000")):
        folder.mkdir(parents=True)
        (folder / "cpu.cfs_quota_us").write_text(quota)
        (folder / "cpu.cfs_period_us").write_text("100000")
    assert usable_cores(tmp_path) == 3


def test_a_container_of_version_2_sees_its_own_group_as_the_mount(tmp_path: Path) -> None:
    folder = machine(tmp_path, "0::/../../x\n") / "sys/fs/cgroup"
    folder.mkdir(parents=True)
    (folder / "cpu.max").write_text("200000 100000")
    assert usable_cores(tmp_path) == 2


def test_a_large_model_has_a_thread_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "allowed_processors", lambda: {3})
    monkeypatch.setattr(processors, "cgroup_quota", lambda root: None)
    assert loader.choose_threads(10**9) == 1
