"""The command line as a user runs it: a process of its own, its two streams and its exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.prepared.serving import PreparedProgram

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """No display, one thread, and no user folder of the real user's (the cache is the suite's)."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }


@pytest.fixture
def decodescope(tmp_path: Path, environment: dict[str, str]) -> Run:
    """Run `decodescope ARGUMENTS...` in a folder of its own."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "app.main", *arguments],
            capture_output=True, text=True, cwd=tmp_path, env={**environment, "PYTHONPATH": str(ROOT)}, check=False,
        )  # fmt: skip

    return run


@pytest.fixture(scope="session")
def program() -> Iterator[PreparedProgram]:
    """The program, prepared once for all tests of a worker."""
    prepared = PreparedProgram({**os.environ, "OMP_NUM_THREADS": "1"}, ROOT)
    yield prepared
    prepared.close()


@pytest.fixture
def prepared(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, environment: dict[str, str], program: PreparedProgram
) -> Run:
    """The same in a process that is forked from a prepared one, so that it starts at once."""
    streams = tmp_path_factory.mktemp("streams")
    return lambda *arguments: program.run(arguments, tmp_path, environment, streams)


ROOT = Path(__file__).parents[3]
