"""What chunks of a stream say of tokens, and what they do not."""

from __future__ import annotations

import math

import pytest

from engine.core.settings import RequestSpec
from engine.serving.probe.probe_events import Chunk, Ended, Prompted, Sent, TokenChance, Usage
from engine.serving.streamed_tokens import StreamedTokens
from engine.session import schema


def streams(*requests: RequestSpec) -> StreamedTokens:
    found = StreamedTokens(lambda ns: ns - 1000)
    found.expect(0, requests or (RequestSpec("a"),))
    return found


def chunk(
    text: str,
    ids: tuple[int, ...] | None,
    count: int | None,
    t_ns: int = 1100,
    chances: tuple[TokenChance, ...] | None = None,
) -> Chunk:
    return Chunk(0, t_ns, text, ids, count, chances)


def test_a_request_arrives_when_it_was_due_not_when_it_was_sent() -> None:
    one = streams()
    (arrived,) = one.events(Sent(0, 1050, 1010, "ds-0", ()))
    assert isinstance(arrived, schema.RequestArrived)
    assert (arrived.arrived_ns, arrived.prompt, arrived.told_by) == (10, "a", "probe")
    assert one.events(Sent(0, 1060, 1010, "ds-0", ())) == []


def test_the_tokens_of_a_chunk_share_its_moment_and_its_text_stands_at_the_first() -> None:
    one = streams()
    one.events(Prompted(0, 1100, (5, 6, 7)))
    tokens = one.tokens(chunk(" x y", (8, 9), 2)) + one.tokens(chunk(" z", (10,), 1, 1200))
    assert [(each.position, each.token_id, each.text, each.emitted_ns) for each in tokens] == [  # type: ignore[union-attr]
        (3, 8, " x y", 100), (4, 9, "", 100), (5, 10, " z", 200),
    ]  # fmt: skip
    assert [each.id for each in tokens] == [0, 1, 2]  # type: ignore[union-attr]


def test_texts_of_single_tokens_are_taken_where_they_make_up_the_text() -> None:
    chances = (TokenChance(" x", -0.5, ()), TokenChance(" y", None, ()))
    first, second = streams().received(chunk(" x y", None, 2, chances=chances))
    assert (first.text, first.logprob, second.text) == (" x", -0.5, " y")
    assert math.isnan(second.logprob)
    held_back = streams().received(chunk(" x", None, 2, chances=chances))
    assert [each.text for each in held_back] == [" x", ""]


def test_a_number_of_tokens_that_was_not_told_is_one_and_is_said() -> None:
    one = streams()
    assert one.counts_told
    (token,) = one.received(chunk("some words", None, None))
    assert token.token_id == -1
    assert not one.counts_told


def test_the_size_of_a_prompt_that_comes_after_its_first_token_changes_no_position() -> None:
    early, late = streams(), streams()
    assert early.events(Usage(0, 1050, 4, None, None)) == [schema.PromptTold(0, [-1] * 4, [])]
    assert early.events(Prompted(0, 1060, (1, 2, 3, 4))) == []
    late.tokens(chunk("x", None, 1))
    assert late.events(Usage(0, 1300, 4, 1, None)) == []


@pytest.mark.parametrize(
    ("told", "error", "stop", "reason"),
    [
        ("length", "", (), "length"), ("stop", "", (), "eos"), ("stop", "", ("end",), "stop"),
        ("eos_token", "", (), "eos"), ("stop_sequence", "", (), "stop"), ("abort", "", (), "cancelled"),
        ("length", "The connection broke off.", (), "cancelled"), ("", "", (), "cancelled"),
    ],
)  # fmt: skip
def test_every_end_has_one_of_the_sessions_reasons(told: str, error: str, stop: tuple[str, ...], reason: str) -> None:
    one = streams(RequestSpec("a", stop=stop))
    one.events(Sent(0, 1000, 1000, "", ()))
    *marks, end = one.events(Ended(0, 1500, told, error))
    assert end == schema.RequestFinished(0, 500, reason)  # type: ignore[arg-type]
    assert len(marks) == bool(error)
    assert one.ended(0)


def test_a_request_that_was_never_sent_still_arrives() -> None:
    arrived, _ = streams().events(Ended(0, 1500, "cancelled"))
    assert isinstance(arrived, schema.RequestArrived)
