"""Numbers of blocks: small, stable while a block is stored, and never more than are kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.serving.observe.block_numbers import BlockNumbers, Place

HERE = Place(0, "GPU", 0)


def test_a_number_is_the_smallest_that_is_free() -> None:
    numbers = BlockNumbers()
    assert [numbers.store(HERE, block) for block in (b"a", b"b", 7)] == [0, 1, 2]
    assert numbers.remove(HERE, b"a") == 0
    assert numbers.of(HERE, b"a") is None
    assert numbers.remove(HERE, b"a") is None
    assert [numbers.store(HERE, block) for block in (b"c", b"d")] == [0, 3]
    assert numbers.of(HERE, 7) == 2


def test_one_hash_in_several_places_is_several_blocks() -> None:
    numbers = BlockNumbers()
    places = [HERE, Place(1, "GPU", 0), Place(0, "CPU", 0), Place(0, "GPU", 1)]
    assert [numbers.store(place, b"a") for place in places] == [0, 1, 2, 3]
    assert numbers.clear(0) == (0, 2, 3)
    assert numbers.of(places[1], b"a") == 1
    assert numbers.clear(5) == ()


def test_a_full_table_gives_no_more_numbers() -> None:
    numbers = BlockNumbers(most=2)
    assert [numbers.store(HERE, block) for block in range(3)] == [0, 1, None]
    numbers.remove(HERE, 0)
    assert numbers.store(HERE, 2) == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=60))
def test_stored_blocks_always_have_different_numbers(steps: list[tuple[bool, int]]) -> None:
    numbers = BlockNumbers()
    stored: dict[int, int] = {}
    for add, block in steps:
        if not add:
            assert numbers.remove(HERE, block) == stored.pop(block, None)
        elif block not in stored:
            number = numbers.store(HERE, block)
            assert number is not None
            stored[block] = number
    assert len(set(stored.values())) == len(stored) == len(numbers)
    assert all(numbers.of(HERE, block) == number for block, number in stored.items())
