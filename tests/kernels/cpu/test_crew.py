"""The crew: threads that share a list of operations, and repeat what one that is held up does not finish."""

from __future__ import annotations

import ctypes
import threading
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from kernels.cpu import library

LONG_S = 60.0
"""For what happens at once unless something is broken."""
PREPARE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
CHUNK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)


class Operation(ctypes.Structure):
    """As in crew.h, with functions of Python."""

    _fields_ = [
        ("prepare", PREPARE), ("compute", CHUNK), ("commit", CHUNK), ("work", ctypes.c_void_p),
        ("chunks", ctypes.c_size_t), ("patience_ns", ctypes.c_int64),
    ]  # fmt: skip


def crew_run(operations: Sequence[Operation], threads: int, ended_ns: NDArray[np.int64] | None = None) -> int:
    run = library.library().crew_run
    run.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p]
    listed = (Operation * len(operations))(*operations)
    ended = None if ended_ns is None else ended_ns.ctypes.data
    return int(run(ctypes.addressof(listed), len(operations), 64, threads, ended))


class Recorded:
    """Operations that note what is called; `held_up` is called in each chunk's compute."""

    def __init__(
        self, chunks: Sequence[int], held_up: Callable[[int, int], None] = lambda operation, chunk: None
    ) -> None:
        self.log: list[tuple[str, int, int]] = []
        self.threads: set[int] = set()
        self._held_up = held_up
        self.operations = [self._operation(index, count) for index, count in enumerate(chunks)]

    def commits(self) -> list[tuple[int, int]]:
        return [(operation, chunk) for kind, operation, chunk in self.log if kind == "commit"]

    def _operation(self, index: int, chunks: int) -> Operation:
        def compute(work: int, chunk: int, own: int) -> None:
            self.threads.add(threading.get_ident())
            self.log.append(("compute", index, chunk))
            self._held_up(index, chunk)

        def prepare(work: int, own: int) -> None:
            self.log.append(("prepare", index, -1))

        def commit(work: int, chunk: int, own: int) -> None:
            self.log.append(("commit", index, chunk))

        return Operation(PREPARE(prepare), CHUNK(compute), CHUNK(commit), None, chunks, 0)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_each_chunk_is_committed_once_and_operations_in_order(threads: int) -> None:
    sizes = (1, 5, 40, 2, 17)
    recorded = Recorded(sizes)
    ended_ns = np.zeros(len(sizes) + 1, np.int64)
    for _ in range(20):
        recorded.log.clear()
        assert crew_run(recorded.operations, threads, ended_ns) == 0
        commits = recorded.commits()
        assert Counter(commits) == Counter((i, chunk) for i, count in enumerate(sizes) for chunk in range(count))
        assert [operation for operation, _ in commits] == sorted(operation for operation, _ in commits)
        assert (np.diff(ended_ns) >= 0).all()
        assert ended_ns[-1] > ended_ns[0]


def test_an_operation_is_prepared_before_any_of_its_chunks_is_computed() -> None:
    recorded = Recorded((6, 6))
    crew_run(recorded.operations, 3)
    for index in range(2):
        kinds = [kind for kind, operation, _ in recorded.log if operation == index]
        assert kinds[0] == "prepare"
        assert 1 <= kinds.count("prepare") <= 3


@pytest.mark.parametrize("stuck", [(0, 0), (1, 3), (2, 0)])
def test_nobody_waits_for_a_thread_that_is_held_up(stuck: tuple[int, int]) -> None:
    """The first thread at this chunk goes on only when all operations after it are done; another repeats the chunk."""
    everything = threading.Event()
    first = threading.Lock()
    waited: list[bool] = []

    def held_up(operation: int, chunk: int) -> None:
        if (operation, chunk) == stuck and first.acquire(blocking=False):
            waited.append(everything.wait(LONG_S))
        if operation == 3:
            everything.set()

    recorded = Recorded((1, 8, 1, 1), held_up)
    assert crew_run(recorded.operations, 2) == 0
    assert waited == [True]
    assert Counter(recorded.commits()) == Counter([(0, 0), *((1, chunk) for chunk in range(8)), (2, 0), (3, 0)])
    assert recorded.log.count(("compute", *stuck)) >= 2


def test_no_thread_is_inside_when_a_run_has_returned() -> None:
    """One that was held up has left before, so that memory may be freed."""
    inside = Counter[str]()
    first = threading.Lock()
    released = threading.Event()

    def held_up(operation: int, chunk: int) -> None:
        if operation == 0 and first.acquire(blocking=False):
            released.wait(LONG_S)
            inside["left"] += 1
        elif operation == 1:
            released.set()

    recorded = Recorded((1, 1), held_up)
    crew_run(recorded.operations, 2)
    assert inside["left"] == 1


def test_two_callers_at_once_both_get_their_work_done() -> None:
    """The second runs alone: it does not wait for the first, which waits for it here."""
    second_done = threading.Event()
    first = Recorded((3, 3), lambda operation, chunk: None if second_done.wait(LONG_S) else pytest.fail("too late"))
    second = Recorded((4, 4))
    caller = threading.Thread(target=crew_run, args=(first.operations, 2))
    caller.start()
    crew_run(second.operations, 2)
    second_done.set()
    caller.join(LONG_S)
    assert not caller.is_alive()
    assert len(first.commits()) == 6
    assert len(second.commits()) == 8
