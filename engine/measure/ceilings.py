"""Measures a device's ceilings: how fast it reads memory and caches and multiplies matrices, and under what load.

Reading is timed with the fastest reader of the program (`readers`), at the sizes of the caches and at one that no cache
holds. The best time counts, so that no step is faster than the ceiling. A copy (`copy_`) would be wrong: it writes as
much as it reads, and a CPU first fetches the lines that it writes. So a copy shows a third of the rate of a step that
only reads weights.

The results are kept on disk with the load of the machine during the measurement (`load`). Those of a busy machine are
marked, are used until there are better ones, and are measured again as soon as the machine is quiet.
"""

from __future__ import annotations

import json
import math
import os
from contextlib import suppress
from pathlib import Path
from time import time
from typing import Final

import msgspec
import torch
from platformdirs import user_cache_dir
from torch import Tensor

from engine.core.best_time import REPEATS, SECONDS, best_s
from engine.measure.caches import cache_levels
from engine.measure.load import Conditions, LoadMeter, is_quiet
from engine.measure.readers import WIDTH, readers
from engine.model.device import free_bytes

PATIENT_S: Final = 3.0
"""How long memory is read where a user asked for it, or nobody waits for it. Where machines share one memory (two
virtual machines on a host), the load by the others changes within seconds, and no counter shows it. On such a machine
the best of 0.3 s was 29 to 47 GB/s, the best of 3 s 39 to 43 GB/s (AMD EPYC, 2 cores, 2026-11-28)."""
GLANCE_S: Final = 0.03
"""How long reading and multiplying may take each, where ceilings are known already (`glance`)."""
LOOK_AGAIN_S: Final = 600.0
"""How long after a measurement none is made for another run. The array of a brief one must be larger than every cache:
where that is 1 GiB, only to get its memory from the system takes about a second, and the run waits for it."""
BYTES: Final = {"cpu": (128 * 2**20, 2**30), "cuda": (2 * 2**30, 2 * 2**30)}
"""Least and most bytes to read from memory. The aim is as many as a step reads: a cache can hold a smaller array."""
BEYOND: Final = 4
"""Least size of the array in memory, as a multiple of the last cache; a part of a smaller array stays in the cache."""
READ_AT_ONCE: Final = 2**23
"""An array of fewer bytes is read several times in one timing, so that starting threads or kernels matters little."""
MOST_KEPT_BYTES: Final = 16 * 2**20
"""A larger file is not read: it cannot hold only ceilings, as one entry has about 1 KB."""
SIDE: Final = {"cpu": 1024, "cuda": 8192}


class Level(msgspec.Struct, frozen=True):
    """Bytes read per second of data that is read again and again and is no larger than `size_bytes`.

    The name is `L2`, `L3`, or `L3 and memory` where only a part of the data stays in the cache.
    """

    name: str
    size_bytes: int
    read_bytes_per_s: float


class Ceilings(msgspec.Struct, frozen=True):
    """Measured peaks: bytes read from memory per second, FLOPs per second of a square matrix product in the model's
    dtype, bytes read per second by level of cache (smallest first), and the load and time of the measurement.
    """

    read_bytes_per_s: float
    flops_per_s: float
    levels: tuple[Level, ...] = ()
    reader: str = ""
    """The name of the reader that read memory fastest."""
    conditions: Conditions | None = None
    """None where an older version, which did not measure the load, kept them."""
    measured_s: float = 0.0
    """The time of the measurement, seconds since 1970."""

    @property
    def quiet(self) -> bool:
        """Whether it is known that the machine was quiet."""
        return self.conditions is not None and not self.conditions.busy


def ceilings_of(
    device: torch.device,
    dtype: torch.dtype,
    device_name: str,
    weight_bytes: int,
    folder: Path | None = None,
    anew: bool = False,
) -> Ceilings:
    """The ceilings of a device, dtype, number of threads and size of model: the best of a quiet machine so far.

    They are measured at the first call and kept on disk. Later calls measure again briefly, if LOOK_AGAIN_S have
    passed, and keep the better values. Where the kept values are from a busy machine, they measure in full once it is
    quiet. `anew` measures in full.
    """
    file = (folder or Path(user_cache_dir("decodescope"))) / "ceilings.json"
    size = read_size(device, weight_bytes)
    threads = torch.get_num_threads()
    key = f"{device_name} {device.type} {dtype} {threads} threads {size >> 20} MiB torch {torch.__version__}"
    known, looked_s = _read(file)
    before = known.get(key)
    if before is None or before.conditions is None:
        kept = found = measure(device, dtype, size, memory_s=PATIENT_S if anew else SECONDS)
    elif anew or (not before.quiet and is_quiet()):
        found = measure(device, dtype, size, memory_s=PATIENT_S)
        kept = better(before, found)
    elif 0 <= time() - looked_s[key] < LOOK_AGAIN_S:  # below 0: a clock that was put back
        return before
    else:
        found = glance(device, dtype, size, before.reader)
        kept = better(before, found)
    _write(file, {**known, key: kept}, {**looked_s, key: found.measured_s})
    return kept


