"""A runner as the benchmark sees it: a process with a loaded model that runs only while it is asked something."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from engine.errors import UnavailableError
from tests.benchmarks.runners.work import Outcome, Work

ROOT: Final = Path(__file__).resolve().parents[3]
CLOSED_WITHIN_S: Final = 20.0
TAIL: Final = 2000
"""Characters of a dead runner's standard error that are shown."""


class Runner:
    """Started with its model; between questions it, and every process below it, is stopped (SIGSTOP).

    So no idle thread of one spins, and no idle window paints, while another is measured. Raises UnavailableError where
    it ends by itself.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, env=dict(environment),
            cwd=ROOT, text=True, encoding="utf-8", start_new_session=True,
        )  # fmt: skip
        try:
            if self._line() != "ready":
                raise self._ended()
        except BaseException:
            self.close()
            raise
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _value: object, _trace: TracebackType | None) -> None:
        self.close()

    def ask(self, work: Work) -> Outcome:
        """Do the work and wait for it."""
        self._continue()
        assert self._process.stdin is not None
        print(json.dumps(asdict(work)), file=self._process.stdin, flush=True)
        line = self._line()
        if not line:
            raise self._ended()
        self._stop()
        return Outcome(**json.loads(line))

    def close(self) -> None:
        """End it: it reads the end of its input."""
        self._continue()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(CLOSED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def _ended(self) -> UnavailableError:
        self._process.wait(CLOSED_WITHIN_S)
        self._errors.seek(0)
        words = self._errors.read().decode(errors="replace")[-TAIL:].strip()
        return UnavailableError(f"A runner ended with status {self._process.returncode}: {words}")

    def _stop(self) -> None:
        for process in self._family():
            process.suspend()

    def _continue(self) -> None:
        for process in reversed(self._family()):
            process.resume()

    def _family(self) -> list[psutil.Process]:
        """This process and those below it that live, the owner before what it owns."""
        try:
            first = psutil.Process(self._process.pid)
            return [first, *first.children(recursive=True)] if self._process.poll() is None else []
        except psutil.NoSuchProcess:
            return []


@contextlib.contextmanager
def busy_process() -> Iterator[None]:
    """One process of equal priority that computes all the time."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE
    ) as spinning:
        try:
            assert spinning.stdout is not None
            spinning.stdout.readline()
            yield
        finally:
            spinning.send_signal(signal.SIGKILL)


def plain_environment() -> dict[str, str]:
    """This environment without what the benchmark itself set for OpenMP: a peer runs as its own users run it."""
    return {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
