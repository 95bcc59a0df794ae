"""What is drawn of a live session when: each piece at its pace, all of them within their share of a core."""

from __future__ import annotations

from itertools import pairwise

import pytest
from pytestqt.qtbot import QtBot

from app.core.drawing_share import SHARE
from app.window import refresher
from app.window.refresher import CREDIT_S, FASTEST_S, SLOWEST_S, TICK_MS, Piece, Refresher, pace_s

TICK_S = TICK_MS / 1000


def test_every_piece_keeps_to_its_part_of_the_share() -> None:
    assert pace_s(0.0001, 5) == FASTEST_S
    assert pace_s(0.004, 5) == pytest.approx(0.2)
    assert 5 * 0.004 / pace_s(0.004, 5) == pytest.approx(SHARE)
    assert pace_s(5.0, 5) == SLOWEST_S


def test_a_smaller_share_is_a_slower_pace() -> None:
    assert pace_s(0.002, 5, 0.05) == pytest.approx(2 * pace_s(0.002, 5, 0.10))
    assert pace_s(0.0001, 5, 0.05) == FASTEST_S
    assert pace_s(5.0, 5, 0.05) == pytest.approx(2 * SLOWEST_S)


class Clock:
    """The time and the processor time of a thread that draws; nothing else happens."""

    def __init__(self) -> None:
        self.now = self.cpu = 0.0

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return self.cpu


def drawn_in(
    seconds: float, costs: dict[str, float], monkeypatch: pytest.MonkeyPatch, share: float, **options: int
) -> tuple[dict[str, int], float]:
    """How often pieces of these costs were drawn, and the share of the time that all of them took."""
    clock, drawn = Clock(), dict.fromkeys(costs, 0)
    monkeypatch.setattr(refresher, "time", clock)

    def piece(name: str) -> Piece:
        def draw() -> bool:
            drawn[name] += 1
            clock.cpu += costs[name]
            clock.now += costs[name]
            return True

        return Piece(name, draw, options.get(name, 1))

    drawing = Refresher([piece(name) for name in costs], share=lambda: share)
    while clock.now < seconds:
        drawing.tick()
        clock.now += TICK_S
    return drawn, clock.cpu / clock.now


@pytest.mark.parametrize("share", [SHARE, 0.03])
def test_all_pieces_together_keep_to_the_share(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    costs = {"strip": 0.003, "text": 0.002, "timeline": 0.006, "roofline": 0.012}
    drawn, taken = drawn_in(200.0, costs, monkeypatch, share, text=4)
    assert 0.65 * share < taken < 1.1 * share  # a drawing waits for the next tick
    assert drawn["text"] > 3 * drawn["strip"]
    assert min(drawn.values()) > 200 / (SLOWEST_S * SHARE / share) * 0.9


def test_what_is_not_seen_leaves_its_part_to_the_others(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, seen, drawn = Clock(), [True], []
    monkeypatch.setattr(refresher, "time", clock)

    def draw() -> bool:
        clock.cpu += 0.006
        return True

    def draw_shown() -> bool:
        drawn.append(clock.now)
        return draw()

    hidden = Piece("hidden", lambda: seen[0] and draw(), seen=lambda: seen[0])
    drawing = Refresher([Piece("shown", draw_shown), hidden])
    for tick in range(400):
        seen[0] = tick < 200
        drawing.tick()
        clock.now += TICK_S
    gaps = [later - sooner for sooner, later in pairwise(drawn)]
    assert gaps[5] == pytest.approx(pace_s(0.006, 2), abs=1.1 * TICK_S)
    assert gaps[-1] == pytest.approx(pace_s(0.006, 1), abs=1.1 * TICK_S)


def test_a_run_begins_with_every_piece_due_and_they_come_one_by_one(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text, which is read, is drawn again before the last panel was drawn for the first time."""
    clock, drawn = Clock(), []
    monkeypatch.setattr(refresher, "time", clock)

    def piece(name: str) -> Piece:
        def draw() -> bool:
            drawn.append(name)
            clock.cpu += 0.006
            return True

        return Piece(name, draw, 4 if name == "text" else 1)

    drawing = Refresher([piece("text"), *(piece(str(number)) for number in range(12))], share=lambda: 0.03)
    drawing.follow(True)
    while "11" not in drawn:
        drawing.tick()
        clock.now += TICK_S
    assert clock.cpu < 0.03 * (clock.now + CREDIT_S) + 0.006
    assert drawn.count("text") > 1
    assert drawn[0] == "text"


def test_what_is_new_is_drawn_and_what_is_not_costs_nothing(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(refresher, "time", clock)
    drawn: list[str] = []
    news = {"a": True, "b": False}

    def draw(name: str) -> bool:
        if news[name]:
            drawn.append(name)
        return news[name]

    drawing = Refresher([Piece("b", lambda: draw("b")), Piece("a", lambda: draw("a"))])
    drawing.tick()
    clock.now += TICK_S
    assert drawn == ["a"]
    drawing.tick()
    clock.now += TICK_S
    assert drawn == ["a"]  # it has just been drawn
    news["b"] = True
    drawing.tick()
    clock.now += TICK_S
    assert drawn == ["a", "b"]
    assert not drawing.active
    drawing.follow(True)
    assert drawing.active
    drawing.follow(False)
    assert drawn[-2:] == ["b", "a"]  # what was left is drawn at the end


def test_what_waits_is_drawn_at_once_when_nothing_computes(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, drawn = Clock(), list[str]()
    monkeypatch.setattr(refresher, "time", clock)

    def piece(name: str) -> Piece:
        def draw() -> bool:
            drawn.append(name)
            clock.cpu += 0.05
            clock.now += 0.05
            return True

        return Piece(name, draw)

    share = [0.015]
    drawing = Refresher([piece(name) for name in "abc"], share=lambda: share[0])
    for _ in range(4):
        clock.now += TICK_S
        drawing.tick()
    assert drawn == ["a"]  # it rests for a second and more
    share[0] = 1.0
    drawing.catch_up()
    for _ in range(12):
        clock.now += TICK_S
        drawing.tick()
    assert {"b", "c"} <= set(drawn[1:])


def test_pieces_in_turn_are_drawn_one_after_the_other_until_none_has_news(qtbot: QtBot) -> None:
    left = {"a": 2, "b": 0, "c": 1}
    drawn: list[str] = []

    def piece(name: str) -> Piece:
        def draw() -> bool:
            if not left[name]:
                return False
            left[name] -= 1
            drawn.append(name)
            return True

        return Piece(name, draw)

    drawing = Refresher([piece(name) for name in left])
    drawing.follow(False, in_turn=True)
    assert drawing.has_turns
    assert not drawn, "the window is painted first"
    qtbot.waitUntil(lambda: not drawing.has_turns)
    assert drawn == ["a", "a", "c"]
    left["b"] = 1
    drawing.follow(False, in_turn=True)
    drawing.draw_all()
    assert not drawing.has_turns
    assert drawn[-1] == "b"
