"""The C kernels of this folder, compiled once on the user's machine for its own processor, and kept in a cache folder.

The kernels take plain pointers, do not use PyTorch, and run on PyTorch's own OpenMP threads, whose library is already
loaded. Triton, too, needs the machine's C compiler.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from itertools import product
from pathlib import Path
from typing import Final

import torch
from platformdirs import user_cache_dir

from kernels.errors import KernelUnavailableError

if sys.platform != "win32":
    import fcntl

FLAGS: Final = ("-std=c11", "-O3", "-fno-trapping-math", "-ffp-contract=fast", "-pthread", "-fPIC")
"""Standard C alone would round a product before it is added, and need two instructions where processors have one."""
X86: Final = ("-march=native", "-mprefer-vector-width=512")
"""Without the second one, compilers use AVX-512 vectors of half the width."""
OTHERS: Final = ("-mcpu=native",)
"""What ARM's compilers call the processor at hand; on it, clang does not know `-march=native`."""
OPENMP: Final = "-fopenmp"
"""Apple's clang has no OpenMP; without it, the operations that share rows by it run on one thread."""
TIMEOUT_S: Final = 300.0
"""For one file. The longest takes two seconds; on a machine with many times more work than cores, a minute and more."""


DTYPES: Final = {torch.float32: "float32", torch.bfloat16: "bfloat16"}
"""The dtypes that C functions read and write, and their names in the names of the functions."""


@cache
def function(name: str, pointers: int, sizes: int, *dtypes: torch.dtype) -> ctypes._NamedFuncPointer:
    """The C function `name_dtype...`; its arguments: `pointers` pointers, then `sizes` sizes, then the thread count.

    Raises KernelUnavailableError where it was not written for these dtypes or this machine has no library.
    """
    if any(dtype not in DTYPES for dtype in dtypes):
        raise KernelUnavailableError(f"{name} was not written for {', '.join(map(str, dtypes))}.")
    full = "_".join([name, *(DTYPES[dtype] for dtype in dtypes)])
    found = getattr(library(), full, None)
    if found is None:
        raise KernelUnavailableError(f"There is no kernel {full}.")
    found.argtypes = [ctypes.c_void_p] * pointers + [ctypes.c_size_t] * sizes + [ctypes.c_int]
    found.restype = None
    return found  # type: ignore[no-any-return]


@cache
def library() -> ctypes.CDLL:
    """All C files of this folder as one library; raises KernelUnavailableError with the reason where that fails."""
    return compiled(_sources(), _folder())


def must_compile() -> bool:
    """Whether the first use of `library` has to compile the files, for which somebody waits some seconds."""
    try:
        return not _whole(_folder(), _name(c_compiler(), _sources(), ()))
    except KernelUnavailableError:
        return False


def _sources() -> list[Path]:
    return sorted(Path(__file__).parent.glob("*.c"))


def _folder() -> Path:
    return Path(user_cache_dir("decodescope")) / "kernels"


