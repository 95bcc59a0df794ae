"""Starts a child process of Python, and opens its end of a pipe in the child. Imports no torch, no Qt."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any, Final

PR_SET_PDEATHSIG: Final = 1


def spawn(
    module: str, theirs: Connection, output: IO[bytes] | int, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start `python -m MODULE HANDLE PARENT`. It inherits its end of the pipe, `theirs`, and writes to `output`.

    The child has a process group of its own, so Ctrl-C reaches only the parent. It is asked to die with this process if
    the system supports that and this is the main thread (on other threads PARENT is 0). In any case the child reads an
    end of file from its pipe when this process is gone. Raises OSError.
    """
    handle = theirs.fileno()
    # PR_SET_PDEATHSIG fires when the *thread* that started the child ends, so only the main thread may ask for it.
    # (Threads are compared by number: `current_thread()` would leave a dummy object for a thread that Qt started.)
    die_with_parent = threading.get_ident() == threading.main_thread().ident
    arguments = [sys.executable, "-P", "-m", module, str(handle), str(os.getpid() if die_with_parent else 0)]
    root = str(Path(__file__).resolve().parents[1])
    paths = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH"))))
    options: dict[str, Any] = {
        "stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, "env": {**environment, "PYTHONPATH": paths},
    }  # fmt: skip
    if sys.platform == "win32":
        os.set_handle_inheritable(handle, True)
        options |= {"close_fds": False, "creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    else:
        options |= {"pass_fds": (handle,), "process_group": 0}
    process: subprocess.Popen[bytes] = subprocess.Popen(arguments, **options)
    return process


# --- in the child ---------------------------------------------------------------------------------------------------


def die_with(parent: int) -> None:
    """Ask Linux to kill this process when the one that started it dies; exit at once if it has died already."""
    if parent == 0 or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def open_connection(handle: int) -> Connection:
    """The child's end of the pipe, by the handle that the parent passed on."""
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection  # noqa: PLC0415

        return PipeConnection(handle)
    os.set_inheritable(handle, False)
    return Connection(handle)
