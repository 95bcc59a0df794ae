"""What SQLite says of a statement that is wrong, as a sentence, and which part of the statement that is about.

The module sqlite3 does not tell where in a text SQLite stopped. It is found by SQLite itself: of a text that ends
right behind the wrong word, SQLite complains about that word, and of one that ends before it, about the end.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Final

from engine.plain_text import one_line
from engine.session.sql_text import places, tokens

NEAR: Final = re.compile(r'near "(.*)": syntax error', re.DOTALL)
NAMED: Final = re.compile(
    r"(?:no such (?:\w+ )?(?:column|table|function|view|index|window|sequence|module)|ambiguous column name"
    r"|wrong number of arguments to function|misuse of (?:aggregate|window)(?: function)?|unrecognized token)"
    r":? \"?([^\"]+?)\"?(?:\(\))?",
    re.DOTALL,
)
MOST_TRIED: Final = 200
"""Places of a word that are tried."""
PLAIN: Final = {
    "incomplete input": "The statement breaks off: something is missing at its end.",
    "parser stack overflow": "The statement is nested too deep.",
    "string or blob too big": "A value would be too large.",
    "too many terms in compound SELECT": "The statement joins too many SELECTs.",
    "at most 64 tables in a join": "At most 64 tables can be joined.",
}
"""Sentences for messages of SQLite that do not say enough."""
READING: Final = frozenset({"SELECT", "WITH", "VALUES", "EXPLAIN"})
"""How a statement that only reads may begin."""
DEEP: Final = "Expression tree is too large"


def sentence_of(error: Exception, sql: str, db: sqlite3.Connection) -> tuple[str, tuple[int, int] | None]:
    """(the sentence, [begin, end) of the wrong part of the statement or None) of an error of SQLite."""
    said = one_line(error)
    if str(error) in PLAIN:
        end = len(sql.rstrip())
        return PLAIN[str(error)], (max(0, end - 1), end) if said == "incomplete input" else None
    if str(error).startswith(DEEP):
        return PLAIN["parser stack overflow"], None
    if near := NEAR.fullmatch(str(error)):
        return f"SQL: {said}.", _near(sql, near[1], db)
    if named := NAMED.fullmatch(str(error)):
        return f"SQL: {said}.", wrong_part(sql, named[1])
    return f"SQL: {said or type(error).__name__}.", None


def refused_word(sql: str, refused: str) -> str:
    """What was refused, as the person wrote it: `CREATE` where SQLite speaks of the INSERT that it does by."""
    word = next((token.text.upper() for token in tokens(sql) if token.kind == "word"), "")
    return refused if word in READING or " " in refused else word or refused


def wrong_part(sql: str, name: str) -> tuple[int, int] | None:
    """Where a name stands in the statement for the first time; of `table.column`, the column counts."""
    for word in dict.fromkeys((name, name.rpartition(".")[2])):
        for token in places(sql, word):
            return token.begin, token.end
    begin = sql.find(name)
    return None if begin < 0 or not name else (begin, begin + len(name))


def _near(sql: str, word: str, db: sqlite3.Connection) -> tuple[int, int] | None:
    """Where the word stands at which SQLite stopped reading."""
    for token, _ in zip(places(sql, word), range(MOST_TRIED), strict=False):
        try:
            db.execute(f"EXPLAIN {sql[: token.end]}")
        except sqlite3.Error as error:
            if str(error) == f'near "{word}": syntax error':
                return token.begin, token.end
        except sqlite3.Warning:
            continue
    return wrong_part(sql, word)
