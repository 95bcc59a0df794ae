"""What must not stay behind is not made either, once a process ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import leftovers
from engine.export.whole import replacing


def write_file(folder: Path) -> None:
    with replacing(folder / "a.json") as file:
        file.write(b"{}")


def make_folder(folder: Path) -> None:
    with leftovers.folder(beside=folder) as made:
        made.rename(folder / "a.json")


@pytest.mark.parametrize("make", [write_file, make_folder])
def test_nothing_is_made_after_everything_was_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    for name, value in {"finishing": threading.Lock(), "_paths": set(), "_ends": set()}.items():
        monkeypatch.setattr(leftovers, name, value)
    leftovers.remove_all()
    late = threading.Thread(target=make, args=(tmp_path,))
    late.start()
    late.join(0.1)
    assert late.is_alive()
    assert list(tmp_path.iterdir()) == []
    leftovers.finishing.release()  # in a process that ends, nobody does
    late.join()
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]
