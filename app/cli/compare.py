"""`decodescope compare`: two sessions side by side, B against A."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from app.cli.opening import opened
from app.cli.output import print_json
from app.cli.table import columns
from app.look.units import count
from app.models.side_by_side import times, verdict, written
from engine.figures.metrics import summarise
from engine.figures.side_by_side import SideBySide, side_by_side
from engine.figures.two_summaries import changed_settings, two_summaries
from engine.plain_text import quoted

MOST_PARTED: Final = 8
"""Limit of the requests whose first difference is printed."""
MOST_OF_A_TOKEN: Final = 40


def run(options: argparse.Namespace) -> int:
    """Print the main figures of both sessions, with B / A, and where the tokens of the same requests part."""
    with opened(options.a) as one, opened(options.b) as other:
        a, b = summarise(one), summarise(other)
        beside = side_by_side(one, other)
    rows = two_summaries(a, b)
    if options.json:
        print_json({
            "a": options.a, "b": options.b, "same_tokens": beside.same_tokens, "settings": changed_settings(a, b),
            "figures": {row.name: {"a": row.a, "b": row.b, "ratio": row.ratio} for row in rows},
            "requests": pairs_json(beside),
        })  # fmt: skip
        return 0
    lines = [("", "A", "B", "B / A")]
    for row in rows:
        of_a, of_b = (written(row, value, of) for value, of in ((row.a, a), (row.b, b)))
        lines.append((row.name, of_a, of_b, times(row)))
    print(columns(lines))
    print(f"\n{verdict(beside)}")
    for line in partings(beside):
        print(line)
    return 0


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
