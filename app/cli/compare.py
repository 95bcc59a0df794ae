"""`decodescope compare`: two sessions side by side, B against A."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from app.cli.opening import opened
from app.cli.output import print_json, say
from app.cli.table import columns
from app.look.units import count, percent, seconds
from app.models.differences import (
    GROUP_NAMES,
    SMALL,
    cause_name,
    change,
    headline,
    interval,
    marked,
    name_of_figure,
    parts,
    relative,
    rule,
    share,
    shown,
    signed,
    value_of,
)
from app.models.side_by_side import Compared, compared, times, verdict, written
from engine.errors import InputError
from engine.export.span import check_steps
from engine.figures.differences import LEVEL, RELEVANT, Difference, Differences
from engine.figures.explained import Explained
from engine.figures.side_by_side import SideBySide
from engine.figures.two_summaries import changed_settings
from engine.plain_text import quoted
from engine.session.patience import Patience

REGRESSED: Final = 3
"""The exit status where the gate finds B worse."""
MOST_PARTED: Final = 8
"""Limit of the requests whose first difference is printed."""
MOST_OF_A_TOKEN: Final = 40


def run(options: argparse.Namespace) -> int:
    """Print the figures of both sessions, their differences, what explains them, and where tokens part."""
    with opened(options.a) as one, opened(options.b) as other:
        for session in (one, other):
            check_steps(session, options.steps)
        found = compared(one, other, options.a, options.b, Patience(), options.steps, options.steps)
    gate = None if options.gate is None else gated(found.sides.whole, options.figure, options.gate)
    if options.json:
        print_json(as_json(found, options.figure, options.gate, gate))
    else:
        _print(found)
    if gate is None:
        return 0
    say(_gate_words(gate, options.gate))
    return REGRESSED if worse_than(gate, options.gate) else 0


# --- the gate -------------------------------------------------------------------------------------------------------


def gated(found: Differences, name: str, limit: float) -> Difference:
    """The figure that a gate looks at; raises InputError where nothing can be said of it."""
    figure = next((one for one in found.figures if one.name == name), None)
    if figure is None or figure.a is None or figure.b is None:
        raise InputError(f"{name} of these sessions is not known, so that no gate can look at it.")
    if not figure.better:
        raise InputError(f"{name} is neither better nor worse: choose another figure with --figure.")
    if figure.low is None or figure.high is None:
        raise InputError(
            f"{name} has no interval, as too few steps or requests were recorded: record more, or choose another "
            f"figure with --figure."
        )
    return figure


def worse_than(figure: Difference, limit: float) -> bool:
    """Whether the whole interval lies beyond a worsening by this share."""
    assert figure.low is not None
    assert figure.high is not None
    return figure.low > limit if figure.better == "less" else figure.high < -limit


def _gate_words(figure: Difference, limit: float) -> str:
    bounds = f"{relative(figure.relative)} ({interval(figure) if not figure.counted else 'exact'})"
    outcome = "worse by more than" if worse_than(figure, limit) else "not shown to be worse by more than"
    return f"gate: {figure.name} of B is {bounds} of A's, {outcome} {percent(limit)}."


# --- text -----------------------------------------------------------------------------------------------------------


def _print(found: Compared) -> None:
    lines = [("", "A", "B", "B / A")]
    for row in found.figures:
        of_a, of_b = (written(row, value, of) for value, of in ((row.a, found.a), (row.b, found.b)))
        lines.append((row.name, of_a, of_b, times(row)))
    print(columns(lines))
    sides = found.sides
    print(f"\n{headline(sides.whole)}\n".replace("\n\n\n", "\n"))
    print(difference_table(sides.whole))
    print(f"\n{rule(sides.whole)}")
    if sides.explained is not None and sides.explained.difference_s:
        print(f"\n{explanation_table(sides.explained)}")
    if sides.common is not None:
        print(f"\nBefore the texts part: {headline(sides.common)}\n{difference_table(sides.common, ('latency',))}")
    print(f"\n{verdict(found.beside)}")
    for line in partings(found.beside):
        print(line)


def difference_table(found: Differences, groups: tuple[str, ...] = tuple(GROUP_NAMES)) -> str:
    """The differences with their intervals."""
    lines = [("B against A", "A", "B", "change", "relative", "95 % interval", "")]
    for one in shown(found):
        if one.group in groups:
            name = name_of_figure(one.name)
            if one.group not in ("latency", "requests"):
                name = f"{GROUP_NAMES[one.group]}: {name}"
            a, b = value_of(one, one.a), value_of(one, one.b)
            lines.append((name, a, b, change(one), relative(one.relative), interval(one), marked(one)))
    return columns(lines)


def explanation_table(found: Explained) -> str:
    """The parts of the difference of the time per token."""
    large, rest_s = parts(found)
    named = [(cause_name(found, part.cause), part.seconds) for part in large]
    if rest_s:
        named.insert(len(named) - 1, (SMALL, rest_s))
    named.append(("difference of the time per token", found.difference_s))
    rows = [(name, signed(seconds, value), share(value / found.difference_s)) for name, value in named]
    return columns([("The difference explained", "per token", "share"), *rows])


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


# --- JSON -----------------------------------------------------------------------------------------------------------


def as_json(found: Compared, name: str, limit: float | None, gate: Difference | None) -> dict[str, Any]:
    """All of a comparison."""
    sides = found.sides
    return {
        "a": found.a_path, "b": found.b_path, "same_tokens": found.beside.same_tokens,
        "settings": changed_settings(found.a, found.b),
        "figures": {row.name: {"a": row.a, "b": row.b, "ratio": row.ratio} for row in found.figures},
        "requests": pairs_json(found.beside),
        "steps": found.a_steps,
        "false_alarm_rate": LEVEL, "relevant": RELEVANT, "paired": sides.whole.paired,
        "differences": differences_json(sides.whole),
        "common": None if sides.common is None else differences_json(sides.common),
        "explained": None if sides.explained is None else explained_json(sides.explained),
        "gate": None if gate is None or limit is None else {
            "figure": name, "limit": limit, "regressed": worse_than(gate, limit)
        },
    }  # fmt: skip


def differences_json(found: Differences) -> dict[str, Any]:
    """Each figure with its interval, of the relative difference."""
    return {
        one.name: {
            "a": one.a, "b": one.b, "unit": one.unit, "absolute": one.absolute, "relative": one.relative,
            "interval": None if one.low is None else [one.low, one.high], "counted": one.counted, "p": one.p,
            "significant": one.significant,
        }
        for one in found.figures
    }  # fmt: skip


def explained_json(found: Explained) -> dict[str, Any]:
    """The parts of the difference of the time per token, seconds."""
    return {
        "a_s": found.a_s, "b_s": found.b_s, "difference_s": found.difference_s,
        "parts_s": {part.cause: part.seconds for part in found.parts},
    }  # fmt: skip


def pairs_json(beside: SideBySide) -> dict[str, Any]:
    """The pairs of requests, and every parting."""
    return {
        "paired": len(beside.pairs), "same": beside.same, "only_a": beside.only_a, "only_b": beside.only_b,
        "parted": [
            {"a": pair.a, "b": pair.b, "same_tokens": pair.tokens, **asdict(pair.parting)}
            for pair in beside.pairs if pair.parting is not None
        ],
    }  # fmt: skip
