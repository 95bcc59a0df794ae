"""Why tokens were late in real runs of the demo model: how often the cause that was put in is the one that is named."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

from engine.core.settings import LoadSpec, Observation, RequestSpec, RunSpec, SwitchChange, Switches
from engine.figures.culprits import TokenDelay
from engine.figures.delays import delays_of
from engine.graphs.device import PlainDevice
from engine.model.loader import LoadedModel, load_model
from engine.session.store import Session
from tests.engine.drive import drive, session_of
from tests.engine.figures.late_causes import blamed, late_tokens, totals_of
from tests.engine.session.synthetic import synthetic_session

TEXT = "The cat sits on the king's golden chair, and the king said that his daughter had a cat. "
LONG = 64
"""Positions of a chunk that is felt."""
TOKENS, REQUESTS = 1_000_000, 8
BLOCK_BYTES = 2 * 8 * 16 * 4 * 32 * 4
"""Of a block of 16 positions in the demo model: K and V, 8 layers, 4 KV heads of 32 numbers, float32."""


def run() -> list[dict[str, Any]]:
    """Budgets: 95 % named rightly; 2 % of a calm run blamed on anything but its batch; 2 s for a million tokens."""
    model = load_model(LoadSpec(), lambda stage, fraction: None)
    return [
        _named(model, "long prompts arrive", _prompts(), _prefill),
        _named(model, "little memory", _little(), _preempted),
        _named(model, "a burst of requests", _burst(), _batched),
        _named(model, "kv switched", _switched(), _at_marks),
        _named(model, "graphs captured", _captured(), _at_marks, graphs=True),
        _calm(model),
        _speed(),
    ]


def _steady(count: int, tokens: int) -> list[RequestSpec]:
    return [RequestSpec(TEXT, tokens, ignore_eos=True) for _ in range(count)]


def _run(requests: list[RequestSpec], switch_at: tuple[SwitchChange, ...] = (), **switches: Any) -> RunSpec:
    chosen = Switches(**{"kv": "paged", "batching": "continuous", **switches})
    return RunSpec(tuple(requests), chosen, Observation("phase"), switch_at=switch_at)


def _prompts() -> RunSpec:
    arriving = [RequestSpec(f"{i} {8 * TEXT}", 2, arrival_s=0.4 + 0.25 * i, ignore_eos=True) for i in range(6)]
    return _run([*_steady(3, 400), *arriving])


def _little() -> RunSpec:
    return _run(_steady(10, 150), kv_memory=50 * BLOCK_BYTES, max_batch=10)


def _burst() -> RunSpec:
    later = [RequestSpec(TEXT, 40, arrival_s=0.4, ignore_eos=True) for _ in range(14)]
    return _run([*_steady(2, 400), *later], max_batch=16)


def _switched() -> RunSpec:
    flips = (SwitchChange(150, {"kv": "contiguous"}), SwitchChange(250, {"kv": "paged"}))
    return _run(_steady(3, 400), flips)


def _captured() -> RunSpec:
    flips = (SwitchChange(150, {"graphs": True}), SwitchChange(250, {"graphs": False}))
    return _run(_steady(3, 400), flips)


def _prefill(session: Session, late: TokenDelay, steps: range) -> bool | None:
    """Whether the request with most positions of a prompt is named, where there is one with many."""
    loads = delays_of(session).loads
    largest = [found for step in steps if (found := loads.largest(step, "prompt"))]
    request, positions = max(largest, key=lambda one: one[1], default=(0, 0))
    return (late.main.cause, late.main.culprit.request) == ("prefill", request) if positions >= LONG else None


def _preempted(session: Session, late: TokenDelay, steps: range) -> bool | None:
    loads = delays_of(session).loads
    own = loads.rows.again[loads.rows_of(late.request, steps[0], steps[-1] + 1)]
    return (late.main.cause, late.main.culprit.request) == ("preemption", late.request) if own.any() else None


def _batched(session: Session, late: TokenDelay, steps: range) -> bool | None:
    loads = delays_of(session).loads
    crowd = late.request < 2 and loads.decoding[steps[-1]] >= 16 and not loads.prompt[steps[0] : steps[-1] + 1].any()
    return late.main.cause == "batch" if crowd else None


def _at_marks(session: Session, late: TokenDelay, steps: range) -> bool | None:
    """A change that costs nothing delays nothing: only gaps of twice the median are counted."""
    marks = delays_of(session).loads.mark
    touched = (marks[steps[0] : steps[-1] + 1] >= 0).any() and late.gap_s > 2 * late.median_s
    return late.main.cause == "capture" if touched else None


def _named(
    model: LoadedModel, name: str, run: RunSpec, expected: Callable[[Session, TokenDelay, range], bool | None],
    graphs: bool = False,
) -> dict[str, Any]:  # fmt: skip
    session = session_of(drive(model, run, graph_device=PlainDevice() if graphs else None))
    answers = [found for late, steps in late_tokens(session) if (found := expected(session, late, steps)) is not None]
    return _row(name, session, len(answers), sum(answers))


def _calm(model: LoadedModel) -> dict[str, Any]:
    session = session_of(drive(model, _run(_steady(3, 600))))
    return {**_row("nothing", session, 0, 0), "blamed %": round(100 * blamed(session), 2)}


def _row(name: str, session: Session, touched: int, right: int) -> dict[str, Any]:
    totals = totals_of(session)
    unexplained = totals.seconds["unexplained"] / totals.excess_s if totals.excess_s else 0.0
    return {
        "put in": name, "late": totals.late, "touched": touched, "named rightly": right,
        "right %": round(100 * right / touched, 1) if touched else "", "blamed %": "",
        "unexplained % of the time": round(100 * unexplained, 1), "s": "",
    }  # fmt: skip


def _speed() -> dict[str, Any]:
    session = synthetic_session(TOKENS // REQUESTS, requests=REQUESTS, attention_rows=0, alternatives=1)
    times = []
    for _ in range(3):
        session.kept.clear()
        gc.collect()
        start = time.perf_counter()
        delays_of(session)
        times.append(time.perf_counter() - start)
    return {**_row(f"{TOKENS} tokens", session, 0, 0), "s": round(min(times), 2)}
