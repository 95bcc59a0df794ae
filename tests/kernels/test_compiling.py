"""The kernels compile for a GPU as they are called, with what makes them fast; no GPU is needed for that."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kernels.compiling import CALLS, HOPPER

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="Triton compiles on Linux")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What every call became; compiled in a process of its own, as this one has the interpreter."""
    cache = tmp_path_factory.mktemp("triton")
    env = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(cache)}
    command = [sys.executable, "-m", "tests.kernels.compiling", *CALLS]
    out = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=False)
    assert out.returncode == 0, out.stderr[-2000:]
    return [json.loads(line) for line in out.stdout.splitlines()]


@pytest.mark.parametrize("name", sorted(CALLS))
def test_it_compiles_and_fits_in_shared_memory(built: list[dict[str, Any]], name: str) -> None:
    mine = [one for one in built if one["call"] == name]
    assert mine
    for one in mine:
        assert one["shared_bytes"] <= HOPPER.shared_bytes


def test_attention_launches_what_it_should(built: list[dict[str, Any]]) -> None:
    launched = {name: [one["kernel"] for one in built if one["call"] == name] for name in CALLS}
    assert launched["prefill-paged"] == launched["prefill-contiguous"] == ["prefill", "row"]
    assert launched["decode-paged"] == launched["decode-float32"] == ["decode", "merge", "row"]
    assert launched["decode-contiguous"] == ["decode", "row"]  # one split leaves nothing to merge


def test_narrow_types_go_through_tensor_cores_in_wide_copies(built: list[dict[str, Any]]) -> None:
    for one in built:
        if one["kernel"] in ("prefill", "decode"):
            narrow = not one["call"].endswith("float32")
            assert one["tensor_cores"] == narrow  # float32 is multiplied exactly
            assert one["copies_16_bytes"] or not narrow
