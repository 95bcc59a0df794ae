"""What “Copy as CSV” of each panel must hold: the same rows from the command line's answer, or by SQL."""

from __future__ import annotations

from typing import Any, Final

from app.models.latency import REFERENCE_S
from engine.figures.improvements import IMPROVEMENTS
from tests.app.figures import of_servers
from tests.app.figures.database import Database
from tests.app.figures.of_slow import slow_of
from tests.app.figures.of_time import PARTS, READINGS
from tests.app.figures.sentences import Env
from tests.app.figures.sql import differs

Rows = list[tuple[Any, ...]]
MEMORY: Final = {
    "total": "total", "total/weights": "weights", "total/kv": "kv", "total/kv/used": "used",
    "total/kv/unfilled": "unfilled", "total/kv/kept": "kept",
    "total/kv/evictable": "evictable", "total/kv/free": "free", "total/draft": "draft",
    "total/draft/draft_weights": "draft_weights", "total/draft/draft_kv": "draft_kv",
    "total/draft/draft_kv/draft_kv_used": "draft_kv_used", "total/draft/draft_kv/draft_kv_free": "draft_kv_free",
    "total/activations": "activations", "total/allocator": "allocator", "total/rest": "rest",
}  # fmt: skip
"""Parts of the memory, by their path."""


OWN: Final = "NOT EXISTS (SELECT 1 FROM meta WHERE key = 'serving')"
"""That a session is of our own engine, in SQL."""
PASS: Final = (
    "request_id", "positions", "tokens", "agreeing", "pass_s", "serial_s", "serial_steps", "factor",
    "pass_tokens_per_s", "serial_tokens_per_s", "pass_mbu", "serial_mbu", "pass_mfu", "serial_mfu",
)  # fmt: skip
"""What is told of a teacher-forced pass."""


QUERY: Final = "SELECT id, positions_computed FROM steps ORDER BY id"
"""What the Query panel is asked."""


