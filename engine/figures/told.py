"""The one place that decides what a session's source told: of a server, much of what our own engine measures is not.

A column that nobody told holds zeros (`schema.Step`); a figure of it is None, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.session.serving import Topic
from engine.session.store import Session

TOPIC_OF: Final[Mapping[str, Topic]] = MappingProxyType(
    {
        "flops": "flops",
        "bytes_moved": "bytes_moved",
        "device_ns": "device_time",
        "positions_padding": "padding",
        "positions_computed": "positions",
        "positions_new": "positions",
        "positions_recomputed": "positions",
        "positions_rejected": "positions",
        "positions_reused": "positions",
        "tokens_out": "tokens",
        "running": "positions",
        "waiting": "positions",
        "kv_used_bytes": "kv",
        "kv_reserved_bytes": "kv",
        "kv_held_bytes": "kv",
        "kv_kept_bytes": "kv",
        "kv_evictable_bytes": "kv",
    }
)
"""What a source must tell so that a column of `steps` holds figures; other columns need only the steps themselves."""
OF_OUR_ENGINE: Final = frozenset({
    "launch", "attention_kernel", "draft_kv_used_bytes", "draft_kv_reserved_bytes", "attention_probe",
    "attention_left_out",
})  # fmt: skip
"""Columns of `steps` that only this program's own engine fills."""


def told(session: Session, *topics: Topic) -> bool:
    """Whether the source told all of these; our own engine tells everything."""
    serving = session.serving
    return serving is None or not any(topic in serving.not_told for topic in topics)


def column_told(session: Session, column: str) -> bool:
    """Whether a column of `steps` holds what was told."""
    if session.serving is None:
        return True
    topic = TOPIC_OF.get(column)
    return column not in OF_OUR_ENGINE and told(session, "steps", *([] if topic is None else [topic]))


def total_of(session: Session, column: str, rows: slice | NDArray[np.int64]) -> int | None:
    """The sum of a column of `steps` over some rows; None where it was not told."""
    return int(session.steps[column][rows].sum()) if column_told(session, column) else None
