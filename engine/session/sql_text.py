"""The words of an SQL text, for what has to be known of it before SQLite reads it, and for its colours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, cast

Kind = Literal["space", "comment", "text", "name", "number", "parameter", "word", "sign"]
"""`name` is a quoted name, `word` a keyword or a name without quotation marks, `text` a literal, blobs among them."""
TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+)
    |(?P<comment>--[^\n]*|/\*(?:.*?\*/|.*))
    |(?P<text>[xX]?'(?:[^']|'')*'?)
    |(?P<name>"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\[[^\]]*\]?)
    |(?P<number>(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))
    |(?P<parameter>[:@$]\w+|\?\d*)
    |(?P<word>[^\W\d][\w$]*)
    |(?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
NOTHING: Final = ("space", "comment")
KEYWORD_LINES: Final = (
    "ALL AND AS ASC BETWEEN BY CASE CAST COLLATE CROSS CURRENT DESC DISTINCT ELSE END ESCAPE EXCEPT EXISTS",
    "EXPLAIN FALSE FILTER FIRST FOLLOWING FROM FULL GLOB GROUP GROUPS HAVING IN INDEXED INNER INTERSECT IS ISNULL",
    "JOIN LAST LEFT LIKE LIMIT MATCH MATERIALIZED NATURAL NOT NOTNULL NULL NULLS OFFSET ON OR ORDER OUTER OVER",
    "PARTITION PLAN PRAGMA PRECEDING QUERY RANGE RECURSIVE REGEXP RIGHT ROW ROWS SELECT THEN TRUE UNBOUNDED UNION",
    "USING VALUES WHEN WHERE WINDOW WITH",
)
KEYWORDS: Final = frozenset(word for line in KEYWORD_LINES for word in line.split())
"""The keywords of a question; those of a statement that writes are not among them."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text: [begin, end) of it."""

    kind: Kind
    text: str
    begin: int
    end: int


def tokens(sql: str) -> Iterator[Token]:
    """Every piece of the text, in order; together they are the text."""
    for found in TOKEN.finditer(sql):
        kind = cast(Kind, found.lastgroup)  # the groups are the kinds
        yield Token(kind, found.group(), found.start(), found.end())


def statements(sql: str) -> list[str]:
    """The statements of a text, each with the comments before it and without its semicolon; empty ones left out."""
    found: list[str] = []
    begin, some = 0, False
    for token in tokens(sql):
        if token.kind == "sign" and token.text == ";":
            if some:
                found.append(sql[begin : token.begin].strip())
            begin, some = token.end, False
        elif token.kind not in NOTHING:
            some = True
    return [*found, sql[begin:].strip()] if some else found


def parameters(sql: str) -> list[str]:
    """The names of the values that the text leaves open, as they are written: `:first`, `?`."""
    return list(dict.fromkeys(token.text for token in tokens(sql) if token.kind == "parameter"))


def places(sql: str, word: str) -> Iterator[Token]:
    """Where a word, a quoted name or a sign stands in the text, comments and literals left out."""
    wanted = word.lower()
    for token in tokens(sql):
        if token.kind in ("word", "name", "number", "sign", "parameter") and _plain(token) in (
            wanted,
            wanted.strip('"`[]'),
        ):
            yield token


def names_in(sql: str, schema: str) -> set[str]:
    """The names that the text looks up in one schema, as in `main.steps`, in small letters."""
    found: set[str] = set()
    last = ["", ""]
    for token in tokens(sql):
        if token.kind in NOTHING:
            continue
        word = _plain(token)
        if last == [schema, "."]:
            found.add(word)
        last = [last[1], word]
    return found


def _plain(token: Token) -> str:
    return token.text.strip('"`[]').lower() if token.kind == "name" else token.text.lower()
