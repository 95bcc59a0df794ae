"""Reads a file of requests: one JSON object a line."""

from __future__ import annotations

import json
import os
import select
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final

from engine.core.sampling import KINDS, Sampling
from engine.core.settings import RequestSpec
from engine.errors import InputError
from engine.plain_text import quoted
from engine.session.json_text import json_text
from engine.session.patience import GivenUpError, Patience

WHOLE: Final = tuple(name for name, kind in KINDS.items() if kind is int)
FRACTIONS: Final = tuple(name for name, kind in KINDS.items() if kind is float)
KNOWN: Final = {"prompt", "max_new_tokens", "arrival_s", "chat", "ignore_eos", "messages", "stop", *KINDS}

MOST_BYTES: Final = 2**28
"""The most bytes of a file: all of it is in memory, and on its way to the engine, at once."""
MOST_LINE_BYTES: Final = 2**24
"""The most bytes of one request. No context is that long, and a line is parsed in one call that cannot be stopped."""
MOST_REQUESTS: Final = 100_000
ANY: Final = RequestSpec("")
MOST_FAULTS: Final = 100
"""How many wrong lines of a file are told of, each with its sentence."""
WRITTEN_WITHIN_S: Final = 8.0
"""How long a pipe may take to give its first byte."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a line gives: fields of its RequestSpec, and of its Sampling."""

    own: dict[str, Any]
    drawn: dict[str, Any]

    def spec(self, usual: RequestSpec) -> RequestSpec:
        """The request; `usual` has the values that the line leaves out."""
        sampling = replace(usual.sampling, **self.drawn) if self.drawn else usual.sampling
        return replace(usual, **self.own, sampling=sampling)


@dataclass(frozen=True, slots=True)
class LineFault:
    """What is wrong with a line, as one sentence; lines count from 1."""

    line: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Examined:
    """The lines that are right, and the first MOST_FAULTS of all `wrong` lines."""

    lines: tuple[Line, ...]
    faults: tuple[LineFault, ...]
    wrong: int

    def specs(self, usual: RequestSpec) -> tuple[RequestSpec, ...]:
        """The requests of the lines that are right."""
        return tuple(line.spec(usual) for line in self.lines)


def read_requests(
    path: str,
    max_new_tokens: int,
    ignore_eos: bool,
    sampling: Sampling,
    chat: bool = False,
    stop: tuple[str, ...] = (),
) -> tuple[RequestSpec, ...]:
    """The requests of a JSONL file, in its order; raises InputError that names the line that is wrong.

    The values given here hold for a line that does not give its own. Request i draws from a stream seeded by
    (its seed, i).
    """
    usual = RequestSpec("", max_new_tokens, ignore_eos=ignore_eos, stop=stop, sampling=sampling, chat=chat)
    requests = []
    for number, read in _read(path):
        if isinstance(read, InputError):
            raise InputError(f"Line {number} of {path} is wrong: {str(read).rstrip('.')}.") from read
        requests.append(read.spec(usual))
    return tuple(requests)


def request_lines(requests: Iterable[RequestSpec]) -> Iterator[str]:
    """The lines of a file from which `read_requests` reads these requests, whatever it is given beside the file."""
    for one in requests:
        line: dict[str, Any] = {"prompt": one.prompt}
        if one.messages:
            line = {"messages": [{"role": role, "content": content} for role, content in one.messages]}
        line |= {"max_new_tokens": one.max_new_tokens, "arrival_s": one.arrival_s, "ignore_eos": one.ignore_eos}
        line |= {"stop": list(one.stop), "chat": one.from_template}
        yield json_text(line | {name: getattr(one.sampling, name) for name in KINDS})


def examine(path: str, patience: Patience | None = None) -> Examined:
    """Read a whole file, and note every line that is wrong.

    Raises InputError where the file as a whole is wrong, and GivenUpError after `patience.give_up()`.
    """
    lines: list[Line] = []
    faults: list[LineFault] = []
    wrong = 0
    for number, read in _read(path):
        if patience is not None and patience.over:
            raise GivenUpError
        if not isinstance(read, InputError):
            lines.append(read)
            continue
        wrong += 1
        if len(faults) < MOST_FAULTS:
            faults.append(LineFault(number, f"{str(read).rstrip('.')}."))
    return Examined(tuple(lines), tuple(faults), wrong)


def _read(path: str) -> Iterator[tuple[int, Line | InputError]]:
    """(number of a line, what it gives or what is wrong with it); raises InputError for the file as a whole."""
    count = 0
    for number, line in enumerate(_lines(path), 1):
        found: Line | InputError
        try:
            text = _text_of(line, number)
            if not text.strip():
                continue
            found = _line(_object(text))
            found.spec(ANY)  # checks the ranges
        except InputError as error:
            found = error
        count += 1
        if count > MOST_REQUESTS:
            raise InputError(f"The requests file {path} holds more than {MOST_REQUESTS} requests.")
        yield number, found
    if not count:
        raise InputError(f"The requests file {path} holds no request.")


