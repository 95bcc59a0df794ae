"""One selection for the whole window: what follows from what, and the way back of choices, zoom and filter."""

from __future__ import annotations

from itertools import pairwise

import pytest

from app.core.selection import GESTURE_S, Look, Selection
from engine.session.store import Session
from tests.engine.session.synthetic import synthetic_session


class Clock:
    """Says the second it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(scope="module")
def session() -> Session:
    return synthetic_session(12, requests=2)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def selection(session: Session, clock: Clock) -> Selection:
    selection = Selection(clock=clock)
    selection.reset(session)
    return selection


def test_a_token_brings_its_step_and_its_request(selection: Selection, session: Session) -> None:
    selection.change(token=9)
    tokens = session.tokens
    assert selection.now.step == int(tokens["step_id"][9])
    assert selection.now.request == int(tokens["request_id"][9])


def test_another_step_or_request_leaves_the_token_behind(selection: Selection) -> None:
    for elsewhere in ({"step": 2}, {"request": 0}):
        selection.change(token=9)
        selection.change(**elsewhere)
        assert selection.now.token is None
    selection.change(token=9)
    selection.change(layer=3)
    assert selection.now.token == 9


def test_back_leads_to_where_a_panel_looked(selection: Selection) -> None:
    whole, part, other = Look(0, 100, "fit"), Look(20, 40, "free"), Look(60, 80, "free")
    told: list[object] = []
    selection.changed.connect(told.append)
    selection.looked("timeline", whole, part)
    assert told == []  # a zoom redraws the panel that was zoomed, and no other
    selection.change(step=3)
    selection.looked("timeline", part, other)
    selection.back()
    assert (selection.now.step, selection.now.look("timeline")) == (3, part)
    selection.back()
    assert (selection.now.step, selection.now.look("timeline")) == (None, part)
    selection.back()
    assert selection.now.look("timeline") == whole
    for _ in range(3):
        selection.forward()
    assert (selection.now.step, selection.now.look("timeline")) == (3, other)


def test_the_turns_of_a_wheel_are_one_way_back(selection: Selection, clock: Clock) -> None:
    looks = [Look(0, 100 - 10 * i, "free") for i in range(6)]
    for before, after in pairwise(looks[:4]):
        clock.now_s += GESTURE_S / 2
        selection.looked("timeline", before, after)
    clock.now_s += 2 * GESTURE_S
    selection.looked("timeline", looks[3], looks[4])
    selection.back()
    assert selection.now.look("timeline") == looks[3]
    selection.back()
    assert selection.now.look("timeline") == looks[0]


def test_a_view_that_moves_by_itself_is_no_way_back(selection: Selection) -> None:
    selection.looked("timeline", Look(0, 100, "follow"), Look(10, 110, "follow"))
    selection.change(step=1)
    selection.back()
    assert selection.now == Selection().now


def test_what_shows_a_choice_goes_back_with_it(selection: Selection) -> None:
    before, after = Look(0, 10, "free"), Look(30, 40, "free")
    selection.change(step=9)
    selection.revealed("timeline", before, after)
    selection.back()
    assert (selection.now.step, selection.now.look("timeline")) == (None, before)
    selection.forward()
    assert (selection.now.step, selection.now.look("timeline")) == (9, after)


def test_the_filter_has_a_way_back(selection: Selection, clock: Clock) -> None:
    for high in (20.0, 30.0, 40.0):  # a drag
        selection.filter((10.0, high))
    clock.now_s += 2 * GESTURE_S
    selection.filter(None)
    selection.back()
    assert selection.now.band_us == (10.0, 40.0)
    selection.back()
    assert selection.now.band_us is None


def test_another_session_has_no_way_back(selection: Selection, session: Session) -> None:
    selection.change(step=1)
    selection.looked("timeline", Look(0, 1, "fit"), Look(0, 1, "free"))
    selection.reset(session)
    selection.back()
    assert selection.now == Selection().now


def test_a_token_that_is_not_there_brings_nothing(selection: Selection, session: Session) -> None:
    """The last one of none is no token of the end, either."""
    for token in (-1, len(session.tokens)):
        selection.change(step=0, token=token)
        assert (selection.now.step, selection.now.request) == (0, None)
