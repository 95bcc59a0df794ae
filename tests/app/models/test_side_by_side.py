"""What a comparison of two sessions says: the verdict, the sides, the tokens at which requests part."""

from __future__ import annotations

import math

import pytest

from app.models.differences import ALL_NAMES, GROUP_NAMES
from app.models.overlay import overlay
from app.models.side_by_side import compared, parting_text, side_name, verdict
from engine.figures.metrics import summarise
from engine.figures.side_by_side import Pair, Parting, SideBySide
from engine.session.patience import GivenUpError, Patience
from tests.engine.figures.served import recorded, session_of
from tests.engine.importing.made import serving_trace
from tests.engine.importing.made import session_of as traced
from tests.engine.session.synthetic import synthetic_session

SAME = Pair(0, 0, 3, None)
PARTED = Pair(1, 1, 2, Parting(2, 7, -1, " a\u202eb", "", -0.5, math.nan))


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        (SideBySide((SAME,), 0, 0), "The generated tokens are the same."),
        (SideBySide((SAME, PARTED), 0, 0), "1 of 2 requests with the same prompt generated the same tokens."),
        (
            SideBySide((SAME,), 2, 1),
            "1 of 1 requests with the same prompt generated the same tokens (2 only in A, 1 only in B).",
        ),
        (SideBySide((), 0, 3), "No request of A has the prompt of one of B (3 only in B)."),
        (
            SideBySide((SAME,), 1, 0, ids_told=False),
            "1 of 1 requests with the same prompt generated the same texts; the ids of their tokens are not told by "
            "this server (1 only in A).",
        ),
    ],
)
def test_the_verdict_counts_what_is_the_same(beside: SideBySide, words: str) -> None:
    assert verdict(beside) == words


def test_a_parting_names_both_tokens_and_the_logprob_that_is_known() -> None:
    assert parting_text(PARTED) == "“⋅a\\u202eb” (7) at -0.500 nats against the end"
    assert parting_text(SAME) == "nowhere"


def test_every_difference_has_words() -> None:
    session = synthetic_session(30)
    found = compared(session, session, "", "", Patience())
    assert {one.name for one in found.sides.whole.figures} <= set(ALL_NAMES)
    assert {one.group for one in found.sides.whole.figures} <= set(GROUP_NAMES)


def test_a_side_is_named_by_what_generated_it() -> None:
    assert side_name(summarise(session_of(recorded())), "/folder/a.dscope") == "a.dscope · tiny · vLLM 0.32.0"
    assert side_name(summarise(synthetic_session(3)), "") == "synthetic · DecodeScope's own engine"


def test_columns_have_no_number_where_nothing_is_known() -> None:
    a, b = synthetic_session(1), synthetic_session(1)
    found = compared(a, b, "", "", Patience())
    parting, tpot_a = found.columns[3], found.columns[6]
    assert math.isnan(parting[0])
    assert math.isnan(tpot_a[0])


def test_a_comparison_that_is_given_up_ends() -> None:
    patience = Patience()
    patience.give_up()
    with pytest.raises(GivenUpError):
        compared(synthetic_session(3), synthetic_session(3), "", "", patience)


def test_a_side_without_tokens_has_no_line_over_tokens() -> None:
    """A profiler's trace has none: all of its steps would stand at token 0."""
    session = traced(serving_trace(6, layers=1))
    trace = compared(session, session, "", "", Patience()).sides.a
    assert overlay(trace, "latency", "token") is None
    assert overlay(trace, "latency", "step") is not None
