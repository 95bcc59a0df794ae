"""The engine process of a forked case, forked too: importing torch anew in each would take longer than all the rest."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import IO, Final, NoReturn

LOOK_EVERY_S: Final = 0.002


class Forked:
    """As much of `subprocess.Popen` as an `EngineProcess` needs, around a process that was forked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        deadline = time.monotonic() + (1e9 if timeout is None else timeout)
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("engine", timeout or 0)
            time.sleep(LOOK_EVERY_S)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(15)

    def kill(self) -> None:
        self.send_signal(9)


def fork_engine(module: str, theirs: Connection, stderr: IO[bytes], environment: Mapping[str, str]) -> Forked:
    """In place of the function that starts `python -m engine.host.child`."""
    if module != "engine.host.child":
        raise ValueError(f"{module} is no engine")
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _be_the_engine(theirs, stderr, parent)
    return Forked(pid)


def _be_the_engine(theirs: Connection, stderr: IO[bytes], parent: int) -> NoReturn:
    try:
        pipe = os.dup(theirs.fileno())
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(stderr.fileno(), 1)
        os.dup2(stderr.fileno(), 2)
        errors = os.dup(2)
        os.closerange(3, min(pipe, errors))
        for number in range(3, 256):
            if number not in (pipe, errors):
                try:
                    os.close(number)
                except OSError:
                    continue
        sys.stdout = sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
        sys.argv = ["child", str(pipe), str(parent)]
        from engine.host import child

        child.main()
    finally:
        os._exit(1)
