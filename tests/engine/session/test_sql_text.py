"""The words of an SQL text: pieces that make up the whole, statements, open values, places of a word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.session.sql_text import parameters, places, statements, tokens

PIECES = st.lists(st.sampled_from(
    ["SELECT", " ", "'", '"', "--", "/*", "*/", "\n", ";", "x", "1.5", ".", ":a", "?", "[", "]", "`", "é", "x'00'"]
))  # fmt: skip


@given(PIECES.map("".join))
def test_the_pieces_are_the_whole_text(sql: str) -> None:
    found = list(tokens(sql))
    assert "".join(token.text for token in found) == sql
    assert all(sql[token.begin : token.end] == token.text and token.text for token in found)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;", ["SELECT 1"]),
        (" -- a; b\nSELECT ';' ; /* ; */ ;; SELECT \";\"", ["-- a; b\nSELECT ';'", 'SELECT ";"']),
        ("-- nothing", []),
    ],
)
def test_statements_end_at_semicolons_that_are_none_of_a_text(sql: str, expected: list[str]) -> None:
    assert statements(sql) == expected


def test_open_values_are_no_colons_of_texts() -> None:
    assert parameters("SELECT :a, ':b', \"@c\", $d, ?1, ? -- :e\n, :a") == [":a", "$d", "?1", "?"]


def test_a_word_is_found_outside_of_texts_and_comments() -> None:
    sql = "SELECT 'id', -- id\n \"id\", ID, idx FROM t"
    assert [sql[token.begin : token.end] for token in places(sql, "id")] == ['"id"', "ID"]
