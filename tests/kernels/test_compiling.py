"""The kernels compile for a GPU, with what makes them fast; no GPU is needed for that."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kernels.compiling import KERNELS

ROOT = Path(__file__).parent.parent.parent
HOPPER_SHARED_BYTES = 227 * 1024

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="Triton compiles on Linux")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What every kernel became; compiled in a process of its own, as this one has the interpreter."""
    cache = tmp_path_factory.mktemp("triton")
    env = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(cache)}
    command = [sys.executable, "-m", "tests.kernels.compiling", *KERNELS]
    out = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=False)
    assert out.returncode == 0, out.stderr[-2000:]
    found = [json.loads(line) for line in out.stdout.splitlines()]
    return {one.pop("kernel"): one for one in found}


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_it_compiles_and_fits_in_shared_memory(built: dict[str, dict[str, Any]], name: str) -> None:
    assert built[name]["shared_bytes"] <= HOPPER_SHARED_BYTES


@pytest.mark.parametrize("name", ["prefill-paged", "prefill-contiguous", "decode-paged", "decode-contiguous-windowed"])
def test_narrow_types_go_through_tensor_cores_in_wide_copies(built: dict[str, dict[str, Any]], name: str) -> None:
    assert built[name]["tensor_cores"]
    assert built[name]["copies_16_bytes"]


def test_float32_is_multiplied_exactly(built: dict[str, dict[str, Any]]) -> None:
    assert not built["prefill-float32"]["tensor_cores"]
