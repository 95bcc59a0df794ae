"""Sessions whose steps were all launched in one way, under settings of the switches that a test states."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np

from engine.session import schema
from engine.session.schema import Launch, StepKind
from engine.session.store import Session
from tests.engine.session.synthetic import synthetic_events

STEPS: Final = 4
COMPILED: Final[dict[str, Any]] = {"kv": "contiguous", "attention": "native", "graphs": True}
CAPTURED: Final[dict[str, Any]] = {"kv": "paged", "attention": "sdpa", "graphs": True}


def launched(
    switches: dict[str, Any], device: str, kind: StepKind = "decode", launch: Launch = "eager", recorded: bool = False
) -> Session:
    """A session of STEPS steps of one kind and launch; with `recorded`, one row of attention was recorded."""
    session = Session()
    for batch in synthetic_events(STEPS):
        session.apply(
            msgspec.structs.replace(one, kind=kind, launch=launch) if isinstance(one, schema.Step) else one
            for one in batch
            if not isinstance(one, schema.AttentionRow)
        )
    config = schema.ConfigChanged(session.configs[-1].id, 0, msgspec.json.encode(switches).decode())
    session.apply([schema.SessionStarted({**session.meta, "device": device}), config])
    if recorded:
        session.apply([schema.AttentionRow(0, 0, 0, 0, 1, np.ones(2, np.float16).tobytes())])
    return session
