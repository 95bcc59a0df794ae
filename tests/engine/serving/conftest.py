"""Folders of tests of servers are short, because the path of a Unix socket must be."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In place of pytest's own, which names the test and the worker."""
    with tempfile.TemporaryDirectory(prefix="ds-", dir="/tmp") as folder:
        yield Path(folder)
