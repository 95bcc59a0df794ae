"""What reads memory reads all of it, as often as it says."""

from __future__ import annotations

import pytest
import torch

from kernels.cpu.read_memory import bytes_read, reader


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("words", [192, 768, 10_000, 2**18])
def test_every_word_is_added_once_a_time(threads: int, words: int) -> None:
    torch.set_num_threads(threads)
    array = torch.arange(1, words + 1, dtype=torch.int32) % 1000
    read = bytes_read(array, threads) // 4
    assert words - read < 64 * threads
    assert int(reader(array)().sum()) == int(array[:read].sum())
    assert int(reader(array, 3)().sum()) == 3 * int(array[:read].sum())


def test_only_a_whole_array_in_memory_is_read() -> None:
    with pytest.raises(ValueError, match="contiguous"):
        reader(torch.ones(4, 8).t())
    with pytest.raises(ValueError, match="CPU"):
        reader(torch.ones(4, device="meta"))
