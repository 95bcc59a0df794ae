"""The text of a comparison of precisions: that of a file, or the one that comes with the program."""

from __future__ import annotations

from typing import Final

from engine.errors import InputError
from engine.regular_file import check_regular
from engine.session.format_document import DOCUMENT

MOST_OF_A_TEXT: Final = 64 * 2**20
"""Bytes that are read of a text: more than any comparison uses."""
SAMPLE_NAME: Final = "FORMAT.md"


def read_text(path: str) -> str:
    """The text of a file, or the first part of a very long one; raises InputError where there is none."""
    try:
        check_regular(path)
        with open(path, "rb") as file:
            data = file.read(MOST_OF_A_TEXT)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    try:
        text = data.decode("utf-8", "strict" if len(data) < MOST_OF_A_TEXT else "ignore")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8: byte {error.start} is not.") from None
    if not text:
        raise InputError(f"{path} is empty; a comparison needs a text.")
    return text


def sample_text() -> str:
    """A text that comes with the program: the description of its session files."""
    return DOCUMENT.read_text(encoding="utf-8")