def better(known: Ceilings, found: Ceilings) -> Ceilings:
    """The ceilings to keep of two measurements, of which `found` is the later one.

    Those of a quiet machine replace those of a busy one, even where they are lower. Where both or neither are from a
    quiet machine, the better value of each figure is kept.
    """
    if known.quiet != found.quiet:
        return known if known.quiet else found
    sizes = [(level.name, level.size_bytes) for level in found.levels]
    if sizes == [(level.name, level.size_bytes) for level in known.levels]:
        pairs = zip(known.levels, found.levels, strict=True)
        levels = tuple(max(pair, key=lambda one: one.read_bytes_per_s) for pair in pairs)
    else:
        levels = known.levels or found.levels
    first = found if found.read_bytes_per_s > known.read_bytes_per_s else known
    rate = first.read_bytes_per_s
    merged = Ceilings(
        rate,
        max(known.flops_per_s, found.flops_per_s),
        descending(levels, rate),
        first.reader,
        first.conditions,
        first.measured_s,
    )
    return known if merged == known else merged


def read_size(device: torch.device, weight_bytes: int) -> int:
    """How many bytes of memory to read for a model of `weight_bytes`: as many as its steps read, rounded down a little,
    within the limits in `BYTES` and above the size of every cache. The least of `BYTES` where a CPU's memory is short.
    """
    fewest, most = BYTES[device.type]
    caches = cache_levels(device, torch.get_num_threads())
    least = min(max(fewest, BEYOND * caches[-1].size_bytes if caches else 0), most)
    step = 1 << max(0, weight_bytes.bit_length() - 3)
    size = min(max(weight_bytes - weight_bytes % step, least), most)
    return fewest if device.type == "cpu" and 4 * size > free_bytes(device) else size


def measure(
    device: torch.device, dtype: torch.dtype, size: int, seconds: float = SECONDS, meter: LoadMeter | None = None,
    memory_s: float = SECONDS,
) -> Ceilings:  # fmt: skip
    """Measure the ceilings, reading `size` bytes of memory for `memory_s`; the best of a few runs counts, as a
    ceiling is the most that can be reached. `meter` measures the load meanwhile.

    The factors are random: a GPU multiplies equal numbers faster than real weights, as fewer of its wires switch.
    """
    meter = meter if meter is not None else LoadMeter()
    rate, levels, reader = reading(device, dtype, size, seconds, meter, memory_s)
    multiply_s = multiplying_s(device, dtype, seconds)
    meter.sample()
    release(device)
    flops_per_s = 2 * SIDE[device.type] ** 3 / multiply_s
    return Ceilings(rate, flops_per_s, levels, reader, meter.conditions(), time())


