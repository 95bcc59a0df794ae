"""Memory is what this process may use, not what the machine has."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from engine.measure import device as measured
from engine.measure.device import HostDevice
from engine.model import device, memory
from engine.model.cgroups import group_folders
from engine.model.memory import HostMemory, host_memory
from tests.engine.model.fake_root import fake_root

NO_LIMIT = "9223372036854771712"
"""What version 1 says of a group without a limit."""
STATISTICS = "anon 500\nfile 400\ninactive_file 100\nactive_file 50\nshmem 250\n"


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=10_000, available=6_000))


def test_all_of_the_machine_where_nothing_limits(tmp_path: Path) -> None:
    assert host_memory(tmp_path) == HostMemory(10_000, 6_000)
    unlimited = {"a/memory.max": "max\n", "a/memory.high": "max\n", "a/memory.current": "900\n"}
    files = {f"sys/fs/cgroup/{name}": text for name, text in unlimited.items()}
    assert host_memory(fake_root(tmp_path, "0::/a\n", files)) == HostMemory(10_000, 6_000)


@pytest.mark.parametrize("cgroup", ["0::/a/b\n", "0::/\n", "12:cpu:/x\n0::/a/b\n"])
def test_version_2_the_pages_of_files_can_be_taken_back(tmp_path: Path, cgroup: str) -> None:
    """The group is also found where the mount is the container's own group."""
    folder = "sys/fs/cgroup" + ("" if cgroup == "0::/\n" else "/a/b")
    files = {"memory.max": "4000\n", "memory.high": "max\n", "memory.current": "1000\n", "memory.stat": STATISTICS}
    root = fake_root(tmp_path, cgroup, {f"{folder}/{name}": text for name, text in files.items()})
    assert host_memory(root) == HostMemory(4_000, 4_000 - 1_000 + 150)


def test_a_group_that_is_slowed_down_has_no_more_than_it_has_before(tmp_path: Path) -> None:
    files = {"memory.max": "4000", "memory.high": "3000", "memory.current": "1000"}
    root = fake_root(tmp_path, "0::/a\n", {f"sys/fs/cgroup/a/{name}": text for name, text in files.items()})
    assert host_memory(root) == HostMemory(3_000, 2_000)


@pytest.mark.parametrize(("outer", "inner"), [("a", "a/b"), ("a/b", "a")])
def test_of_nested_groups_the_smallest_counts(tmp_path: Path, outer: str, inner: str) -> None:
    """One has the smaller limit, the other has less left of its own."""
    files = {
        f"{outer}/memory.max": "3000", f"{outer}/memory.current": "500",
        f"{inner}/memory.max": "5000", f"{inner}/memory.current": "4800",
    }  # fmt: skip
    root = fake_root(tmp_path, "0::/a/b\n", {f"sys/fs/cgroup/{name}": text for name, text in files.items()})
    assert host_memory(root) == HostMemory(3_000, 200)


@pytest.mark.parametrize(
    ("limit", "wanted"), [(NO_LIMIT, HostMemory(10_000, 6_000)), ("4000", HostMemory(4_000, 3_200))]
)
def test_version_1_counts_the_groups_below(tmp_path: Path, limit: str, wanted: HostMemory) -> None:
    statistics = "inactive_file 7\nactive_file 7\ntotal_inactive_file 150\ntotal_active_file 50\n"
    files = {"memory.limit_in_bytes": limit, "memory.usage_in_bytes": "1000", "memory.stat": statistics}
    root = fake_root(
        tmp_path, "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n",
        {f"sys/fs/cgroup/memory/{name}": text for name, text in files.items()},
    )  # fmt: skip
    assert host_memory(root) == wanted


def test_never_less_than_nothing_and_never_more_than_the_machine_has_free(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/a/memory.max": "4000", "sys/fs/cgroup/a/memory.current": "4100"}
    assert host_memory(fake_root(tmp_path / "full", "0::/a\n", files)) == HostMemory(4_000, 0)
    files = {"sys/fs/cgroup/a/memory.max": "9000", "sys/fs/cgroup/a/memory.current": "1000"}
    assert host_memory(fake_root(tmp_path / "machine", "0::/a\n", files)) == HostMemory(9_000, 6_000)


@pytest.mark.parametrize("statistics", ["", "inactive_file\n", "inactive_file many\n"])
def test_a_group_whose_files_say_nothing_useful(tmp_path: Path, statistics: str) -> None:
    files = {"memory.max": "4000", "memory.current": "1000", "memory.stat": statistics}
    root = fake_root(tmp_path, "0::/a\n", {f"sys/fs/cgroup/a/{name}": text for name, text in files.items()})
    assert host_memory(root) == HostMemory(4_000, 3_000)
    (root / "sys/fs/cgroup/a/memory.current").write_text("")
    assert host_memory(root) == HostMemory(4_000, 4_000)


def test_the_device_and_its_readings_are_within_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"memory.max": "4000", "memory.current": "1000"}
    root = fake_root(tmp_path, "0::/a\n", {f"sys/fs/cgroup/a/{name}": text for name, text in files.items()})
    for module in (memory, measured):
        monkeypatch.setattr(module, "group_folders", lambda controller, _: group_folders(controller, root))
    cpu = torch.device("cpu")
    assert (device.total_bytes(cpu), device.free_bytes(cpu)) == (4_000, 3_000)
    assert HostDevice().read()["system_memory_used_bytes"] == 1_000
