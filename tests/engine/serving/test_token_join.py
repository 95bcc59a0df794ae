"""Joining the recorder's tokens with what streams received: order, waiting, and streams that disagree."""

from __future__ import annotations

import math

from engine.serving.streamed_tokens import Received
from engine.serving.token_join import MOST_WAITING, WAIT_NS, TokenJoin
from engine.session.schema import Token


def token(number: int, request: int, token_id: int, emitted_ns: int = 0) -> Token:
    return Token(
        number, request, number, 0, token_id, "", math.nan, math.nan, "target", emitted_ns, b"", told_by="recorder"
    )


def received(token_id: int, text: str, t_ns: int = 5) -> Received:
    return Received(t_ns, token_id, text, -1.0)


def join(open_streams: set[int]) -> TokenJoin:
    return TokenJoin(open_streams.__contains__, lambda token_id: f"#{token_id}")


def test_a_token_waits_for_its_stream_and_later_ones_wait_with_it() -> None:
    one = join({0, 1})
    one.put([token(0, 0, 7), token(1, 1, 8), token(2, 5, 9)])
    assert one.take(0) == []
    one.receive(1, [received(8, " b")])
    assert one.take(0) == []
    one.receive(0, [received(7, " a", 4)])
    found = one.take(0)
    assert [(each.text, each.received_ns) for each in found] == [(" a", 4), (" b", 5), ("#9", -1)]
    assert found[0].logprob == -1.0


def test_what_came_before_the_recorder_told_of_it_is_kept() -> None:
    one = join({0})
    one.receive(0, [received(1, "x"), received(2, "y")])
    one.put([token(0, 0, 1), token(1, 0, 2), token(2, 0, 3)])
    assert [each.text for each in one.take(0)] == ["x", "y"]


def test_a_stream_that_does_not_bring_a_token_is_waited_for_two_seconds() -> None:
    one = join({0})
    one.put([token(0, 0, 1, emitted_ns=100)])
    assert one.take(100 + WAIT_NS) == []
    assert [each.text for each in one.take(101 + WAIT_NS)] == ["#1"]


def test_nothing_waits_at_the_end_nor_for_a_stream_that_has_ended() -> None:
    streams = {0}
    one = join(streams)
    one.put([token(0, 0, 1), token(1, 0, 2)])
    assert [each.text for each in one.take(0, all_of_them=True)] == ["#1", "#2"]
    one.put([token(2, 0, 3)])
    streams.clear()
    assert [each.text for each in one.take(0)] == ["#3"]


def test_a_stream_with_other_ids_is_not_believed_from_there_on() -> None:
    one = join({0, 1})
    one.receive(0, [received(1, "a"), received(99, "wrong"), received(3, "c")])
    one.receive(1, [received(-1, "of an id that was not told")])
    one.put([token(0, 0, 1), token(1, 0, 2), token(2, 0, 3), token(3, 1, 4)])
    assert [each.text for each in one.take(0)] == ["a", "#2", "#3", "of an id that was not told"]
    assert one.disagreed == 1


def test_what_waits_is_bounded() -> None:
    one = join({0})
    one.put([token(number, 0, 1) for number in range(MOST_WAITING + 5)])
    assert len(one.take(0)) == 5
