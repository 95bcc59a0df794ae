"""Reads the blobs of one step or one token as the file holds them. Each blob is checked when it is read."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from engine.session.patience import Patience
from engine.session.phases import MOST_US
from engine.session.queries import Queries
from engine.session.schema import PHASES

MOST_LOGPROB: Final = 1.0
"""Nats. The logarithm of a probability is at most 0; the rest is room for rounding."""
PHASES_ROW_BYTES: Final = 4 * len(PHASES)
KV_ROW_BYTES: Final = 16
ALTERNATIVE_BYTES: Final = 8


def step_blobs(
    file: Queries, step_id: int, layers: int, patience: Patience | None = None
) -> tuple[bytes, bytes] | None:
    """`phases` and `kv_layers` of a step; None where the file does not have the step.

    Each blob is empty or has the layers of the model: `layers`, or any number where `layers` is 0 (not known yet).
    Raises SessionFileError where a blob is damaged.
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
    """`alternatives` of the token with this row id; empty where the token has none, or the file has no such token."""
    rows = file.query("SELECT alternatives FROM tokens WHERE id = ?", (token_id,), patience)
    blob = whole_items(file, rows[0][0], ALTERNATIVE_BYTES) if rows else b""
    if (np.frombuffer(blob[len(blob) // 2 :], np.float32) > MOST_LOGPROB).any():
        raise file.damaged(f"the alternatives of token {token_id} are no logarithms of probabilities")
    return blob


def whole_items(file: Queries, value: Any, item_bytes: int) -> bytes:
    """The same value. Raises SessionFileError where it is no blob, or not made of whole items of `item_bytes`."""
    if not isinstance(value, bytes) or len(value) % item_bytes:
        raise file.damaged(f"a blob is not made of items of {item_bytes} bytes")
    return value
