"""A short round of each storm; the long ones are `python -m tests.storms`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.storms import kills, signals
from tests.storms.setting import Setting, setting


@pytest.fixture(scope="module")
def place() -> Iterator[Setting]:
    with setting(steps=60, cache=os.environ["XDG_CACHE_HOME"]) as made:
        yield made


@pytest.mark.parametrize("number", range(4))
def test_signals(place: Setting, number: int) -> None:
    assert signals.case(place, f"1:{number}", timed=False).faults == []


@pytest.mark.parametrize("number", range(2))
def test_kills(place: Setting, number: int) -> None:
    assert kills.case(place, f"1:{number}", timed=False).faults == []
