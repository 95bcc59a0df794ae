"""Sessions as a user records them on this device, kept among the results: they open in the window anywhere."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any, Final

from tests.gpu.stages.setting import Setting, last_line

MOST_BYTES = 16 * 2**20
READINGS = ("utilisation_percent", "memory_used_bytes", "power_watts", "allocator_peak_bytes")
PROMPTS = (
    "The cat sits on", "Once upon a time there was a king who had a daughter", "Long ago", "A",
    "There was once a poor man", "In the forest", "The fox said to the wolf", "One day",
)  # fmt: skip

FLIPS: Final[tuple[str, ...]] = (
    "40:graphs=on", "80:attention=sdpa", "120:attention=triton,kv=contiguous", "160:kv=paged", "200:speculate=draft",
    "230:speculate=ngram", "260:speculate=off,batching=static",
)  # fmt: skip
REHEARSED_FLIPS: Final[tuple[str, ...]] = ("2:kv=contiguous", "4:speculate=ngram")


def run(setting: Setting) -> None:
    """A batch under changing switches, and one request whose attention is watched."""
    flips, tokens, seen = (REHEARSED_FLIPS, 6, 4) if setting.rehearse else (FLIPS, 300, 96)
    switched = [word for flip in flips for word in ("--switch-at", flip)]
    record(setting, "session", ["--detail", "layer", *switched], tokens)
    record(setting, "attention", ["--attention-layer", "0"], seen)  # of every head


def record(setting: Setting, name: str, options: list[str], tokens: int) -> None:
    """One recording and its figures; checks what must be so of any."""
    report, path = setting.report, setting.out / f"{name}.dscope"
    path.unlink(missing_ok=True)
    target, draft = setting.models()
    requests = setting.scratch / f"{name}.jsonl"
    count = 3 if setting.rehearse else len(PROMPTS)
    with requests.open("w", encoding="utf-8") as file:
        for number, prompt in enumerate(PROMPTS[:count]):
            line = {"prompt": prompt, "max_new_tokens": tokens - number * (tokens // 12), "arrival_s": 0.02 * number}
            file.write(json.dumps(line) + "\n")
    shared = ["--model", target, *(["--draft-model", draft] if draft else []), "--device", setting.device_name]
    recorded = setting.decodescope(
        "record", *shared, "--requests", str(requests), "--ignore-eos", "--kv", "paged", "--attention", "triton",
        "--batching", "continuous", "--max-batch", "4", *options, "-o", str(path), "--json",
    )  # fmt: skip
    report.holds(f"{name}: recorded", recorded.returncode == 0, last_line(recorded.stderr))
    if recorded.returncode:
        return
    told = setting.decodescope("info", str(path), "--json")
    report.holds(f"{name}: info --json", told.returncode == 0, last_line(told.stderr))
    (setting.out / f"{name}.json").write_text(told.stdout, encoding="utf-8")
    check(setting, name, path, json.loads(told.stdout), recorded.stdout)


def check(setting: Setting, name: str, path: Path, info: dict[str, Any], recorded: str) -> None:
    """The account of a recording adds up."""
    report = setting.report
    report.figure(f"{name}: size", path.stat().st_size / 2**20, "MiB", most=MOST_BYTES / 2**20)
    report.figure(f"{name}: tokens", info["tokens"], how=f"{info['steps']} steps", least=1)
    report.figure(f"{name}: rate", info["tokens_per_s"], "tokens/s")
    same = json.loads(recorded)["positions"] == info["positions"]
    report.holds(f"{name}: record and info count the same positions", same)
    positions = info["positions"]
    parts = sum(positions[one] for one in ("new", "recomputed", "padding", "rejected"))
    report.figure(f"{name}: positions computed less their classes", positions["computed"] - parts, least=0, most=0)
    database = sqlite3.connect(path)
    (wall_ns,) = database.execute("SELECT sum(end_ns - start_ns) FROM steps").fetchone()
    report.figure(
        f"{name}: phases over wall time", sum(info["phases_s"].values()) / (wall_ns / 1e9), least=0.97, most=1.03
    )
    for launch, steps in database.execute("SELECT launch, count(*) FROM steps GROUP BY launch ORDER BY launch"):
        report.figure(f"{name}: steps launched {launch}", steps)
    kernels = [kernel for (kernel,) in database.execute("SELECT DISTINCT attention_kernel FROM steps")]
    report.holds(f"{name}: steps of our own kernels", any(one.startswith("triton") for one in kernels), str(kernels))
    database.close()
    if info["mbu"] is not None:
        report.figure(f"{name}: MBU", info["mbu"], least=0.0, most=1.0)
    if setting.rehearse:
        return
    for reading in READINGS:
        report.holds(f"{name}: {reading} was read", reading in info["devices"]["readings"].get("cuda", {}))
    report.holds(f"{name}: device time is told", info["latency"]["device_s"] is not None)