def rows_of(  # noqa: PLR0911, PLR0912 - one panel, one case
    panel: str, mode: str, env: Env, database: Database, steps: tuple[int, int]
) -> Rows:
    """The rows of a panel that shows these steps; columns beyond the last of these are no figures."""
    info, token, step = env["info"], env["T"], env["here_step"]
    match panel:
        case "timeline":
            return _plain(
                database, "SELECT tokens.id, request_id, step_id, kind, position, token_id, text, source, emitted_ns,"
                " start_ns, end_ns FROM tokens JOIN steps ON steps.id = step_id WHERE step_id BETWEEN ? AND ?"
                " ORDER BY tokens.id", *steps,
            )  # fmt: skip
        case "redundancy":
            return _plain(
                database, "SELECT id, positions_computed, positions_new, positions_recomputed,"
                f" CASE WHEN {OWN} THEN positions_padding END, positions_rejected, positions_reused,"
                f" CASE WHEN {OWN} THEN flops END FROM steps WHERE id BETWEEN ? AND ? ORDER BY id", *steps,
            )  # fmt: skip
        case "utilisation":
            return [
                (row["t_ns"], row["device"], name, row["value"])
                for device, name, *_ in sorted(READINGS.values(), key=lambda one: one[0] == "cpu")
                for row in database.rows(
                    "SELECT * FROM device_samples WHERE device = ? AND name = ? AND t_ns BETWEEN"
                    " (SELECT start_ns FROM steps WHERE id = ?) AND (SELECT end_ns FROM steps WHERE id = ?)"
                    " ORDER BY t_ns", device, name, *steps,
                )
            ] + _of_server(database, None if info is env["all"] else steps)  # fmt: skip
        case "inspector":
            of = env["of"](token.step)
            return [
                ("request", "id", token.request),
                ("token", "id", token.token_id), ("token", "text", token.text), ("token", "position", token.position),
                ("token", "logprob_nats", token.logprob), ("token", "entropy_nats", token.entropy_nats),
                ("step", "id", token.step), ("step", "wall_s", of.wall_s),
                *(("phase_s", name, of.phases_s[name]) for name in of.phases_s if of.phases_s[name] > 0),
                *(("positions", name, of.positions[name]) for name in of.positions),
                *slow_of(database, token.step).rows(),
                *(("late_s", one.cause, one.seconds) for one in (token.delay.parts if token.delay is not None else ())),
                *(("alternative_logprob", one.token_id, one.logprob) for one in token.alternatives),
                *(("alternative_text", one.token_id, one.text) for one in token.alternatives),
                ("attention_row", "query_position", token.position - 1),
                *(("attention_row", what) for what in ("layer", "head", "missing")),
            ]  # fmt: skip
        case "latency" if "late" in mode:
            causes = info.delays.causes
            return [
                *(("cause", None, None, None, one, None, causes[one].seconds, causes[one].late) for one in causes),
                *(("token", one.token, one.step, one.request, one.cause, one.gap_s, one.excess_s, 1)
                  for one in info.delays.most_delayed),
            ]  # fmt: skip
        case "latency":
            found: Rows = []
            for part in PARTS.values():
                one = info.latency.a_token[part]
                found.append((part, REFERENCE_S.get(part), one.mean_s, one.p50_s, one.p90_s, one.p99_s, one.share))
            gaps = info.latency.between_tokens
            prefill = info.latency.prefill.a_request
            found.append(("itl", None, gaps.mean_s, info.itl_s.p50, info.itl_s.p90, info.itl_s.p99, None))
            return [*found, ("prefill", None, prefill.mean_s, prefill.p50_s, prefill.p90_s, prefill.p99_s, None)]
        case "roofline":
            points = [*info.roofline.kinds, *info.roofline.phases[env["chosen_kind"]]]
            names = ("flops", "bytes", "seconds", "flop_per_byte", "flops_per_s", "bound", "roof_over_rate")
            return [(name, *(env["point_of"](name)[what] for what in names)) for name in points]
        case "parallel":
            return [tuple(one[name] for name in PASS) for one in env["all"].teacher]
        case "summary":
            return _comparison(info, not database.rows(f"SELECT 1 WHERE {OWN}"))
        case "before-after":
            told = env["all"].before_after
            shown = (one for one in IMPROVEMENTS if not (one.runs and told[one.key].reason))
            return [_improvement(env["all"], one.key, one.measure) for one in shown]
        case "batch":
            return _slots(env)
        case "attention":
            return []  # the weights of a row, which the walk reads where they are painted
        case "kv-memory":
            return _memory(mode, env, step)
        case "requests":
            return _requests(env, database, steps)
        case "query":
            return _plain(database, QUERY)
        case _:
            raise NotImplementedError(f"Say here what {panel!r} copies as CSV.")


def differences(shown: Rows, expected: Rows) -> list[str]:
    """Rows that are not as expected, or are there once too often or too seldom."""
    if len(shown) != len(expected):
        return [f"{len(shown)} rows in place of {len(expected)}"]
    return [
        f"{row} in place of {wanted}"
        for row, wanted in zip(shown, expected, strict=True)
        if any(differs(one, other) for one, other in zip(wanted, row, strict=False))
    ]


def _of_server(database: Database, steps: tuple[int, int] | None) -> Rows:
    """What the server's own counters say between the start of the first of these steps and the end of the last, or of
    the whole session.
    """
    if not database.rows("SELECT 1 FROM metric_samples"):
        return []
    since_ns, until_ns = -(2**62), 2**62
    if steps is not None:
        sql = "SELECT min(start_ns), max(end_ns) FROM steps WHERE id BETWEEN ? AND ?"
        [(since_ns, until_ns)] = database.rows(sql, *steps)
    return [
        (t_ns, "server", figure, value)
        for figure in of_servers.FIGURES
        for t_ns, value, _ in of_servers.readings(database, figure)
        if since_ns <= t_ns <= until_ns
    ]


def _plain(database: Database, sql: str, *values: Any) -> Rows:
    return [tuple(row) for row in database.rows(sql, *values)]