def serves(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether C kernels can run on tensors of this device and dtype."""
    return device.type == "cpu" and dtype in DTYPES and unavailable() is None


@cache
def unavailable() -> str | None:
    """Why the C kernels cannot run on this machine; None where they can."""
    try:
        library()
    except KernelUnavailableError as error:
        return str(error)
    return None


def compiled(sources: list[Path], folder: Path, variant: tuple[str, ...] = ()) -> ctypes.CDLL:
    """Compile the files into one library and load it, or load it from `folder`.

    The library in `folder` is used where it was made from the same code, by the same compiler, for the same processor.
    `variant` are further flags, such as those for another processor. Raises KernelUnavailableError where there is no
    compiler, where it refuses a file, or where the library cannot be loaded.
    """
    compiler = c_compiler()
    name = _name(compiler, sources, variant)
    if (found := _loaded(folder, name)) is not None:
        return found
    with _one_at_a_time(folder):
        found = _loaded(folder, name)  # another process may have made it meanwhile
        return found if found is not None else _made(compiler, name, sources, folder, variant)


def _loaded(folder: Path, name: str) -> ctypes.CDLL | None:
    """The library that is kept under this name; None where there is none that can be loaded."""
    for kept in _whole(folder, name):
        with suppress(OSError):  # complete, but not loadable (a folder mounted as noexec): compile again
            return ctypes.CDLL(str(kept))
    return None


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """The context of compiling for a folder: other processes wait until it ends, with its process at the latest.

    Where they cannot be kept waiting (Windows, some file systems), each compiles for itself.
    """
    descriptor = None
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
        if sys.platform != "win32":
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _made(compiler: str, name: str, sources: list[Path], folder: Path, variant: tuple[str, ...]) -> ctypes.CDLL:
    """A library that is compiled now, and kept in the folder if that takes it."""
    try:
        with tempfile.TemporaryDirectory() as build:
            made = Path(build) / f"{name}.so"
            _compile(compiler, sources, variant, made)
            kept_now = _keep(made, folder, name)
            if kept_now is not None:
                with suppress(OSError):
                    return ctypes.CDLL(str(kept_now))
            return ctypes.CDLL(str(made))
    except OSError as error:
        raise KernelUnavailableError(f"The compiled kernels cannot be used: {error}.") from error


def _name(compiler: str, sources: list[Path], variant: tuple[str, ...]) -> str:
    """The first part of the library's file name: what the library depends on, hashed."""
    headers = sorted({header for source in sources for header in source.parent.glob("*.h")})
    code = [file.read_bytes() for file in (*sources, *headers)]
    flags = repr((FLAGS, X86, OTHERS, OPENMP, variant))
    wanted = [*code, flags.encode(), compiler.encode(), _processor().encode()]
    return f"cpu-{hashlib.sha256(b'|'.join(wanted)).hexdigest()[:16]}"


def _whole(folder: Path, name: str) -> list[Path]:
    """The complete libraries kept under this name; incomplete ones are deleted.

    The name of a file ends in the hash of its content. A library truncated by a full disk or a power failure must not
    be loaded to test it: the first use of a missing page kills the process (SIGBUS).
    """
    whole = []
    try:
        for file in sorted(folder.glob(f"{name}-*.so")):
            if file.is_file() and file.name == _named(name, file):
                whole.append(file)
            else:
                file.unlink()
    except OSError:
        pass  # a file that cannot be read is not used; one that cannot be deleted is not used next time either
    return whole


def _named(name: str, library_file: Path) -> str:
    """The cache's file name for a library of exactly these bytes."""
    with library_file.open("rb") as stream:
        return f"{name}-{hashlib.file_digest(stream, 'sha256').hexdigest()[:32]}.so"


def c_compiler() -> str:
    """The path of the machine's C compiler: $CC, or cc, gcc or clang; raises KernelUnavailableError without one."""
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if name and (path := shutil.which(name)):
            return path
    raise KernelUnavailableError("There is no C compiler (cc, gcc or clang) on this machine.")


def _compile(compiler: str, sources: list[Path], variant: tuple[str, ...], to: Path) -> None:
    """Compile the files side by side, because whoever needs them waits, and link them."""
    flags = (*_accepted(compiler, to.with_name("trial.c")), *variant)
    objects = [to.with_name(f"{source.stem}.o") for source in sources]
    longest_first = sorted(zip(sources, objects, strict=True), key=lambda pair: -pair[0].stat().st_size)
    with ThreadPoolExecutor(os.cpu_count(), "compiling") as side_by_side:
        running = [
            side_by_side.submit(_run, compiler, *flags, "-c", str(source), "-o", str(made))
            for source, made in longest_first
        ]
    for one in running:
        one.result()
    _run(compiler, *flags, "-shared", *map(str, objects), "-lm", "-o", str(to))


def _accepted(compiler: str, trial: Path) -> tuple[str, ...]:
    """The best flags with which this compiler makes a library; raises KernelUnavailableError where none are."""
    trial.write_text("int trial;\n", encoding="utf-8")
    native = X86 if platform.machine().lower() in ("x86_64", "amd64") else OTHERS
    refused = KernelUnavailableError("")
    for openmp, processor in product(((OPENMP,), ()), dict.fromkeys((native, native[:1], ()))):
        try:
            _run(compiler, *FLAGS, *openmp, *processor, "-shared", str(trial), "-o", str(trial.with_suffix(".so")))
        except KernelUnavailableError as error:
            refused = error
            continue
        return (*FLAGS, *openmp, *processor)
    raise refused


def _run(compiler: str, *arguments: str) -> None:
    try:
        done = subprocess.run([compiler, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise KernelUnavailableError(f"{compiler} did not compile the kernels: {failed}.") from failed
    if done.returncode:
        error = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip())
        raise KernelUnavailableError(f"{compiler} cannot compile the kernels: {error}")


def _keep(made: Path, folder: Path, name: str) -> Path | None:
    """Store a new library in `folder`, whole or not at all; None where the folder cannot be written."""
    partial = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / _named(name, made)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f"{name}.", suffix=".part", delete=False) as stream:
            partial = Path(stream.name)
            stream.write(made.read_bytes())
            stream.flush()
            os.fsync(stream.fileno())  # before the file gets its name, so that a named file is complete
        partial.replace(kept)
    except OSError:
        if partial is not None:
            with suppress(OSError):
                partial.unlink()
        return None
    return kept


def _processor() -> str:
    """What `-march=native` depends on: the processor's name and its features."""
    facts = f"{platform.system()} {platform.machine()} "
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return facts + platform.processor()
    return facts + "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
