"""The figures of scenarios computed anew from the file: plain SQL and numpy, nothing of `engine.figures`."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from statistics import mean, median
from typing import Any

import numpy as np

from engine.session.schema import PHASES

Ask = Callable[[sqlite3.Connection], float]
GROUPS = {
    "attention": ("qkv", "rope", "kv_write", "attention", "attn_out"), "ffn": ("ffn",), "norm": ("norm",),
    "sampling": ("lm_head", "sample", "detokenize", "verify"),
}  # fmt: skip


def one(db: sqlite3.Connection, query: str, *values: object) -> Any:
    return db.execute(query, values).fetchone()[0]


def column(db: sqlite3.Connection, query: str, *values: object) -> list[Any]:
    return [row[0] for row in db.execute(query, values)]


def asked(query: str) -> Ask:
    return lambda db: float(one(db, query))


def walls(db: sqlite3.Connection) -> list[float]:
    return column(db, "SELECT (end_ns - start_ns) / 1e9 FROM steps WHERE kind <> 'teacher' ORDER BY id")


def switched(db: sqlite3.Connection) -> int:
    """The first step that has a cache."""
    kv = {config: json.loads(text)["kv"] for config, text in db.execute("SELECT id, json FROM configs")}
    return next(
        step for step, config in db.execute("SELECT id, config_id FROM steps ORDER BY id") if kv[config] != "none"
    )


def middle(db: sqlite3.Connection) -> int:
    return int(one(db, "SELECT count(*) FROM steps")) // 2


def a_token(db: sqlite3.Connection) -> float:
    shape = json.loads(one(db, "SELECT value FROM meta WHERE key = 'model_config'"))
    return float(2 * shape["layers"] * shape["kv_heads"] * shape["head_dim"] * shape["itemsize"])


def held(db: sqlite3.Connection) -> float:
    """Positions of the requests that are under way at the middle step; the newest token is not computed yet."""
    at, total = middle(db), 0
    for request, prompt in db.execute("SELECT id, prompt_tokens FROM requests"):
        steps = column(db, "SELECT step_id FROM tokens WHERE request_id = ?", request)
        if min(steps) <= at <= max(steps):
            total += prompt + sum(step <= at for step in steps) - 1
    return float(total)


def used_at(db: sqlite3.Connection, step: int) -> float:
    return float(one(db, "SELECT kv_used_bytes FROM steps WHERE id = ?", step))


def share(*groups: str) -> Ask:
    """Of the time of the steps after the first, which computed the prompt."""

    def of(db: sqlite3.Connection) -> float:
        places = [PHASES.index(phase) for group in groups for phase in GROUPS[group]]
        blobs = column(db, "SELECT phases FROM steps WHERE id > 0")
        us = sum(np.frombuffer(blob, np.float32).reshape(-1, len(PHASES)).sum(axis=0)[places].sum() for blob in blobs)
        return float(us) / 1e6 / sum(walls(db)[1:])

    return of


def token_s(db: sqlite3.Connection) -> float:
    return sum(walls(db)[1:]) / float(one(db, "SELECT count(*) FROM tokens WHERE step_id > 0"))


def teacher_s(db: sqlite3.Connection) -> float:
    return float(one(db, "SELECT (end_ns - start_ns) / 1e9 FROM steps WHERE kind = 'teacher'"))


def serial_rate(db: sqlite3.Connection) -> float:
    tokens, first, last = db.execute(
        "SELECT count(*), (SELECT min(arrived_ns) FROM requests), max(emitted_ns) FROM tokens"
    ).fetchone()
    return float(tokens) / (last - first) * 1e9


def mfu(kind: str) -> Ask:
    def of(db: sqlite3.Connection) -> float:
        flops, wall_ns = db.execute(
            f"SELECT sum(flops), sum(end_ns - start_ns) FROM steps WHERE (kind = 'teacher') = {kind == 'teacher':d}"
        ).fetchone()
        peak = json.loads(one(db, "SELECT value FROM meta WHERE key = 'ceilings'"))["flops_per_s"]
        return float(flops) / wall_ns * 1e9 / float(peak)

    return of


def requests_under(db: sqlite3.Connection, policy: str) -> list[tuple[int, int, int]]:
    """(arrival, first token, last token) of each request that ran under this policy, ns."""
    configs = [
        config for config, text in db.execute("SELECT id, json FROM configs") if json.loads(text)["batching"] == policy
    ]
    marks = ", ".join("?" * len(configs))
    return db.execute(
        "SELECT arrived_ns, min(emitted_ns), max(emitted_ns) FROM tokens JOIN requests ON requests.id = request_id "
        f"JOIN steps ON steps.id = step_id WHERE config_id IN ({marks}) GROUP BY request_id",
        configs,
    ).fetchall()


def batch_s(policy: str) -> Ask:
    def of(db: sqlite3.Connection) -> float:
        found = requests_under(db, policy)
        return (max(last for *_, last in found) - min(arrived for arrived, *_ in found)) / 1e9

    return of


def batch_rate(policy: str) -> Ask:
    return lambda db: float(one(db, "SELECT count(*) FROM tokens")) / 2 / batch_s(policy)(db)


def batch_ttft(policy: str) -> Ask:
    return lambda db: mean((first - arrived) / 1e9 for arrived, first, _ in requests_under(db, policy))


def batch_steps(policy: str) -> Ask:
    return asked(f"SELECT count(*) FROM steps JOIN configs ON configs.id = config_id WHERE json LIKE '%\"{policy}\"%'")


def waste(db: sqlite3.Connection) -> float:
    """The share of padding among the slot-steps of the static run."""
    slot_step = "work.step_id * 1000 + slot"
    computed, useful = db.execute(
        f"SELECT count(DISTINCT {slot_step}), count(DISTINCT CASE WHEN request_id >= 0 THEN {slot_step} END) FROM work "
        "JOIN steps ON steps.id = work.step_id JOIN configs ON configs.id = config_id WHERE json LIKE '%\"static\"%'"
    ).fetchone()
    return 1 - float(useful) / computed


def runs_of(db: sqlite3.Connection, key: str, side: str) -> list[tuple[int, int, int]]:
    """(repeat, beginning, end) of each run of an improvement's side, ns."""
    marks = db.execute("SELECT t_ns, label FROM marks WHERE kind = 'measure' ORDER BY t_ns").fetchall()
    runs = [(t_ns, *label.split()) for t_ns, label in marks if re.fullmatch(r"\S+ (on|off) \d+", label)]
    ends = [run[0] for run in runs[1:]] + [2**62]
    return [
        (int(repeat), begin, end)
        for (begin, name, which, repeat), end in zip(runs, ends, strict=True)
        if (name, which) == (key, side)
    ]


