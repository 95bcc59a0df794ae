"""Runs cases, each in a process forked from this one, which has everything imported and no thread but the main one."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, NoReturn

import psutil

from tests.fuzz import limits
from tests.fuzz.cases import WALK, Case, Make, rng_of
from tests.fuzz.judging import judge
from tests.search.findings import Finding

LOOK_EVERY_S: Final = 0.02
WEIGH_EVERY_S: Final = 0.1
"""How often a case's time and memory are looked at: to find what belongs to it, every process is looked through."""
LEAVE_WITHIN_S: Final = 3.0
"""How long what a case started may take to go when it is over."""


@dataclass(slots=True)
class Running:
    """A case on its way: what it told through its pipe, and what was seen from outside."""

    index: int
    pid: int
    pipe: int
    folder: Path
    most_bytes: int = limits.BYTES
    command: str = ""
    since: float = 0.0
    weighed: float = 0.0
    delays_ns: dict[int, int] = field(default_factory=dict)
    delayed_before_s: float = 0.0
    what: str = "while it was made"
    found: list[Finding] = field(default_factory=list)
    unread: bytes = b""
    over: bool = False

    @property
    def delayed_s(self) -> float:
        """How long its processes could have worked and had no processor, as others had them all."""
        return sum(self.delays_ns.values()) / 1e9

    def took_s(self, now: float) -> tuple[float, float]:
        """Of the command that runs: what it would have taken with a processor for it, and what it took."""
        passed = now - self.since
        return passed - (self.delayed_s - self.delayed_before_s), passed

    def hear(self) -> bool:
        """Take what the case says; False where it has ended."""
        if not select.select([self.pipe], [], [], 0)[0]:
            return True
        data = os.read(self.pipe, 65536)
        *lines, self.unread = (self.unread + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            match message["says"]:
                case "made":
                    self.what, self.most_bytes = message["what"], max(limits.BYTES, 2 * message["bytes"])
                case "begins":
                    self.command, self.since = message["command"], time.monotonic()
                    self.delayed_before_s = self.delayed_s
                case "found":
                    self.found.append(Finding(message["kind"], message["text"]))
                case "over":
                    self.over = True
        return bool(data)


def run(wanted: Sequence[tuple[str, Make, int]], bases: Path, seed: int, jobs: int) -> Iterator[tuple[str, Running]]:
    """Run cases, each a kind, what makes it, and its number; yields kind and case as they end; `jobs` at a time."""
    waiting, going = list(reversed(wanted)), list[tuple[str, Running]]()
    while waiting or going:
        while waiting and len(going) < jobs:
            kind, make, index = waiting.pop()
            going.append((kind, _start(kind, make, bases, seed, index)))
        time.sleep(LOOK_EVERY_S)
        for kind, one in list(going):
            if not one.hear() or not _keeps_to_limits(one):
                going.remove((kind, one))
                _end(one)
                yield kind, one


def _start(kind: str, make: Make, bases: Path, seed: int, index: int) -> Running:
    ours, theirs = os.pipe()
    folder = Path(mkdtemp(prefix=f"fuzz-{kind}-{index}-"))
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        _work(kind, make, bases, seed, index, folder, theirs)
    os.close(theirs)
    return Running(index, pid, ours, folder, since=time.monotonic())


def _keeps_to_limits(one: Running) -> bool:
    now = time.monotonic()
    if now - one.weighed < WEIGH_EVERY_S:
        return True
    one.weighed = now
    try:
        family = [psutil.Process(one.pid), *psutil.Process(one.pid).children(recursive=True)]
        most = max(member.memory_info().rss for member in family)
    except psutil.Error:
        return True  # one of them has just ended
    one.delays_ns.update({member.pid: _delay_ns(member.pid) for member in family})
    own_s, passed_s = one.took_s(now)
    if (one.command and own_s > limits.SECONDS) or passed_s > limits.SECONDS_AT_MOST:
        one.found.append(Finding(f"waits {_word(one.command)}", f"over {own_s:.0f} of {passed_s:.0f} s: {one.command}"))
        return False
    if one.command and most > one.most_bytes:
        one.found.append(Finding(f"memory {_word(one.command)}", f"{most / 2**20:.0f} MiB: {one.command}"))
        return False
    return True


def _delay_ns(pid: int) -> int:
    """How long a process has waited for a processor; 0 where the system does not tell, or it has gone."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def _word(command: str) -> str:
    return command.split(" ", maxsplit=1)[0] or "making"


def _end(one: Running) -> None:
    """Let the case go, see that nothing of it stays, and say how it ended where it did not by itself."""
    stopped = bool(one.found) and not one.over
    if stopped:
        _kill(one.pid)
    os.close(one.pipe)
    _, status = os.waitpid(one.pid, 0)
    if not stopped and not one.over:
        one.found.append(Finding(f"died {_word(one.command)} {status}", f"wait status {status}: {one.command}"))
    left = _of_session(one.pid)
    deadline = time.monotonic() + LEAVE_WITHIN_S
    while left and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
        left = _of_session(one.pid)
    if left and not stopped:
        one.found.append(Finding("orphan", f"{len(left)} processes are left: {one.command}"))
    for process in left:
        _kill(process.pid)
    shutil.rmtree(one.folder, ignore_errors=True)


def _kill(pid: int) -> None:
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return
    for process in family:
        try:
            process.kill()
        except psutil.Error:
            continue


def _of_session(leader: int) -> list[psutil.Process]:
    """What still runs of a case: it began a session of its own, which all that it starts belong to."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (OSError, psutil.Error):
            continue
    return found


# --- in the case's own process ---------------------------------------------------------------------------------------


def _work(kind: str, make: Make, bases: Path, seed: int, index: int, folder: Path, pipe: int) -> NoReturn:
    def say(**message: Any) -> None:
        os.write(pipe, json.dumps(message).encode() + b"\n")

    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.environ["XDG_DATA_HOME"] = os.environ["XDG_CONFIG_HOME"] = str(folder / "home")
        case = make(rng_of(kind, seed, index), bases, folder)
        say(says="made", what=case.what, bytes=case.size_bytes)
        _trim()
        os.chdir(folder)
        for number, command in enumerate(case.commands):
            for one in run_command(case, command, folder / f"{number}", lambda text: say(says="begins", command=text)):
                say(says="found", kind=one.kind, text=one.text)
        say(says="over")
    except BaseException:
        say(says="found", kind="the search itself", text=traceback.format_exc()[-1500:])
    finally:
        os._exit(0)


def _trim() -> None:
    """Give back what making the input took, which no command has to answer for."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def run_command(case: Case, command: tuple[str, ...], out: Path, begins: Any = lambda text: None) -> Iterator[Finding]:
    """Run one command in this process, its output in files, and judge how it ended."""
    begins(" ".join(command)[:300])
    with out.with_suffix(".out").open("w+b") as told, out.with_suffix(".err").open("w+b") as said:
        os.dup2(told.fileno(), 1)
        os.dup2(said.fileno(), 2)
        status = _walk(case.input) if command[0] == WALK else _main(list(command))
        sys.stdout.flush()
        sys.stderr.flush()
        told.seek(0)
        said.seek(0)
        yield from judge(command, status, told.read(), said.read())


def _main(arguments: list[str]) -> int:
    from app.main import main

    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, errors="backslashreplace")  # noqa: SIM115
    sys.argv = ["decodescope", *arguments]
    try:
        return main(arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1


def _walk(path: Path) -> int:
    from tests.fuzz.walking import walk

    try:
        return walk(path)
    except BaseException:
        traceback.print_exc()
        return 1