def _text_of(line: bytes, number: int) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise InputError("it is not UTF-8 text") from error


def _lines(path: str) -> Iterator[bytes]:
    """The lines of a file, read one at a time; raises InputError, also where the file or a line is too large."""
    left = MOST_BYTES
    try:
        with _opened(path) as stream:
            number = 0
            while line := stream.readline(MOST_LINE_BYTES + 1):  # ends at \n only: JSON may hold other line ends
                number += 1
                left -= len(line)
                if left < 0:
                    raise InputError(f"The requests file {path} has more than {MOST_BYTES >> 20} MB.")
                if len(line) > MOST_LINE_BYTES:
                    raise InputError(f"Line {number} of {path} has more than {MOST_LINE_BYTES >> 20} MB.")
                yield line
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"The requests file {path} cannot be read: {why}.") from error


def _opened(path: str) -> BinaryIO:
    """The file, open for reading; waits until a pipe has data. Raises OSError, and InputError if no data comes."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
        if is_pipe and not select.select([descriptor], [], [], WRITTEN_WITHIN_S)[0]:
            raise InputError(f"The pipe {path} was not written to for {WRITTEN_WITHIN_S:g} s.")
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(descriptor, True)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def check_text(name: str, text: str) -> None:
    """Raise InputError for text that UTF-8 cannot write (half of a surrogate pair, or bytes that were not UTF-8)."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{name} is not valid Unicode text: character {error.start} cannot be written.") from error


def _object(line: str) -> dict[str, Any]:
    """The JSON object of a line; raises InputError where it is not one, or gives a name twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise InputError(f"it gives {quoted(name)} twice")
            found[name] = value
        return found

    try:
        value = json.loads(line, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise InputError(f"it is not JSON ({error.msg} at column {error.colno})") from error
    except (ValueError, RecursionError) as error:
        raise InputError("it is not JSON that can be read: a number is too long, or brackets too deep") from error
    if not isinstance(value, dict):
        raise InputError('it is not an object such as {"prompt": "..."}')
    return value


def _line(value: dict[str, Any]) -> Line:
    if unknown := set(value) - KNOWN:
        raise InputError(f"it has the unknown key {quoted(min(unknown))}; known are {', '.join(sorted(KNOWN))}")
    drawn: dict[str, Any] = {name: _whole(value, name) for name in WHOLE if name in value}
    drawn |= {name: _number(value, name) for name in FRACTIONS if name in value}
    given: dict[str, Any] = {}
    if "messages" in value:
        if "prompt" in value:
            raise InputError('it gives both "prompt" and "messages"')
        if value.get("chat") is False:
            raise InputError('"messages" are a chat, so "chat" cannot be false')
        given["messages"] = _messages(value["messages"])
        given["prompt"] = given["messages"][-1][1]
        given["chat"] = True
    else:
        given["prompt"] = _text(value.get("prompt"), '"prompt"')
    if "max_new_tokens" in value:
        given["max_new_tokens"] = _whole(value, "max_new_tokens")
    if "arrival_s" in value:
        given["arrival_s"] = _number(value, "arrival_s", "a number of seconds")
    for name in ("chat", "ignore_eos"):
        if name in value:
            given[name] = _flag(value, name)
    if "stop" in value:
        listed = value["stop"] if isinstance(value["stop"], list) else [value["stop"]]
        given["stop"] = tuple(_text(one, 'each of "stop"') for one in listed)
    return Line(given, drawn)


def _messages(value: Any) -> tuple[tuple[str, str], ...]:
    """A conversation as (role, content) pairs, as chat programs write it; the chat template checks the roles."""
    if not isinstance(value, list) or not value:
        raise InputError('"messages" must be a list of at least one message')
    for message in value:
        if not isinstance(message, dict) or set(message) != {"role", "content"}:
            raise InputError('each of "messages" must be an object of "role" and "content"')
    return tuple((_text(one["role"], "a role"), _text(one["content"], "a content")) for one in value)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{name} must be a text")
    check_text(name, value)
    return value


def _whole(value: dict[str, Any], name: str) -> int:
    number = value[name]
    if not isinstance(number, int) or isinstance(number, bool):
        raise InputError(f'"{name}" must be a whole number')
    return number


def _number(value: dict[str, Any], name: str, kind: str = "a number") -> float:
    number = value[name]
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise InputError(f'"{name}" must be {kind}')
    try:
        return float(number)
    except OverflowError:
        raise InputError(f'"{name}" is too large') from None


def _flag(value: dict[str, Any], name: str) -> bool:
    flag = value[name]
    if not isinstance(flag, bool):
        raise InputError(f'"{name}" must be true or false')
    return flag
