"""Fifty cases of the search, always the same; thousands are looked through by hand (see the package)."""

from __future__ import annotations

import pytest

from tests.search.checking import search_case
from tests.search.findings import TIE

SEED = 20_261_128


@pytest.mark.parametrize("index", range(50))
def test_case(index: int) -> None:
    found = [one for one in search_case(SEED, index) if one.kind != TIE]
    assert not found, f"python -m tests.search --seed {SEED} --case {index}"
