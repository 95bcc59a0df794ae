"""Checks what a session file holds of a comparison of precisions."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.session.precision_fact import precision_of
from engine.session.store import Session

MOST_NATS: Final = 1e30
"""Above every nll and divergence, and every sum of them."""


def check_precision(session: Session) -> None:
    """Raise ValueError, which says what is wrong, where the rows of a comparison of precisions make no sense."""
    fact = precision_of(session.meta.get("precision", ""))
    for table in session.precision:
        count = len(table)
        _require(count == 0 or fact is not None, f"{table.table} has rows, and nothing says of which models")
        _require(bool((table["id"] == np.arange(count)).all()), f"{table.table} are missing")
        for field in table.fields:
            if field.type is float:
                _require(_are_nats(table[field.name]), f"{table.table}.{field.name} holds what are no nats")
    layers = session.precision_layers
    if fact is not None and len(layers):
        _require(int(layers["layer"].max()) < fact.layers, f"precision_layers.layer should be below {fact.layers}")
    _require(bool((layers["same_top"] <= layers["positions"]).all()), "more tokens agree than there are positions")


def _are_nats(values: NDArray[Any]) -> bool:
    return bool(((values >= 0) & (values <= MOST_NATS)).all())  # NaN fails both


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
