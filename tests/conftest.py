"""What every test must leave behind: nothing. Threads and child processes that outlive a test fail it."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import settings
from platformdirs import user_cache_dir
from tqdm import tqdm

from tests.left_behind import children
from tests.listening import listen
from tests.real_model import USERS_CACHE

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("PYTEST_QT_API", "pyside6")  # no ini option: tests/gpu runs where there is no pytest-qt
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRITON_INTERPRET", "1")
listen()
gc.disable()  # until everything is imported: see `pytest_collection_finish`
if next(Path("/usr/share/fonts").rglob("DejaVuSans.ttf"), None):
    # Whatever else is installed: text is as wide, and pictures look, as on the machine that made them.
    os.environ.setdefault("FONTCONFIG_FILE", str(Path(__file__).parent / "fonts.conf"))

if "PYTEST_XDIST_WORKER" not in os.environ:  # workers are given what the one that starts them has
    os.environ.setdefault(USERS_CACHE, user_cache_dir("decodescope"))
    _cache = tempfile.mkdtemp(prefix="decodescope-suite-")
    atexit.register(shutil.rmtree, _cache, ignore_errors=True)
    os.environ["XDG_CACHE_HOME"] = _cache
    """One cache for the whole suite, none of the user's: compiled kernels, the device's ceilings, fonts."""

tqdm.monitor_interval = 0  # transformers' progress bars start a thread otherwise

settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")

GRACE_S = 5.0
LONG = ("app/test_every_figure.py", "test_gpu_check.py", "kernels/test_compiling.py", "fuzz/test_fuzz.py")
"""Files of few tests that take long: first, so that no worker is left with one when the others have nothing to do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order by file; tests do not depend on it."""
    tests = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(tests).as_posix() not in LONG)


def pytest_collection_finish() -> None:
    """Leave what has been imported out of Python's garbage collections: to go through all of it takes 0.7 s each time.

    What tests make is collected as ever.
    """
    gc.freeze()
    gc.enable()


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.is_alive()}


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves a thread or a process alive (those that are ending get a moment)."""
    threads, processes = _threads(), children()
    yield
    deadline = time.monotonic() + GRACE_S
    for thread in _threads() - threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    _, left = psutil.wait_procs(children() - processes, timeout=max(0.0, deadline - time.monotonic()))
    assert not (_threads() - threads), f"threads left behind: {_threads() - threads}"
    assert not left, f"processes left behind: {left}"
