"""`decodescope compare`: two sessions side by side, B against A."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from app.cli.opening import opened
from app.cli.output import print_json
from app.cli.table import NOT_TOLD, columns
from app.look.units import NOT_APPLICABLE, count, memory, percent, rate, seconds
from engine.figures.metrics import Summary, summarise
from engine.figures.side_by_side import SideBySide, side_by_side
from engine.plain_text import quoted

Format = Callable[[Any], str]
MOST_PARTED: Final = 8
"""Limit of the requests whose first difference is printed."""
MOST_OF_A_TOKEN: Final = 40


def run(options: argparse.Namespace) -> int:
    """Print the main figures of both sessions, with B / A, and where the tokens of the same requests part."""
    with opened(options.a) as one, opened(options.b) as other:
        a, b = summarise(one), summarise(other)
        beside = side_by_side(one, other)
    rows = figures(a, b)
    if options.json:
        figure = {name: {"a": x, "b": y, "ratio": ratio(x, y)} for name, x, y, _ in rows}
        changed = {k: [a.settings.get(k), b.settings.get(k)] for k in sorted({*a.settings, *b.settings})
                   if a.settings.get(k) != b.settings.get(k)}  # fmt: skip
        print_json({
            "a": options.a, "b": options.b, "same_tokens": beside.same_tokens, "settings": changed,
            "figures": figure, "requests": pairs_json(beside),
        })  # fmt: skip
        return 0
    lines = [("", "A", "B", "B / A")]
    for name, x, y, form in rows:
        quotient = ratio(x, y)
        times = NOT_APPLICABLE if quotient is None else f"{quotient:.3f}"
        lines.append((name, written(x, form, a), written(y, form, b), times))
    print(columns(lines))
    print(f"\n{verdict(beside)}")
    for line in partings(beside):
        print(line)
    return 0


def verdict(beside: SideBySide) -> str:
    """In one line, how many of the requests that both sessions have generated the same."""
    what = "tokens" if beside.ids_told else "texts"
    without = f"; the ids of their tokens are {NOT_TOLD}" if not beside.ids_told else ""
    alone = ", ".join(f"{n} only in {side}" for side, n in (("A", beside.only_a), ("B", beside.only_b)) if n)
    if not beside.pairs:
        return f"No request of A has the prompt of one of B{f' ({alone})' if alone else ''}."
    if beside.same == len(beside.pairs) and not alone:
        return f"The generated {what} are the same{without}."
    return (
        f"{beside.same} of {len(beside.pairs)} requests with the same prompt generated the same {what}{without}"
        f"{f' ({alone})' if alone else ''}."
    )


def partings(beside: SideBySide) -> Iterator[str]:
    """A line for each of the first requests whose tokens part, with both tokens there."""
    parted = [pair for pair in beside.pairs if pair.parting is not None]
    for pair in parted[:MOST_PARTED]:
        parting = pair.parting
        assert parting is not None
        left = _token(parting.a_id, parting.a_text, parting.a_logprob)
        right = _token(parting.b_id, parting.b_text, parting.b_logprob)
        yield f"request {pair.a} of A, {pair.b} of B: after {count(pair.tokens)} same tokens {left} against {right}"
    if len(parted) > MOST_PARTED:
        yield f"and {len(parted) - MOST_PARTED} more"


def _token(token_id: int, text: str, logprob: float) -> str:
    if token_id < 0 and not text:
        return "the end"
    known = "" if math.isnan(logprob) else f" at {logprob:.3f} nats"
    return f"{quoted(text, MOST_OF_A_TOKEN)}{f' ({token_id})' if token_id >= 0 else ''}{known}"


def pairs_json(beside: SideBySide) -> dict[str, Any]:
    """The pairs of requests, and every parting."""
    return {
        "paired": len(beside.pairs), "same": beside.same, "only_a": beside.only_a, "only_b": beside.only_b,
        "parted": [
            {"a": pair.a, "b": pair.b, "same_tokens": pair.tokens, **asdict(pair.parting)}
            for pair in beside.pairs if pair.parting is not None
        ],
    }  # fmt: skip


def written(value: Any, form: Format, summary: Summary) -> str:
    """A figure of one side; what the server of that side did not tell says so."""
    return NOT_TOLD if value is None and summary.serving is not None else form(value)


def ratio(a: float | None, b: float | None) -> float | None:
    """b / a; None where a or b is None, or a is zero."""
    return None if a is None or b is None or not a else b / a


def figures(a: Summary, b: Summary) -> list[tuple[str, Any, Any, Format]]:
    """(name, value of A, value of B, function that writes a value) of each figure."""
    rows: list[tuple[str, Any, Any, Format]] = [
        ("tokens", a.tokens, b.tokens, count),
        ("steps", a.steps, b.steps, count),
        ("wall time", a.wall_s, b.wall_s, seconds),
        ("rate", a.tokens_per_s, b.tokens_per_s, lambda v: rate(v, "tokens/s")),
    ]
    for name, key in (("time to first token", "ttft_s"), ("time per output token", "tpot_s")):
        of_a, of_b = _of(a, key), _of(b, key)
        rows += [(f"{name} p{p}", percentile(of_a, p), percentile(of_b, p), seconds) for p in (50, 90)]
    rows += [(f"gap between tokens {p}", a.itl_s[p], b.itl_s[p], seconds) for p in a.itl_s]
    rows += [(f"positions {name}", a.positions[name], b.positions[name], count) for name in a.positions]
    rows += [(f"KV {name.removesuffix('_bytes')}", a.kv[name], b.kv[name], memory) for name in a.kv]
    rows += [(f"time: {group}", a.groups_s[group], b.groups_s[group], seconds) for group in a.groups_s]
    rows += [("MBU", a.mbu, b.mbu, percent), ("MFU", a.mfu, b.mfu, percent)]
    return rows


def _of(summary: Summary, name: str) -> list[float]:
    """A figure of all requests that have it."""
    return [value for request in summary.requests if (value := getattr(request, name)) is not None]


def percentile(values: list[float], p: int) -> float | None:
    """The p-th percentile; None of no values."""
    return float(np.percentile(values, p)) if values else None
