"""An overflow drops attention rows, then layer rows; never a step or a token."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.host.outbox import Outbox, size_of
from engine.session.schema import (
    PHASES,
    AnyEvent,
    AttentionRow,
    Dropped,
    Mark,
    Step,
    Token,
    decode,
    encode,
)  # fmt: skip

LAYERS = 4


def step(id_: int) -> Step:
    phases = np.arange((LAYERS + 1) * len(PHASES), dtype=np.float32).tobytes()
    return Step(
        id_, 0, "decode", 0, 1, -1, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, "sdpa", phases, bytes(16 * LAYERS)
    )


def token(id_: int) -> Token:
    return Token(id_, 0, id_, id_, 5, "x", -1.0, 1.0, "target", 0, bytes(64))


def row(id_: int) -> AttentionRow:
    return AttentionRow(id_, 0, 0, 0, id_, bytes(400))


def fill(outbox: Outbox, steps: int) -> list[AnyEvent]:
    events: list[AnyEvent] = []
    for index in range(steps):
        batch: list[AnyEvent] = [step(index), token(index), row(index)]
        outbox.put(batch)
        events += batch
    return events


def rows_of(event: Step) -> int:
    return len(event.phases) // (4 * len(PHASES))


def test_events_leave_in_order_and_once() -> None:
    outbox = Outbox(limit_bytes=3 * (size_of(step(0)) + size_of(token(0)) + size_of(row(0))))
    events = fill(outbox, 3)
    assert outbox.take() == events
    assert outbox.take() == []
    events = fill(outbox, 3)  # what has left takes no room any more
    assert outbox.take() == events


def test_attention_rows_go_first_the_oldest_first() -> None:
    outbox = Outbox(limit_bytes=20 * (size_of(step(0)) + size_of(token(0)) + size_of(row(0))))
    fill(outbox, 22)
    taken = outbox.take()
    kept = [event.step_id for event in taken if isinstance(event, AttentionRow)]
    assert kept == list(range(22 - len(kept), 22))
    assert 0 < len(kept) < 22
    steps = [event for event in taken if isinstance(event, Step)]
    assert [rows_of(event) for event in steps] == [LAYERS + 1] * 22
    assert taken[-1] == Dropped(22 - len(kept), 0)


def test_then_layer_rows_become_one_and_their_sum_stays() -> None:
    outbox = Outbox(limit_bytes=9000)
    fill(outbox, 12)
    taken = outbox.take()
    assert not [event for event in taken if isinstance(event, AttentionRow)]
    steps = [event for event in taken if isinstance(event, Step)]
    reduced = [event for event in steps if rows_of(event) == 1]
    assert reduced
    whole = np.frombuffer(step(0).phases, np.float32).reshape(-1, len(PHASES)).sum(0)
    for event in reduced:
        assert np.array_equal(np.frombuffer(event.phases, np.float32), whole)
    assert taken[-1] == Dropped(12, LAYERS * len(reduced))


def test_dropped_is_told_as_totals_and_only_when_it_grew() -> None:
    outbox = Outbox(limit_bytes=3000)
    fill(outbox, 5)
    first = outbox.take()[-1]
    assert isinstance(first, Dropped)
    assert outbox.take() == []
    fill(outbox, 5)
    second = outbox.take()[-1]
    assert isinstance(second, Dropped)
    assert second.attention_rows > first.attention_rows
    outbox.start_run()
    assert outbox.take() == []


@given(st.integers(1, 60), st.integers(1, 20_000))
def test_never_a_step_or_a_token(steps: int, limit_bytes: int) -> None:
    outbox = Outbox(limit_bytes)
    fill(outbox, steps)
    outbox.put([Mark(0, "user", "here")])
    taken = outbox.take()
    assert [event.id for event in taken if isinstance(event, Step)] == list(range(steps))
    assert [event for event in taken if isinstance(event, Token)] == [token(index) for index in range(steps)]
    assert [event.label for event in taken if isinstance(event, Mark)] == ["here"]
    dropped = [event.attention_rows for event in taken if isinstance(event, Dropped)]
    rows = sum(isinstance(event, AttentionRow) for event in taken)
    assert rows + sum(dropped) == steps


def test_what_is_taken_can_be_sent() -> None:
    outbox = Outbox(limit_bytes=5000)
    fill(outbox, 12)
    taken = outbox.take()
    assert decode(encode(list(taken))) == taken
    assert msgspec.msgpack.decode(encode(list(taken)))[-1][0] == "Dropped"
