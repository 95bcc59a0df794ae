"""What the suite's own look for child processes says while threads end beside it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from tests.left_behind import children, may_have_children


def test_a_thread_that_ends_while_it_is_looked_at_is_no_error() -> None:
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            thread = threading.Thread(target=lambda: None)
            thread.start()
            thread.join()

    before = children()
    others = [threading.Thread(target=come_and_go) for _ in range(2)]
    for other in others:
        other.start()
    try:
        for _ in range(300):
            assert children() <= before
    finally:
        over.set()
        for other in others:
            other.join()


def test_a_list_that_has_gone_tells_nothing(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("")
    assert not may_have_children([empty])
    assert may_have_children([empty, tmp_path / "gone"])
    assert may_have_children([])


def test_a_child_is_found_until_it_has_ended() -> None:
    before = children()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert [child.pid for child in children() - before] == [process.pid]
    assert children() == before
