"""`decodescope compare`: two sessions side by side, B against A."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from app.cli.opening import opened
from app.cli.output import print_json
from app.cli.table import NOT_TOLD, columns
from app.look.units import NOT_APPLICABLE, count, memory, percent, rate, seconds
from engine.figures.metrics import Summary, summarise

Format = Callable[[Any], str]


def run(options: argparse.Namespace) -> int:
    """Print the main figures of both sessions, with B / A, and whether they generated the same tokens."""
    with opened(options.a) as one, opened(options.b) as other:
        a, b = summarise(one), summarise(other)
    same = same_tokens(a, b)
    rows = figures(a, b)
    if options.json:
        figure = {name: {"a": x, "b": y, "ratio": ratio(x, y)} for name, x, y, _ in rows}
        changed = {k: [a.settings.get(k), b.settings.get(k)] for k in sorted({*a.settings, *b.settings})
                   if a.settings.get(k) != b.settings.get(k)}  # fmt: skip
        print_json({"a": options.a, "b": options.b, "same_tokens": same, "settings": changed, "figures": figure})
        return 0
    lines = [("", "A", "B", "B / A")]
    for name, x, y, form in rows:
        quotient = ratio(x, y)
        times = NOT_APPLICABLE if quotient is None else f"{quotient:.3f}"
        lines.append((name, written(x, form, a), written(y, form, b), times))
    print(columns(lines))
    if same is None:
        texts = [request.text for request in a.requests] == [request.text for request in b.requests]
        told = "the same" if texts else "different"
        print(f"\nThe generated texts are {told}; the ids of their tokens are {NOT_TOLD}.")
    else:
        print(f"\nThe generated tokens are {'the same' if same else 'different'}.")
    return 0


def same_tokens(a: Summary, b: Summary) -> bool | None:
    """Whether both generated the same tokens; None where a server did not tell its token ids."""
    one, other = ([request.token_ids for request in summary.requests] for summary in (a, b))
    if any(None in ids for ids in (*one, *other)):
        return None
    return one == other


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
    rows += [(f"gap between tokens {p}", a.itl_s[p], b.itl_s[p], seconds) for p in a.itl_s]
    rows += [(f"positions {name}", a.positions[name], b.positions[name], count) for name in a.positions]
    rows += [(f"KV {name.removesuffix('_bytes')}", a.kv[name], b.kv[name], memory) for name in a.kv]
    rows += [(f"time: {group}", a.groups_s[group], b.groups_s[group], seconds) for group in a.groups_s]
    rows += [("MBU", a.mbu, b.mbu, percent), ("MFU", a.mfu, b.mfu, percent)]
    return rows
