"""Text of models and people in a form that other programs can take: XML, names of slices, cells of a spreadsheet."""

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
"""How a cell begins that a spreadsheet takes for a formula (some know the wide signs, too), or that was made harmless
before.
"""
NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


def xml_text(text: str) -> str:
    """The text with what XML forbids shown instead: a control character by its picture (␁, ␛), others by �."""
    return NOT_XML.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    return "\u2421" if code == DELETE else chr(0x2400 + code) if code < ord(" ") else "\ufffd"


def slice_name(session: Session, rows: Sequence[int]) -> str:
    """What a slice of a trace that stands for these tokens is called: their text, with ids where it shows nothing."""
    table = session.tokens
    text = "".join(table["text"][row] for row in rows)
    return text if text.strip() else ", ".join(f"token {table['token_id'][row]} {table['text'][row]!r}" for row in rows)


def cells(row: Iterable[Any]) -> list[Any]:
    """A row of a CSV file in which no text is a formula: one that would be begins with an apostrophe more. What is
    not known (NaN, None) is an empty cell.

    Numbers stay as they are, also those that are written as text. To have the text back, take one apostrophe from a
    cell that has `=`, `+`, `-`, `@`, a tab or a carriage return after one or more apostrophes.
    """
    return [_text_cell(value) if isinstance(value, str) else _number_cell(value) for value in row]


def _text_cell(text: str) -> str:
    """A text that no spreadsheet runs and UTF-8 can hold: NUL, which ends texts elsewhere, and surrogates are �."""
    text = NOT_IN_A_CELL.sub("\ufffd", text)
    return f"'{text}" if _is_formula(text) else text


def _number_cell(value: Any) -> Any:
    """A number as it is; an empty cell for one that is not known (NaN) or not finite."""
    return "" if isinstance(value, float) and not math.isfinite(value) else value


def _is_formula(text: str) -> bool:
    return FORMULA.match(text) is not None and NUMBER.fullmatch(text) is None
