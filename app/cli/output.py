"""What goes to standard output, whatever characters it can show."""

from __future__ import annotations

import io
import sys
from typing import Any

from engine.session.json_text import json_text


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on one line; escaped where standard output is not UTF-8, null for what is not finite."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json_text(value, ascii_only=not utf8))


def escape_what_cannot_be_shown() -> None:
    """Let a terminal without UTF-8 show escapes instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
