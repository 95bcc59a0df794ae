"""Asks a session file a question in SQL that a person has written, in a process of its own.

The process is what makes the limits hold. A statement can work without end inside one instruction of SQLite, so only
the end of its process stops it at once; SQLite's limit on memory holds for a whole process; and a fault that a hostile
file finds in SQLite ends that process, not the window. `asked.py` is what runs there, `asking_rules.py` what a question
may do.
"""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import psutil

from engine import leftovers
from engine.errors import InputError
from engine.session.patience import Patience
from engine.session.sql_text import parameters, statements
from engine.spawning import spawn

Value = int | float | str | None
LONGEST_SQL: Final = 100_000
"""Characters of a statement, as `connecting.LIMITS`."""
LOOK_EVERY_S: Final = 0.02
"""How often it is looked whether the question was given up."""
GRACE_S: Final = 1.0
"""How long the process may take beyond its time, to start and to say that its time is over."""
MOST_RESIDENT: Final = 2.5
"""How many times the memory that SQLite may take the process may have: beyond it, it is ended."""


class AskedWrongError(InputError):
    """The statement cannot be run, or broke off; the sentence says why. `at` is the part of it that is wrong."""

    def __init__(self, sentence: str, at: tuple[int, int] | None = None) -> None:
        super().__init__(sentence)
        self.at = at
        """[begin, end) in the statement, in characters; None where that is not known."""


class Limits(msgspec.Struct, frozen=True):
    """What a question may take."""

    wall_s: float = 10.0
    memory_bytes: int = 256 * 2**20
    """Of SQLite."""
    rows: int = 100_000
    cells: int = 2_000_000
    result_bytes: int = 64 * 2**20
    """Of texts and blobs of the answer, as they are handed on."""
    value_bytes: int = 32 * 2**20
    """Of one value while SQLite works on it."""
    text: int = 10_000
    """Characters of a text that are handed on, of a longer one."""
    blob: int = 64
    """Bytes of a blob that are handed on."""


class Question(msgspec.Struct, frozen=True):
    """One statement, the values of the names that it leaves open, and what it may take."""

    path: str
    sql: str
    values: dict[str, int | None]
    """By name, without the colon."""
    limits: Limits


@dataclass(frozen=True, slots=True)
class Cut:
    """A blob, or a text that is longer than `Limits.text`, of which only the head is handed on."""

    size: int
    """Bytes of a blob, characters of a text."""
    head: bytes | str


Ended = Literal["whole", "rows", "time"]
"""Why an answer ends: all rows are there, more were left off, or the time was over."""


@dataclass(slots=True)
class Answered:
    """What a statement gave."""

    columns: list[str]
    rows: list[tuple[Value | Cut, ...]] = field(default_factory=list)
    ended: Ended = "whole"
    id_of: str = ""
    """The table whose `id` the column `id` is; "" where no or several tables' `id` are read."""
    seconds: float = 0.0
    """Of the whole question, the process's start included."""
    peak_bytes: int = 0
    """The most memory that the process had; 0 where the system does not say it."""


def ask(
    path: Path,
    sql: str,
    values: dict[str, int | None] | None = None,
    patience: Patience | None = None,
    limits: Limits | None = None,
) -> Answered:
    """Run one statement on a session file, which may be being written, and return what it gives.

    Blocks as long as `limits` allow at most. Raises AskedWrongError with a sentence, also when `patience` is given up.
    """
    question = Question(str(path), sql, values or {}, limits or Limits())
    _check(question)
    began = time.monotonic()
    ours, theirs = Pipe(duplex=True)
    with ours:
        try:
            with theirs:
                process = spawn("engine.session.asked", theirs, subprocess.DEVNULL, os.environ)
        except OSError as error:
            raise AskedWrongError(f"The process that runs queries could not be started: {error}.") from error
        try:
            with leftovers.ended(process.kill):
                ours.send_bytes(msgspec.msgpack.encode(question))
                answered = _received(ours, _Limit(process, question.limits, patience))
        except (EOFError, OSError, msgspec.MsgspecError) as error:
            raise AskedWrongError("The process that ran the query ended before it answered.") from error
        finally:
            process.kill()
            process.wait()
    answered.seconds = time.monotonic() - began
    return answered


class _Limit:
    """Says when the process has to end; raises AskedWrongError then."""

    def __init__(self, process: subprocess.Popen[bytes], limits: Limits, patience: Patience | None) -> None:
        self._limits = limits
        self._patience = patience
        self._deadline = time.monotonic() + limits.wall_s + GRACE_S
        self._process: psutil.Process | None = None
        with suppress(psutil.Error):
            self._process = psutil.Process(process.pid)

    def check(self) -> None:
        if self._patience is not None and self._patience.over:
            raise AskedWrongError("The query was cancelled.")
        if time.monotonic() > self._deadline:
            raise too_long(self._limits)
        resident = 0
        if self._process is not None:
            with suppress(psutil.Error):
                resident = self._process.memory_info().rss
        if resident > MOST_RESIDENT * self._limits.memory_bytes:
            raise too_much(self._limits)


def _received(connection: Connection, limit: _Limit) -> Answered:
    """Everything that the process says, until it has said how it ended."""
    answered = Answered([])
    while True:
        while not connection.poll(LOOK_EVERY_S):
            limit.check()
        limit.check()
        said: Any = msgspec.msgpack.decode(connection.recv_bytes())
        match said:
            case {"columns": list(columns)}:
                answered.columns = columns
            case {"rows": list(rows)}:
                answered.rows += [tuple(map(_value, row)) for row in rows]
            case {"ended": ended, "id_of": id_of, "peak_bytes": peak_bytes}:
                answered.ended, answered.id_of, answered.peak_bytes = ended, id_of, peak_bytes
                return answered
            case {"failed": sentence, "at": at}:
                raise AskedWrongError(sentence, None if at is None else (at[0], at[1]))
            case _:
                raise EOFError


def _value(said: Any) -> Value | Cut:
    """A value as it was handed on: SQLite has no lists, so a list stands for one of which there is only the head."""
    return Cut(said[0], said[1]) if isinstance(said, list) else said


def _check(question: Question) -> None:
    """Raise AskedWrongError for what needs no process to be seen."""
    sql = question.sql
    if len(sql) > LONGEST_SQL:
        raise AskedWrongError(
            f"The query is too long: it has {len(sql)} characters, of which {LONGEST_SQL} are possible."
        )
    if "\0" in sql or any("\ud800" <= char <= "\udfff" for char in sql):
        raise AskedWrongError("The query contains a character that is none of a text.")
    found = statements(sql)
    if not found:
        raise AskedWrongError("There is no statement to run.")
    if len(found) > 1:
        begin = sql.index(found[1], len(found[0]))
        raise AskedWrongError("Only one statement is run at a time.", (begin, begin + len(found[1])))
    for name in parameters(sql):
        if name[:1] not in ":@$" or name[1:] not in question.values:
            begin = sql.index(name)
            known = ", ".join(f":{known}" for known in question.values) or "none here"
            raise AskedWrongError(
                f"{name} stands for a value that is not known. Known are: {known}.", (begin, begin + len(name))
            )


def too_long(limits: Limits) -> AskedWrongError:
    """The error of a question that takes too long and has given nothing yet."""
    return AskedWrongError(f"The query was ended: it took more than {limits.wall_s:g} s.")


def too_much(limits: Limits) -> AskedWrongError:
    """The error of a question that takes too much memory."""
    mebibytes = limits.memory_bytes // 2**20
    return AskedWrongError(
        f"The query was ended: it needs more than {mebibytes} MiB of memory, for example to sort or to group its rows."
    )
