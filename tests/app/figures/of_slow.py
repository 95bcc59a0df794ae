"""Sentences about how a step compares with others of its kind, and the comparison by plain SQL and Python."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from tests.app.figures.database import PHASES, Database

GROUPS: Final = {
    "prepare": ("schedule", "prepare", "embed"), "attention": ("qkv", "rope", "kv_write", "attention", "attn_out"),
    "ffn": ("ffn",), "norm": ("norm",), "sampling": ("lm_head", "sample", "detokenize", "verify"), "draft": ("draft",),
}  # fmt: skip
LEAST: Final = 8
_OTHERS: Final = (
    "of one request", "of {SLOW.least|count} requests", "of {SLOW.least|count} to {SLOW.most|count} requests",
    "with these settings", "of any settings",
)  # fmt: skip
_HEADS: Final = ("about as long as the median of", "{SLOW.ratio|number}× the median of")
IN_INSPECTOR: Final = (
    *(
        f"?{head} {{SLOW.peers|count}} other {{~}} steps {others} ({{SLOW.median_s|seconds}} ƒ){first}"
        for head in _HEADS
        for others in _OTHERS
        for first in ("", ": {SLOW.parts|delta} {~}")
    ),
    "?{SLOW.parts|delta} {~}",
    "?{SLOW.unexplained_s|delta} unexplained",
    "?it computed {SLOW.here|count} positions instead of {SLOW.usual|amount}",
    "?{SLOW.again|count} of them again",
    "?it computed {SLOW.again|count} positions again",
    "?the gap before it was {SLOW.gap_s|seconds} instead of {SLOW.gap_median_s|seconds}",
    "?before it: {~}",
)


@dataclass(slots=True)
class Slow:
    """What a step is compared with, as the Inspector says it."""

    peers: int = 0
    alike: str = ""
    least: int = 0
    most: int = 0
    median_s: float = 0.0
    ratio: float = 0.0
    by_part: dict[str, float] = field(default_factory=dict)
    unexplained_s: float | None = None
    here: int = 0
    usual: float = 0.0
    again: int = 0
    gap_s: float = 0.0
    gap_median_s: float = 0.0

    @property
    def parts(self) -> list[float]:
        return list(self.by_part.values())

    def rows(self) -> list[tuple[Any, ...]]:
        """The rows of “Copy as CSV”."""
        if not self.peers:
            return []
        found: list[tuple[Any, ...]] = [
            ("compared", "steps", self.peers), ("compared", "alike", self.alike),
            ("compared", "median_s", self.median_s), *(("compared_s", *one) for one in self.by_part.items()),
        ]  # fmt: skip
        return found if self.unexplained_s is None else [*found, ("compared_s", "unexplained", self.unexplained_s)]


def slow_of(database: Database, step: int) -> Slow:
    """The comparison of one step; an empty one where too few steps are alike."""
    settings = {row["id"]: json.loads(row["json"]) for row in database.rows("SELECT id, json FROM configs")}
    steps = database.rows("SELECT * FROM steps ORDER BY id")
    own = steps[step]
    of_kind = [row for row in steps if row["kind"] == own["kind"] and row["id"] != step]
    same = [row for row in of_kind if settings.get(row["config_id"]) == settings.get(own["config_id"])]
    by_way = {
        "rows": [row for row in same if row["running"] == own["running"]],
        "near": [row for row in same if own["running"] / 1.5 <= row["running"] <= own["running"] * 1.5],
        "settings": same, "kind": of_kind,
    }  # fmt: skip
    alike, others = next(((way, found) for way, found in by_way.items() if len(found) >= LEAST), ("", []))
    if not others:
        return Slow()
    own_s, walls = _wall_s(own), list(map(_wall_s, others))
    found = Slow(
        len(others), alike, min(row["running"] for row in others), max(row["running"] for row in others), median(walls),
        own_s / median(walls), here=own["positions_computed"], again=own["positions_recomputed"],
        usual=float(median(row["positions_computed"] for row in others)),
    )  # fmt: skip
    _compare_parts(database, found, own, [row for row in others if row["launch"] != "graph"], own_s)
    if step:
        found.gap_s = _gap_s(database, steps, own)
        found.gap_median_s = median(_gap_s(database, steps, row) for row in others if row["id"])
    return found


def _compare_parts(database: Database, found: Slow, own: Any, timed: list[Any], own_s: float) -> None:
    seconds = database.phases_us(own["id"], own["id"])[0] / 1e6
    if own["launch"] == "graph" or not len(own["phases"]) or len(timed) < LEAST:
        return
    tables = [database.phases_us(row["id"], row["id"])[0] / 1e6 for row in timed]
    excess_s = own_s - found.median_s
    more = {
        part: sum(seconds[PHASES.index(one)] for one in phases)
        - median(sum(table[PHASES.index(one)] for one in phases) for table in tables)
        for part, phases in GROUPS.items()
    }
    named = {part: value for part, value in more.items() if abs(value) >= 0.05 * abs(excess_s) and value}
    found.by_part = dict(sorted(named.items(), key=lambda one: -abs(one[1])))
    found.unexplained_s = excess_s - sum(named.values())


def _wall_s(row: Any) -> float:
    return float(row["end_ns"] - row["start_ns"]) / 1e9


def _gap_s(database: Database, steps: list[Any], row: Any) -> float:
    since, until = steps[row["id"] - 1]["end_ns"], row["start_ns"]
    paused = database.one(
        "SELECT coalesce(sum(min(until_ns, ?) - max(since_ns, ?)), 0) FROM pauses WHERE until_ns > ? AND since_ns < ?",
        until, since, since, until,
    )  # fmt: skip
    return max(0, until - since - int(paused)) / 1e9
