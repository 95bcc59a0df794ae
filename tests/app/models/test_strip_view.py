"""Which steps the strip shows as a run grows and a user zooms, pans, frames and goes back."""

from __future__ import annotations

import pytest

from app.core.selection import Selection
from app.models.strip_view import FEWEST_STEPS, StripView


@pytest.fixture
def selection() -> Selection:
    return Selection()


@pytest.fixture
def told() -> list[bool]:
    return []


@pytest.fixture
def view(selection: Selection, told: list[bool]) -> StripView:
    view = StripView(selection, lambda: None, told.append)
    selection.changed.connect(view.select)
    view.advance(100)
    return view


def shown(view: StripView) -> tuple[float, float]:
    return view.first, view.end


def test_all_steps_are_shown_as_they_come_and_few_leave_room(view: StripView) -> None:
    assert shown(view) == (0, 100)
    view.advance(150)
    assert shown(view) == (0, 150)
    view.advance(3)
    assert shown(view) == (0, FEWEST_STEPS)


def test_a_zoom_holds_its_point_and_ends_following(view: StripView, told: list[bool]) -> None:
    view.zoom(0.2, 50)
    assert shown(view) == pytest.approx((40, 60))
    view.advance(200)
    assert shown(view) == pytest.approx((40, 60))
    assert told == [False]
    view.zoom(100, 50)
    assert shown(view) == (0, 200)
    assert told == [False, True]


def test_a_zoom_holds_its_point_while_the_newest_is_followed(view: StripView) -> None:
    view.zoom(0.2, 100)
    assert view.following
    view.zoom(0.5, 90)
    assert shown(view) == pytest.approx((85, 95))
    assert not view.following


def test_panning_to_the_end_follows_with_the_same_span(view: StripView, told: list[bool]) -> None:
    view.zoom(0.2, 50)
    view.pan(1000)
    assert shown(view) == pytest.approx((80, 100))
    view.advance(150)
    assert shown(view) == pytest.approx((130, 150))
    view.pan(-1000)
    assert shown(view) == pytest.approx((0, 20))
    assert told == [False, True, False]


def test_what_is_followed_stays_in_view_when_following_ends(view: StripView) -> None:
    view.zoom(0.2, 50)
    view.set_following(True)
    view.advance(150)
    view.set_following(False)
    view.advance(200)
    assert shown(view) == pytest.approx((130, 150))


def test_a_range_is_framed_and_then_all(view: StripView) -> None:
    view.frame((10, 29))
    assert shown(view) == (10, 30)
    view.set_following(True)
    view.frame((10, 29))  # it is not shown any more
    assert shown(view) == (10, 30)
    view.frame((10, 29))
    assert shown(view) == (0, 100)
    view.frame((5, 5))
    assert shown(view) == (5, 5 + FEWEST_STEPS)
    view.frame(None)
    assert shown(view) == (0, 100)


def test_a_selected_step_comes_into_view_and_back_leads_to_where_one_looked(
    view: StripView, selection: Selection
) -> None:
    view.zoom(0.2, 50)
    selection.change(step=45)
    assert shown(view) == pytest.approx((40, 60))
    selection.change(step=70)
    assert shown(view) == pytest.approx((53, 73))
    selection.back()
    assert shown(view) == pytest.approx((40, 60))


def test_zooming_into_a_run_that_just_began_keeps_the_span(view: StripView) -> None:
    view.advance(3)
    view.zoom(0.8, 1)
    view.advance(100)
    assert shown(view) == (92, 100)
