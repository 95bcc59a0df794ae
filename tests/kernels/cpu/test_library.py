"""The C kernels are compiled once for a processor, and where they cannot be, the reason is a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kernels.cpu import library
from kernels.errors import KernelUnavailableError


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
    once = len(ran)
    assert once > 0
    assert library.compiled([source], kept).answer() == 42
    assert len(ran) == once
    (tmp_path / "number.h").write_text("enum { NUMBER = 43 };\n")
    assert library.compiled([source], kept).answer() == 43
    assert len(ran) == 2 * once
    assert len(list(kept.iterdir())) == 2


def test_a_broken_library_is_made_again(source: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    library.compiled([source], kept)
    (file,) = kept.iterdir()
    file.unlink()  # the one that is loaded stays mapped; this is another file of its name
    file.write_bytes(b"cut off")
    assert library.compiled([source], kept).answer() == 42


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "cut to its header": lambda data: data[:4096],
    "one bit": lambda data: data[: len(data) // 3] + bytes([data[len(data) // 3] ^ 1]) + data[len(data) // 3 + 1 :],
    "zeros": lambda data: data[:1024] + bytes(len(data) - 1024),
    "empty": lambda data: b"",
    "longer": lambda data: data + b"x",
}

USERS = """
import json, os, sys
from pathlib import Path
from kernels.cpu import library

def use(source, kept, said):
    try:
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        Path(said).with_suffix(".answer").write_text(str(library.compiled([Path(source)], Path(kept)).answer()))
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)

for line in sys.stdin:
    running = []
    for one in json.loads(line):
        running.append(os.fork())
        if not running[-1]:
            use(*one)
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(one, 0)[1]) for one in running]), flush=True)
"""
"""Forks processes that use the library at the same time: to import torch takes longer than all the rest."""


Use = Callable[[Path, Path, int], list[tuple[int, str, str]]]


@pytest.fixture(scope="module")
def users() -> Iterator[subprocess.Popen[str]]:
    root = Path(library.__file__).parents[2]
    command = [sys.executable, "-c", USERS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        yield process
        process.communicate()


@pytest.fixture
def used(users: subprocess.Popen[str], tmp_path: Path) -> Use:
    """What processes of their own get of the library (status, answer, what they said): a damaged one may kill them."""

    def use(source: Path, kept: Path, processes: int) -> list[tuple[int, str, str]]:
        said = [tmp_path / f"{number}.said" for number in range(processes)]
        assert users.stdin is not None
        assert users.stdout is not None
        print(json.dumps([(str(source), str(kept), str(one)) for one in said]), file=users.stdin, flush=True)
        answers = [one.with_suffix(".answer") for one in said]
        return [
            (status, answer.read_text() if answer.exists() else "", one.read_text())
            for status, answer, one in zip(json.loads(users.stdout.readline()), answers, said, strict=True)
        ]

    return use


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_library_is_never_loaded_and_made_again(damage: str, source: Path, tmp_path: Path, used: Use) -> None:
    kept = tmp_path / "kept"
    assert library.compiled([source], kept).answer() == 42
    (file,) = kept.iterdir()
    data = file.read_bytes()
    file.unlink()  # the one that is loaded stays mapped
    file.write_bytes(DAMAGES[damage](data))
    assert used(source, kept, 1) == [(0, "42", "")]
    assert [one.read_bytes() for one in kept.iterdir()] == [data]


def test_what_is_no_file_in_its_place_is_passed_over(source: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    library.compiled([source], kept)
    (file,) = kept.iterdir()
    file.unlink()
    os.mkfifo(file)  # reading it would wait for ever
    assert library.compiled([source], kept).answer() == 42
    assert file.is_file()
    file.unlink()
    file.mkdir()
    assert library.compiled([source], kept).answer() == 42


def test_a_library_is_on_the_disk_before_it_has_its_name(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    seen: list[list[str]] = []
    monkeypatch.setattr(os, "fsync", lambda _number: seen.append([one.suffix for one in kept.iterdir()]))
    library.compiled([source], kept)
    assert seen == [[".part"]]
    assert [one.suffix for one in kept.iterdir()] == [".so"]


def test_a_full_disk_leaves_nothing_half_written(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert library.compiled([source], tmp_path / "kept").answer() == 42
    assert list((tmp_path / "kept").iterdir()) == []


def test_many_processes_make_it_at_once(source: Path, tmp_path: Path, used: Use) -> None:
    kept = tmp_path / "kept"
    assert used(source, kept, 4) == [(0, "42", "")] * 4
    (file,) = kept.iterdir()
    assert file.suffix == ".so"


def test_one_process_makes_it_and_the_others_wait_for_that(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first thread is the process that compiles: it ends when the second one has been seen to wait, or cannot."""
    ran, kept = counted(monkeypatch), tmp_path / "kept"
    assert library.compiled([source], tmp_path / "another").answer() == 42
    once = len(ran)
    waiting, real = threading.Event(), library._whole
    looks: list[str] = []

    def whole(folder: Path, name: str) -> list[Path]:
        looks.append(threading.current_thread().name)
        if looks.count("second"):
            waiting.set()
        return real(folder, name)

    def compile_late(*arguments: object) -> None:
        second.start()
        assert waiting.wait(10)
        compile_now(*arguments)  # type: ignore[arg-type]

    compile_now = library._compile
    monkeypatch.setattr(library, "_whole", whole)
    monkeypatch.setattr(library, "_compile", compile_late)
    answers: list[int] = []
    second = threading.Thread(target=lambda: answers.append(library.compiled([source], kept).answer()), name="second")
    assert library.compiled([source], kept).answer() == 42
    second.join()
    assert answers == [42]
    assert len(ran) == 2 * once


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


def test_a_compiler_without_openmp_or_a_name_for_this_processor(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets the best flags that it knows."""
    flags = tmp_path / "flags"
    limited = tmp_path / "limited-cc"
    limited.write_text(
        f'#!/bin/sh\nfor one; do case "$one" in -fopenmp|-mprefer*|-mcpu*) exit 1; esac; done\n'
        f'echo "$@" >> {flags}\nexec {library.c_compiler()} "$@"\n'
    )
    limited.chmod(0o755)
    monkeypatch.setenv("CC", str(limited))
    assert library.compiled([source], tmp_path / "kept").answer() == 42
    assert all("-march=native" in line for line in flags.read_text().splitlines())


def test_whether_somebody_has_to_wait(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_sources", lambda: [source])
    monkeypatch.setattr(library, "_folder", lambda: tmp_path / "kept")
    assert library.must_compile()
    library.compiled([source], tmp_path / "kept")
    assert not library.must_compile()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert not library.must_compile()
