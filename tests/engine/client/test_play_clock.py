"""The clock of a replay keeps to the wall clock, at any speed, with long waits shortened or not."""

from __future__ import annotations

import pytest

from engine.client.play_clock import PlayClock, Waits
from engine.session import schema
from engine.session.store import Session

S = 1_000_000_000
MINUTE = 60 * S


class Wall:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


def arrivals(*seconds: float) -> Waits:
    """The waits of a session in which only requests arrive, at these seconds."""
    session = Session()
    session.apply(
        [schema.RequestArrived(i, "", [], [], "{}", round(at * S)) for i, at in enumerate(seconds)]
    )  # fmt: skip
    return Waits(session)


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.mark.parametrize("ticks", [7, 61, 2400])
def test_at_its_own_speed_a_minute_takes_a_minute_however_often_it_is_looked_at(wall: Wall, ticks: int) -> None:
    clock = PlayClock(0, MINUTE, arrivals(0), wall)
    clock.play()
    begun = wall.s
    while clock.now_ns() < MINUTE:
        wall.s += 60 / ticks
    assert wall.s - begun == pytest.approx(60, rel=0.02, abs=60 / ticks)


def test_speed_counts_from_when_it_is_set(wall: Wall) -> None:
    clock = PlayClock(0, MINUTE, arrivals(0), wall)
    clock.play()
    wall.s += 4
    clock.set_speed(0.25)
    wall.s += 4
    assert clock.now_ns() == 5 * S
    clock.set_speed(16.0)
    wall.s += 1
    assert clock.now_ns() == 21 * S


def test_paused_it_stands_still_and_goes_on_from_there(wall: Wall) -> None:
    clock = PlayClock(0, MINUTE, arrivals(0), wall)
    wall.s += 3
    assert clock.now_ns() == 0
    clock.play()
    wall.s += 3
    clock.pause()
    wall.s += 100
    assert clock.now_ns() == 3 * S
    clock.play()
    wall.s += 1
    assert clock.now_ns() == 4 * S


def test_it_goes_to_a_place_within_the_recording_and_ends_with_it(wall: Wall) -> None:
    clock = PlayClock(5 * S, MINUTE, arrivals(5), wall)
    clock.go(0)
    assert clock.now_ns() == 5 * S
    clock.go(2 * MINUTE)
    assert clock.now_ns() == MINUTE
    clock.go(59 * S)
    clock.play()
    wall.s += 30
    assert clock.now_ns() == MINUTE


def test_a_wait_takes_one_second_where_waits_are_shortened(wall: Wall) -> None:
    waits = arrivals(0, 10, 10.5, 30)
    assert len(waits) == 2
    clock = PlayClock(0, 30 * S, waits, wall)
    clock.shorten_waits(True)
    clock.play()
    wall.s += 0.5
    assert clock.now_ns() == S // 2
    wall.s += 0.75
    assert clock.now_ns() == round(10.25 * S)
    wall.s += 1.0
    assert clock.now_ns() == round(11.25 * S)
    wall.s += 0.75
    assert clock.now_ns() == 30 * S


def test_waits_are_as_long_as_they_were_where_they_are_not_shortened(wall: Wall) -> None:
    clock = PlayClock(0, 30 * S, arrivals(0, 10, 30), wall)
    clock.play()
    wall.s += 7
    assert clock.now_ns() == 7 * S
    clock.shorten_waits(True)  # in the middle of a wait that has lasted long enough
    wall.s += 0.25
    assert clock.now_ns() == round(10.25 * S)


def test_a_long_step_is_no_wait() -> None:
    session = Session()
    step = schema.Step(
        0, 0, "prefill", 0, 9 * S, -1, 1, 1, 0, 0, 0, 0, 1, 0.0, 0.0, 0, 0, 0, 1, 0, "sdpa", b"", b""
    )  # fmt: skip
    session.apply([schema.RequestArrived(0, "", [], [], "{}", 0), step])
    assert len(Waits(session)) == 0
