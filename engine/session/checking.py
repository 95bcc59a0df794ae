"""Says whether what a session file holds makes sense, before anything is computed from it.

SQLite keeps whatever was put into a column, and a file may have been damaged or edited. Whoever reads a Session relies
on what this makes sure of: facts are JSON objects, rows name steps and settings that are there, sizes are sizes.
"""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.session.store import Request, Session
from engine.session.weight_reads import FACT, NAMES

LARGE: Final = 2**50
"""Above any size in bytes, and any count of anything."""
LARGEST: Final = 2**63 - 1
JSON_FACTS: Final = ("model_config", "draft_config", "ceilings", "versions")


def check_content(session: Session) -> None:
    """Raise ValueError, with what is wrong, where the content of a loaded session makes no sense."""
    _check_facts(session)
    for request in session.requests.values():
        _check_request(request)
    for mark in session.marks:
        _require(_is_time(mark.t_ns), "the time of a mark is none")
        _require(isinstance(mark.kind, str) and isinstance(mark.label, str), "a mark is no text")
    _check_steps(session)
    _check_rows(session)


def _check_facts(session: Session) -> None:
    for key, value in session.meta.items():
        _require(isinstance(key, str) and isinstance(value, str), f"the fact {key!r} is no text")
    for key in JSON_FACTS:
        facts = json.loads(session.meta.get(key) or "{}")
        _require(isinstance(facts, dict), f"the fact {key} is no JSON object")
        if key == "ceilings":
            _check_ceilings(facts)
    for model, facts in (("model", session.model_config), ("draft model", session.draft_config)):
        for name in ("layers", "kv_heads", "head_dim", "itemsize", "weight_bytes", "hidden", "ffn", "vocab"):
            size = facts.get(name, 0)
            _require(isinstance(size, int) and 0 <= size <= LARGE, f"the {model}'s {name} is no size")
        reads = facts.get(FACT, dict.fromkeys(NAMES, 0))
        sizes = [reads.get(name) for name in NAMES] if isinstance(reads, dict) else [None]
        known = all(isinstance(size, int) and 0 <= size <= LARGE for size in sizes)
        _require(known, f"what a pass reads of the {model}'s weights is no size")
    for index, config in enumerate(session.configs):
        _require(config.id == index, "settings of the switches are missing")
        _require(type(config.step_id) is int and 0 <= config.step_id <= LARGE, "a setting of the switches has no step")
        _require(isinstance(config.switches, dict), "a setting of the switches is no JSON object")
    _require(all(type(count) is int for count in session.dropped.values()), "what was dropped is no count")


def _check_ceilings(facts: dict[str, Any]) -> None:
    levels, conditions = facts.get("levels", []), facts.get("conditions")
    _require(
        isinstance(levels, list) and all(isinstance(one, dict) for one in levels), "a level of memory is no object"
    )
    rates = [facts.get("read_bytes_per_s", 1.0), facts.get("flops_per_s", 1.0)]
    for level in levels:
        rates += [level.get("read_bytes_per_s"), level.get("size_bytes")]
        _require(isinstance(level.get("name"), str), "a level of memory has no name")
    _require(all(type(one) in (int, float) and one > 0 for one in rates), "a measured ceiling is no number")
    _require(conditions is None or isinstance(conditions, dict), "the load at the ceilings' measurement is no object")
    _require(isinstance(facts.get("reader", ""), str), "the reader of the ceilings has no name")


def _check_request(request: Request) -> None:
    name = f"request {request.id}"
    _require(isinstance(request.prompt, str), f"the prompt of {name} is no text")
    _require(isinstance(request.params, dict), f"the parameters of {name} are no JSON object")
    _require(isinstance(request.params.get("sampling", {}), dict), f"the sampling of {name} is no JSON object")
    texts: Any = request.prompt_token_texts
    _require(
        isinstance(texts, list) and all(isinstance(text, str) for text in texts), f"the tokens of {name} are no texts"
    )
    _require(_is_time(request.arrived_ns), f"the arrival of {name} is no time")
    for time_ns in (request.scheduled_ns, request.first_token_ns, request.finished_ns):
        _require(time_ns is None or _is_time(time_ns), f"a time of {name} is none")
    _require(request.finish_reason is None or isinstance(request.finish_reason, str), f"why {name} ended is no text")


def _check_steps(session: Session) -> None:
    steps = session.steps
    count = len(steps)
    _require(bool((steps["id"] == np.arange(count)).all()), "steps are missing")
    _within("steps.config_id", steps["config_id"], 0, max(0, len(session.configs) - 1))
    _within("steps.start_ns", steps["start_ns"], 0, LARGEST)
    _require(bool((steps["end_ns"] >= steps["start_ns"]).all()), "a step ends before it starts")
    for name in ("computed", "new", "recomputed", "padding", "rejected", "reused"):
        _within(f"steps.positions_{name}", steps[f"positions_{name}"], 0, LARGE)
    for name in (
        "tokens_out", "kv_used_bytes", "kv_reserved_bytes", "kv_evictable_bytes", "running", "waiting",
        "draft_kv_used_bytes", "draft_kv_reserved_bytes",
    ):  # fmt: skip
        _within(f"steps.{name}", steps[name], 0, LARGE)
    for name in ("kv_held_bytes", "kv_kept_bytes"):  # -1 where they were not recorded
        _within(f"steps.{name}", steps[name], -1, LARGE)
    for name in ("flops", "bytes_moved"):
        _within(f"steps.{name}", steps[name], 0, LARGEST)


def _check_rows(session: Session) -> None:
    last = len(session.steps) - 1
    _within("tokens.step_id", session.tokens["step_id"], 0, last)
    _within("speculation.step_id", session.speculation["step_id"], 0, last)
    # What a run did when it was stopped belongs to the step that never came.
    _within("work.step_id", session.work["step_id"], 0, last + 1)
    _within("work.slot", session.work["slot"], 0, 2**20)
    for name in ("first", "new_from", "end", "rejected", "reused"):
        _within(f"work.{name}", session.work[name], 0, LARGE)
    _within("kv_blocks.step_id", session.kv_blocks["step_id"], 0, last + 1)
    _within("kv_blocks.block", session.kv_blocks["block"], 0, len(session.kv_blocks))  # each was allocated once


def _is_time(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST


def _within(name: str, values: NDArray[Any], least: int, most: int) -> None:
    """Raise ValueError unless least <= values <= most."""
    if len(values) and not (least <= int(values.min()) and int(values.max()) <= most):
        raise ValueError(f"{name} should be from {least} to {most}")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
