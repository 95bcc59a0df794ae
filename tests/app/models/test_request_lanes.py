"""The order of the timeline's lanes, and what folded groups stand for."""

from __future__ import annotations

import pytest

from app.models.request_lanes import LaneChoice, Order, arrange
from engine.session.store import RecordedRequest, Session
from tests.app.panels.sessions import MS, Recorder


def queue() -> Session:
    """Five requests: 0 and 2 have finished, 1 and 3 run, 4 waits."""
    recorder = Recorder()
    recorder.switches(kv="contiguous")
    for one in range(5):
        recorder.request(one, ["<s>"], arrived_ns=one * MS, scheduled_ns=None if one == 4 else one * MS)
    recorder.step([(0, 0, 0, 1, 0, 0), (1, 0, 0, 1, 0, 0)], [(0, "a", "target"), (1, "b", "target")])
    recorder.step([(2, 0, 0, 1, 0, 0), (1, 1, 1, 2, 0, 1)], [(2, "c", "target"), (1, "d", "target")])
    recorder.finish(2)
    recorder.step([(0, 1, 1, 2, 0, 1), (1, 2, 2, 3, 0, 2)], [(0, "e", "target"), (1, "f", "target")])
    recorder.finish(0)
    recorder.step([(3, 0, 0, 1, 0, 0)], [(3, "g", "target")])
    return recorder.session


def requests() -> list[RecordedRequest]:
    return list(queue().requests.values())


@pytest.mark.parametrize(
    ("order", "lanes"),
    [
        ("arrival", [0, 1, 2, 3, 4]),
        ("running", [1, 3, 4, 0, 2]),
        ("duration", [1, 3, 4, 0, 2]),  # so far: 39, 37, 36; over: 30 and 18 ms
        ("first_token", [3, 4, 2, 0, 1]),
        ("tokens", [1, 0, 2, 3, 4]),
    ],
)
def test_lanes_come_in_the_chosen_order(order: Order, lanes: list[int]) -> None:
    found = arrange(requests(), LaneChoice(order, "never"), 2, None, 40 * MS)
    assert list(found.shown) == lanes
    assert not found.grouped


def test_requests_are_grouped_while_they_do_not_fit_and_some_run() -> None:
    assert not arrange(requests(), LaneChoice(), 5, None, 40 * MS).grouped
    found = arrange(requests(), LaneChoice(), 4, None, 40 * MS)
    assert [(row.group, row.request) for row in found.rows] == [
        (None, 1), (None, 3), ("waiting", None), ("finished", None),
    ]  # fmt: skip
    assert (found.heads, found.requests, found.shown) == (2, 5, (1, 3))
    over = [one for one in requests() if one.finished_ns is not None]
    assert not arrange(over, LaneChoice(), 1, None, 40 * MS).grouped, "nothing is left to follow"


def test_a_selected_request_has_a_lane_in_its_folded_group() -> None:
    found = arrange(requests(), LaneChoice(), 1, 2, 40 * MS)
    assert [(row.group, row.request) for row in found.rows][-2:] == [("finished", None), (None, 2)]
    assert "finished" in found.folded
    assert found.row_of(2) == 4
    assert found.row_of(0) is None


def test_groups_are_folded_and_unfolded_by_hand() -> None:
    choice = LaneChoice("arrival", "always", {"finished": False})
    found = arrange(requests(), choice, 99, None, 40 * MS)
    assert [(row.group, row.request) for row in found.rows] == [
        (None, 1), (None, 3), ("waiting", None), ("finished", None), (None, 0), (None, 2),
    ]  # fmt: skip
    assert [(row.heads, row.lanes) for row in found.rows] == [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 3)]