def glance(device: torch.device, dtype: torch.dtype, size: int, reader: str) -> Ceilings:
    """Measure briefly how fast this reader reads memory and how fast matrices are multiplied, without the caches."""
    meter = LoadMeter()
    array = torch.ones(size // 4, dtype=torch.float32, device=device)
    name = reader if reader in readers(device, dtype) else "torch.sum"
    rate = rate_of(name, array, size, device, dtype, GLANCE_S, least=1)
    del array
    multiply_s = multiplying_s(device, dtype, GLANCE_S)
    release(device)
    return Ceilings(rate, 2 * SIDE[device.type] ** 3 / multiply_s, (), name, meter.conditions(), time())


def reading(
    device: torch.device, dtype: torch.dtype, size: int, seconds: float, meter: LoadMeter, memory_s: float = SECONDS
) -> tuple[float, tuple[Level, ...], str]:
    """(Bytes of memory read per second, the same by level of cache, the reader that was fastest on memory).

    All readers are tried at the largest size below memory, which takes little time. The two fastest ones are then
    timed at every size.
    """
    array = torch.ones(max(size, 4 * WIDTH) // 4 // WIDTH * WIDTH, dtype=torch.float32, device=device)
    found = readers(device, dtype)
    plan = sizes_to_read(device, size)
    part = seconds / (len(plan) + 2)
    for _, _, at in plan[-2:-1] or plan:
        trial = {name: rate_of(name, array, at, device, dtype, part / len(found)) for name in found}
        found = {name: found[name] for name in sorted(trial, key=lambda name: -trial[name])[:2]}
    rates: list[dict[str, float]] = []
    for _, most, at in plan:
        own, runs = (part, REPEATS) if most else (memory_s, None)
        rates.append({name: rate_of(name, array, at, device, dtype, own / len(found), most=runs) for name in found})
        meter.sample()
    best = [max(one.values()) for one in rates]
    levels = tuple(Level(name, most, rate) for (name, most, _), rate in zip(plan[:-1], best[:-1], strict=True))
    memory = best[-1]
    return memory, descending(levels, memory), max(rates[-1], key=lambda name: rates[-1][name])


def sizes_to_read(device: torch.device, size: int) -> list[tuple[str, int, int]]:
    """(Name of a level, the most bytes that it applies to, the bytes to read): the caches, up to three sizes between
    the last cache and `size`, and memory.

    A cache is read at half its size, as other data use it too. A level between cache and memory is read at its low
    end: all data that it applies to is larger, and cannot be read faster.
    """
    caches = [one for one in cache_levels(device, torch.get_num_threads()) if one.size_bytes < size]
    plan = [(one.name, one.size_bytes, one.size_bytes // 2) for one in caches]
    low = caches[-1].size_bytes if caches else size
    while low < size:
        high = min(2 * low, size)
        plan.append((f"{caches[-1].name} and memory", high, low))
        low = high if len(plan) < len(caches) + 3 else size
    return [*plan, ("memory", 0, size)]


def descending(levels: tuple[Level, ...], memory: float) -> tuple[Level, ...]:
    """The levels, none slower than a larger one or than memory: less data can be read at least as fast as more data."""
    done: list[Level] = []
    for level in reversed(levels):
        least = done[-1].read_bytes_per_s if done else memory
        done.append(Level(level.name, level.size_bytes, max(level.read_bytes_per_s, least)))
    return tuple(reversed(done))


def rate_of(
    name: str, array: Tensor, size: int, device: torch.device, dtype: torch.dtype, seconds: float, least: int = 2,
    most: int | None = REPEATS,
) -> float:  # fmt: skip
    """Bytes per second at which the reader of this name reads the first `size` bytes of an array."""
    part = array[: max(1, size // 4 // WIDTH) * WIDTH]
    times = max(1, READ_AT_ONCE // part.nbytes)
    read = readers(device, dtype)[name](part, times)
    return times * part.nbytes / best_s(read, device, seconds, least, most)


def multiplying_s(device: torch.device, dtype: torch.dtype, seconds: float) -> float:
    """The shortest time, in seconds, of a product of two matrices of SIDE × SIDE."""
    side = SIDE[device.type]
    a = torch.randn(side, side, device=device).to(dtype)
    out = torch.empty_like(a)
    return best_s(lambda: torch.mm(a, a, out=out), device, seconds)


def release(device: torch.device) -> None:
    """Return the memory of freed arrays, which PyTorch's allocator keeps, to the GPU: it is no part of the profile."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


class _Looked(msgspec.Struct):
    """What else is kept beside ceilings: when they were measured last, a brief look included. 0: never said."""

    looked_s: float = 0.0


def _read(file: Path) -> tuple[dict[str, Ceilings], dict[str, float]]:
    """The kept ceilings by key, without impossible values, and the time of the latest look at each, seconds since 1970;
    nothing where there is no file or it cannot be read.
    """
    try:
        if not file.is_file() or file.stat().st_size > MOST_KEPT_BYTES:
            return {}, {}
        content = file.read_bytes()
        known = msgspec.json.decode(content, type=dict[str, Ceilings])
        looked = msgspec.json.decode(content, type=dict[str, _Looked])
    except (OSError, ValueError, RecursionError):
        return {}, {}  # never measured, or not readable: measure again
    possible = {key: one for key, one in known.items() if _is_possible(one)}
    return possible, {key: looked[key].looked_s for key in possible}


def _is_possible(kept: Ceilings) -> bool:
    """Whether rates and sizes are above 0, and rates finite: a damaged file may hold any number."""
    rates = (kept.read_bytes_per_s, kept.flops_per_s, *(level.read_bytes_per_s for level in kept.levels))
    return all(0 < rate < math.inf for rate in rates) and all(level.size_bytes > 0 for level in kept.levels)


def _write(file: Path, known: dict[str, Ceilings], looked_s: dict[str, float]) -> None:
    partial = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = {key: {**msgspec.to_builtins(one), "looked_s": looked_s[key]} for key, one in known.items()}
        partial.write_text(json.dumps(kept, indent=1))
        partial.replace(file)
    except OSError:  # a cache that cannot be written costs a measurement next time, nothing else
        with suppress(OSError):
            partial.unlink(missing_ok=True)
