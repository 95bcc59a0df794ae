"""The feed of one attention map: heads, means, rows that come again, and maps that went to the file."""

from __future__ import annotations

import numpy as np
import pytest

from app.models.attention_feed import AttentionFeed
from app.models.attention_rows import AttentionRows
from engine.session import details, schema
from engine.session.patience import Patience
from engine.session.store import Session
from tests.engine.session.synthetic import synthetic_session


def row(head: int, position: int, probs: list[float], step: int = 0) -> schema.AttentionRow:
    return schema.AttentionRow(step, 0, 1, head, position, np.array(probs, np.float16).tobytes())


def exactly(feed: AttentionFeed, position: int) -> list[float]:
    found = feed.row(position)
    assert found is not None
    return found.tolist()


def test_one_head_gives_the_recorded_probabilities() -> None:
    session = synthetic_session(20)
    feed = AttentionFeed(AttentionRows(session), 0, 0, 0)
    assert feed.update() == (3, 23)
    for _, position, blob in session.details.attention_map(0, 0, 0):
        np.testing.assert_array_equal(feed.grid.cells[position, : position + 1], np.frombuffer(blob, np.float16))
    assert (feed.rows, feed.newest, feed.heads) == (20, 22, 1)


def test_only_what_is_new_is_read() -> None:
    session = Session()
    session.apply([row(0, 0, [1.0]), row(0, 1, [0.25, 0.75])])
    feed = AttentionFeed(AttentionRows(session), 0, 1, 0)
    assert feed.update() == (0, 2)
    assert feed.update() is None
    session.apply([row(0, 2, [0.5, 0.25, 0.25])])
    assert feed.update() == (2, 3)


def test_the_mean_is_over_the_heads_that_were_recorded() -> None:
    session = Session()
    session.apply([row(0, 1, [0.25, 0.75]), row(3, 1, [0.75, 0.25]), row(5, 1, [0.5, 0.5])])
    session.apply([row(3, 2, [1.0, 0.0, 0.0])])
    feed = AttentionFeed(AttentionRows(session), 0, 1, None)
    feed.update()
    assert feed.heads == 3
    assert exactly(feed, 1) == [0.5, 0.5]
    assert feed.grid.cells[1, :2].tolist() == [0.5, 0.5]
    assert exactly(feed, 2) == [1.0, 0.0, 0.0]


def test_the_newest_of_two_rows_of_a_position_counts() -> None:
    session = Session()
    session.apply([row(0, 1, [0.25, 0.75])])
    feed = AttentionFeed(AttentionRows(session), 0, 1, 0)
    feed.update()
    assert exactly(feed, 1) == [0.25, 0.75]
    session.apply([row(0, 1, [0.5, 0.5], step=1)])
    feed.update()
    assert exactly(feed, 1) == [0.5, 0.5]
    assert feed.grid.cells[1].tolist() == [0.5, 0.5]


class OneMap:
    """A session file that holds one map, in order of position."""

    def __init__(self, rows: list[tuple[int, int, bytes]]) -> None:
        self.rows, self.reads, self.first = rows, 0, 0

    def step_blobs(self, step_id: int, patience: Patience | None = None) -> tuple[bytes, bytes] | None:
        return None

    def attention_rows(
        self,
        request_id: int,
        layer: int,
        head: int,
        first: int = 0,
        most: int | None = None,
        patience: Patience | None = None,
    ) -> list[tuple[int, int, bytes]]:
        self.reads, self.first = self.reads + 1, first
        rows = sorted(self.rows, key=lambda item: item[1])[first:]
        return rows if most is None else rows[:most]

    def attention_row(
        self, request_id: int, layer: int, head: int, position: int, patience: Patience | None = None
    ) -> tuple[int, int, bytes] | None:
        self.reads += 1
        return next((row for row in reversed(self.rows) if row[1] == position), None)

    def alternatives(self, token_id: int, patience: Patience | None = None) -> bytes:
        return b""


def test_a_map_that_goes_to_the_file_keeps_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [row(0, p, [1 / (p + 1)] * (p + 1)) for p in (3, 0, 2, 1)]
    source = OneMap([(e.step_id, e.position, e.probs) for e in events])
    session = Session(source)
    session.apply(events)
    feed = AttentionFeed(AttentionRows(session), 0, 1, 0)
    feed.update()
    monkeypatch.setattr(details, "ATTENTION_BYTES", 0)
    session.apply([row(7, 0, [1.0])])  # pushes everything out of memory
    assert not session.details.attention_in_memory(0, 1, 0)
    feed.update()
    assert exactly(feed, 2) == pytest.approx([1 / 3] * 3, abs=1e-3)
    reads = source.reads
    for _ in range(5):
        feed.update()
        feed.row(2)
    assert source.reads == reads


def test_a_map_that_goes_to_the_file_goes_on_where_memory_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [row(0, p, [1 / (p + 1)] * (p + 1), step=p) for p in range(6)]
    source = OneMap([(e.step_id, e.position, e.probs) for e in events])
    session = Session(source)
    session.apply(events[:4])
    feed = AttentionFeed(AttentionRows(session), 0, 1, 0)
    assert feed.update() == (0, 4)
    monkeypatch.setattr(details, "ATTENTION_BYTES", 0)
    session.apply(events[4:])  # what was in memory goes, what comes is in the file alone
    assert feed.update() == (4, 6)
    assert (source.reads, source.first) == (1, 4)
    assert (feed.rows, feed.newest) == (6, 5)


def test_the_mean_goes_over_many_pieces_also_where_heads_began_at_different_steps() -> None:
    draw = np.random.default_rng(0)
    session, expected = Session(), []
    for position in range(100):
        heads = range(3) if position >= 20 else range(1)
        probs = [draw.random(position + 1).astype(np.float16) for _ in heads]
        session.apply([row(head, position, probs[head].tolist(), step=position) for head in heads])
        expected.append(np.mean(probs, axis=0, dtype=np.float32))
    feed = AttentionFeed(AttentionRows(session), 0, 1, None)
    feed.update()
    for position, mean in enumerate(expected):
        np.testing.assert_allclose(feed.grid.cells[position, : position + 1], mean, rtol=1e-6)
