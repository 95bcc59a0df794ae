"""The tokens, work and attention rows of a range of steps, one by one: too much to print for a whole session."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.figures.culprits import delay_of
from engine.figures.delays import delays_of
from engine.figures.kv_blocks import BlockHistory, blocks_recorded
from engine.figures.launches import why_eager
from engine.figures.metrics import CLASSES, attention_entropy, groups_s, phase_table_s, utilisation_of, widest_tokens
from engine.figures.slot_runs import waiting_requests
from engine.figures.step_range import step_slice, token_rows
from engine.figures.switches import switches_at
from engine.figures.token_facts import TokenNames, token_facts
from engine.figures.told import column_told, told, total_of
from engine.session.schema import PHASES
from engine.session.store import LAUNCHES, STEP_KINDS, Session

BLOCK_WORDS: Final = ("free", "evictable", "held", "shared", "kept")


def detail_figures(session: Session, steps: tuple[int, int]) -> dict[str, Any]:
    """The tokens, work and attention rows of a range, and all about its last step."""
    rows = step_slice(session, steps)
    return {
        "emitted": emitted(session, steps),
        "work": work(session, steps),
        "attention": attention(session, steps),
        "last": of_step(session, rows.stop - 1) if rows.start < rows.stop else None,
    }


def of_step(session: Session, step: int) -> dict[str, Any]:
    """The figures of one step of any kind, also of a teacher-forced pass."""
    table, one = session.steps, slice(step, step + 1)
    phases: dict[str, float | None] = dict.fromkeys(PHASES)
    if told(session, "phases"):
        phases = dict(zip(PHASES, phase_table_s(session, (step, step))[0].tolist(), strict=True))
    kernel = session.attention_kernels[int(table["attention_kernel"][step])]
    return {
        "step": step,
        "kind": STEP_KINDS[int(table["kind"][step])],
        "kernel": kernel if column_told(session, "attention_kernel") else None,
        "launch": LAUNCHES[int(table["launch"][step])] if column_told(session, "launch") else None,
        "why_eager": why_eager(session, step),
        "wall_s": float(table["end_ns"][step] - table["start_ns"][step]) / 1e9,
        "device_s": float(table["device_ns"][step]) / 1e9 if table["device_ns"][step] >= 0 else None,
        "phases_s": phases,
        "groups_s": groups_s(phases),
        "phases_by_layer_s": phases_by_layer(session, step),
        "positions": {name: total_of(session, f"positions_{name}", one) for name in CLASSES},
        "mbu": utilisation_of(session, "bytes_moved", "read_bytes_per_s", one),
        "mfu": utilisation_of(session, "flops", "flops_per_s", one),
        "waiting": waiting_requests(session, step),
        "blocks": blocks(session, step),
    }


def phases_by_layer(session: Session, step: int) -> list[dict[str, float]] | None:
    """Seconds by phase of each layer of a step; None where its time was not measured by layer."""
    detail = session.details.step(step)
    if detail is None or len(detail[0]) < 2 or not detail[0][:-1].any():
        return None
    seconds = detail[0][:-1].astype(np.float64) / 1e6
    return [dict(zip(PHASES, layer, strict=True)) for layer in seconds.tolist()]


def emitted(session: Session, steps: tuple[int, int]) -> list[dict[str, Any]]:
    """Every token, in the order in which they were emitted; `delay` says why one was later than usual."""
    found = []
    delays, names = delays_of(session), TokenNames(session)
    names.update()
    for row in token_rows(session, steps).tolist():
        facts, late = token_facts(session, row, names.names), delays.index_of(session, row)
        found.append(
            {
                "id": int(session.tokens["id"][row]),
                "request": facts.request.id,
                "step": facts.step,
                "position": facts.position,
                "token_id": facts.token_id,
                "text": facts.text,
                "source": facts.source,
                "logprob": facts.logprob,
                "probability": facts.probability,
                "entropy_nats": facts.entropy_nats,
                "gap_s": facts.gap_s,
                "delay": None if late is None else delay_of(session, delays, late).to_json(session),
                "alternatives": [
                    {
                        "token_id": one.token_id,
                        "text": one.text,
                        "logprob": one.logprob,
                        "probability": one.probability,
                    }
                    for one in facts.alternatives
                ],
            }
        )
    return found


def work(session: Session, steps: tuple[int, int]) -> list[dict[str, int | None]]:
    """Positions [first, end) that each step computed for a request (-1: padding) in a slot, by class."""
    table, padded = session.work, told(session, "padding")
    begin, stop = np.searchsorted(table["step_id"], (steps[0], steps[1] + 1)).tolist()
    names = ("step_id", "request_id", "slot", "first", "new_from", "end", "rejected", "reused")
    found = []
    for step, request, slot, first, new_from, end, rejected, reused in zip(
        *(table[name][begin:stop].tolist() for name in names), strict=True
    ):
        real, kept = request >= 0, end - rejected
        found.append(
            {
                "step": step,
                "request": request,
                "slot": slot,
                "first": first,
                "end": end,
                "new": max(kept - new_from, 0) if real else 0,
                "recomputed": max(min(new_from, kept) - first, 0) if real else 0,
                "padding": None if not padded else 0 if real else end - first,
                "rejected": rejected,
                "reused": reused,
            }
        )
    return found


def attention(session: Session, steps: tuple[int, int]) -> list[dict[str, Any]]:
    """Every recorded attention row of a range: its entropy, its largest weight, and how many weights make nine tenths.

    Head None is the mean of the recorded heads. `newest` is False where a later step computed the same position again
    (after a rejected draft).
    """
    newest: dict[tuple[int, int, int], int] = {}
    by_place: dict[tuple[int, int, int, int], list[tuple[int | None, NDArray[np.float32]]]] = {}
    for request, layer, recorded in session.details.attention_maps():
        for step, position, probs in session.details.attention_map(request, layer, recorded):
            place = (request, layer, position)
            newest[place] = max(step, newest.get(place, step))
            if steps[0] <= step <= steps[1]:
                row = np.frombuffer(probs, np.float16).astype(np.float32)
                by_place.setdefault((step, request, layer, position), []).append((recorded, row))
    found = []
    for (step, request, layer, position), heads in sorted(by_place.items(), key=lambda one: one[0]):
        if len(heads) > 1:
            heads.append((None, np.mean([row for _, row in heads], axis=0, dtype=np.float32)))
        for head, row in heads:
            most_at = int(row.argmax())
            finite = bool(np.isfinite(row).all())
            found.append(
                {
                    "step": step,
                    "request": request,
                    "layer": layer,
                    "head": head,
                    "position": position,
                    "newest": newest[request, layer, position] == step,
                    "entropy_nats": attention_entropy(row),
                    "most_at": most_at if finite else None,
                    "most": float(row[most_at]),
                    "nine_tenths_on": widest_tokens(row, 0.9) if finite else None,
                }
            )
    return found


def blocks(session: Session, step: int) -> list[dict[str, Any]]:
    """The blocks of the paged cache after a step: state, requests that hold it, and positions [first, end) in it."""
    if switches_at(session, step).get("kv") != "paged" or not blocks_recorded(session):
        return []
    history = BlockHistory(session)
    history.update()
    state = history.at(step)
    found = []
    for block, kind in enumerate(state.kind.tolist()):
        first = max(int(state.index[block]), 0) * state.block_size
        found.append(
            {
                "block": block,
                "state": BLOCK_WORDS[kind],
                "requests": history.holders(step, block),
                "first": first,
                "end": first + int(state.fill[block]),
            }
        )
    return found
