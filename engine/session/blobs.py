"""Reads the blobs of one step and of one token, as they stand in the file; each is checked once it is read."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from engine.session.patience import Patience
from engine.session.phases import MOST_US
from engine.session.queries import Queries
from engine.session.schema import PHASES

MOST_LOGPROB: Final = 1.0
"""A probability is at most 1, and a little rounding."""
PHASES_ROW_BYTES: Final = 4 * len(PHASES)
KV_ROW_BYTES: Final = 16
ALTERNATIVE_BYTES: Final = 8


def step_blobs(
    file: Queries, step_id: int, layers: int, patience: Patience | None = None
) -> tuple[bytes, bytes] | None:
    """`phases` and `kv_layers` of a step; None where it is not there.

    Each is empty or of as many layers as the model has; `layers` is 0 while that is not known.
    """
    rows = file.query("SELECT phases, kv_layers FROM steps WHERE id = ?", (step_id,), patience)
    if not rows:
        return None
    phases, kv = whole_items(file, rows[0][0], PHASES_ROW_BYTES), whole_items(file, rows[0][1], KV_ROW_BYTES)
    if not (np.abs(np.frombuffer(phases, np.float32)) <= MOST_US).all():
        raise file.damaged(f"the phases of step {step_id} hold what is no time")
    found = (max(0, len(phases) // PHASES_ROW_BYTES - 1), len(kv) // KV_ROW_BYTES)
    if layers and any(one not in (0, layers) for one in found):
        raise file.damaged(f"step {step_id} has not the layers of the model")
    return phases, kv


def alternatives(file: Queries, token_id: int, patience: Patience | None = None) -> bytes:
    """`alternatives` of the token with this row id; empty where it has none."""
    rows = file.query("SELECT alternatives FROM tokens WHERE id = ?", (token_id,), patience)
    blob = whole_items(file, rows[0][0], ALTERNATIVE_BYTES) if rows else b""
    if (np.frombuffer(blob[len(blob) // 2 :], np.float32) > MOST_LOGPROB).any():
        raise file.damaged(f"the alternatives of token {token_id} are no logarithms of probabilities")
    return blob


def whole_items(file: Queries, value: Any, item_bytes: int) -> bytes:
    """A blob as it stands in the file, once it is one, of whole items."""
    if not isinstance(value, bytes) or len(value) % item_bytes:
        raise file.damaged(f"a blob is not made of items of {item_bytes} bytes")
    return value
