"""Reads a file of requests: one JSON object a line."""

from __future__ import annotations

import json
import os
import select
import stat
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO, Final

from engine.core.sampling import KINDS, Sampling
from engine.core.settings import RequestSpec
from engine.errors import InputError
from engine.plain_text import quoted

WHOLE: Final = tuple(name for name, kind in KINDS.items() if kind is int)
FRACTIONS: Final = tuple(name for name, kind in KINDS.items() if kind is float)
KNOWN: Final = {"prompt", "max_new_tokens", "arrival_s", "chat", "ignore_eos", "messages", "stop", *KINDS}

MOST_BYTES: Final = 2**28
"""The most bytes of a file: all of it is in memory, and on its way to the engine, at once."""
MOST_LINE_BYTES: Final = 2**24
"""The most bytes of one request. No context is that long, and a line is parsed in one call that cannot be stopped."""
MOST_REQUESTS: Final = 100_000
WRITTEN_WITHIN_S: Final = 8.0
"""How long a pipe may take to give its first byte."""


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
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            try:
                requests.append(_request(_object(line), usual))
            except InputError as error:
                raise InputError(f"Line {number} of {path} is wrong: {str(error).rstrip('.')}.") from error
        if len(requests) > MOST_REQUESTS:
            raise InputError(f"The requests file {path} holds more than {MOST_REQUESTS} requests.")
    if not requests:
        raise InputError(f"The requests file {path} holds no request.")
    return tuple(requests)


def _lines(path: str) -> Iterator[str]:
    """The lines of a UTF-8 file, read one at a time; raises InputError, also where the file or a line is too large."""
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
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise InputError(f"The requests file {path} is not UTF-8 text.") from error
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


def _request(value: dict[str, Any], usual: RequestSpec) -> RequestSpec:
    if unknown := set(value) - KNOWN:
        raise InputError(f"it has the unknown key {quoted(min(unknown))}; known are {', '.join(sorted(KNOWN))}")
    drawn: dict[str, Any] = {name: _whole(value, name) for name in WHOLE if name in value}
    drawn |= {name: _number(value, name) for name in FRACTIONS if name in value}
    given: dict[str, Any] = {"sampling": replace(usual.sampling, **drawn)}
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
    return replace(usual, **given)


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
