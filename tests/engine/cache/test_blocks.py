"""The bookkeeping of blocks: no block leaks, none is held by two requests whose tokens differ, counts are exact."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from engine.cache.blocks import BlockPool, Table
from engine.core.kv_cache import BlockEvent, OutOfKvMemory

SIZE = 3
LIMIT = 9


def write(pool: BlockPool, request: int, table: Table, tokens: list[int]) -> None:
    pool.extend(request, table, table.length + len(tokens))
    pool.commit(table, tokens)


def events(pool: BlockPool) -> list[tuple[str, int, int]]:
    drained = [(event.event, event.block, event.request_id) for event in pool.events]
    pool.events.clear()
    return drained


def test_a_prefix_is_held_once_and_the_last_token_is_never_shared() -> None:
    pool = BlockPool(SIZE, LIMIT)
    first = pool.share(0, [1, 2, 3, 4, 5, 6])
    write(pool, 0, first, [1, 2, 3, 4, 5, 6])
    assert events(pool) == [("allocate", 0, 0), ("allocate", 1, 0)]
    same = pool.share(1, [1, 2, 3, 4, 5, 6])
    assert (same.blocks, same.length) == ([0], 3)  # six tokens: the last must be computed, and with it its block
    longer = pool.share(2, [1, 2, 3, 4, 5, 6, 7])
    assert (longer.blocks, longer.length) == ([0, 1], 6)
    assert pool.live == 6
    assert pool.share(3, [9, 2, 3, 4]).blocks == []
    assert pool.share(4, [1, 2, 3, 9, 5, 6, 7]).blocks == [0]
    assert events(pool) == [("share", 0, 1), ("share", 0, 2), ("share", 1, 2), ("share", 0, 4)]


def test_the_same_block_after_another_beginning_is_another_block() -> None:
    pool = BlockPool(SIZE, LIMIT)
    write(pool, 0, pool.share(0, []), [1, 1, 1, 5, 5, 5])
    write(pool, 1, pool.share(1, []), [2, 2, 2, 5, 5, 5])
    assert pool.share(2, [2, 2, 2, 5, 5, 5, 0]).blocks == [2, 3]


def test_what_nobody_holds_is_kept_until_room_is_needed_and_goes_least_recently_used_first() -> None:
    pool = BlockPool(SIZE, 3)
    tables = [pool.share(number, []) for number in range(3)]
    for number, table in enumerate(tables):
        write(pool, number, table, [number] * SIZE)
    pool.release(1, tables[1])
    pool.release(0, tables[0])
    assert (pool.live, pool.cached, pool.available) == (3, 2, 2)
    events(pool)
    again = pool.share(3, [0, 0, 0, 7])
    assert (again.blocks, pool.cached) == ([0], 1)
    pool.extend(3, again, 4)
    assert events(pool) == [("share", 0, 3), ("evict", 1, 3), ("allocate", 1, 3)]
    assert pool.share(4, [1, 1, 1, 7]).blocks == []


def test_the_end_of_a_text_is_evicted_before_its_beginning() -> None:
    pool = BlockPool(SIZE, 3)
    table = pool.share(0, [])
    write(pool, 0, table, list(range(9)))
    pool.release(0, table)
    other = pool.share(1, [])
    pool.extend(1, other, 3)
    assert other.blocks == [2]
    assert pool.share(2, list(range(9))).blocks == [0, 1]


def test_too_few_blocks_give_none() -> None:
    pool = BlockPool(SIZE, 2)
    table = pool.share(0, [])
    with pytest.raises(OutOfKvMemory, match="3 more blocks are needed, and 2 of 2 are left"):
        pool.extend(0, table, 7)
    assert (table.blocks, pool.available, pool.events) == ([], 2, [])


def test_rejected_drafts_can_no_longer_be_found() -> None:
    pool = BlockPool(SIZE, LIMIT)
    table = pool.share(0, [])
    write(pool, 0, table, [1, 2, 3, 4, 5, 6])
    pool.truncate(0, table, 5)
    assert (table.blocks, table.tokens, pool.live) == ([0, 1], [1, 2, 3, 4, 5], 5)
    assert pool.share(1, [1, 2, 3, 4, 5, 6, 7]).blocks == [0]
    write(pool, 0, table, [9])
    assert pool.share(2, [1, 2, 3, 4, 5, 9, 7]).blocks == [0, 1]


def test_a_shared_block_is_never_kept_in_part() -> None:
    pool = BlockPool(SIZE, LIMIT)
    table = pool.share(0, [])
    write(pool, 0, table, [1, 2, 3, 4])
    other = pool.share(1, [1, 2, 3, 4])
    pool.truncate(1, other, 2)
    assert (other.blocks, other.length) == ([], 0)
    assert pool.blocks[0].owners == 1
    assert pool.live == 4


def test_the_events_tell_a_twin_that_is_freed_from_a_block_that_is_kept() -> None:
    pool = BlockPool(SIZE, LIMIT)
    tables = [pool.share(number, []) for number in range(2)]
    for number, table in enumerate(tables):  # both compute the same beginning, before either could share it
        write(pool, number, table, [1, 2, 3, 4])
    events(pool)
    pool.release(1, tables[1])
    assert events(pool) == [("free", 3, 1), ("free", 2, 1), ("evict", 2, 1)]
    assert pool.cached == 0
    pool.release(0, tables[0])
    assert events(pool) == [("free", 1, 0), ("free", 0, 0)]
    assert pool.cached == 1


def test_full_blocks_of_rejected_drafts_are_not_kept() -> None:
    pool = BlockPool(SIZE, LIMIT)
    table = pool.share(0, [])
    write(pool, 0, table, [1, 2, 3, 4, 5, 6])
    events(pool)
    pool.truncate(0, table, 2)
    assert events(pool) == [("free", 1, 0), ("evict", 1, 0)]
    assert (pool.cached, pool.live) == (0, 2)


class Requests(RuleBasedStateMachine):
    """Requests come, write, roll back and leave; after each act the books must balance."""

    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.pool = BlockPool(SIZE, LIMIT)
        self.tables: dict[int, Table] = {}
        self.contents: dict[int, list[tuple[int, ...]]] = {}
        """What really stands in each block: for each written slot, all tokens up to and with it."""
        self.owners: dict[int, set[int]] = {}
        self.kept: set[int] = set()
        """By the events alone: who nobody holds, was full when let go, and was not thrown away."""
        self.numbers = itertools.count()

    @rule(target=requests, tokens=st.lists(st.integers(0, 1), max_size=14))
    def enter(self, tokens: list[int]) -> int:
        number = next(self.numbers)
        self.tables[number] = table = self.pool.share(number, tokens)
        assert table.tokens == tokens[: table.length]
        assert table.length < max(1, len(tokens))
        return number

    @rule(number=requests, tokens=st.lists(st.integers(0, 1), min_size=1, max_size=7))
    def write(self, number: int, tokens: list[int]) -> None:
        table = self.tables[number]
        before = (list(table.blocks), self.pool.available)
        try:
            self.pool.extend(number, table, table.length + len(tokens))
        except OutOfKvMemory:
            assert (table.blocks, self.pool.available) == before
            return
        for index, _ in enumerate(tokens, table.length):
            block = table.blocks[index // SIZE]
            assert self.pool.blocks[block].owners == 1  # nothing that is shared is written to
            slots = self.contents.setdefault(block, [])
            del slots[index % SIZE :]
            slots.append((*table.tokens, *tokens)[: index + 1])
        self.pool.commit(table, tokens)

    @rule(number=requests, data=st.data())
    def roll_back(self, number: int, data: st.DataObject) -> None:
        table = self.tables[number]
        length = data.draw(st.integers(0, table.length + 1))
        held = table.length
        self.pool.truncate(number, table, length)
        assert table.length <= min(length, held)
        assert table.length > min(length, held) - SIZE
        if table.length % SIZE:
            del self.contents[table.blocks[-1]][table.length % SIZE :]

    @rule(number=consumes(requests))
    def leave(self, number: int) -> None:
        self.pool.release(number, self.tables.pop(number))

    @invariant()
    def every_request_reads_what_it_wrote(self) -> None:
        for table in self.tables.values():
            for index in range(table.length):
                slots = self.contents[table.blocks[index // SIZE]]
                assert slots[index % SIZE] == tuple(table.tokens[: index + 1])

    @invariant()
    def every_block_is_held_cached_or_free_and_none_is_lost(self) -> None:
        held = [block for table in self.tables.values() for block in table.blocks]
        for index, block in enumerate(self.pool.blocks):
            assert block.owners == held.count(index)
        assert len(set(held)) + self.pool.available == LIMIT
        assert len(self.pool.blocks) <= LIMIT

    @invariant()
    def live_positions_are_counted_once(self) -> None:
        slots = {
            (table.blocks[index // SIZE], index % SIZE)
            for table in self.tables.values()
            for index in range(table.length)
        }
        assert self.pool.live == len(slots)

    @invariant()
    def the_events_tell_who_owns_what(self) -> None:
        for event in self.pool.events:
            self.follow(event)
        self.pool.events.clear()
        owners = {
            block: {number for number, table in self.tables.items() if block in table.blocks}
            for block in range(len(self.pool.blocks))
        }
        assert {block: who for block, who in self.owners.items() if who} == {
            block: who for block, who in owners.items() if who
        }
        unowned = {
            number for number, block in enumerate(self.pool.blocks) if block.key is not None and not block.owners
        }
        assert self.kept == unowned
        assert len(self.kept) == self.pool.cached

    def follow(self, event: BlockEvent) -> None:
        who = self.owners.setdefault(event.block, set())
        if event.event in ("allocate", "share"):
            assert event.event == "share" or not who
            who.add(event.request_id)
            self.kept.discard(event.block)
        elif event.event == "free":
            who.remove(event.request_id)
            if not who and len(self.contents.get(event.block, ())) == SIZE:
                self.kept.add(event.block)
        else:
            assert not who
            self.kept.remove(event.block)


TestRequests = Requests.TestCase
TestRequests.settings = settings(max_examples=120, stateful_step_count=25)


@given(tokens=st.lists(st.integers(0, 3), min_size=1, max_size=30), size=st.integers(1, 8))
def test_a_request_that_left_finds_its_own_beginning_again(tokens: list[int], size: int) -> None:
    pool = BlockPool(size, 64)
    table = pool.share(0, tokens)
    write(pool, 0, table, tokens)
    pool.release(0, table)
    assert pool.live == 0
    assert pool.share(1, tokens).length == (len(tokens) - 1) // size * size
