"""Drawing takes little where the engine's threads need every core, and the text that is read comes first."""

from __future__ import annotations

from itertools import pairwise

import pytest
from pytestqt.qtbot import QtBot

from app.core.drawing_share import CROWDED_SHARE, SHARE, DrawingShare
from app.window import refresher
from app.window.refresher import FASTEST_S, SLOWEST_S, Piece, Refresher, pace_s


@pytest.mark.parametrize(
    ("device", "threads", "cores", "share"),
    [
        ("cpu", "2", 2, 2 * CROWDED_SHARE),
        ("cpu", "1", 2, SHARE),
        ("cpu", "3", 2, 2 * CROWDED_SHARE),
        ("cpu", "1", 1, CROWDED_SHARE),
        ("cpu", "4", 4, 4 * CROWDED_SHARE),
        ("cpu", "64", 64, SHARE),
        ("cuda:0", "16", 16, SHARE),
        ("cuda:0", "1", 1, CROWDED_SHARE),
        ("cpu", "", 1, SHARE),
        ("cpu", "-3", 1, SHARE),
        ("cpu", "9" * 5000, 1, SHARE),
        ("", "2", 1, SHARE),
    ],
)
def test_the_share_follows_the_cores_that_the_run_leaves_free(
    device: str, threads: str, cores: int, share: float
) -> None:
    assert DrawingShare(cores).of({"device": device, "threads": threads}) == pytest.approx(share)


def test_a_server_that_tells_no_threads_is_taken_to_leave_a_core() -> None:
    assert DrawingShare(1).of({}) == SHARE


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
        clock.now += 0.025
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
        clock.now += 0.025
    gaps = [later - sooner for sooner, later in pairwise(drawn)]
    assert gaps[5] == pytest.approx(pace_s(0.006, 2), abs=0.026)
    assert gaps[-1] == pytest.approx(pace_s(0.006, 1), abs=0.026)
