"""One quantity of both sides of a comparison as lines over a common axis: steps, or tokens since the begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.figures.compared_side import Side
from engine.session.schema import GROUP_OF, GROUPS, PHASES

Floats = NDArray[np.float64]
Axis = Literal["token", "step"]
AXES: Final[tuple[Axis, ...]] = ("token", "step")
QUANTITIES: Final = (
    "latency", "rate", "KV used", "KV reserved", "positions",
    *(f"group {one}" for one in GROUPS), *(f"phase {one}" for one in PHASES),
)  # fmt: skip
POINTS: Final = 400
"""The most points of a line."""
WINDOW: Final = 20
"""A rate is that of about so many pieces of the side: a step alone has none that says anything."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """A quantity of one side: x in steps or tokens since the side's first one, y in seconds, bytes, tokens/s."""

    x: Floats
    y: Floats
    pooled: int
    """Steps in a point, of which it is the mean."""


def overlay(side: Side, quantity: str, axis: Axis) -> Overlay | None:
    """A quantity of a side; None where nobody told it, or where the side has no token and the axis is of tokens."""
    values = _values(side, quantity)
    if values is None or not len(side) or (axis == "token" and not side.tokens.any()):
        return None
    many = max(1, -(-len(side) // POINTS))
    edges = np.arange(0, len(side), many)
    counts = np.diff(np.append(edges, len(side)))
    pooled: Floats = np.add.reduceat(values, edges) / counts
    tokens = np.cumsum(side.tokens).astype(np.float64)
    ends = edges + counts
    x = tokens[ends - 1] if axis == "token" else ends.astype(np.float64)
    if quantity == "rate":
        pooled = _rate(side, edges, len(edges))
    return Overlay(x, pooled, many)


def _values(side: Side, quantity: str) -> Floats | None:
    column: NDArray[np.int64] | None
    match quantity:
        case "latency" | "rate":
            return side.seconds
        case "KV used":
            column = side.kv_used_bytes
        case "KV reserved":
            column = side.kv_reserved_bytes
        case "positions":
            column = side.positions.get("computed")
        case _:
            return _phases(side, quantity)
    return None if column is None else column.astype(np.float64)


def _phases(side: Side, quantity: str) -> Floats | None:
    kind, _, part = quantity.partition(" ")
    if not side.phases_told:
        return None
    chosen = [part == (GROUP_OF[phase] if kind == "group" else phase) for phase in PHASES]
    found: Floats = side.phases_s[:, chosen].sum(axis=1)
    return found


def _rate(side: Side, edges: NDArray[np.int64], points: int) -> Floats:
    """Tokens a second around each point."""
    half = max(1, points // (2 * WINDOW))
    tokens = np.append(0.0, np.cumsum(np.add.reduceat(side.tokens, edges)))
    seconds = np.append(0.0, np.cumsum(np.add.reduceat(side.seconds, edges)))
    at = np.arange(points)
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, points)
    found: Floats = (tokens[high] - tokens[low]) / np.maximum(seconds[high] - seconds[low], 1e-12)
    return found
