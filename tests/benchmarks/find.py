"""What it costs to find text in a million tokens: processor time of the search, and how soon the first hit is there."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

TOKENS = 1_000_000
REQUESTS = (1, 1000, 100_000)
WORDS = (" the", " cat", " sat", " on", " mat", ",", " king", " said", " forest", ".")
TYPED = ("the cat", "e", "The cat")
"""Text over two tokens, a letter of every second token, and what must match in its capitals (and is nowhere)."""


def run() -> list[dict[str, Any]]:
    """Milliseconds of processor time of a whole search, to its first hits, and of its longest part."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from app.window.find_control import together
    from engine.figures.finding import TextPattern, found_in

    rows = []
    for requests in REQUESTS:
        session = _session(requests)
        for typed in TYPED:
            hits, first_s, longest_s = 0, None, 0.0
            start = last = time.thread_time()
            for part in together(found_in(session, TextPattern(typed))):
                now = time.thread_time()
                longest_s, last = max(longest_s, now - last), now
                hits += len(part)
                if hits and first_s is None:
                    first_s = now - start
            rows.append(
                {
                    "requests": requests, "tokens": TOKENS, "typed": typed, "hits": hits,
                    "search ms": 1e3 * (last - start), "first hit ms": None if first_s is None else 1e3 * first_s,
                    "longest part ms": 1e3 * longest_s,
                }
            )  # fmt: skip
    return rows


def _session(requests: int) -> Any:
    """So many requests that share a million tokens."""
    from engine.session import schema
    from engine.session.store import Session

    session, each = Session(), TOKENS // requests
    texts = np.array(WORDS)[np.random.default_rng(0).integers(0, len(WORDS), TOKENS)].tolist()
    session.apply([schema.RequestArrived(n, "Once upon", [1, 2], ["Once", " upon"], "{}", 0) for n in range(requests)])
    for first in range(0, TOKENS, 50_000):
        session.apply(
            [
                schema.Token(n, n // each, n, 2 + n % each, 5, texts[n], -1.0, 1.0, "target", n, b"")
                for n in range(first, first + 50_000)
            ]
        )
    return session
