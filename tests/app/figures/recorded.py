"""Sessions that the real engine recorded into real files, one for each way in which figures come about."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from app.cli.recording import Recording
from engine.client.suite import Suite, SuiteRun
from engine.client.suites import BatchRun, batch_runs
from engine.core.settings import LoadSpec, Observation, Probe, RequestSpec, RunSpec, Sampling, SwitchChange, Switches
from engine.figures import improvements
from engine.figures.improvements import suite_runs
from tests.engine.figures.served import recorded as served_events
from tests.engine.figures.served import write

Shortened = TypeVar("Shortened", BatchRun, improvements.SuiteRun)
PROMPT: Final = "The cat sits on"
BLOCK_BYTES: Final = 2 * 8 * 4 * 4 * 32 * 4
"""Of a block of 4 positions in the demo model: K and V, 8 layers, 4 KV heads of 32 numbers, float32."""
SHORT_CONTEXT: Final = 160
"""The context for which the suite makes its long prompt here, so that it takes no longer than the others."""
OF_A_SUITE: Final = frozenset({"kv", "paged", "sdpa", "native"})
"""The improvements that the recorded suite measures: one of each measure, so that it takes a second."""


def _requests(*lengths: int, prompts: tuple[str, ...] = (PROMPT,)) -> tuple[RequestSpec, ...]:
    return tuple(RequestSpec(prompts[i % len(prompts)], n, ignore_eos=True) for i, n in enumerate(lengths))


LONG_PROMPT: Final = f"{PROMPT} the king's golden chair, and the king said"
RUNS: Final = {
    "static": RunSpec(
        (*_requests(20, 10, 24), RequestSpec(PROMPT, 7, ignore_eos=True, sampling=Sampling(temperature=1.5))),
        Switches(batching="static"), Observation("layer"), teacher_pass=True,
    ),
    "speculating": RunSpec(
        _requests(18, 9, 14, prompts=(LONG_PROMPT, PROMPT)),
        Switches(kv="paged", block_size=4, batching="continuous", max_batch=2, speculate="draft", k=3),
        Observation("phase", Probe(1, None)),
    ),
    "batched": RunSpec(
        _requests(13, 4, 9, prompts=(LONG_PROMPT,)), Switches(kv="paged", block_size=4, batching="static"),
        Observation("layer"),
    ),
    "crowded": RunSpec(
        _requests(22, 18, 14, prompts=(LONG_PROMPT,)),
        Switches(kv="paged", block_size=4, batching="continuous", kv_memory=15 * BLOCK_BYTES),
        Observation("step"),
    ),
    "flipped": RunSpec(
        _requests(24), Switches(kv="none"), Observation("layer", Probe(0, 2)),
        switch_at=(SwitchChange(9, {"kv": "contiguous"}),), teacher_pass=True,
    ),
}  # fmt: skip
"""Padding; drafts, attention of all heads and a queue; blocks that are kept for a batch;
shared blocks, a preemption and no phases; a flip on the way."""
STEPS_OF_SERVER: Final = 16
Readings = dict[str, tuple[float, float]]
ON_A_GPU: Final[Readings] = {
    "utilisation_percent": (35.0, 90.0), "memory_utilisation_percent": (20.0, 60.0),
    "memory_used_bytes": (3.1e9, 3.3e9), "power_watts": (180.0, 420.0), "temperature_celsius": (41.0, 47.0),
    "sm_clock_mhz": (1410.0, 1755.0), "memory_clock_mhz": (1593.0, 1593.0), "energy_joules": (1000.0, 1090.0),
    "allocator_peak_bytes": (29.5e6, 30.5e6), "allocator_reserved_bytes": (33e6, 34e6),
}  # fmt: skip
ON_A_HOST: Final[Readings] = {
    "process_cpu_percent": (100.0, 128.0), "system_cpu_percent": (55.0, 70.0), "process_rss_bytes": (3.0e8, 3.1e8),
}  # fmt: skip
"""Readings at the first step and at the last one, in proportion between them: these runs are too short for many."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A session file, and the range of its steps that is selected."""

    name: str
    path: Path
    steps: int

    @property
    def selected(self) -> tuple[int, int]:
        return self.steps // 4, 3 * self.steps // 4


