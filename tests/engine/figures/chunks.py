"""A session by hand of a server that tells no steps: three requests, and chunks of tokens at known moments."""

from __future__ import annotations

from math import nan
from typing import Any, Final

from engine.session import schema
from engine.session.store import Session
from tests.engine.figures.served import MS, PROMPT, meta

ARRIVED: Final = {0: 2, 1: 10, 2: 90}
"""When each request arrived, ms."""
CHUNKS: Final[tuple[tuple[int, int, tuple[str, ...]], ...]] = (
    (0, 40, (" the", " table")),
    (1, 45, (" there",)),
    (0, 50, (",",)),
    (1, 55, (" was",)),
    (0, 62, (" and the cats", "", "")),
    (0, 70, (" sat",)),
    (1, 85, (" a",)),
)
"""(request, ms, the texts of its tokens) of each chunk. That of 62 ms has one text for three tokens; request 2 has
none.
"""
ENDED: Final = {0: (71, "length"), 1: (86, "eos"), 2: (99, "cancelled")}
TOKENS: Final = sum(len(texts) for *_, texts in CHUNKS)


def chunked(logprobs: bool = False, ids: bool = True) -> Session:
    """The session in memory, with logprobs and token ids or without."""
    session = Session()
    session.apply(events(logprobs, ids))
    return session


def events(logprobs: bool = False, ids: bool = True) -> list[Any]:
    """Its events, in the order of their times."""
    found: list[Any] = [schema.SessionStarted(meta(("probe", "metrics"))), schema.ConfigChanged(0, 0, "{}")]
    for request, arrived_ms in ARRIVED.items():
        told = (list(range(len(PROMPT))), list(PROMPT)) if request == 0 else ([-1] * len(PROMPT), [])
        found.append(
            schema.RequestArrived(request, "".join(PROMPT), *told, '{"sampling": {}}', arrived_ms * MS, "probe")
        )
    token, position = 0, dict.fromkeys(ARRIVED, len(PROMPT))
    for request, t_ms, texts in CHUNKS:
        for text in texts:
            logprob = -0.5 if logprobs else nan
            found.append(
                schema.Token(
                    token, request, -1, position[request], 7 + token if ids else -1, text, logprob, nan, "target",
                    t_ms * MS, b"", t_ms * MS, "probe",
                )
            )  # fmt: skip
            token += 1
            position[request] += 1
    for request, (t_ms, why) in ENDED.items():
        found.append(schema.RequestFinished(request, t_ms * MS, why))  # type: ignore[arg-type]
    return found


def many(chunks: int = 4000) -> Session:
    """One request with so many chunks of one token, about a millisecond apart."""
    session = Session()
    session.apply([schema.SessionStarted(meta(("probe",))), schema.RequestArrived(0, "", [], [], "{}", 0, "probe")])
    session.apply(
        [
            schema.Token(n, 0, -1, n, n % 50, " w", nan, nan, "target", t_ns, b"", t_ns, "probe")
            for n, t_ns in enumerate((n + 1) * MS + n * 37 % 101 * 1000 for n in range(chunks))
        ]
    )
    return session
