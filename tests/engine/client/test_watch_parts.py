"""The parts of a watch: when the next one is due, which are kept, and which hold what just happened."""

from __future__ import annotations

from pathlib import Path

from engine.client.watch_parts import MOST_BYTES, PART_BYTES, PART_ROWS, PART_S, WatchParts

MINUTE = 60.0
A, B, C = (Path(f"{name}.dscope") for name in "abc")


def test_a_part_ends_after_an_hour_or_what_is_kept_or_when_it_is_large() -> None:
    assert not WatchParts.is_due(PART_S - 1, PART_BYTES - 1, PART_ROWS - 1, kept_s=0)
    assert WatchParts.is_due(PART_S, 0, 0, kept_s=0)
    assert WatchParts.is_due(10 * MINUTE, 0, 0, kept_s=10 * MINUTE)
    assert WatchParts.is_due(PART_S, 0, 0, kept_s=4 * PART_S)
    assert WatchParts.is_due(1.0, PART_BYTES, 0, kept_s=0)
    assert WatchParts.is_due(1.0, 0, PART_ROWS, kept_s=0)


def three() -> WatchParts:
    parts = WatchParts()
    for path, minute in ((A, 10), (B, 20), (C, 30)):
        parts.end(path, minute * MINUTE, 1000)
    return parts


def test_everything_is_kept_where_nothing_else_is_asked_for() -> None:
    assert three().take_beyond(1e9, kept_s=0) == []


def test_what_ended_longer_ago_than_is_kept_goes_once() -> None:
    parts = three()
    assert parts.take_beyond(30 * MINUTE, kept_s=10 * MINUTE) == [A]
    assert parts.take_beyond(30 * MINUTE, kept_s=10 * MINUTE) == []
    assert parts.take_beyond(41 * MINUTE, kept_s=10 * MINUTE) == [B, C]


def test_the_oldest_go_where_all_together_are_too_large() -> None:
    parts = WatchParts()
    for path in (A, B, C):
        parts.end(path, MINUTE, MOST_BYTES // 2)
    assert parts.take_beyond(MINUTE, kept_s=PART_S) == [A]


def test_what_just_happened_reaches_over_the_parts_it_needs_and_no_further() -> None:
    parts = three()
    assert parts.reaching_back(now_s=31 * MINUTE, begun_s=30 * MINUTE, within_s=5 * MINUTE) == [C]
    assert parts.reaching_back(now_s=31 * MINUTE, begun_s=30 * MINUTE, within_s=12 * MINUTE) == [B, C]
    assert parts.reaching_back(now_s=36 * MINUTE, begun_s=30 * MINUTE, within_s=5 * MINUTE) == []