def record_all(folder: Path) -> list[Recorded]:
    """Every run of RUNS, two suites, and one of the runs as a GPU would have it; all by one engine process. Beside
    them a session of a server, written by hand.
    """
    found = []
    with Recording(LoadSpec()) as recording:
        recording.load()
        model = {**recording.client.now.model_config, "max_positions": SHORT_CONTEXT}
        suites: list[tuple[str, Sequence[SuiteRun]]] = [
            ("measured", [shortened(one) for one in suite_runs(PROMPT, {}, model, 8, 1) if one.key in OF_A_SUITE]),
            ("both", [shortened(one) for one in batch_runs()]),
        ]
        for name, run in RUNS.items():
            path = folder / f"{name}.dscope"
            steps = len(recording.run(run, path, f"decodescope record {name}").steps)
            found.append(Recorded(name, path, steps))
        for name, runs in suites:
            path = folder / f"{name}.dscope"
            found.append(Recorded(name, path, len(recording.run_suite(Suite(runs, {}), path).steps)))
    static, speculating, flipped = (next(one for one in found if one.name == name) for name in
                                    ("static", "speculating", "flipped"))  # fmt: skip
    gpu = Recorded("gpu", folder / "gpu.dscope", static.steps)
    shutil.copyfile(static.path, gpu.path)
    hold(flipped.path, flipped.steps // 2, 3_210_000_000)
    _settle(static.path, {"read_bytes_per_s": 1e6, "flops_per_s": 1e6}, {})
    _settle(speculating.path, {"read_bytes_per_s": 1e12, "flops_per_s": 1e10}, {"cpu": ON_A_HOST}, only_first=True)
    levels = [
        {"name": "L2", "size_bytes": 2**20, "read_bytes_per_s": 5e12},
        {"name": "L3", "size_bytes": 2**30, "read_bytes_per_s": 4e12},
    ]
    busy = {"read_bytes_per_s": 1e12, "flops_per_s": 4e13, "levels": levels, "conditions": {"busy": True}}
    _settle(flipped.path, busy, {"cpu": ON_A_HOST})
    _settle(gpu.path, {"read_bytes_per_s": 3e12, "flops_per_s": 6e13}, {"cuda": ON_A_GPU, "cpu": ON_A_HOST})
    _as_on_a_gpu(gpu.path)
    served = Recorded("served", write(served_events(STEPS_OF_SERVER), folder / "served.dscope"), STEPS_OF_SERVER)
    return [*found, gpu, served]


def shortened(one: Shortened) -> Shortened:
    """The same run with fewer of many requests, and a third of their tokens: every text is walked through."""
    requests = one.run.requests
    if len(requests) > 1:
        requests = tuple(replace(each, max_new_tokens=-(-each.max_new_tokens // 3)) for each in requests[:12])
    return replace(one, run=replace(one.run, requests=requests))


def hold(path: Path, step: int, passed_ns: int) -> None:
    """Put a pause of so many ns before a step: all that came after is later by that."""
    columns = {
        "steps": ("start_ns", "end_ns"), "tokens": ("emitted_ns",), "kv_blocks": ("t_ns",), "marks": ("t_ns",),
        "requests": ("arrived_ns", "scheduled_ns", "first_token_ns", "finished_ns"),
    }  # fmt: skip
    with closing(sqlite3.connect(path)) as database, database:
        [(since_ns,)] = database.execute("SELECT end_ns + 1000 FROM steps WHERE id = ?", (step - 1,))
        for table, names in columns.items():
            for name in names:
                database.execute(f"UPDATE {table} SET {name} = {name} + ? WHERE {name} >= ?", (passed_ns, since_ns))
        rows = [(since_ns, "pause"), (since_ns + passed_ns, "resume")]
        database.executemany("INSERT INTO marks (t_ns, kind, label) VALUES (?, ?, '')", rows)


def _as_on_a_gpu(path: Path) -> None:
    """Give the steps of a session the time of a device of their own, and the session the name of a GPU."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE steps SET device_ns = (end_ns - start_ns) * 7 / 10")
        database.executemany(
            "UPDATE meta SET value = ? WHERE key = ?",
            [("cuda:0", "device"), ("NVIDIA H100 80GB HBM3", "device_name"), (str(80 * 2**30), "device_memory_bytes")],
        )


def _settle(path: Path, ceilings: dict[str, Any], readings: dict[str, Readings], only_first: bool = False) -> None:
    """Put ceilings and readings in place of those that depend on the hour: a reading in the middle of every step."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE meta SET value = ? WHERE key = 'ceilings'", (json.dumps(ceilings),))
        database.execute("DELETE FROM device_samples")
        moments = [row[0] for row in database.execute("SELECT (start_ns + end_ns) / 2 FROM steps ORDER BY id")]
        database.executemany(
            "INSERT INTO device_samples (t_ns, device, name, value) VALUES (?, ?, ?, ?)",
            [
                (t_ns, device, name, first + (last - first) * index / (len(moments) - 1))
                for index, t_ns in enumerate(moments[:1] if only_first else moments)
                for device, of_device in readings.items()
                for name, (first, last) in of_device.items()
            ],
        )
