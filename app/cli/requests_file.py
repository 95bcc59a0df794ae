"""Reads a file of requests: one JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path

from engine.decode.settings import RequestSpec, Sampling
from engine.errors import InputError

KNOWN = {"prompt", "max_new_tokens", "arrival_s", "chat"}


def read_requests(
    path: str, max_new_tokens: int, ignore_eos: bool, sampling: Sampling, chat: bool = False
) -> tuple[RequestSpec, ...]:
    """The requests of a JSONL file, in its order; raises InputError that names the line that is wrong."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")  # no other line ends: JSON may hold them
    except OSError as error:
        raise InputError(f"The requests file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"The requests file {path} is not UTF-8 text.") from error
    requests = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                requests.append(_request(line, max_new_tokens, ignore_eos, sampling, chat))
            except (ValueError, RecursionError, InputError) as error:
                raise InputError(f"Line {number} of {path} is wrong: {str(error).rstrip('.')}.") from error
    if not requests:
        raise InputError(f"The requests file {path} holds no request.")
    return tuple(requests)


def check_text(name: str, text: str) -> None:
    """Raise InputError for text that UTF-8 cannot write (half of a surrogate pair, or bytes that were no UTF-8)."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{name} is not valid Unicode text: character {error.start} cannot be written.") from error


def _request(line: str, max_new_tokens: int, ignore_eos: bool, sampling: Sampling, chat: bool) -> RequestSpec:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise InputError('it is not an object such as {"prompt": "..."}')
    if unknown := set(value) - KNOWN:
        raise InputError(f"it has the unknown key {sorted(unknown)[0]!r}; known are {', '.join(sorted(KNOWN))}")
    prompt = value.get("prompt")
    if not isinstance(prompt, str):
        raise InputError('"prompt" must be a text')
    check_text('"prompt"', prompt)
    count = value.get("max_new_tokens", max_new_tokens)
    arrival_s = value.get("arrival_s", 0.0)
    if not isinstance(count, int) or isinstance(count, bool):
        raise InputError('"max_new_tokens" must be a whole number')
    if not isinstance(arrival_s, int | float) or isinstance(arrival_s, bool):
        raise InputError('"arrival_s" must be a number of seconds')
    in_template = value.get("chat", chat)
    if not isinstance(in_template, bool):
        raise InputError('"chat" must be true or false')
    return RequestSpec(prompt, count, float(arrival_s), ignore_eos, sampling=sampling, chat=in_template)
