"""Writes to standard output and standard error, even if they cannot show all characters or are closed."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

from engine.session.json_text import json_text


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on one line; escaped where standard output is not UTF-8. Numbers that are not finite are null."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json_text(value, ascii_only=not utf8))


def print_path(path: str) -> None:
    """Print the path of a written file, unless the file is standard output itself."""
    try:
        written, told = os.stat(path), os.fstat(sys.stdout.fileno())
        if (written.st_dev, written.st_ino) == (told.st_dev, told.st_ino):
            return
    except (OSError, ValueError):
        pass  # the file is gone, or there is no standard output
    print(path)


def say(sentence: str) -> None:
    """Print one sentence on standard error; a closed standard error is ignored."""
    with suppress(OSError):
        print(f"decodescope: {sentence}", file=sys.stderr, flush=True)


def escape_what_cannot_be_shown() -> None:
    """Write characters that the terminal cannot encode as escapes; without this they would end the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def open_closed_streams() -> None:
    """Discard what is written to a closed stream (`>&-`).

    Python has None for such a stream. The next opened file would get the stream's number, and with it everything that
    child processes and C code write there.
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
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - open until the process ends


def let_go(stream: TextIO) -> None:
    """Discard what a stream still has to write, so that flushing it at the end of the program does not fail."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def flush() -> None:
    """Flush both streams; a closed stream does not change the exit status."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            let_go(stream)
