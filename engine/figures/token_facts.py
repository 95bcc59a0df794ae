"""What one token cost and why it was chosen: everything a Session knows about one row of its tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.figures.gaps import gap_ns
from engine.figures.metrics import CLASSES, phase_table_s
from engine.session.schema import PHASES
from engine.session.store import LAUNCHES, STEP_KINDS, TOKEN_SOURCES, RecordedRequest, Session

Likeliest = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Token ids and their logprobs, best first."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of the likeliest tokens; `text` is None where this session never emitted or read that token."""

    token_id: int
    text: str | None
    logprob: float
    chosen: bool

    @property
    def probability(self) -> float:
        return float(np.exp(self.logprob))


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """Facts of a token, of the step that emitted it and of its request; times in seconds."""

    row: int
    position: int
    token_id: int
    text: str
    logprob: float
    entropy_nats: float
    source: str
    step: int
    step_kind: str
    step_s: float
    gap_s: float | None
    """From the token before it, of the same request, pauses left out; None for the first."""
    kernel: str
    launch: str
    """eager, graph or twin; the phases of a step launched by `graph` are interpolated."""
    phases_s: tuple[tuple[str, float], ...]
    """Phases that took any time, in the order of PHASES; they sum to the step's wall time."""
    positions: dict[str, int]
    alternatives: tuple[Alternative, ...]
    request: RecordedRequest

    @property
    def probability(self) -> float:
        return float(np.exp(self.logprob))


def token_facts(session: Session, row: int, names: dict[int, str], likeliest: Likeliest | None = None) -> TokenFacts:
    """The facts of row `row` of `session.tokens`; `names` gives the texts of token ids that are known.

    `likeliest` is the result of `Details.alternatives`, which may read the file; if it is None, it is read here.
    """
    tokens = session.tokens
    step = int(tokens["step_id"][row])
    request = session.requests[int(tokens["request_id"][row])]
    token_id = int(tokens["token_id"][row])
    passed_ns = gap_ns(session, row)
    steps = session.steps
    known = step < len(steps)  # a token's events may arrive a moment before its step's
    seconds = phase_table_s(session, (step, step))[0].tolist() if known else []
    ids, logprobs = session.details.alternatives(int(tokens["id"][row])) if likeliest is None else likeliest
    return TokenFacts(
        row=row,
        position=int(tokens["position"][row]),
        token_id=token_id,
        text=str(tokens["text"][row]),
        logprob=float(tokens["logprob"][row]),
        entropy_nats=float(tokens["entropy"][row]),
        source=TOKEN_SOURCES[int(tokens["source"][row])],
        step=step,
        step_kind=STEP_KINDS[int(steps["kind"][step])] if known else "",
        step_s=float(steps["end_ns"][step] - steps["start_ns"][step]) / 1e9 if known else 0.0,
        gap_s=None if passed_ns is None else passed_ns / 1e9,
        kernel=session.attention_kernels[int(steps["attention_kernel"][step])] if known else "",
        launch=LAUNCHES[int(steps["launch"][step])] if known else "",
        phases_s=tuple((name, value) for name, value in zip(PHASES, seconds, strict=False) if value > 0),
        positions={name: int(steps[f"positions_{name}"][step]) if known else 0 for name in CLASSES},
        alternatives=tuple(
            Alternative(int(one), names.get(int(one)), float(logprob), int(one) == token_id)
            for one, logprob in zip(ids.tolist(), logprobs.tolist(), strict=True)
        ),
        request=request,
    )


class TokenNames:
    """The texts of the token ids that a session has had so far, for naming alternatives; `update` adds new ones."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._requests = 0
        self._tokens = 0
        self.names: dict[int, str] = {}

    def update(self) -> None:
        """Take the prompts and tokens that came since the last call."""
        requests = list(self._session.requests.values())
        for request in requests[self._requests :]:
            self.names.update(zip(request.prompt_token_ids, request.prompt_token_texts, strict=False))
        self._requests = len(requests)
        tokens = self._session.tokens
        first, end = self._tokens, len(tokens)
        self.names.update(zip(tokens["token_id"][first:end].tolist(), tokens["text"][first:end].tolist(), strict=True))
        self._tokens = end
