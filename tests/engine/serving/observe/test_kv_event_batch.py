"""Messages of KV events in both forms, recorded, and what a hostile one may try."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DecodeScopeError
from engine.serving.observe.kv_event_batch import (
    LARGEST_BYTES,
    MOST_EVENTS,
    MOST_HASHES,
    Cleared,
    EventBatch,
    Removed,
    Stored,
    decoded_batch,
)
from tests.engine.serving.recorded_pages import frames

BYTES = "vllm-0.32-kv-events-bytes.txt"
INTS = "vllm-0.32-kv-events-ints.txt"
POSITIONAL = "positional-kv-events-bytes.txt"


def decoded(name: str) -> list[EventBatch]:
    return [decoded_batch(payload) for _, _, payload in frames(name)]


def encoded(*events: Any, rank: Any = 0) -> bytes:
    return msgspec.msgpack.encode([1.5, list(events), rank])


def test_recorded_maps_are_the_blocks_that_the_prompts_filled() -> None:
    first, second, third, fourth, last = decoded(BYTES)
    (stored,) = first.events
    assert isinstance(stored, Stored)
    assert (len(stored.hashes), stored.tokens, stored.block_size, stored.medium) == (70 // 32, 64, 32, "GPU")
    assert stored.parent is None
    (continued,) = second.events
    assert isinstance(continued, Stored)
    assert continued.parent == stored.hashes[-1]
    assert [len(event.hashes) for event in third.events if isinstance(event, Stored)] == [470 // 32]
    *removed, new = fourth.events
    assert all(isinstance(event, Removed) and len(event.hashes) == 1 for event in removed)
    assert isinstance(new, Stored)
    assert len(new.hashes) == 330 // 32
    assert [type(event) for event in last.events] == [Cleared, Stored]
    assert {(batch.rank, batch.skipped) for batch in decoded(BYTES)} == {(0, 0)}
    assert all(1.7e9 < batch.server_s < 2e9 for batch in decoded(BYTES))


def test_recorded_hashes_may_be_whole_numbers() -> None:
    events = [event for batch in decoded(INTS) for event in batch.events]
    assert [len(event.hashes) for event in events if isinstance(event, Stored)] == [3, 1, 1]
    assert all(isinstance(block, int) for event in events if isinstance(event, Stored) for block in event.hashes)


def test_the_positional_form_says_the_same() -> None:
    assert decoded(POSITIONAL) == decoded(BYTES)


def test_a_batch_may_be_a_map_as_well() -> None:
    batch = {"ts": 2.0, "events": [{"type": "AllBlocksCleared"}], "data_parallel_rank": 3}
    assert decoded_batch(msgspec.msgpack.encode(batch)) == EventBatch(2.0, 3, (Cleared(),), 0)


def test_sglang_sends_no_rank_and_no_medium() -> None:
    message = msgspec.msgpack.encode([1.5, [["BlockStored", [-5, 6], None, [1, 2], 1, None], ["BlockRemoved", [-5]]]])
    assert decoded_batch(message).events == (Stored((-5, 6), None, 2, 1, "", 0), Removed((-5,), "", 0))


@pytest.mark.parametrize(
    "event",
    [
        ["BlockMoved", [1]],
        {"type": "BlockMoved"},
        {"type": ["BlockStored"]},
        {"no": "type"},
        [],
        None,
        5,
        ["BlockStored"],
        ["BlockStored", "abc", None, [], 1],
        ["BlockStored", [1.5], None, [], 1],
        ["BlockStored", [True], None, [], 1],
        ["BlockStored", [b"x" * 65], None, [], 1],
        ["BlockStored", [1], "parent", [], 1],
        ["BlockStored", [1], None, None, 1],
        ["BlockStored", [1], None, [], -1],
        ["BlockRemoved"],
        ["BlockRemoved", {1: 2}],
    ],
)
def test_what_is_not_understood_is_counted_and_the_rest_is_kept(event: object) -> None:
    batch = decoded_batch(encoded(event, ["AllBlocksCleared"]))
    assert (batch.events, batch.skipped) == ((Cleared(),), 1)


def test_fields_that_are_not_known_are_passed_over() -> None:
    stored = {"type": "BlockStored", "block_hashes": [1], "token_ids": [], "block_size": 4, "new": {"field": [1]}}
    assert decoded_batch(encoded(stored)).events == (Stored((1,), None, 0, 4, "", 0),)
    assert decoded_batch(encoded(["BlockRemoved", [1], "GPU", 2, "more", "still"])).events == (Removed((1,), "GPU", 2),)


def test_more_events_or_blocks_than_the_limit_are_counted_and_left_out() -> None:
    many = decoded_batch(encoded(*[["AllBlocksCleared"]] * (MOST_EVENTS + 5)))
    assert (len(many.events), many.skipped) == (MOST_EVENTS, 5)
    large = decoded_batch(encoded(["BlockRemoved", [1] * MOST_HASHES], ["BlockRemoved", [2]], ["AllBlocksCleared"]))
    assert (len(large.events), large.skipped) == (1, 2)


def test_a_medium_is_a_short_printable_text() -> None:
    (event,) = decoded_batch(encoded(["BlockRemoved", [1], "\x1b[31m" + "x" * 500])).events
    assert isinstance(event, Removed)
    assert event.medium.isprintable()
    assert len(event.medium) <= 40


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        b"\xff" * 10,
        b"\x91" * 5000 + b"\xc0",
        b"\x81\x90\x01",
        msgspec.msgpack.encode("text"),
        msgspec.msgpack.encode([1.0]),
        msgspec.msgpack.encode([1.0, {"a": 1}]),
        msgspec.msgpack.encode({"ts": 1.0}),
        b"\x00" * (LARGEST_BYTES + 1),
    ],
)
def test_what_is_no_message_is_one_sentence(payload: bytes) -> None:
    with pytest.raises(DecodeScopeError) as raised:
        decoded_batch(payload)
    assert str(raised.value).isprintable()
    assert str(raised.value).endswith(".")


@pytest.mark.parametrize("rank", [None, -1, "0", 1.0, True, 2**40])
def test_a_rank_that_is_none_is_0(rank: object) -> None:
    assert decoded_batch(encoded(rank=rank)).rank == 0


def test_a_moment_that_is_none_is_not_told() -> None:
    for moment in ("now", None, math.inf, 2**63):
        assert math.isnan(decoded_batch(msgspec.msgpack.encode([moment, []])).server_s)


@given(st.binary(max_size=40))
def test_any_bytes_give_events_or_a_sentence(data: bytes) -> None:
    for payload in (data, b"\x93\xc0" + data, b"\x92\xc0\x91" + data):
        try:
            batch = decoded_batch(payload)
        except DecodeScopeError:
            continue
        assert batch.skipped >= 0
