"""What goes to standard output and standard error, whatever characters they can show, and where they lead nowhere."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

from engine.session.json_text import json_text


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on one line; escaped where standard output is not UTF-8, null for what is not finite."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json_text(value, ascii_only=not utf8))


def print_path(path: str) -> None:
    """Where something was written, unless that is standard output itself."""
    try:
        written, told = os.stat(path), os.fstat(sys.stdout.fileno())
        if (written.st_dev, written.st_ino) == (told.st_dev, told.st_ino):
            return
    except (OSError, ValueError):
        pass  # no such file any more, or standard output is none
    print(path)


def say(sentence: str) -> None:
    """One sentence on standard error; where that takes nothing any more, nobody hears it."""
    with suppress(OSError):
        print(f"decodescope: {sentence}", file=sys.stderr, flush=True)


def escape_what_cannot_be_shown() -> None:
    """Let a terminal without UTF-8 show escapes instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def open_closed_streams() -> None:
    """Let what is written to a closed stream (`>&-`) go nowhere.

    Python has None in its place; and the next file that is opened would get its number, and with it what child
    processes and C code write there.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            mode = "r" if number == 0 else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process


def let_go(stream: TextIO) -> None:
    """Send what is left of a stream nowhere, so that nothing fails when the program ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def flush() -> None:
    """Write what is left; where a stream takes nothing any more, that changes no exit status."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            let_go(stream)
