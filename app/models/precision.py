"""What the Precision panel shows of a comparison: the lines of its chart, and the tokens that part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.look.units import visible_token
from app.models.pooling import envelope
from engine.session.store import Session

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Parted:
    """The predictions in which the two models have another likeliest token: rows of `precision_positions`."""

    rows: NDArray[np.int64]
    position: Numbers
    kl: Numbers


def parted(session: Session) -> Parted:
    """The predictions in which the likeliest tokens differ."""
    table = session.precision_positions
    count = len(table)  # first: a session that is recorded grows meanwhile
    rows = np.flatnonzero(table["top_a"][:count] != table["top_b"][:count])
    return Parted(rows, table["position"][rows].astype(np.float64), table["kl"][rows])


def kl_line(session: Session, points: int) -> tuple[Numbers, Numbers]:
    """(position in the text, KL in nats), thinned so that peaks stay visible."""
    table = session.precision_positions
    count = len(table)
    places, values = envelope(table["kl"][:count], max(points, 2))
    return table["position"][places].astype(np.float64), values


def mean_line(session: Session, points: int) -> tuple[Numbers, Numbers]:
    """(position in the text, mean KL of all predictions up to there, in nats)."""
    table = session.precision_positions
    count = len(table)
    if not count:
        return np.empty(0), np.empty(0)
    places = np.unique(np.linspace(0, count - 1, min(points, count)).astype(np.int64))
    means = np.cumsum(table["kl"][:count])[places] / (places + 1)
    return table["position"][places].astype(np.float64), means


def row_at(session: Session, position: float) -> int | None:
    """The row of the prediction next to this index in the text; None without any."""
    table = session.precision_positions
    count = len(table)
    if not count:
        return None
    positions = table["position"][:count]
    at = int(np.searchsorted(positions, position))
    near = [one for one in (at - 1, at) if 0 <= one < count]
    return min(near, key=lambda one: abs(float(positions[one]) - position))


def token_at(session: Session, token_id: int) -> str:
    """The text of a token, as panels show it."""
    text = session.token_texts.get(token_id)
    return str(token_id) if text is None else visible_token(text)
