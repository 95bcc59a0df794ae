"""The figures of a comparison of two precisions of one model, from the rows of its session."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.session.event_table import EventTable
from engine.session.precision_fact import ModelSide, PrecisionFact, precision_of
from engine.session.store import Session


@dataclass(frozen=True, slots=True)
class SideFigures:
    """One of the two models. What was not computed yet is None."""

    name: str
    dtype: str
    read_bytes: int
    """Bytes of weights that a pass of one position reads."""
    weight_bytes: int
    kinds: dict[str, int]
    decode_tokens_per_s: float | None
    """Of a step of one position: one over the median time (of an even number the lower one)."""
    prompt_tokens_per_s: float | None
    perplexity: float | None
    """exp of the mean nll."""


@dataclass(frozen=True, slots=True)
class LayerFigures:
    """What one layer of B does when all else is A's, on all windows so far."""

    layer: int
    positions: int
    kl: float
    """Mean KL(A‖A with this layer of B) over the positions, in nats."""
    same_top: float
    """Share of the positions with the likeliest token of A."""
    perplexity: float


@dataclass(frozen=True, slots=True)
class PrecisionFigures:
    """A comparison of precisions so far. `layers` has the most damage first."""

    text: str
    window: int
    positions: int
    positions_asked: int
    layer_positions: int
    """Positions on which every layer of `layers` was judged at least."""
    layer_positions_asked: int
    layers_asked: int
    a: SideFigures
    b: SideFigures
    kl: float | None
    """Mean KL(A‖B) over the positions, in nats."""
    kl_p99: float | None
    """The smallest value that at least 99 % of the positions do not exceed."""
    kl_max: float | None
    same_top: float | None
    """Share of the positions in which both have the same likeliest token."""
    layers: tuple[LayerFigures, ...]
    layers_against: float | None
    """A's own perplexity over the positions that are asked for of each layer: what that of a layer is held against."""
    done: float
    """Share of the predictions that were asked for and are there."""


def precision_fact(session: Session) -> PrecisionFact | None:
    """What a comparison of precisions compares; None for any other session."""
    return precision_of(session.meta.get("precision", ""))


def share_done(session: Session) -> float | None:
    """Which share of the predictions that were asked for is there; None for any session but a comparison."""
    fact = precision_fact(session)
    if fact is None:
        return None
    asked = fact.positions + fact.layers * fact.layer_positions
    layers = session.precision_layers
    done = len(session.precision_positions) + int(layers["positions"].sum())
    return min(1.0, done / asked) if asked else 1.0


def precision_figures(session: Session) -> PrecisionFigures | None:
    """The figures of a comparison of precisions; None for any other session."""
    fact = precision_fact(session)
    if fact is None:
        return None
    rows = session.precision_positions
    count = len(rows)  # first: a session that is recorded grows meanwhile
    kl, same = rows["kl"][:count], rows["top_a"][:count] == rows["top_b"][:count]
    judged = layer_figures(session)

    def side(name: str, model: ModelSide) -> SideFigures:
        nll, timed = rows[f"nll_{name}"][:count], session.precision_timings
        return SideFigures(
            model.name, model.dtype, model.read_bytes, model.weight_bytes, model.kinds,
            speed(timed, name, "decode"), speed(timed, name, "prompt"),
            perplexity(float(nll.mean())) if count else None,
        )  # fmt: skip

    part = rows["nll_a"][: min(count, fact.layer_positions)]  # the layers' text is the beginning of the whole
    against = perplexity(float(part.mean())) if len(part) else None
    every = min((one.positions for one in judged), default=0)
    return PrecisionFigures(
        fact.text, fact.window, count, fact.positions, every, fact.layer_positions,
        fact.layers if fact.layer_positions else 0,
        side("a", fact.a), side("b", fact.b),
        float(kl.mean()) if count else None, p99(kl), float(kl.max()) if count else None,
        float(same.mean()) if count else None, tuple(judged), against, share_done(session) or 0.0,
    )  # fmt: skip


def layer_figures(session: Session) -> list[LayerFigures]:
    """The layers that were judged so far, the one that does the most damage first."""
    table = session.precision_layers
    count = len(table)
    layer = table["layer"][:count]
    sums = {
        name: np.bincount(layer, table[name][:count].astype(np.float64))
        for name in ("positions", "kl", "nll", "same_top")
    }
    found = [
        LayerFigures(
            index, int(positions), float(sums["kl"][index] / positions), float(sums["same_top"][index] / positions),
            perplexity(float(sums["nll"][index] / positions)),
        )
        for index, positions in enumerate(sums["positions"].tolist())
        if positions
    ]  # fmt: skip
    return sorted(found, key=lambda one: (-one.kl, one.layer))


def speed(table: EventTable, model: str, part: str) -> float | None:
    """Positions a second of the timed passes of a model: those of the pass with the median time a position."""
    count = len(table)
    words = table.words
    wanted = (table["model"][:count] == words["model"].index(model)) & (
        table["part"][:count] == words["part"].index(part)
    )
    each = np.sort(table["took_ns"][:count][wanted] / np.maximum(table["positions"][:count][wanted], 1))
    if not len(each):
        return None
    return 1e9 / max(float(each[(len(each) - 1) // 2]), 1.0)


def p99(values: NDArray[np.float64]) -> float | None:
    """The smallest value that at least 99 % of the values do not exceed."""
    return float(np.sort(values)[-(-len(values) * 99 // 100) - 1]) if len(values) else None


def perplexity(mean_nll: float) -> float:
    """exp of a mean nll; infinite where that is beyond what a float holds."""
    return exp(mean_nll) if mean_nll < 700 else float("inf")


def precision_json(session: Session) -> dict[str, Any] | None:
    """The figures as `info --json` and `compare-models --json` print them; None for any other session."""
    figures = precision_figures(session)
    return None if figures is None else {**asdict(figures), "layers": [asdict(one) for one in figures.layers]}
