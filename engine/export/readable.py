"""Texts of models and users in forms that other programs accept: XML, names of slices, cells of a spreadsheet."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from engine.plain_text import SURROGATES

if TYPE_CHECKING:
    from engine.session.store import Session

NOT_XML: Final = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f{SURROGATES}\ufffe\uffff]")
"""Characters that no XML 1.0 document may hold, not even escaped (its production Char), and DEL."""
DELETE: Final = 0x7F
NOT_IN_A_CELL: Final = re.compile(f"[\x00{SURROGATES}]")
FORMULA: Final = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
"""The beginning of a cell that a spreadsheet takes for a formula (some also know the full-width signs), also after
apostrophes, which `cells` puts before a formula.
"""
NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


def xml_text(text: str) -> str:
    """The text with the characters that XML forbids replaced: control characters by pictures (␁, ␛), others by �."""
    return NOT_XML.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    return "\u2421" if code == DELETE else chr(0x2400 + code) if code < ord(" ") else "\ufffd"


def slice_name(session: Session, rows: Sequence[int]) -> str:
    """The name of a trace's slice for these tokens: their text, or ids and quoted texts if that is only white space.

    An id that a server did not tell is left out.
    """
    table = session.tokens
    text = "".join(table["text"][row] for row in rows)
    if text.strip():
        return text
    ids = (int(table["token_id"][row]) for row in rows)
    texts = (repr(table["text"][row]) for row in rows)
    return ", ".join(
        f"token {one} {shown}" if one >= 0 else f"token {shown}" for one, shown in zip(ids, texts, strict=True)
    )


def cells(row: Iterable[Any]) -> list[Any]:
    """A row of a CSV file in which no text is a formula: a text that would be one gets an apostrophe before it. An
    unknown value (NaN, None) is an empty cell.

    Numbers stay as they are, also those that are written as text. To get the text back, remove one apostrophe from a
    cell that has `=`, `+`, `-`, `@`, a tab or a carriage return after one or more apostrophes.
    """
    return [_text_cell(value) if isinstance(value, str) else _number_cell(value) for value in row]


def _text_cell(text: str) -> str:
    """A text that no spreadsheet runs and UTF-8 can encode. NUL, which ends a text in some programs, and surrogates
    become �.
    """
    text = NOT_IN_A_CELL.sub("\ufffd", text)
    return f"'{text}" if _is_formula(text) else text


def _number_cell(value: Any) -> Any:
    """A number as it is; an empty cell for one that is not known (NaN) or not finite."""
    return "" if isinstance(value, float) and not math.isfinite(value) else value


def _is_formula(text: str) -> bool:
    return FORMULA.match(text) is not None and NUMBER.fullmatch(text) is None
