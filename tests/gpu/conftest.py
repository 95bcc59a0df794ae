"""`GPU_TESTS_PART=I/N` runs every N-th test from the I-th on: the check on a GPU runs all N parts side by side."""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    part, _, parts = os.environ.get("GPU_TESTS_PART", "").partition("/")
    if not parts:
        return
    ours = [item for item in items if "gpu" in item.keywords]
    kept = set(ours[int(part) :: int(parts)])
    left_out = [item for item in ours if item not in kept]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item in kept or item not in ours]
