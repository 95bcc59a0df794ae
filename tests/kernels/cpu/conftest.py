"""What the tests of the C kernels share."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from kernels.cpu import attention, library, packed, sampling, step


@pytest.fixture(autouse=True)
def compiled_and_poisoned() -> Iterator[None]:
    """The kernels, in memory that is NaN until something is written."""
    if sys.platform != "linux" or platform.machine() != "x86_64" or not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("needs Linux on x86-64 and a C compiler")
    assert library.unavailable() is None
    torch.use_deterministic_algorithms(True)  # with it, torch.empty fills what it gives with NaN
    assert torch.empty(3).isnan().all()
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="session")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the variants of the library are kept, so that each is compiled once."""
    return tmp_path_factory.mktemp("variants")


@pytest.fixture
def variant(request: pytest.FixtureRequest, variants: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All kernels are those of a library compiled with the flags that are this fixture's parameter."""
    sources = sorted(Path(library.__file__).parent.glob("*.c"))
    found = library.compiled(sources, variants, (*request.param, "-Wall", "-Wextra", "-Werror"))
    monkeypatch.setattr(library, "library", lambda: found)
    caches = (
        library.function, sampling._function, attention._functions, step._functions, packed._functions,
    )  # fmt: skip
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()
