"""`decodescope bench`: measures this machine; runs the combinations in turn, several times, and prints medians."""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import replace
from typing import Any, Final

from app.cli.output import print_json
from app.cli.recording import Recording
from app.cli.table import columns
from app.look.units import NOT_APPLICABLE, percent, rate, seconds
from engine.core.settings import LoadSpec, Observation, RequestSpec, RunSpec, Switches
from engine.figures.metrics import Summary, summarise

TOKENS: Final = 128
ROUNDS: Final = 3
COMBINATIONS: Final = [
    Switches(kv=kv, attention=attention)
    for kv in ("none", "contiguous", "paged")
    for attention in ("reference", "sdpa")
]  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Run the suite that the options name, and print its figures."""
    if options.suite == "switches":
        from app.cli.bench_switches import run_switches

        return run_switches(options.output, options.json)
    if options.suite == "batching":
        from app.cli.bench_batching import run_batching

        return run_batching(options.output, options.json)
    if options.suite == "kernels":
        from app.cli.bench_kernels import run_kernels

        return run_kernels(options.json)
    rows = decode_rows()
    if options.json:
        print_json({"suite": "decode", "tokens": TOKENS, "rounds": ROUNDS, "rows": rows})
        return 0
    slowest = min(row["tokens_per_s"] for row in rows)
    lines = [("kv", "attention", "rate", "least", "most", "run time/token", "MBU", "against slowest")]
    lines += [
        (row["kv"], row["attention"], *(rate(row[k], "tokens/s") for k in ("tokens_per_s", "least", "most")),
         seconds(1 / row["tokens_per_s"]), percent(row["mbu"]) if row["mbu"] else NOT_APPLICABLE,
         f"{row['tokens_per_s'] / slowest:.2f}×")
        for row in rows
    ]  # fmt: skip
    print(columns(lines))
    return 0


def decode_rows() -> list[dict[str, Any]]:
    """Medians over the rounds. Each round runs every combination once, so that a slow moment affects all of them."""
    base = RunSpec((RequestSpec("The cat sits on", TOKENS, ignore_eos=True),), observation=Observation("phase"))
    found: dict[int, list[Summary]] = {index: [] for index in range(len(COMBINATIONS))}
    with Recording(LoadSpec()) as recording:
        recording.load()
        for number in range(ROUNDS + 1):
            for index, switches in enumerate(COMBINATIONS):
                summary = summarise(recording.run(replace(base, switches=switches), None))
                if number:  # the first round warms up
                    found[index].append(summary)
            print(f"round {number} of {ROUNDS}", file=sys.stderr)
    return [
        {
            "kv": switches.kv, "attention": switches.attention,
            "tokens_per_s": statistics.median(_rates(found[index])),
            "least": min(_rates(found[index])), "most": max(_rates(found[index])), "mbu": found[index][-1].mbu,
        }
        for index, switches in enumerate(COMBINATIONS)
    ]  # fmt: skip


def _rates(summaries: list[Summary]) -> list[float]:
    return [summary.tokens_per_s or 0.0 for summary in summaries]
