"""Texts from files and names as part of a sentence: one line, of limited length, with no hidden characters.

Control characters, line ends, lone surrogates and characters that change the direction of writing are escaped as Python
does it. Time and memory depend on the length of the result, never on the size of the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

MOST: Final = 200
"""Characters of a quoted value."""
MOST_OF_PATH: Final = 1000
"""Characters of a path: long enough for any path that a person has made, because the file must be found by it."""
DEEPEST: Final = 4
"""Levels of nested lists that are written out."""
LONGEST_INTEGER_BITS: Final = 4 * MOST_OF_PATH
"""Bits of an integer written in decimal. Python refuses much larger ones, and its time grows by their square."""
CUT: Final = "…"
SURROGATES: Final = "\ud800-\udfff"
"""Halves of surrogate pairs, which UTF-8 cannot encode. This and TURNING are for a set in a regular expression."""
TURNING: Final = "\u202a-\u202e\u2066-\u2069"
"""Unicode's overrides, embeddings and isolates, which turn the text after them; the marks U+200E and U+200F do not."""
SURROGATE: Final = re.compile(f"[{SURROGATES}]")


def quoted(value: object, most: int = MOST) -> str:
    """A value as Python writes it, in at most `most` characters: a text in quotation marks, `{'a': [1, 2, …`.

    Made for what JSON, TOML or a database can hold; any other object is written by its `repr`.
    """
    return _joined(_pieces(value, most, DEEPEST), most)


def one_line(text: object, most: int = MOST) -> str:
    """A text without quotation marks, in at most `most` characters: a name, or what a library says of an error."""
    return _joined(map(_escaped, str(text)[: most + 1]), most)


def path_text(path: object) -> str:
    """A path as part of a sentence, also where a folder's name holds line ends or bytes that are not UTF-8."""
    return one_line(path, MOST_OF_PATH)


def utf8(text: str) -> str:
    """The text with every lone surrogate as U+FFFD, so that it can be encoded: a name may come from JSON's escapes or
    from a folder whose name is not UTF-8.
    """
    return SURROGATE.sub("\ufffd", text)


def _joined(pieces: Iterator[str], most: int) -> str:
    """The pieces as one text of at most `most` characters; if they do not fit, the first whole ones and an ellipsis."""
    kept: list[str] = []
    length = 0
    fits = 0
    """How many of the first pieces leave room for an ellipsis after them."""
    for piece in pieces:
        kept.append(piece)
        length += len(piece)
        if length > most:
            return "".join(kept[:fits])[: max(0, most - 1)] + CUT
        if length < most:
            fits = len(kept)
    return "".join(kept)


def _pieces(value: Any, most: int, depth: int) -> Iterator[str]:
    """`value` as Python writes it, in pieces that are never cut in the middle."""
    if isinstance(value, str):
        yield from _text_pieces(value[: most + 1])
    elif isinstance(value, bytes | bytearray):
        yield "b"
        yield from _text_pieces(bytes(value[: most + 1]).decode("latin-1"))
    elif isinstance(value, int) and value.bit_length() > LONGEST_INTEGER_BITS:
        yield f"a whole number of {value.bit_length()} bits"
    elif isinstance(value, Mapping):
        yield from _inside("{", _entries(value, most, depth), "}", depth)
    elif isinstance(value, list | tuple):
        opening, closing = ("[", "]") if isinstance(value, list) else ("(", ")")
        yield from _inside(opening, (_pieces(one, most, depth - 1) for one in value), closing, depth)
    else:
        yield from map(_escaped, repr(value)[: most + 1])


def _entries(value: Mapping[Any, Any], most: int, depth: int) -> Iterator[Iterator[str]]:
    def entry(name: Any) -> Iterator[str]:
        yield from _pieces(name, most, depth - 1)
        yield ": "
        yield from _pieces(value[name], most, depth - 1)

    return (entry(name) for name in value)


def _inside(opening: str, members: Iterator[Iterator[str]], closing: str, depth: int) -> Iterator[str]:
    yield opening
    for index, member in enumerate(members):
        if depth == 0:
            yield CUT
            break
        if index:
            yield ", "
        yield from member
    yield closing


def _text_pieces(text: str) -> Iterator[str]:
    mark = '"' if "'" in text and '"' not in text else "'"
    yield mark
    for char in text:
        yield f"\\{char}" if char in ("\\", mark) else _escaped(char)
    yield mark


def _escaped(char: str) -> str:
    """The character itself if it is printable, else its escape."""
    return char if char.isprintable() else repr(char)[1:-1]
