"""The kernels compile for a GPU as they are called, with what makes them fast; no GPU is needed for that."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import triton

from tests.kernels.compiled_table import written
from tests.kernels.compiling import CALLS, HOPPER, ODD, Launched, full_size
from tests.kernels.sass import ptxas_version

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="Triton compiles on Linux")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Launched]:
    """What every call became; compiled in a process of its own, as this one has the interpreter."""
    cache = tmp_path_factory.mktemp("triton")
    env = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(cache)}
    command = [sys.executable, "-m", "tests.kernels.compiling", *CALLS]
    out = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=False)
    assert out.returncode == 0, out.stderr[-2000:]
    return [msgspec.json.decode(line, type=Launched) for line in out.stdout.splitlines()]


@pytest.mark.parametrize("name", sorted(CALLS))
def test_it_compiles_fits_in_shared_memory_and_spills_nothing(built: list[Launched], name: str) -> None:
    mine = [one for one in built if one.call == name]
    assert mine
    for one in mine:
        assert one.code.shared_bytes <= HOPPER.shared_bytes
        assert (one.code.spill_bytes, one.code.stack_bytes) == (0, 0)
        assert one.code.programs >= 1


def test_attention_launches_what_it_should(built: list[Launched]) -> None:
    launched = {name: [one.kernel for one in built if one.call == name] for name in CALLS}
    assert launched["prefill-window"] == launched["prefill-float32"] == ["prefill", "row"]
    assert launched["decode-float32"] == ["decode", "merge", "row"]
    assert launched["decode-window"] == ["decode", "row"]  # one split leaves nothing to merge
    assert launched["8 B bf16 decode_attention paged: 1 × 4096"] == ["decode", "merge"]


def test_narrow_types_go_through_tensor_cores_in_copies_that_nothing_waits_for(built: list[Launched]) -> None:
    for one in built:
        if one.kernel in ("prefill", "decode"):
            narrow = not one.call.endswith("float32")
            assert bool(one.code.tensor_cores) == narrow  # float32 is multiplied exactly
            assert one.copies_16_bytes or not narrow
        if one.kernel == "prefill" and one.call not in ODD:
            assert one.code.tensor_cores == "wgmma"


def test_rows_are_read_16_bytes_at_a_time(built: list[Launched]) -> None:
    """At the full sizes every thread's load is as wide as loads are; single numbers have no such width."""
    for one in built:
        if one.call in ODD:
            continue
        bulk = one.code.widths(store=False, small=False)
        assert bulk
        assert set.union(*bulk.values()) == {128}, (one.call, one.kernel, bulk)
        if one.kernel in ("prefill", "decode"):
            assert {move.name for move, _ in one.code.moves if not move.waits and not move.store} >= {"k", "v"}
            assert one.code.widths(store=True, small=False)["out"] == {128}


def test_the_table_has_every_case(built: list[Launched]) -> None:
    """Of what is compiled here it also says what was found, where this compiler wrote it."""
    caption, rows = written()
    assert {full.label for full in full_size()} <= set(rows)
    versions = re.search(r"Triton (\S+) and its ptxas ([\d.]+)", caption)
    assert versions is not None
    if versions.groups() != (triton.__version__, ptxas_version()):
        return
    for one in built:
        if one.kernel != "merge" and one.call not in ODD:
            found = [cells[:2] for cells in rows[one.call.rsplit(":", 1)[0]]]
            assert [str(one.code.registers), "0"] in found, one.call
