"""The C kernels are compiled once for a processor, and where they cannot be, the reason is a sentence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kernels.cpu import library
from kernels.cpu.streamed_linear import PAIRS, streamed_linear
from kernels.errors import KernelUnavailableError
from tests.kernels.step_cases import assert_close, random


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "answer.c"
    file.write_text('#include "number.h"\nint answer(void) { return NUMBER; }\n')
    (tmp_path / "number.h").write_text("enum { NUMBER = 42 };\n")
    return file


def counted(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The compiler's command lines from now on."""
    ran: list[list[str]] = []
    real = subprocess.run

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return real(command, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(subprocess, "run", run)
    return ran


def test_it_is_compiled_once_and_anew_when_a_file_changed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = counted(monkeypatch)
    kept = tmp_path / "kept"
    assert library.compiled([source], kept).answer() == 42
    assert library.compiled([source], kept).answer() == 42
    assert len(ran) == 1
    (tmp_path / "number.h").write_text("enum { NUMBER = 43 };\n")
    assert library.compiled([source], kept).answer() == 43
    assert len(ran) == 2
    assert len(list(kept.iterdir())) == 2


def test_a_broken_library_is_made_again(source: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    library.compiled([source], kept)
    (file,) = kept.iterdir()
    file.unlink()  # the one that is loaded stays mapped; this is another file of its name
    file.write_bytes(b"cut off")
    assert library.compiled([source], kept).answer() == 42


def test_a_folder_that_takes_nothing_costs_only_the_next_compilation(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert library.compiled([source], tmp_path / "file" / "kept").answer() == 42


def test_a_machine_without_a_compiler(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(KernelUnavailableError, match=r"^There is no C compiler \(cc, gcc or clang\) on this machine.$"):
        library.compiled([source], tmp_path / "kept")


def test_a_compiler_that_refuses(source: Path, tmp_path: Path) -> None:
    source.write_text("#error not for this processor\n")
    with pytest.raises(KernelUnavailableError, match=r"cannot compile the kernels: .*not for this processor"):
        library.compiled([source], tmp_path / "kept")


def test_a_compiler_that_makes_no_library(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "fake-cc"
    fake.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho nothing > "$2"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("CC", str(fake))
    with pytest.raises(KernelUnavailableError, match="cannot be used"):
        library.compiled([source], tmp_path / "kept")


def test_a_processor_with_smaller_vectors_multiplies_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        library, "FLAGS", (*library.FLAGS, "-mno-avx512f", "-mavx2", "-mfma", "-Wall", "-Wextra", "-Werror")
    )
    small = library.compiled(sorted(Path(library.__file__).parent.glob("*.c")), tmp_path / "kept")
    monkeypatch.setattr(library, "library", lambda: small)
    library.function.cache_clear()
    try:
        for weight_dtype, dtype in PAIRS:
            weight, x = random((13, 96), weight_dtype, "cpu", 1), random((7, 96), dtype, "cpu", 2)
            assert_close(streamed_linear(x, weight), x.double() @ weight.double().t(), dtype)
    finally:
        library.function.cache_clear()
