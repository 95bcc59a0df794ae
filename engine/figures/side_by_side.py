"""Two sessions of the same requests side by side: which request is which, and where their tokens part."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.figures.token_facts import shown_text
from engine.session.patience import GivenUpError, Patience
from engine.session.store import RecordedRequest, Session

NOT_TOLD: Final = -1


@dataclass(frozen=True, slots=True)
class Parting:
    """The first token in which two texts differ; an id is -1 where that side ended, or did not tell it."""

    index: int
    """Counted from the first generated token."""
    a_id: int
    b_id: int
    a_text: str
    b_text: str
    a_logprob: float
    b_logprob: float
    """Of the token that this side chose; NaN where it is not known."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A request of A and the one of B with the same prompt; `parting` is None where all tokens are the same."""

    a: int
    b: int
    tokens: int
    """How many of the first tokens agree."""
    parting: Parting | None


@dataclass(frozen=True, slots=True)
class SideBySide:
    """All pairs, in the order of A's requests, and how many requests have no counterpart."""

    pairs: tuple[Pair, ...]
    only_a: int
    only_b: int
    ids_told: bool = True
    """Whether both sides tell the id of each generated token; else texts were compared where one does not."""

    @property
    def same_tokens(self) -> bool | None:
        """Whether both sessions generated the same tokens for the same prompts; None where ids are not told."""
        if not self.ids_told:
            return None
        return not (self.only_a or self.only_b) and self.same == len(self.pairs)

    @property
    def same(self) -> int:
        """How many pairs have the same tokens."""
        return sum(pair.parting is None for pair in self.pairs)


def side_by_side(a: Session, b: Session, patience: Patience | None = None) -> SideBySide:
    """Pair the requests of two sessions by their prompts, equal ones in the order of their numbers.

    Prompts are compared by the ids of their tokens where both sides tell them, else by their texts. Generated tokens
    are compared by id, or by text where a side does not tell its ids. Raises GivenUpError soon after `patience` is
    given up.
    """
    by_ids = _all_told(a) and _all_told(b)
    waiting: dict[object, deque[int]] = defaultdict(deque)
    for number in sorted(b.requests):
        waiting[_prompt(b.requests[number], by_ids)].append(number)
    pairs: list[Pair] = []
    only_a = 0
    for number in sorted(a.requests):
        if patience is not None and patience.over:
            raise GivenUpError
        others = waiting[_prompt(a.requests[number], by_ids)]
        if others:
            pairs.append(_pair(a, number, b, others.popleft()))
        else:
            only_a += 1
    ids_told = all(NOT_TOLD not in session.tokens["token_id"] for session in (a, b))
    return SideBySide(tuple(pairs), only_a, sum(map(len, waiting.values())), ids_told)


def _all_told(session: Session) -> bool:
    """Whether the tokens of every prompt are told."""
    return all(
        request.prompt_token_ids and NOT_TOLD not in request.prompt_token_ids for request in session.requests.values()
    )


def _prompt(request: RecordedRequest, by_ids: bool) -> object:
    return tuple(request.prompt_token_ids) if by_ids else request.prompt


def _pair(a: Session, a_number: int, b: Session, b_number: int) -> Pair:
    rows_a, rows_b = a.requests[a_number].token_rows[:], b.requests[b_number].token_rows[:]
    both = min(len(rows_a), len(rows_b))
    differ = np.flatnonzero(~_agree(a, np.array(rows_a[:both], np.int64), b, np.array(rows_b[:both], np.int64)))
    index = int(differ[0]) if len(differ) else both
    if index == len(rows_a) == len(rows_b):
        return Pair(a_number, b_number, index, None)
    row_a = rows_a[index] if index < len(rows_a) else None
    row_b = rows_b[index] if index < len(rows_b) else None
    return Pair(a_number, b_number, index, Parting(index, *_token(a, row_a, b, row_b)))


def _agree(a: Session, rows_a: NDArray[np.int64], b: Session, rows_b: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the tokens of two lists of rows are the same: by id, by text where a side does not tell the id."""
    ids_a, ids_b = a.tokens["token_id"][rows_a], b.tokens["token_id"][rows_b]
    same: NDArray[np.bool_] = ids_a == ids_b
    by_text = np.flatnonzero((ids_a == NOT_TOLD) | (ids_b == NOT_TOLD))
    same[by_text] = a.tokens["text"][rows_a[by_text]] == b.tokens["text"][rows_b[by_text]]
    return same


def _token(a: Session, row_a: int | None, b: Session, row_b: int | None) -> tuple[int, int, str, str, float, float]:
    ids, texts, logprobs = [], [], []
    for session, row in ((a, row_a), (b, row_b)):
        ids.append(NOT_TOLD if row is None else int(session.tokens["token_id"][row]))
        texts.append("" if row is None else shown_text(session, row))
        logprobs.append(float("nan") if row is None else float(session.tokens["logprob"][row]))
    return ids[0], ids[1], texts[0], texts[1], logprobs[0], logprobs[1]
