"""What plain SQL gives for the figures of the command line: the queries of FORMAT.md, and others like them.

A figure is named by its path in the answer of `info --json`, such as `latency.a_token.total.mean_s`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.session import file
from tests.app.figures import of_servers
from tests.app.figures.database import PHASES, Database

GROUPS: Final = {
    "prepare": ("schedule", "prepare", "embed"), "norm": ("norm",),
    "attention": ("qkv", "rope", "kv_write", "attention", "attn_out"), "ffn": ("ffn",),
    "sampling": ("lm_head", "sample", "detokenize", "verify"), "other": ("draft", "other"),
}  # fmt: skip
"""As FORMAT.md names them."""
NOT_HELD: Final = {
    r"(delays|detail\.emitted\.\d+\.delay)\b.*": "rules over steps and gaps, held by hand and in runs with one cause "
    "put in by tests/engine/figures/test_delays.py",
    r"kv_end\.(positions|formula_bytes|layers\.\d+\.formula_bytes)": "a rule over the rows of work, held against the "
    "bytes that the engine counted in tests/engine/figures/test_metrics.py",
    r"(kv_end\.blocks\.(evictable|free|fill|by_request)|detail\.last\.blocks)\b.*": "a pool rebuilt from its events, "
    "held against the engine's own in tests/engine/figures/test_kv_blocks.py",
    r"roofline\.phases\..*": "FLOPs and bytes of a phase are in no column; tests/engine/figures/test_phase_cost.py "
    "holds their sums against the steps'",
    r"roofline\.data_sheet\..*": "what a maker states, not the session",
    r"totals\.with(out)?_cache": "theory: T(T + 1)/2 over the contexts, in tests/app/models/test_redundancy.py",
    r"memory\.(activations|allocator|rest)": "a formula, or what is left: tests/engine/figures/test_memory.py",
    r"batch\.\d+\.preempted": "a rule over the rows of work, in tests/app/panels/test_batch.py",
    r"(requests\.\d+|request_times)\.preempted\b.*": "the same rule, in tests/engine/figures/test_request_table.py",
    r"comparison\.(memory|busy)\..*": "tests/engine/figures/test_comparison.py holds them by hand",
    r"comparison\.\w+\.(training\.\d+|inference\.\d+|gap)\.(unit|provenance)": "words",
    r"static_continuous(\.(complete|offset|continuous\.first_request))?": "how the two runs belong together, in "
    "tests/engine/figures/test_batch_comparison.py",
    r"before_after\.\w+\.(measure|off\.repeats|on\.repeats)": "a setting of the suite, and how often it ran",
    r"before_after\.\w+\.(same_tokens|reason)": "tests/app/panels/test_before_after.py and tests/engine/session",
    r"before_after\.\w+\.load(\..*)?": "what a run was given, in tests/engine/figures/test_effects.py",
    r"devices\.joules_per_token": "by trapezoids or the device's counter, in tests/app/panels/models",
    r"len\(.*\)": "a length",
    r"detail\.attention\.\d+\.(newest|nine_tenths_on)": "tests/app/panels/test_attention_heads.py",
    r"detail\.last\.waiting\..*": "a rule over arrivals and work, in tests/app/panels/test_batch.py",
}
"""Figures that no query is held against, and what holds them."""


HELD_BLOCKS: Final = """
    WITH ended AS (
      SELECT id FROM requests
      WHERE finished_ns IS NOT NULL AND (SELECT max(step_id) FROM tokens WHERE request_id = requests.id) < ?
    ), held AS (
      SELECT block, request_id FROM kv_blocks
      WHERE step_id < ? OR step_id = ? AND t_ns <= (SELECT end_ns FROM steps WHERE steps.id = step_id)
      GROUP BY block, request_id HAVING sum(CASE event WHEN 'free' THEN -1 WHEN 'evict' THEN 0 ELSE 1 END) > 0
    ), blocks AS (
      SELECT count(*) AS holders, sum(request_id NOT IN (SELECT id FROM ended)) AS alive FROM held GROUP BY block
    )
    SELECT count(*) FROM blocks WHERE 1 """
"""Blocks that any request holds after a step, before who ends in it leaves."""


def document_queries() -> list[tuple[set[str], str]]:
    """(the figures it gives, the query) of each query in FORMAT.md whose columns are named after figures."""
    text = (Path(file.__file__).parent / "FORMAT.md").read_text()
    block = text[text.index("### The figures of `info --json` in SQL") :]
    found = []
    for statement in re.findall(r"```sql\n(.*?)```", block, re.DOTALL)[0].split(";\n"):
        names = set(re.findall(r'AS "([\w.]+)"', statement))
        if names:
            found.append((names, statement))
    return found


QUERIES: Final = document_queries()
OF_PROMPTS: Final = (
    "SELECT DISTINCT step_id, request_id FROM work JOIN requests ON requests.id = request_id"
    ' WHERE new_from < prompt_tokens AND new_from < "end"'
)
"""Each step that computed a prompt, and whose."""


class Expected:
    """The figures of one range of steps, from the file alone."""

    def __init__(self, database: Database, first: int, last: int, whole: bool) -> None:
        self.db, self.first, self.last, self.whole = database, first, last, whole
        self._named: dict[str, Any] = {}

    def value(self, path: str) -> Any:
        """What SQL gives for a figure; raises LookupError for one that nothing here knows."""
        for names, query in QUERIES:
            if path in names:
                if path not in self._named:
                    self._named |= self.db.named(query, self.first, self.last)
                return self._named[path]
        for pattern, function in FIGURES.items():
            match = re.fullmatch(pattern, path)
            if match:
                return function(self, *match.groups())
        raise LookupError(path)

    # --- tables -----------------------------------------------------------------------------------------------------

    @cached_property
    def steps(self) -> list[Any]:
        return self.db.rows("SELECT * FROM steps WHERE id BETWEEN ? AND ? ORDER BY id", self.first, self.last)

    @cached_property
    def generating(self) -> list[Any]:
        return [row for row in self.steps if row["kind"] != "teacher"]

    @cached_property
    def phases_s(self) -> NDArray[np.float64]:
        """Seconds by generating step and phase."""
        us = self.db.phases_us(self.first, self.last)
        return us[[row["kind"] != "teacher" for row in self.steps]] / 1e6

    @cached_property
    def tokens(self) -> list[Any]:
        return self.db.rows("SELECT * FROM tokens WHERE step_id BETWEEN ? AND ? ORDER BY id", self.first, self.last)

    @cached_property
    def work(self) -> list[Any]:
        return self.db.rows("SELECT * FROM work WHERE step_id BETWEEN ? AND ? ORDER BY rowid", self.first, self.last)

    @cached_property
    def ceilings(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.db.meta("ceilings"))
        return found

    def level(self, row: Any) -> dict[str, Any]:
        """The level of memory a step is judged by."""
        weights = json.loads(self.db.meta("model_config"))["weight_bytes"]
        weights += json.loads(self.db.meta("draft_config") or "{}").get("weight_bytes", 0)
        held = min(row["bytes_moved"], weights + row["kv_used_bytes"])
        return next(one for one in self.levels if one["size_bytes"] is None or held <= one["size_bytes"])

    @property
    def levels(self) -> list[dict[str, Any]]:
        """Caches, smallest first, then memory."""
        caches = sorted(self.ceilings.get("levels", ()), key=lambda one: one["size_bytes"])
        memory = {"name": "memory", "size_bytes": None, "read_bytes_per_s": self.ceilings["read_bytes_per_s"]}
        return [*caches, memory]

    def read_bytes_per_s(self, row: Any) -> float:
        """The ceiling under which a step reads."""
        return float(self.level(row)["read_bytes_per_s"])

    # --- time -------------------------------------------------------------------------------------------------------

    def seconds_of(self, part: str) -> NDArray[np.float64]:
        """Seconds of a group, or of the whole step, by generating step."""
        if part == "total":
            return np.array([(row["end_ns"] - row["start_ns"]) / 1e9 for row in self.generating])
        return sum(self.phases_s[:, PHASES.index(phase)] for phase in GROUPS[part])  # type: ignore[return-value]

    def a_token(self, part: str, what: str) -> float | None:
        """What a token of one request takes of a part, in the steps that computed no prompt."""
        if not self.phases_s[:, :-1].any() and part not in ("other", "total"):
            return None
        requests = {
            row["step_id"]: row["requests"]
            for row in self.db.rows(
                "SELECT step_id, count(DISTINCT request_id) AS requests FROM work"
                " WHERE request_id >= 0 GROUP BY step_id"
            )
        }
        prompts = {row["step_id"] for row in self.db.rows(f"SELECT step_id FROM ({OF_PROMPTS})")}
        decode = np.array([row["id"] not in prompts for row in self.generating], bool)
        carried = np.array([requests.get(row["id"], 1) for row in self.generating])[decode]
        tokens = np.array([row["tokens_out"] for row in self.generating])[decode]
        times = self.seconds_of(part)[decode] * carried
        if what == "mean_s":
            return float(times.sum() / tokens.sum()) if tokens.sum() else None
        if what == "share":
            return float(times.sum() / (self.seconds_of("total")[decode] * carried).sum()) if len(times) else None
        each = times[tokens > 0] / tokens[tokens > 0]
        return float(np.percentile(each, int(what[1:3]))) if len(each) else None

    def prefill(self, percent: str) -> float | None:
        """A percentile of the prefill of the requests that the steps emitted tokens of."""
        times = self.db.column(
            f"SELECT sum(end_ns - start_ns) / 1e9 FROM ({OF_PROMPTS}) JOIN steps ON steps.id = step_id"
            " WHERE kind <> 'teacher'"
            " AND request_id IN (SELECT request_id FROM tokens WHERE step_id BETWEEN ? AND ?) GROUP BY request_id",
            self.first, self.last,
        )  # fmt: skip
        return float(np.percentile(times, int(percent))) if len(times) else None

    def gaps_s(self) -> NDArray[np.float64]:
        """Between two emissions of one request, by the step that emitted the later one; pauses left out."""
        return self.db.column(
            "SELECT (emitted_ns - before - coalesce((SELECT sum(min(until_ns, emitted_ns) - max(since_ns, before))"
            " FROM pauses WHERE until_ns > before AND since_ns < emitted_ns), 0)) / 1e9"
            " FROM (SELECT *, lag(emitted_ns) OVER (PARTITION BY request_id ORDER BY emitted_ns) AS before"
            " FROM (SELECT DISTINCT request_id, step_id, emitted_ns FROM tokens))"
            " WHERE before IS NOT NULL AND step_id BETWEEN ? AND ?",
            self.first, self.last,
        )  # fmt: skip

    def paused_ns(self, since_ns: int, until_ns: int) -> int:
        return int(
            self.db.one(
                "SELECT coalesce(sum(min(until_ns, ?) - max(since_ns, ?)), 0) FROM pauses"
                " WHERE until_ns > ? AND since_ns < ?",
                until_ns, since_ns, since_ns, until_ns,
            )
        )  # fmt: skip

    def between_steps_s(self) -> float:
        starts, ends = ([row[name] for row in self.steps] for name in ("start_ns", "end_ns"))
        between = sum(start - end for start, end in zip(starts[1:], ends, strict=False))
        return float(between - self.paused_ns(starts[0], ends[-1])) / 1e9

    def outliers(self) -> int:
        walls = self.seconds_of("total")
        if len(walls) < 8:
            return 0
        low, high = np.percentile(walls, (25, 75))
        return int((walls >= high + 3 * (high - low)).sum())

    # --- one by one -------------------------------------------------------------------------------------------------

    def of_request(self, request: str, what: str) -> Any:
        [row] = self.db.rows("SELECT * FROM requests WHERE id = ?", int(request))
        if what in ("prompt_tokens", "finish_reason"):
            return row[what]
        arrived = row["arrived_ns"]
        if what == "arrived_s":
            return arrived / 1e9
        if what == "reused":
            found = self.db.rows("SELECT reused FROM work WHERE request_id = ? ORDER BY step_id LIMIT 1", row["id"])
            return found[0]["reused"] if found else None
        [emitted] = self.db.rows("SELECT max(emitted_ns), count(*) FROM tokens WHERE request_id = ?", row["id"])
        if what == "tpot_s":
            first_s, all_s = (self.of_request(request, name) for name in ("ttft_s", "latency_s"))
            return (all_s - first_s) / (emitted[1] - 1) if emitted[1] > 1 else None
        until = {"ttft_s": row["first_token_ns"], "waited_s": row["scheduled_ns"], "latency_s": emitted[0]}[what]
        return None if until is None else (until - arrived - self.paused_ns(arrived, until)) / 1e9

    def requests_of_range(self) -> list[int]:
        """The requests that the steps computed something for or gave a token; all of a whole session."""
        if self.whole:
            return [row["id"] for row in self.db.rows("SELECT id FROM requests")]
        span = (self.first, self.last)
        sql = "SELECT {0} FROM {1} WHERE {0} >= 0 AND step_id BETWEEN ? AND ?"
        return [
            row[0]
            for row in self.db.rows(
                f"{sql.format('request_id', 'work')} UNION {sql.format('request_id', 'tokens')}", *span, *span
            )
        ]

    def of_requests(self, name: str, what: str) -> float | None:
        """A percentile of a figure of whole requests."""
        drafts = "SELECT {} FROM speculation WHERE request_id = ?"
        queries = {
            "tokens": "SELECT count(*) FROM tokens WHERE request_id = ?",
            "acceptance_rate": drafts.format("sum(accepted) * 1.0 / nullif(sum(proposed), 0)"),
            "acceptance_length": drafts.format("1 + sum(accepted) * 1.0 / nullif(count(*), 0)"),
        }
        query = queries.get(name)
        each = [
            self.of_request(str(one), name) if query is None else self.db.one(query, one)
            for one in self.requests_of_range()
        ]
        known = [one for one in each if one is not None]
        if not known:
            return None
        return float(max(known) if what == "most" else np.percentile(known, int(what[1:])))

    def of_token(self, index: str, what: str) -> Any:
        row = self.tokens[int(index)]
        if what == "probability":
            return float(np.exp(row["logprob"]))
        if what == "gap_s":
            before = self.db.one(
                "SELECT max(emitted_ns) FROM tokens WHERE request_id = ? AND id < ?", row["request_id"], row["id"]
            )
            until = row["emitted_ns"]
            return None if before is None else (until - before - self.paused_ns(before, until)) / 1e9
        columns = {"request": "request_id", "step": "step_id", "entropy_nats": "entropy"}
        return row[columns.get(what, what)]

    def alternative(self, index: str, place: str, what: str) -> Any:
        blob = self.tokens[int(index)]["alternatives"]
        half = len(blob) // 2
        if what == "token_id":
            return int(np.frombuffer(blob[:half], np.int32)[int(place)])
        if what == "text":
            token_id = int(np.frombuffer(blob[:half], np.int32)[int(place)])
            return self.db.one("SELECT text FROM token_texts WHERE token_id = ?", token_id)
        logprob = float(np.frombuffer(blob[half:], np.float32)[int(place)])
        return logprob if what == "logprob" else float(np.exp(logprob))

    def of_work(self, index: str, what: str) -> Any:
        row = self.work[int(index)]
        kept = row["end"] - row["rejected"]
        if row["request_id"] < 0:
            derived = {"new": 0, "recomputed": 0, "padding": row["end"] - row["first"]}
        else:
            derived = {
                "new": max(0, kept - row["new_from"]), "recomputed": max(0, min(row["new_from"], kept) - row["first"]),
                "padding": 0,
            }  # fmt: skip
        return derived[what] if what in derived else row[{"request": "request_id", "step": "step_id"}.get(what, what)]

    def of_last(self, what: str) -> Any:
        row = self.steps[-1]
        wall_s = (row["end_ns"] - row["start_ns"]) / 1e9
        return {
            "wall_s": wall_s,
            "device_s": row["device_ns"] / 1e9 if row["device_ns"] >= 0 else None,
            "kind": row["kind"],
            "kernel": row["attention_kernel"],
            "mbu": row["bytes_moved"] / wall_s / self.read_bytes_per_s(row),
            "mfu": row["flops"] / wall_s / self.ceilings["flops_per_s"],
        }[what]

    def last_phase(self, phase: str) -> float:
        return float(self.db.phases_us(self.last, self.last)[0, PHASES.index(phase)] / 1e6)

    def last_group(self, group: str) -> float:
        return sum(self.last_phase(phase) for phase in GROUPS[group])

    def last_phase_of_layer(self, layer: str, phase: str) -> float:
        us = np.frombuffer(self.steps[-1]["phases"], np.float32).reshape(-1, len(PHASES))
        return float(us[int(layer), PHASES.index(phase)]) / 1e6

    def last_layer_bytes(self, layer: str, what: str) -> int:
        table = np.frombuffer(self.steps[-1]["kv_layers"], np.int64).reshape(-1, 2)
        return int(table[int(layer), ("used", "reserved").index(what)])

    def of_attention(self, index: str, what: str) -> Any:
        """Rows in the order of step, request, layer, position; of each the heads, then their mean."""
        if "attention" not in self.__dict__:
            found: list[dict[str, Any]] = []
            rows = self.db.rows(
                "SELECT * FROM attention WHERE step_id BETWEEN ? AND ?"
                " ORDER BY step_id, request_id, layer, position, head",
                self.first, self.last,
            )  # fmt: skip
            places: dict[tuple[int, ...], list[Any]] = {}
            for row in rows:
                place = (row["step_id"], row["request_id"], row["layer"], row["position"])
                places.setdefault(place, []).append(row)
            for (_, request, layer, position), heads in places.items():
                probs = [np.frombuffer(row["probs"], np.float16).astype(np.float32) for row in heads]
                named: list[tuple[Any, NDArray[np.float32]]] = list(
                    zip((row["head"] for row in heads), probs, strict=True)
                )
                if len(probs) > 1:
                    named.append((None, np.mean(probs, axis=0, dtype=np.float32)))
                for head, weights in named:
                    some = weights[weights > 0]
                    found.append(
                        {"request": request, "layer": layer, "head": head, "position": position,
                         "entropy_nats": max(0.0, float(-(some * np.log(some)).sum())),
                         "most_at": int(weights.argmax()), "most": float(weights.max())}
                    )  # fmt: skip
            self.__dict__["attention"] = found
        return self.__dict__["attention"][int(index)][what]

    # --- ranges of ranges -------------------------------------------------------------------------------------------

    def blocks(self, what: str) -> int:
        """Blocks that a request holds which had not ended, or several hold, or only those that had; by their events."""
        kept = self.db.one(HELD_BLOCKS + "AND alive = 0", self.last, self.last, self.last)
        least = 2 if what == "shared" else 1
        held = self.db.one(HELD_BLOCKS + "AND alive > 0 AND holders >= ?", self.last, self.last, self.last, least)
        return int(kept if what == "kept" else held)

    def block_shape(self, what: str) -> int:
        """Positions a block, as the switches say; how many blocks the reserved bytes are."""
        switches = json.loads(
            self.db.one("SELECT json FROM configs JOIN steps ON configs.id = config_id WHERE steps.id = ?", self.last)
        )
        size = int(switches["block_size"])
        facts = json.loads(self.db.meta("model_config"))
        block_bytes = 2 * size * facts["layers"] * facts["kv_heads"] * facts["head_dim"] * facts["itemsize"]
        return size if what == "block_size" else int(self.steps[-1]["kv_reserved_bytes"]) // block_bytes

    def batch_part(self, index: str, what: str) -> Any:
        """Steps that follow each other under one value of the switch, and their slots."""
        parts: list[list[Any]] = []
        batching = {
            row["id"]: json.loads(row["json"]).get("batching", "") for row in self.db.rows("SELECT * FROM configs")
        }
        for row in self.generating:
            word = batching[row["config_id"]]
            if parts and parts[-1][2] == word and parts[-1][1] == row["id"] - 1:
                parts[-1][1] = row["id"]
            else:
                parts.append([row["id"], row["id"], word])
        first, last, word = parts[int(index)]
        if what in ("first", "last", "batching"):
            return {"first": first, "last": last, "batching": word}[what]
        return Expected(self.db, first, last, False).value(f"slots.{what}")

    def by_request(self, request: str, what: str) -> float:
        if what == "length":
            return 1 + self.by_request(request, "accepted") / int(
                self.db.one(
                    "SELECT count(*) FROM speculation WHERE request_id = ? AND step_id BETWEEN ? AND ?",
                    int(request), self.first, self.last,
                )
            )  # fmt: skip
        column = {"drafted": "proposed", "accepted": "accepted"}[what]
        sql = f"SELECT coalesce(sum({column}), 0) FROM speculation WHERE request_id = ? AND step_id BETWEEN ? AND ?"
        return int(self.db.one(sql, int(request), self.first, self.last))

    def reading(self, device: str, name: str, what: str) -> float:
        sql = "SELECT value FROM device_samples WHERE device = ? AND name = ? AND t_ns BETWEEN ? AND ? ORDER BY t_ns"
        span = (-(2**62), 2**62) if self.whole else (self.steps[0]["start_ns"], self.steps[-1]["end_ns"])
        values = self.db.column(sql, device, name, *span)
        if what == "mean":
            unpaused = "NOT EXISTS (SELECT 1 FROM pauses WHERE t_ns >= since_ns AND t_ns < until_ns)"
            values = self.db.column(sql.replace(" ORDER", f" AND {unpaused} ORDER"), device, name, *span)
        return float({"last": values[-1], "mean": values.mean(), "most": values.max()}[what])

    def of_server(self, figure: str, what: str) -> float:
        span = (-(2**62), 2**62) if self.whole else (self.steps[0]["start_ns"], self.steps[-1]["end_ns"])
        found = [one for one in of_servers.readings(self.db, figure) if span[0] <= one[0] <= span[1]]
        values, weights = (np.array([one[place] for one in found]) for place in (1, 2))
        mean = (values * weights).sum() / weights.sum()
        return float({"last": values[-1], "mean": mean, "most": values.max()}[what])

    def memory_total(self) -> int | None:
        on_gpu = self.db.meta("device").startswith("cuda")
        device, name = ("cuda", "memory_used_bytes") if on_gpu else ("cpu", "process_rss_bytes")
        sql = "SELECT t_ns, value FROM device_samples WHERE device = ? AND name = ? ORDER BY t_ns"
        rows = [(row["t_ns"], row["value"]) for row in self.db.rows(sql, device, name)]
        start, end = self.steps[0]["start_ns"], self.steps[-1]["end_ns"]
        inside = [value for t_ns, value in rows if start <= t_ns <= end]
        before = [value for t_ns, value in rows if t_ns < start]
        if not rows:
            return None
        return int(max(inside) if inside else before[-1] if before else rows[0][1])

    # --- passes and comparisons -------------------------------------------------------------------------------------

    def passes(self) -> list[dict[str, Any]]:
        """Each teacher-forced pass of the range, beside the steps that worked for its request before."""
        found = []
        said = {}
        for row in self.db.rows("SELECT label FROM marks WHERE kind = 'teacher'"):
            match = re.match(r"request (\d+): (\d+) of", row["label"])
            assert match
            said[int(match[1])] = int(match[2])
        for row in self.steps:
            if row["kind"] != "teacher":
                continue
            [own] = self.db.rows("SELECT * FROM work WHERE step_id = ?", row["id"])
            request = own["request_id"]
            serial = self.db.rows(
                "SELECT * FROM steps WHERE kind <> 'teacher' AND id IN (SELECT step_id FROM work WHERE request_id = ?)",
                request,
            )
            tokens = self.db.one("SELECT count(*) FROM tokens WHERE request_id = ?", request)
            pass_s, serial_s = (sum(one["end_ns"] - one["start_ns"] for one in some) / 1e9 for some in ([row], serial))
            one: dict[str, Any] = {
                "request_id": request, "positions": own["end"], "tokens": tokens, "agreeing": said.get(request),
                "pass_s": pass_s, "serial_s": serial_s, "serial_steps": len(serial), "factor": serial_s / pass_s,
                "pass_tokens_per_s": tokens / pass_s, "serial_tokens_per_s": tokens / serial_s,
            }  # fmt: skip
            for side, some, time_s in (("pass", [row], pass_s), ("serial", serial, serial_s)):
                one[f"{side}_mbu"] = sum(step["bytes_moved"] / self.read_bytes_per_s(step) for step in some) / time_s
                one[f"{side}_mfu"] = sum(step["flops"] for step in some) / time_s / self.ceilings["flops_per_s"]
            found.append(one)
        return found

    def side_of_comparison(self, metric: str, side: str, index: str) -> float:
        """One amount of training or of inference: teacher-forced passes, or the steps that generated."""
        steps = [row for row in self.steps if (row["kind"] == "teacher") == (side == "training")]
        flops, wall_s = sum(row["flops"] for row in steps), sum(row["end_ns"] - row["start_ns"] for row in steps) / 1e9
        if side == "training":
            tokens, time_s = sum(one["tokens"] for one in self.passes()), wall_s
        else:
            tokens, time_s = len(self.tokens), self._run_s()
        if metric == "utilisation":
            return float(flops / wall_s / self.ceilings["flops_per_s"])
        amounts = {
            "complexity": (sum(row["positions_computed"] for row in steps), flops),
            "throughput": (tokens / time_s,), "parallelism": (len(steps), tokens / len(steps)),
        }[metric]  # fmt: skip
        return float(amounts[int(index)])

    def gap_of_comparison(self, metric: str) -> float | None:
        sides = {side: self._sides(side) for side in ("training", "inference")}
        if not all(sides.values()):
            return None
        place = "1" if metric in ("complexity", "parallelism") else "0"
        training, inference = (self.side_of_comparison(metric, side, place) for side in sides)
        if metric == "complexity":  # FLOPs a token
            return inference / len(self.tokens) / (training / int(sum(one["tokens"] for one in self.passes())))
        return training / inference

    def _sides(self, side: str) -> int:
        return sum((row["kind"] == "teacher") == (side == "training") for row in self.steps)

    def _run_s(self) -> float:
        """The time behind the tokens a second, by the query of FORMAT.md."""
        return float(self.value("wall_s"))

    def of_policy(self, policy: str, what: str) -> float | None:
        """A figure of the run of the batch under one policy, between its mark and the next."""
        since = int(self.db.one("SELECT t_ns FROM marks WHERE kind = 'measure' AND label = ?", f"batch {policy} 1"))
        until = self.db.one("SELECT min(t_ns) FROM marks WHERE kind = 'measure' AND t_ns > ?", since) or 2**62
        requests = self.db.rows("SELECT * FROM requests WHERE arrived_ns >= ? AND arrived_ns < ?", since, until)
        steps = self.db.rows("SELECT * FROM steps WHERE start_ns >= ? AND start_ns < ?", since, until)
        emitted = self.db.rows("SELECT emitted_ns FROM tokens WHERE emitted_ns >= ? AND emitted_ns < ?", since, until)
        waits_s = [(one["first_token_ns"] - one["arrived_ns"]) / 1e9 for one in requests]
        wall_s = (max(one["emitted_ns"] for one in emitted) - min(one["arrived_ns"] for one in requests)) / 1e9
        useful, rows = self.db.rows(
            "SELECT sum(request_id >= 0), count(*) FROM (SELECT max(request_id) AS request_id FROM work"
            " WHERE step_id BETWEEN ? AND ? GROUP BY step_id, slot)", steps[0]["id"], steps[-1]["id"],
        )[0]  # fmt: skip
        return {
            "requests": len(requests), "slots.steps": len(steps), "wall_s": wall_s,
            "tokens_per_s": len(emitted) / wall_s, "ttft_mean_s": sum(waits_s) / len(waits_s),
            "ttft_longest_s": max(waits_s), "slots.waste": 1 - useful / rows,
        }[what]  # fmt: skip

    def policy_factor(self, what: str) -> float:
        """How many times better continuous batching was."""
        name, more = {
            "steps": ("slots.steps", False), "time": ("wall_s", False), "tokens_per_s": ("tokens_per_s", True),
            "ttft_mean": ("ttft_mean_s", False), "ttft_longest": ("ttft_longest_s", False),
        }[what]  # fmt: skip
        static, continuous = (self.of_policy(policy, name) for policy in ("static", "continuous"))
        assert static is not None
        assert continuous is not None
        return continuous / static if more else static / continuous

    def improvement(self, key: str, side: str) -> float:
        """What the one run of a side measured, or the run that warmed up where it counted memory."""
        rows = self.db.rows("SELECT t_ns, label FROM marks WHERE kind = 'measure' ORDER BY t_ns")
        own, repeat = {"paged_together": ("paged", 1), "native_memory": ("native", 0)}.get(key, (key, 1))
        index = next(i for i, row in enumerate(rows) if row["label"] == f"{own} {side} {repeat}")
        until = rows[index + 1]["t_ns"] if index + 1 < len(rows) else 2**62
        first, last = self.db.rows(
            "SELECT min(id), max(id) FROM steps WHERE start_ns >= ? AND start_ns < ?", rows[index]["t_ns"], until
        )[0]
        run = Expected(self.db, first, last, False)
        waiting = [row for row in run.steps if row["waiting"]] or run.steps
        if key == "paged":
            used, reserved = (sum(row[f"kv_{name}_bytes"] for row in waiting) for name in ("used", "reserved"))
            return float(used / reserved)
        if key == "paged_together":
            return float(sum(row["running"] for row in waiting) / len(waiting))
        if key == "native_memory":
            return float(max(row["attention_peak_bytes"] for row in run.steps))
        if key in ("sdpa", "native"):
            return float(run.phases_s[:, PHASES.index("attention")].sum())
        return len(run.tokens) / run._run_s()

    def factor(self, key: str) -> float | None:
        own = {"paged_together": "paged", "native_memory": "native"}.get(key, key)
        if not self.db.rows("SELECT 1 FROM marks WHERE kind = 'measure' AND label LIKE ?", f"{own} %"):
            return None
        better = self.improvement(key, "on") / self.improvement(key, "off")
        return 1 / better if key in ("sdpa", "native", "native_memory") else better

    # --- the roof ---------------------------------------------------------------------------------------------------

    def roof(self, what: str) -> Any:
        bytes_per_s, flops_per_s = self.ceilings["read_bytes_per_s"], self.ceilings["flops_per_s"]
        return {
            "bytes_per_s": bytes_per_s, "flops_per_s": flops_per_s, "ridge": flops_per_s / bytes_per_s,
            "dtype": self.db.meta("dtype"),
        }[what]  # fmt: skip

    def kind(self, kind: str, what: str) -> Any:
        steps = [row for row in self.steps if row["kind"] == kind]
        flops, moved = (sum(row[name] for row in steps) for name in ("flops", "bytes_moved"))
        time_s = sum(row["end_ns"] - row["start_ns"] for row in steps) / 1e9
        top = self.ceilings["flops_per_s"]
        rate = moved / sum(row["bytes_moved"] / self.read_bytes_per_s(row) for row in steps)
        limit = min(top, flops / moved * rate)
        return {
            "flops": flops, "bytes": moved, "seconds": time_s, "flop_per_byte": flops / moved,
            "flops_per_s": flops / time_s, "roof_flops_per_s": limit, "roof_over_rate": limit / (flops / time_s),
            "bound": "memory" if flops / moved < top / rate else "compute", "ridge": top / rate,
            "level": self.level(steps[0])["name"] if steps else None,
        }[what]  # fmt: skip


FIGURES: Final[dict[str, Callable[..., Any]]] = {
    r"latency\.a_token\.(\w+)\.(\w+)": Expected.a_token,
    r"latency\.prefill\.a_request\.p(\d+)_s": Expected.prefill,
    r"latency\.gap_s": Expected.between_steps_s,
    r"latency\.outliers": Expected.outliers,
    r"latency\.between_tokens\.mean_s": lambda of: float(gaps.mean()) if len(gaps := of.gaps_s()) else None,
    r"itl_s\.p(\d+)": lambda of, p: float(np.percentile(gaps, int(p))) if len(gaps := of.gaps_s()) else None,
    r"requests\.(\d+)\.(\w+_s|prompt_tokens|finish_reason|reused)": Expected.of_request,
    r"request_times\.requests": lambda of: len(of.requests_of_range()),
    r"request_times\.(\w+)\.(p\d+|most)": Expected.of_requests,
    r"detail\.emitted\.(\d+)\.alternatives\.(\d+)\.(\w+)": Expected.alternative,
    r"detail\.emitted\.(\d+)\.(\w+)": Expected.of_token,
    r"detail\.work\.(\d+)\.(\w+)": Expected.of_work,
    r"detail\.attention\.(\d+)\.(request|layer|head|position|entropy_nats|most_at|most)": Expected.of_attention,
    r"detail\.last\.positions\.(\w+)": lambda of, name: of.steps[-1][f"positions_{name}"],
    r"detail\.last\.phases_s\.(\w+)": Expected.last_phase,
    r"detail\.last\.groups_s\.(\w+)": Expected.last_group,
    r"detail\.last\.phases_by_layer_s\.(\d+)\.(\w+)": Expected.last_phase_of_layer,
    r"detail\.last\.(wall_s|device_s|kind|kernel|mbu|mfu)": Expected.of_last,
    r"kv_end\.layers": lambda of: None,  # read as a value only where a server did not tell it
    r"kv_end\.layers\.(\d+)\.(used|reserved)_bytes": Expected.last_layer_bytes,
    r"kv_end\.blocks\.(held|shared|kept)": Expected.blocks,
    r"kv_end\.blocks\.(blocks|block_size)": Expected.block_shape,
    r"memory\.total": Expected.memory_total,
    r"batch\.(\d+)\.(\w+)": Expected.batch_part,
    r"acceptance_by_request\.(\d+)\.(drafted|accepted|length)": Expected.by_request,
    r"devices\.readings\.(\w+)\.(\w+)\.(last|mean|most)": Expected.reading,
    r"server\.(\w+)\.(last|mean|most)": Expected.of_server,
    r"devices\.ceilings\.levels\.(\d+)\.(\w+)": lambda of, index, name: of.levels[int(index)][name],
    r"devices\.ceilings\.(\w+_s)": lambda of, name: of.ceilings[name],
    r"teacher\.(\d+)\.(\w+)": lambda of, index, name: of.passes()[int(index)][name],
    r"comparison\.(\w+)\.(training|inference)\.(\d+)\.value": Expected.side_of_comparison,
    r"comparison\.(\w+)\.gap(?:\.value)?": Expected.gap_of_comparison,
    r"static_continuous\.(static|continuous)\.(\w+|slots\.(?:steps|waste))": Expected.of_policy,
    r"static_continuous\.factors\.(\w+)": Expected.policy_factor,
    r"before_after\.(\w+)\.factor": Expected.factor,
    r"before_after\.(\w+)\.(?:off|on)": Expected.factor,  # read as a value only where it was not measured
    r"before_after\.(\w+)\.(off|on)\.(?:median|least|most)": Expected.improvement,
    r"roofline\.(bytes_per_s|flops_per_s|ridge|dtype)": Expected.roof,
    r"roofline\.kinds\.(\w+)\.(\w+)": Expected.kind,
}
"""How a figure is had from the file, by the pattern of its path."""


def differs(expected: Any, told: Any) -> bool:
    """Whether two values are not the same, but for the last digits of a float."""
    if isinstance(expected, float | int) and isinstance(told, float | int):
        return bool(abs(expected - told) > 1e-6 * max(abs(expected), abs(told), 1e-9))
    return bool(expected != told)
