"""A comparison of precisions without models: every value follows from its place."""

from __future__ import annotations

from engine.session.precision_fact import ModelSide, PrecisionFact, as_fact
from engine.session.schema import (
    PrecisionLayer,
    PrecisionPosition,
    PrecisionTiming,
    SessionStarted,
    StoredEvent,
    TokenText,
)
from engine.session.store import Session

LAYERS = 12
A = ModelSide(
    "tale-f16", "/models/tale-f16", "float32", 250_000_000, 270_000_000, {"float16": 269_000_000, "F32": 1_000_000}
)
B = ModelSide("tale-q4_0.gguf", "/models/tale-q4_0.gguf", "float32", 70_000_000, 80_000_000, {"Q4_0": 79_000_000})


def fact(positions: int = 300, layer_positions: int = 100) -> PrecisionFact:
    return PrecisionFact(A, B, "tale.txt", 512, positions, layer_positions, LAYERS)


def started() -> list[StoredEvent]:
    """The beginning, with the timings."""
    timings = [
        PrecisionTiming(at, "ab"[at % 2], "prompt", 480, (400_000_000, 600_000_000)[at % 2])  # type: ignore[arg-type]
        for at in range(4)
    ]
    timings += [
        PrecisionTiming(at, "ab"[at % 2], "decode", 1, (9_000_000, 4_000_000)[at % 2] + at)  # type: ignore[arg-type]
        for at in range(4, 20)
    ]
    texts = [TokenText(index, f" w{index}") for index in range(40)]
    return [SessionStarted({"precision": as_fact(fact()), "model": A.name}), *texts, *timings]


def positions(first: int, end: int) -> list[StoredEvent]:
    """Predictions; in every seventh the likeliest tokens differ."""
    found: list[StoredEvent] = []
    for at in range(first, end):
        parts = at % 7 == 3
        kl = (0.001 + at % 11 / 900) * (9 if parts else 1)
        top_b = (at + 1) % 40 if parts else at % 40
        nll_a, nll_b = 2 + at % 5 / 4, 2 + at % 7 / 4
        found.append(PrecisionPosition(at, at + 1, at % 40, at % 511 + 1, nll_a, nll_b, kl, at % 40, top_b))
    return found


def layers(count: int = LAYERS) -> list[StoredEvent]:
    """The first layers; the last of all does the most damage."""
    damage = [0.02 + 0.3 * (at * 7 % 12) / 12 + (0.9 if at == LAYERS - 1 else 0.0) for at in range(LAYERS)]
    return [PrecisionLayer(at, at, 100, damage[at], 250.0 + at, 99 - at) for at in range(count)]


def compared() -> Session:
    """A comparison that is complete."""
    session = Session()
    session.apply([*started(), *positions(0, 300), *layers()])
    return session
