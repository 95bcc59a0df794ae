"""What one token cost and why it was chosen: everything a Session knows about one row of its tokens."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.figures.gaps import gap_ns
from engine.figures.metrics import CLASSES, phase_table_s
from engine.figures.told import column_told, told
from engine.session.schema import PHASES
from engine.session.store import LAUNCHES, STEP_KINDS, TOKEN_SOURCES, RecordedRequest, Session

Likeliest = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Token ids and their logprobs, best first."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of the likeliest tokens; `text` is None where the session does not have it."""

    token_id: int
    text: str | None
    logprob: float
    chosen: bool

    @property
    def probability(self) -> float:
        return float(np.exp(self.logprob))


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens of one request that came at the same moment; nothing is known about the times within."""

    rows: tuple[int, ...]
    """Rows of `session.tokens`, in order of position."""
    gap_s: float | None
    """From the chunk before it, of the same request, pauses left out; None for the first."""


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """Facts of a token, of the step that emitted it and of its request; times in seconds.

    Where a server tells no steps, all of the step is None or empty.
    """

    row: int
    position: int
    token_id: int | None
    """None where a server did not tell it."""
    text: str
    """What it added to the text of its request; empty where it ends within a character."""
    shown: str
    """The same, or where it is empty, the token by itself (`shown_text`)."""
    logprob: float
    entropy_nats: float
    source: str
    step: int | None
    step_kind: str
    step_s: float | None
    gap_s: float | None
    """From the token before it, of the same request, pauses left out; None for the first."""
    received_s: float | None
    """From its emission in the server to when our client received it; None where that is not known."""
    chunk: Chunk | None
    """The tokens of its request that came with it; None where a token belongs to a step."""
    kernel: str
    launch: str
    """As in the column of steps; the phases of a step launched by `graph` are interpolated."""
    phases_s: tuple[tuple[str, float], ...]
    """Phases that took any time, in the order of PHASES; they sum to the step's wall time."""
    positions: dict[str, int | None]
    """Of its step, by class; None for a class that a server does not tell."""
    alternatives: tuple[Alternative, ...]
    request: RecordedRequest

    @property
    def probability(self) -> float:
        return float(np.exp(self.logprob))


def token_facts(session: Session, row: int, names: Mapping[int, str], likeliest: Likeliest | None = None) -> TokenFacts:
    """The facts of row `row` of `session.tokens`.

    `names` gives texts of token ids (`TokenNames`) for an older file, which has no `Session.token_texts`. `likeliest`
    is the result of `Details.alternatives`, which may read the file; if it is None, it is read here.
    """
    tokens = session.tokens
    step_id = int(tokens["step_id"][row])
    step = step_id if step_id >= 0 else None
    request = session.requests[int(tokens["request_id"][row])]
    token_id = int(tokens["token_id"][row])
    passed_ns = gap_ns(session, row)
    steps = session.steps
    known = 0 <= step_id < len(steps)  # a token's events may arrive a moment before its step's
    timed = known and told(session, "phases")
    seconds = phase_table_s(session, (step_id, step_id))[0].tolist() if timed else []
    came_ns = received_ns(session, row)
    ids, logprobs = session.details.alternatives(int(tokens["id"][row])) if likeliest is None else likeliest
    return TokenFacts(
        row=row,
        position=int(tokens["position"][row]),
        token_id=told_id(token_id),
        text=str(tokens["text"][row]),
        shown=shown_text(session, row),
        logprob=float(tokens["logprob"][row]),
        entropy_nats=float(tokens["entropy"][row]),
        source=TOKEN_SOURCES[int(tokens["source"][row])],
        step=step,
        step_kind=STEP_KINDS[int(steps["kind"][step_id])] if known else "",
        step_s=float(steps["end_ns"][step_id] - steps["start_ns"][step_id]) / 1e9 if known else None,
        gap_s=None if passed_ns is None else passed_ns / 1e9,
        received_s=None if came_ns is None else came_ns / 1e9,
        chunk=chunk_of(session, row) if step is None else None,
        kernel=session.attention_kernels[int(steps["attention_kernel"][step_id])] if known else "",
        launch=LAUNCHES[int(steps["launch"][step_id])] if known else "",
        phases_s=tuple((name, value) for name, value in zip(PHASES, seconds, strict=False) if value > 0),
        positions={
            name: int(steps[f"positions_{name}"][step_id])
            if known and column_told(session, f"positions_{name}")
            else None
            for name in CLASSES
        },
        alternatives=tuple(
            Alternative(one, session.token_texts.get(one, names.get(one)), logprob, one == token_id)
            for one, logprob in zip(ids.tolist(), logprobs.tolist(), strict=True)
        ),
        request=request,
    )


def shown_text(session: Session, row: int) -> str:
    """What a token added to the text of its request; where that is nothing, the token by itself.

    A token that ends within a character adds nothing, a special token neither: they show as `<0xE4>` and `<|im_end|>`.
    """
    tokens = session.tokens
    return str(tokens["text"][row]) or session.token_texts.get(int(tokens["token_id"][row]), "")


def told_id(token_id: int) -> int | None:
    """The id of a token, from its column; None where a server did not tell it."""
    return token_id if token_id >= 0 else None


def received_ns(session: Session, row: int) -> int | None:
    """ns from a token's emission in the server to when our client received it; None where one of them is not known."""
    tokens = session.tokens
    if int(tokens["received_ns"][row]) < 0 or int(tokens["step_id"][row]) < 0:
        return None
    return int(tokens["received_ns"][row]) - int(tokens["emitted_ns"][row])


def chunk_of(session: Session, row: int) -> Chunk:
    """The chunk that a token came in."""
    times = session.tokens["emitted_ns"]
    rows = session.requests[int(session.tokens["request_id"][row])].token_rows
    first = end = bisect_left(rows, row)
    while first > 0 and times[rows[first - 1]] == times[row]:
        first -= 1
    while end < len(rows) and rows[end] < len(times) and times[rows[end]] == times[row]:
        end += 1
    passed_ns = gap_ns(session, rows[first])
    return Chunk(tuple(rows[first:end]), None if passed_ns is None else passed_ns / 1e9)


class TokenNames:
    """The texts of the token ids that a session has had so far; `update` adds new ones.

    They name alternatives in a file from before `token_texts`; where a session has those, this class keeps none.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._requests = 0
        self._tokens = 0
        self.names: dict[int, str] = {}

    def update(self) -> None:
        """Take the prompts and tokens that came since the last call."""
        if self._session.token_texts:
            return
        requests = list(self._session.requests.values())
        for request in requests[self._requests :]:
            self.names.update(zip(request.prompt_token_ids, request.prompt_token_texts, strict=False))
        self._requests = len(requests)
        tokens = self._session.tokens
        first, end = self._tokens, len(tokens)
        self.names.update(zip(tokens["token_id"][first:end].tolist(), tokens["text"][first:end].tolist(), strict=True))
        self.names.pop(-1, None)  # no id was told
        self._tokens = end