def side_rate(key: str, side: str) -> Ask:
    """Tokens a second: the median of the repeats after the one that warms up."""

    def of(db: sqlite3.Connection) -> float:
        rates = []
        for repeat, begin, end in runs_of(db, key, side):
            if repeat:
                tokens, arrived, last = db.execute(
                    "SELECT count(*), min(arrived_ns), max(emitted_ns) FROM tokens JOIN requests ON requests.id = "
                    "request_id WHERE emitted_ns >= ? AND emitted_ns < ?", (begin, end),
                ).fetchone()  # fmt: skip
                rates.append(tokens / (last - arrived) * 1e9)
        return median(rates)

    return of


def factor(key: str) -> Ask:
    """Tokens a second on over off."""
    return lambda db: side_rate(key, "on")(db) / side_rate(key, "off")(db)


def paging(side: str, asked_for: str) -> Ask:
    """Of the steps of the mixed load in which requests wait for memory."""

    def of(db: sqlite3.Connection) -> float:
        ((_, begin, end),) = runs_of(db, "paged", side)
        query = f"SELECT {asked_for} FROM steps WHERE start_ns >= ? AND start_ns < ? AND waiting > 0"
        return float(one(db, query, begin, end))

    return of


USE, TOGETHER = "1.0 * sum(kv_used_bytes) / sum(kv_reserved_bytes)", "avg(running)"


def flash_runs(db: sqlite3.Connection, side: str) -> list[tuple[int, int, int]]:
    return runs_of(db, "triton", side) or runs_of(db, "native", side)


def flash_s(side: str) -> Ask:
    """Seconds of the phase attention over a run: the median of the repeats after the one that warms up."""

    def of(db: sqlite3.Connection) -> float:
        found = []
        for repeat, begin, end in flash_runs(db, side):
            if repeat:
                blobs = column(db, "SELECT phases FROM steps WHERE start_ns >= ? AND start_ns < ?", begin, end)
                times = [np.frombuffer(blob, np.float32).reshape(-1, len(PHASES)).astype(np.float64) for blob in blobs]
                found.append(sum(each.sum(axis=0)[PHASES.index("attention")] for each in times) / 1e6)
        return float(median(found))

    return of


def flash_bytes(side: str) -> Ask:
    """The most that a layer's attention took, in the run in which it was counted."""

    def of(db: sqlite3.Connection) -> float:
        ((begin, end),) = ((begin, end) for repeat, begin, end in flash_runs(db, side) if not repeat)
        query = "SELECT max(attention_peak_bytes) FROM steps WHERE start_ns >= ? AND start_ns < ?"
        return float(one(db, query, begin, end))

    return of


