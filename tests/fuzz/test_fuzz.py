"""What was found before, and a short round of cases, always the same; thousands are run by hand (see the package)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SEED = 20_261_128


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="cases are forked, and seen from outside in /proc")
def test_short_round() -> None:
    root = Path(__file__).resolve().parents[2]
    asked = [sys.executable, "-m", "tests.fuzz", "short", "--seed", str(SEED), "--jobs", "2"]
    ran = subprocess.run(asked, capture_output=True, text=True, check=False, cwd=root)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert " 0 failed" in ran.stdout
