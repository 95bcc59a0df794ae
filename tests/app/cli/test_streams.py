"""Streams that are closed, or take nothing any more: no command fails in a way that nobody can read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.main import main
from engine.session.file import SessionWriter
from tests.app.cli.conftest import ROOT
from tests.engine.session.synthetic import synthetic_events

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="as a shell closes and redirects them")


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    with SessionWriter(tmp_path / "run.dscope") as writer:
        for batch in synthetic_events(4):
            writer.append(batch)
    return tmp_path


def shell(line: str, folder: Path, environment: dict[str, str]) -> tuple[int, str, str]:
    """(exit status, standard output, standard error) of a shell's line, in which `$it` is the program."""
    done = subprocess.run(
        ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"], cwd=folder, capture_output=True, text=True, check=False,
        env={**environment, "PYTHONPATH": str(ROOT), "it": f"{sys.executable} -m app.main"},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("$it info run.dscope >&-", 0, ""),
        ("$it compare run.dscope run.dscope <&- >&- 2>&-", 0, ""),
        ("$it export run.dscope --to chrome -o a.json >&-", 0, ""),
        ("$it info missing.dscope 2>&-", 2, ""),
        ("$it info missing.dscope >&-", 2, "decodescope: There is no file missing.dscope.\n"),
        ("$it info missing.dscope 2>/dev/full", 2, ""),
        ("$it info --wrong 2>/dev/full", 2, ""),
    ],
)
def test_a_stream_that_is_closed_or_full(
    recorded: Path, environment: dict[str, str], line: str, status: int, said: str
) -> None:
    assert shell(line, recorded, environment) == (status, "", said)


def test_what_is_written_to_standard_output_is_nothing_else(recorded: Path, environment: dict[str, str]) -> None:
    status, _, said = shell("$it export run.dscope --to chrome -o /dev/stdout > a.json", recorded, environment)
    assert (status, said) == (0, "")
    assert main(["export", str(recorded / "run.dscope"), "--to", "chrome", "-o", str(recorded / "b.json")]) == 0
    assert (recorded / "a.json").read_bytes() == (recorded / "b.json").read_bytes()
    assert os.path.islink("/dev/stdout")
    status, out, said = shell("$it record -o /dev/stdout", recorded, environment)
    assert (status, out) == (2, "")
    assert said.startswith("decodescope: /dev/stdout is no ordinary file")
