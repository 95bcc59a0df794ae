"""A runner as the benchmark sees it: a process with a loaded model that runs only while it is asked something."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from engine.errors import UnavailableError
from tests.benchmarks.runners.work import Outcome, Work

ROOT: Final = Path(__file__).resolve().parents[3]
CLOSED_WITHIN_S: Final = 20.0
WARMING_TOKENS: Final = 8
TAIL: Final = 2000
"""Characters of a dead runner's standard error that are shown."""


class Runner:
    """Started with its model; between questions it, and every process below it, is stopped (SIGSTOP).

    So no idle thread of one spins, and no idle window paints, while another is measured. Raises UnavailableError where
    it ends by itself.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._answering = True
        """Whether something was asked that is not answered yet; it is then not waited for."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, env=dict(environment),
            cwd=ROOT, text=True, encoding="utf-8", process_group=0,
        )  # fmt: skip
        try:
            if self._line() != "ready":
                raise self._ended()
            self._answering = False
        except BaseException:
            self.close()
            raise
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _value: object, _trace: TracebackType | None) -> None:
        self.close()

    def ask(self, work: Work) -> Outcome:
        """Do the work, and a little of it before: what was stopped finds its caches cold."""
        self._each(psutil.Process.resume)
        self._answer(replace(work, tokens=min(work.tokens, WARMING_TOKENS)))
        outcome = self._answer(work)
        self._stop()
        return outcome

    def _answer(self, work: Work) -> Outcome:
        assert self._process.stdin is not None
        self._answering = True
        print(json.dumps(asdict(work)), file=self._process.stdin, flush=True)
        line = self._line()
        if not line:
            raise self._ended()
        self._answering = False
        return Outcome(**json.loads(line))

    def close(self) -> None:
        """End it: it reads the end of its input, or, in the middle of a work, is killed with those below it."""
        if self._answering:
            self._each(psutil.Process.kill)
        self._each(psutil.Process.resume)
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
        self._each(psutil.Process.suspend)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)  # a signal takes its time

    def _each(self, act: Callable[[psutil.Process], None]) -> None:
        """Stop, continue or kill this process and those below it that live."""
        with contextlib.suppress(psutil.NoSuchProcess):
            first = psutil.Process(self._process.pid)
            for process in [first, *first.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    act(process)


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
