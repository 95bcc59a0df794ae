"""Ceilings: which reader, which sizes, what stands over what, and what is kept on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch

from engine.measure import ceilings
from engine.measure.caches import CacheLevel
from engine.measure.ceilings import Ceilings, Level, better, ceilings_of, descending, sizes_to_read
from engine.measure.load import Conditions, LoadMeter
from engine.measure.readers import readers
from tests.engine.measure.fake_load import BUSY, QUIET, FakeMachine

CPU = torch.device("cpu")
MIB = 2**20


def made(read: float, flops: float = 100e9, conditions: Conditions | None = QUIET, *levels: Level) -> Ceilings:
    return Ceilings(read, flops, levels, "read_memory", conditions)


class Measured:
    """In place of the measurements: what each gives in turn, and what was asked for."""

    def __init__(self) -> None:
        self.patience: list[float] = []
        """How long memory was read each time."""
        self.found: Iterator[Ceilings] = iter(())
        self.quiet = False
        self.asked: list[str] = []

    def measure(self, device: torch.device, dtype: torch.dtype, size: int, memory_s: float) -> Ceilings:
        self.patience.append(memory_s)
        self.asked.append("full")
        return next(self.found)

    def glance(self, device: torch.device, dtype: torch.dtype, size: int, reader: str) -> Ceilings:
        self.asked.append("glance")
        return next(self.found)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    fake = Measured()
    monkeypatch.setattr(ceilings, "measure", fake.measure)
    monkeypatch.setattr(ceilings, "glance", fake.glance)
    monkeypatch.setattr(ceilings, "is_quiet", lambda: fake.quiet)
    return fake


def of(folder: Path, anew: bool = False) -> Ceilings:
    return ceilings_of(CPU, torch.float32, "some CPU", 1000, folder, anew)


def test_measured_in_full_once_for_each_device_and_dtype_and_kept(tmp_path: Path, measured: Measured) -> None:
    measured.found = iter([made(30e9), made(1e9), made(40e9), made(50e9)])
    folder = tmp_path / "cache"
    assert of(folder) == of(folder) == made(30e9)
    ceilings_of(CPU, torch.bfloat16, "some CPU", 1000, folder)
    ceilings_of(CPU, torch.float32, "another CPU", 1000, folder)
    assert measured.asked == ["full", "glance", "full", "full"]


def test_a_brief_look_raises_what_a_quiet_machine_gave(tmp_path: Path, measured: Measured) -> None:
    measured.found = iter([made(10e9, 90e9), made(30e9, 80e9), made(20e9, 20e9)])
    assert of(tmp_path).read_bytes_per_s == 10e9
    for _ in range(2):
        found = of(tmp_path)
        assert (found.read_bytes_per_s, found.flops_per_s) == (30e9, 90e9)


def test_soon_after_a_look_none_is_made_for_another_run(
    tmp_path: Path, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1e9]
    monkeypatch.setattr(ceilings, "time", lambda: now[0])
    after = ceilings.LOOK_AGAIN_S
    looks = [made(10e9), made(30e9), made(20e9), made(40e9), made(50e9)]
    times = (1e9, 1e9 + after, 1e9 + 2 * after, 1e9 + 2 * after, 1e9)
    measured.found = (msgspec.structs.replace(one, measured_s=at) for one, at in zip(looks, times, strict=True))
    for at, rate, asked in (
        (0.0, 10e9, ["full"]), (after - 1, 10e9, ["full"]), (after, 30e9, ["full", "glance"]),
        (2 * after - 1, 30e9, ["full", "glance"]), (2 * after, 30e9, ["full", *["glance"] * 2]),
    ):  # fmt: skip
        now[0] = 1e9 + at
        assert of(tmp_path).read_bytes_per_s == rate
        assert measured.asked == asked
    assert of(tmp_path, anew=True).read_bytes_per_s == 40e9  # a user who asks is not told to wait
    now[0] = 1e9  # the clock was put back
    assert of(tmp_path).read_bytes_per_s == 50e9
    assert measured.asked == ["full", "glance", "glance", "full", "glance"]


def test_a_machine_that_has_become_quiet_is_measured_at_once(
    tmp_path: Path, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ceilings, "time", lambda: 1e9)
    found = [made(9e9, conditions=BUSY), made(8e9)]
    measured.found = (msgspec.structs.replace(one, measured_s=1e9) for one in found)
    assert of(tmp_path).read_bytes_per_s == of(tmp_path).read_bytes_per_s == 9e9
    measured.quiet = True
    assert of(tmp_path).read_bytes_per_s == 8e9
    assert measured.asked == ["full", "full"]


def test_quiet_then_busy_then_quiet(tmp_path: Path, measured: Measured) -> None:
    """A busy machine's figures do not stand beside a quiet one's, not even where they are higher."""
    measured.found = iter([made(15e9), made(20e9, 300e9, BUSY), made(14.5e9)])
    assert of(tmp_path) == of(tmp_path, anew=True) == of(tmp_path, anew=True) == made(15e9)
    assert measured.asked == ["full"] * 3


def test_what_a_busy_machine_gave_is_marked_and_measured_again_when_it_is_quiet(
    tmp_path: Path, measured: Measured
) -> None:
    level = Level("L3", 32 * MIB, 5e9)
    measured.found = iter([made(3.8e9, 9e9, BUSY, level), made(3e9, 8e9, BUSY), made(3.5e9, 7e9, QUIET)])
    first = of(tmp_path)
    assert not first.quiet
    assert not of(tmp_path).quiet  # still busy: a brief look
    measured.quiet = True
    last = of(tmp_path)
    assert last == made(3.5e9, 7e9)  # as a whole: also what is lower
    assert measured.asked == ["full", "glance", "full"]


def test_who_asks_gets_a_patient_measurement_and_who_waits_for_a_run_a_brief_one(
    tmp_path: Path, measured: Measured
) -> None:
    measured.found = iter([made(1e9), made(2e9)])
    of(tmp_path)
    of(tmp_path, anew=True)
    assert measured.patience == [ceilings.SECONDS, ceilings.PATIENT_S]


def test_a_look_that_was_disturbed_does_not_replace(tmp_path: Path, measured: Measured) -> None:
    measured.found = iter([made(3.8e9, conditions=BUSY), made(9e9, conditions=BUSY)])
    measured.quiet = True  # at first sight
    of(tmp_path)
    found = of(tmp_path)
    assert (found.read_bytes_per_s, found.quiet) == (9e9, False)


def test_of_two_of_a_kind_each_level_is_the_better_one() -> None:
    l2, l3 = Level("L2", MIB, 50e9), Level("L3", 32 * MIB, 40e9)
    before = made(10e9, 1e9, QUIET, l2, l3)
    faster = Level("L3", 32 * MIB, 45e9)
    found = better(before, made(9e9, 2e9, QUIET, Level("L2", MIB, 30e9), faster))
    assert found == made(10e9, 2e9, QUIET, l2, faster)
    assert better(before, made(60e9)).levels == tuple(Level(one.name, one.size_bytes, 60e9) for one in (l2, l3))
    assert better(before, made(9e9, 1e9)) is before


def test_a_broken_cache_is_measured_again(tmp_path: Path, measured: Measured) -> None:
    (tmp_path / "ceilings.json").write_text("{ half a")
    measured.found = iter([made(1e9), made(1e9)])
    of(tmp_path)
    of(tmp_path)
    assert measured.asked == ["full", "glance"]


def test_what_an_older_version_kept_is_measured_anew_and_the_rest_of_its_file_stays(
    tmp_path: Path, measured: Measured
) -> None:
    measured.found = iter([made(1e9), made(2e9)])
    of(tmp_path)
    file = tmp_path / "ceilings.json"
    [key] = json.loads(file.read_text())
    old = {"read_bytes_per_s": 99e9, "flops_per_s": 99e9}
    file.write_text(json.dumps({key: old, "another": old}))
    assert of(tmp_path) == made(2e9)
    assert json.loads(file.read_text())["another"]["read_bytes_per_s"] == 99e9
    assert measured.asked == ["full", "full"]


@pytest.mark.parametrize(
    "rates",
    ['"read_bytes_per_s": 0, "flops_per_s": 1e9', '"read_bytes_per_s": 1e9, "flops_per_s": -1e9',
     '"read_bytes_per_s": 1e999, "flops_per_s": 1e9',
     '"read_bytes_per_s": 1e9, "flops_per_s": 1e9, "levels": [{"name": "L2", "size_bytes": 0, "read_bytes_per_s": 1}]'],
)  # fmt: skip
def test_what_cannot_be_a_rate_is_measured_again(rates: str, tmp_path: Path, measured: Measured) -> None:
    measured.found = iter([made(1e9), made(2e9)])
    of(tmp_path)
    file = tmp_path / "ceilings.json"
    [key] = json.loads(file.read_text())
    kept = json.loads(file.read_text())[key]["conditions"]
    file.write_text(f'{{"{key}": {{{rates}, "conditions": {json.dumps(kept)}}}}}')
    assert of(tmp_path) == made(2e9)
    assert measured.asked == ["full", "full"]


def test_what_is_no_file_in_its_place_is_passed_over(tmp_path: Path, measured: Measured) -> None:
    os.mkfifo(tmp_path / "ceilings.json")  # reading it would wait for ever
    measured.found = iter([made(1e9), made(2e9)])
    assert of(tmp_path) == made(1e9)
    file = tmp_path / "ceilings.json"
    file.unlink()
    file.mkdir()
    assert of(tmp_path) == made(2e9)
    assert [one.name for one in tmp_path.iterdir()] == ["ceilings.json"]  # nothing half written is left


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path: Path, measured: Measured) -> None:
    (tmp_path / "file").write_text("")
    measured.found = iter([made(1e9)])
    assert of(tmp_path / "file").flops_per_s == 100e9


def test_what_is_kept_is_what_was_measured(tmp_path: Path, measured: Measured) -> None:
    whole = made(1e9, 2e9, BUSY, Level("L2", MIB, 3e9))
    measured.found = iter([whole])
    of(tmp_path)
    kept = msgspec.json.decode((tmp_path / "ceilings.json").read_bytes(), type=dict[str, Ceilings])
    assert list(kept.values()) == [whole]


# --- measuring ------------------------------------------------------------------------------------------------------


@pytest.fixture
def caches(monkeypatch: pytest.MonkeyPatch) -> list[CacheLevel]:
    found = [CacheLevel("L2", MIB), CacheLevel("L3", 4 * MIB)]
    monkeypatch.setattr(ceilings, "cache_levels", lambda device, threads: found)
    return found


def test_caches_are_read_at_half_their_size_and_the_rungs_above_at_their_low_end(caches: list[CacheLevel]) -> None:
    assert sizes_to_read(CPU, 16 * MIB) == [
        ("L2", MIB, MIB // 2), ("L3", 4 * MIB, 2 * MIB), ("L3 and memory", 8 * MIB, 4 * MIB),
        ("L3 and memory", 16 * MIB, 8 * MIB), ("memory", 0, 16 * MIB),
    ]  # fmt: skip
    caches.clear()
    assert sizes_to_read(CPU, 16 * MIB) == [("memory", 0, 16 * MIB)]


def test_a_measurement_gives_every_level_and_none_is_slower_than_a_larger_one(
    monkeypatch: pytest.MonkeyPatch, caches: list[CacheLevel]
) -> None:
    monkeypatch.setitem(ceilings.SIDE, "cpu", 128)
    meter = LoadMeter(FakeMachine(others=1.0))
    found = ceilings.measure(CPU, torch.float32, 2**24, 0.001, meter)
    assert found.read_bytes_per_s > 1e8
    assert found.flops_per_s > 1e8
    assert [level.name for level in found.levels] == ["L2", "L3", "L3 and memory", "L3 and memory"]
    rates = [level.read_bytes_per_s for level in found.levels] + [found.read_bytes_per_s]
    assert rates == sorted(rates, reverse=True)
    assert found.conditions is not None
    assert found.conditions.busy
    assert found.reader in readers(CPU, torch.float32)


def test_the_fastest_reader_counts_on_every_size(monkeypatch: pytest.MonkeyPatch, caches: list[CacheLevel]) -> None:
    """By readers whose speed is given: the slow ones do not get beyond the trial."""
    speeds = {"slow": 1.0, "fast": 3.0, "middle": 2.0}
    read: list[tuple[str, int]] = []

    def rate_of(name: str, array: torch.Tensor, size: int, *_: object, **__: object) -> float:
        read.append((name, size))
        return speeds[name] * (1e9 if size == 16 * MIB else 4e9)

    monkeypatch.setattr(ceilings, "readers", lambda device, dtype: dict.fromkeys(speeds))
    monkeypatch.setattr(ceilings, "rate_of", rate_of)
    memory, levels, reader = ceilings.reading(CPU, torch.float32, 16 * MIB, 0.0, LoadMeter(FakeMachine()))
    assert (memory, reader) == (3e9, "fast")
    assert {level.read_bytes_per_s for level in levels} == {12e9}
    assert ("slow", 16 * MIB) not in read


def test_every_reader_reads_and_a_gpu_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        for name, reader in readers(CPU, dtype).items():
            assert reader(torch.ones(2**15), 2)() is None or name == "read_memory"
    assert set(readers(torch.device("cuda"), torch.bfloat16)) == {"torch.sum", "torch.amax", "torch.linear"}
    for reader in readers(torch.device("meta"), torch.bfloat16).values():
        reader(torch.ones(2**15, device="meta"), 3)()


def test_a_brief_look_reads_with_the_reader_that_was_fastest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ceilings.SIDE, "cpu", 128)
    monkeypatch.setattr(ceilings, "LoadMeter", lambda: LoadMeter(FakeMachine()))
    assert ceilings.glance(CPU, torch.float32, 2**22, "torch.sum").reader == "torch.sum"
    assert ceilings.glance(CPU, torch.float32, 2**22, "one of another machine").reader == "torch.sum"


def test_levels_fall() -> None:
    slow = (Level("L2", 1, 5.0), Level("L3", 2, 9.0))
    assert [one.read_bytes_per_s for one in descending(slow, 7.0)] == [9.0, 9.0]
    assert [one.read_bytes_per_s for one in descending(slow, 11.0)] == [11.0, 11.0]


def test_a_model_is_held_against_a_reading_of_its_own_size(
    monkeypatch: pytest.MonkeyPatch, caches: list[CacheLevel]
) -> None:
    """What caches can hold is read faster than the weights of a model they cannot hold."""
    memory = [2**36]
    monkeypatch.setattr(ceilings, "free_bytes", lambda device: memory[0])
    sizes = [ceilings.read_size(CPU, weight_bytes) for weight_bytes in (10**7, 269_000_000, 10**9, 10**10)]
    assert sizes == [128 * MIB, 256 * MIB, 896 * MIB, 2**30]
    caches[-1] = CacheLevel("L3", 64 * MIB)
    assert ceilings.read_size(CPU, 10**7) == 256 * MIB
    memory[0] = 2**30
    assert ceilings.read_size(CPU, 10**10) == 128 * MIB
    caches[-1] = CacheLevel("L2", 50 * MIB)
    assert ceilings.read_size(torch.device("cuda"), 10**10) == 2**31
