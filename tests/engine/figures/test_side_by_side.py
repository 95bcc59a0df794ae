"""Requests of two sessions are paired by their prompts, and the first token that differs is told."""

from __future__ import annotations

import math

import pytest

from engine.figures.side_by_side import side_by_side
from engine.session import schema
from engine.session.store import Session


def session(*requests: tuple[list[int], list[int]], ids_told: bool = True) -> Session:
    """Requests as (prompt's ids, generated ids); their texts are the ids in words."""
    found = Session()
    token = 0
    for number, (prompt, generated) in enumerate(requests):
        ids = prompt if ids_told else [-1] * len(prompt)
        text = " ".join(map(str, prompt))
        events: list[schema.AnyEvent] = [schema.RequestArrived(number, text, ids, [], "{}", 0)]
        for place, one in enumerate(generated):
            events.append(
                schema.Token(
                    token, number, token, len(prompt) + place, one if ids_told else -1, f" {one}", -0.5, math.nan,
                    "target", token, b"",
                )
            )  # fmt: skip
            token += 1
        found.apply(events)
    return found


def test_equal_prompts_are_paired_in_their_order_whatever_their_numbers() -> None:
    a = session(([1], [10, 11]), ([2], [20]), ([1], [12]))
    b = session(([2], [20]), ([1], [10, 11]), ([1], [13]), ([9], []))
    found = side_by_side(a, b)
    assert [(pair.a, pair.b, pair.parting is None) for pair in found.pairs] == [
        (0, 1, True),
        (1, 0, True),
        (2, 2, False),
    ]
    assert (found.same, found.only_a, found.only_b) == (2, 0, 1)


@pytest.mark.parametrize("ids_told", [True, False])
def test_the_first_difference_is_told_with_both_tokens(ids_told: bool) -> None:
    a = session(([1], [5, 6, 7]))
    (pair,) = side_by_side(a, session(([1], [5, 8, 7]), ids_told=ids_told)).pairs
    assert pair.tokens == 1
    assert pair.parting is not None
    assert (pair.parting.index, pair.parting.a_text, pair.parting.b_text) == (1, " 6", " 8")
    assert (pair.parting.a_id, pair.parting.b_id) == (6, 8 if ids_told else -1)
    assert pair.parting.a_logprob == -0.5


def test_a_text_that_ended_sooner_parts_where_it_ended() -> None:
    (pair,) = side_by_side(session(([1], [5])), session(([1], [5, 6]))).pairs
    assert pair.parting is not None
    assert (pair.parting.index, pair.parting.a_id, pair.parting.b_id, pair.parting.a_text) == (1, -1, 6, "")
    assert math.isnan(pair.parting.a_logprob)


def test_a_request_without_a_counterpart_is_counted() -> None:
    found = side_by_side(session(([1], [5])), session(([2], [5])))
    assert (found.pairs, found.only_a, found.only_b) == ((), 1, 1)


def test_tokens_without_ids_are_neither_the_same_nor_different() -> None:
    known, unknown = session(([1], [5, 6])), session(([1], [5, 6]), ids_told=False)
    assert side_by_side(known, known).same_tokens is True
    assert side_by_side(known, unknown).same_tokens is None
    assert side_by_side(known, unknown).same == 1
    assert side_by_side(known, session(([1], [5, 7]))).same_tokens is False
    assert side_by_side(known, session(([1], [5, 6]), ([2], []))).same_tokens is False
