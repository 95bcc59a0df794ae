"""Two sessions of the same requests side by side: which request is which, and where their tokens part."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

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


def side_by_side(a: Session, b: Session) -> SideBySide:
    """Pair the requests of two sessions by their prompts, equal ones in the order of their numbers.

    Prompts are compared by the ids of their tokens where both sides tell them, else by their texts. Generated tokens
    are compared by id, or by text where a side does not tell its ids.
    """
    by_ids = _all_told(a) and _all_told(b)
    waiting: dict[object, deque[int]] = defaultdict(deque)
    for number in sorted(b.requests):
        waiting[_prompt(b.requests[number], by_ids)].append(number)
    pairs: list[Pair] = []
    only_a = 0
    for number in sorted(a.requests):
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
    rows_a, rows_b = a.requests[a_number].token_rows, b.requests[b_number].token_rows
    for index, (row_a, row_b) in enumerate(zip_longest(rows_a, rows_b)):
        if not _agree(a, row_a, b, row_b):
            return Pair(a_number, b_number, index, Parting(index, *_token(a, row_a, b, row_b)))
    return Pair(a_number, b_number, len(rows_a), None)


def _agree(a: Session, row_a: int | None, b: Session, row_b: int | None) -> bool:
    if row_a is None or row_b is None:
        return False
    id_a, id_b = int(a.tokens["token_id"][row_a]), int(b.tokens["token_id"][row_b])
    if NOT_TOLD in (id_a, id_b):
        return bool(a.tokens["text"][row_a] == b.tokens["text"][row_b])
    return id_a == id_b


def _token(a: Session, row_a: int | None, b: Session, row_b: int | None) -> tuple[int, int, str, str, float, float]:
    ids, texts, logprobs = [], [], []
    for session, row in ((a, row_a), (b, row_b)):
        ids.append(NOT_TOLD if row is None else int(session.tokens["token_id"][row]))
        texts.append("" if row is None else str(session.tokens["text"][row]))
        logprobs.append(float("nan") if row is None else float(session.tokens["logprob"][row]))
    return ids[0], ids[1], texts[0], texts[1], logprobs[0], logprobs[1]
