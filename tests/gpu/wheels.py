"""Fetches the few packages that a GPU machine lacks, unpacked into `.gpu-wheels`: `make gpu-wheels`.

The folder is put on PYTHONPATH there, nothing is installed. It holds wheels for CPython 3.12 on manylinux x86-64, and
the same for the Python that runs this, so that a rehearsal here finds them too. Prints the command line to run there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / ".gpu-wheels"
MISSING: Final = ("msgspec", "platformdirs", "perfetto", "gguf")
PLATFORMS: Final = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
MOST_BYTES: Final = 20 * 2**20


def main() -> int:
    """Fetch, unpack, and say how to go on."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    for release in sorted({"3.12", f"{sys.version_info.major}.{sys.version_info.minor}"}):
        fetch(release)
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    print(f"{FOLDER.name}: {size / 2**20:.1f} MiB of {', '.join(MISSING)}. On the machine with a GPU:\n")
    print(f"  {command_line()}")
    return int(size > MOST_BYTES)


def fetch(release: str) -> None:
    """The wheels for one release of CPython; those of another one may lie there already, under other names."""
    with tempfile.TemporaryDirectory() as folder:
        platforms = [word for name in PLATFORMS for word in ("--platform", name)]
        subprocess.run(
            [
                sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                "--implementation", "cp", "--python-version", release, *platforms, "--dest", folder, *MISSING,
            ],
            check=True,
        )  # fmt: skip
        for wheel in sorted(Path(folder).glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(FOLDER)


def command_line() -> str:
    """What to run there, from the root of the same checkout."""
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        commit = ""
    else:
        commit = f" --commit {found.stdout.strip()}"
    return f'PYTHONPATH={FOLDER.name} python3 tests/gpu/check.py --out "$OUT"{commit}'


if __name__ == "__main__":
    sys.exit(main())