def long_prompt(db: sqlite3.Connection) -> float:
    _, begin, end = flash_runs(db, "on")[-1]
    return float(one(db, "SELECT prompt_tokens FROM requests WHERE arrived_ns BETWEEN ? AND ?", begin, end))


def over(above: str, below: str) -> Ask:
    return lambda db: FIGURES[above](db) / FIGURES[below](db)


FIGURES: dict[str, Ask] = {
    "tokens": asked("SELECT count(*) FROM tokens"),
    "steps": asked("SELECT count(*) FROM steps WHERE kind <> 'teacher'"),
    "early_step_s": lambda db: median(walls(db)[1:11]),
    "late_step_s": lambda db: median(walls(db)[-10:]),
    "late_over_early": over("late_step_s", "early_step_s"),
    "positions_computed": asked("SELECT sum(positions_computed) FROM steps"),
    "positions_new": asked("SELECT sum(positions_new) FROM steps"),
    "positions_without_cache": asked("SELECT count(*) * (count(*) + 1) / 2 FROM tokens"),
    "step_before_s": lambda db: median(walls(db)[switched(db) - 10 : switched(db)]),
    "step_after_s": lambda db: median(walls(db)[switched(db) + 1 : switched(db) + 11]),
    "before_over_after": over("step_before_s", "step_after_s"),
    "recomputed_before": lambda db: one(
        db, "SELECT 1.0 * sum(positions_recomputed) / sum(positions_computed) FROM steps WHERE id < ?", switched(db)
    ),
    "steps_s": lambda db: sum(walls(db)),
    "steps_over_step": lambda db: sum(walls(db)) / median(walls(db)),
    "overlapping_steps": asked(
        "SELECT count(*) FROM steps a JOIN steps b ON b.id = a.id + 1 WHERE b.start_ns < a.end_ns"
    ),
    "last_context": asked("SELECT prompt_tokens + (SELECT count(*) FROM tokens) - 1 FROM requests"),
    "middle_step": lambda db: float(middle(db)),
    "middle_positions": held,
    "middle_kv": lambda db: used_at(db, middle(db)),
    "middle_kv_unshared": lambda db: held(db) * a_token(db),
    "middle_kv_saved": lambda db: 1 - used_at(db, middle(db)) / (held(db) * a_token(db)),
    "kv_a_token": a_token,
    "first_kv": lambda db: used_at(db, 0),
    "peak_kv": asked("SELECT max(kv_used_bytes) FROM steps"),
    "kv_growth": over("peak_kv", "first_kv"),
    "pass_s": teacher_s,
    "serial_s": lambda db: sum(walls(db)),
    "serial_over_pass": over("serial_s", "pass_s"),
    "agreeing_tokens": lambda db: float(
        one(db, "SELECT label FROM marks WHERE kind = 'teacher'").partition(": ")[2].split()[0]
    ),
    "pass_rate": lambda db: float(one(db, "SELECT count(*) FROM tokens")) / teacher_s(db),
    "serial_rate": serial_rate,
    "rate_gap": over("pass_rate", "serial_rate"),
    "pass_mfu": mfu("teacher"),
    "serial_mfu": mfu("serial"),
    "token_s": token_s,
    "forward_share": share("attention", "ffn", "norm"),
    "attention_share": share("attention"),
    "ffn_share": share("ffn"),
    "sampling_share": share("sampling"),
    "projected_s": lambda db: walls(db)[0] + 100 * token_s(db),
    "static_steps": batch_steps("static"),
    "continuous_steps": batch_steps("continuous"),
    "batch_steps_factor": over("static_steps", "continuous_steps"),
    "static_s": batch_s("static"),
    "continuous_s": batch_s("continuous"),
    "static_rate": batch_rate("static"),
    "continuous_rate": batch_rate("continuous"),
    "static_ttft_s": batch_ttft("static"),
    "continuous_ttft_s": batch_ttft("continuous"),
    "static_over_continuous": over("static_s", "continuous_s"),
    "static_waste": waste,
    "batch_requests": asked("SELECT count(*) / 2 FROM requests"),
    "kv_use_off": paging("off", USE),
    "kv_use_on": paging("on", USE),
    "together_off": paging("off", TOGETHER),
    "together_on": paging("on", TOGETHER),
    "factor_paged_together": over("together_on", "together_off"),
    "flash_s_off": flash_s("off"),
    "flash_s_on": flash_s("on"),
    "factor_flash": over("flash_s_off", "flash_s_on"),
    "flash_bytes_off": flash_bytes("off"),
    "flash_bytes_on": flash_bytes("on"),
    "factor_flash_memory": over("flash_bytes_off", "flash_bytes_on"),
    "long_prompt": long_prompt,
    "factor_kv": factor("kv"),
    "factor_ngram": factor("ngram"),
    "factor_batching": factor("batching"),
}
