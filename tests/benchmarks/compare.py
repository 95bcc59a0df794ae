"""How often `compare` marks equal runs, what it finds of a true difference, and kv=none against contiguous."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Final

import numpy as np

from engine.core.settings import Switches
from engine.figures.compared_side import Side, compared_side, matched
from engine.figures.differences import LEVEL, differences
from engine.figures.explained import explained
from engine.figures.side_by_side import side_by_side
from engine.session.store import Session
from tests.benchmarks.equal_pairs import TOKENS, demo_model, in_turn

PAIRS: Final = 100
FACTORS: Final = (1.03, 1.05, 1.1)
"""True differences that are put into B."""
FIGURE: Final = "time per token"
MODES: Final = {"steps in turn": 1, "ten steps in turn": 10, "one after the other": TOKENS}
"""How many steps of one run come before the other's: the more, the more differs that is no chance within a run."""


def run() -> list[dict[str, Any]]:
    """Marks among pairs of equal runs (stated: at most 5 %), the power, and the speed-up of a cache."""
    model = demo_model()
    in_turn(model, Switches(), Switches())  # warms up
    rows: list[dict[str, Any]] = []
    for mode, block in MODES.items():
        pairs = [sides_of(*in_turn(model, Switches(), Switches(), block=block)) for _ in range(PAIRS)]
        rows.append(_equal(mode, pairs))
        if block == 1:
            rows += [_power(mode, pairs, factor) for factor in FACTORS]
    rows.append(_cache(sides_of(*in_turn(model, Switches(kv="none"), Switches()))))
    return rows


def sides_of(a: Session, b: Session) -> tuple[Side, Side]:
    """The columns of two sessions."""
    known_a, known_b = matched(side_by_side(a, b), a, b)
    return compared_side(a, known_a), compared_side(b, known_b)


def load() -> float:
    """How many programs have wanted a core in the last minute: much noise, where it is more than there are."""
    return round(os.getloadavg()[0], 1)


def slowed(side: Side, factor: float) -> Side:
    """The side, all its times longer."""
    return replace(
        side,
        wall_s=side.wall_s * factor,
        gap_s=side.gap_s * factor,
        phases_s=side.phases_s * factor,
        total_s=side.total_s * factor,
        gaps=replace(side.gaps, seconds=side.gaps.seconds * factor),
    )


def _equal(mode: str, pairs: list[tuple[Side, Side]]) -> dict[str, Any]:
    marked, logs, widths = 0, [], []
    for a, b in pairs:
        found = differences(a, b)
        marked += any(one.significant and not one.counted for one in found.figures)
        figure = found.of(FIGURE)
        if figure.a and figure.b and figure.low is not None and figure.high is not None:
            logs.append(float(np.log(figure.b / figure.a)))
            widths.append((figure.high - figure.low) / 2)
    return {
        "what": f"equal runs, {mode}", "pairs": len(pairs), "with a mark": marked, "stated": LEVEL,
        "figure": FIGURE, "spread of B/A": round(float(np.std(logs)), 4),
        "half width": round(float(np.median(widths)), 4), "load": load(),
    }  # fmt: skip


def _power(mode: str, pairs: list[tuple[Side, Side]], factor: float) -> dict[str, Any]:
    """How often a true difference is found: of which B / A is what the pair itself is, times the factor."""
    found = sum(differences(a, slowed(b, factor)).of(FIGURE).significant for a, b in pairs)
    return {
        "what": f"B slower by {factor - 1:.0%}, {mode}", "pairs": len(pairs), "with a mark": found, "stated": "",
        "figure": FIGURE, "spread of B/A": "", "half width": "", "load": load(),
    }  # fmt: skip


def _cache(sides: tuple[Side, Side]) -> dict[str, Any]:
    figure, why = differences(*sides).of("tokens/s"), explained(*sides)
    assert why is not None
    assert figure.a
    assert figure.b
    assert figure.low is not None
    assert figure.high is not None
    return {
        "what": f"kv none against contiguous: x{figure.b / figure.a:.2f} (95 %: {1 + figure.low:.2f} to "
        f"{1 + figure.high:.2f}), positions explain {why.share('positions'):.1%}",
        "pairs": 1, "with a mark": int(figure.significant), "stated": "", "figure": "tokens/s", "spread of B/A": "",
        "half width": "", "load": load(),
    }  # fmt: skip