def _comparison(info: Any, served: bool) -> Rows:
    found: Rows = []
    for metric in info.comparison:
        row = info.comparison[metric]
        for side in ("training", "inference"):
            found += [(metric, side, one.value, one.unit, one.provenance) for one in row[side]]
            if not len(row[side]):
                why = "not told" if served and side == "inference" else "not measured"
                found.append((metric, side, None, None, why))
        gap = row.gap
        found.append(
            (metric, "gap", None, None, "not measured") if gap is None
            else (metric, "gap", gap.value, gap.unit, gap.provenance)
        )  # fmt: skip
    return found


def _improvement(info: Any, key: str, measure: str) -> tuple[Any, ...]:
    pair = info.before_after[key]
    sides: list[Any] = []
    for side in (pair.off, pair.on):
        sides += [None] * 3 if side is None else [side.median, side.least, side.most]
    claim = next(one.claim for one in IMPROVEMENTS if one.key == key) or (None, None)
    load = pair.load
    ran: tuple[Any, ...] = (None,) * 7
    if load is not None:
        ran = (load.requests, *load.prompt_tokens, *load.generated, load.most_tokens, load.kv_limit_bytes)
    return (key, measure, *sides, pair.factor, *claim, pair.same_tokens, pair.reason, *ran)


def _requests(env: Env, database: Database, steps: tuple[int, int]) -> Rows:
    """The requests of a range of steps, by their numbers."""
    found: Rows = []
    shown = database.rows(
        "SELECT id, prompt FROM requests WHERE id IN (SELECT request_id FROM work WHERE step_id BETWEEN ? AND ?"
        " UNION SELECT request_id FROM tokens WHERE step_id BETWEEN ? AND ?) ORDER BY id", *steps, *steps,
    )  # fmt: skip
    drafts = env["all"].acceptance_by_request
    for id, prompt in shown:
        one = env["all"].requests[id]
        accepted = drafts[id] if str(id) in set(drafts) else None
        found.append(
            (id, prompt, one.finish_reason, one.arrived_s, one.waited_s, one.ttft_s, one.tpot_s, one.latency_s,
             one.prompt_tokens, len(one.token_ids), one.reused, one.preempted,
             accepted and accepted.accepted / accepted.drafted, accepted and accepted.length)
        )  # fmt: skip
    return found


def _slots(env: Env) -> Rows:
    """Runs of each slot: the steps in which one owner had it, one after the other."""
    found: Rows = []
    for part in env["parts"]:
        owners: dict[int, dict[int, int]] = {}
        for one in env["span"](part.first, part.last).detail.work:
            of_slot = owners.setdefault(one.slot, {})
            of_slot[one.step] = max(one.request, of_slot.get(one.step, -1))
        for slot in sorted(owners):
            runs: list[list[int]] = []
            for step, owner in sorted(owners[slot].items()):
                if runs and runs[-1][1] == step - 1 and runs[-1][2] == owner:
                    runs[-1][1] = step
                else:
                    runs.append([step, step, owner])
            found += [(slot, first, last, "padding" if own < 0 else f"request {own}") for first, last, own in runs]
    return found


def _memory(mode: str, env: Env, step: int) -> Rows:
    """The layers, the blocks, or the parts of the memory."""
    kv = env["kv"]
    if "layers" in mode:
        return [
            (step, layer, one.used_bytes, one.reserved_bytes, one.formula_bytes)
            for layer, one in enumerate(kv.layers or ())
        ]
    if "blocks" in mode:
        return [
            (step, one.block, one.state,
             one.requests[0] if one.state in ("held", "kept") and len(one.requests) == 1 else None,
             None if one.state == "free" else one.first, None if one.state == "free" else one.end)
            for one in env["of"](step).blocks
        ]  # fmt: skip
    told = set(env["peak"])  # a model alone has no draft
    return [(path, env["peak"][part]) for path, part in MEMORY.items() if part in told]
