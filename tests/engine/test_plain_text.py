"""A value from a file stands in a sentence as one line, no longer than a person reads, and costs nothing to write."""

from __future__ import annotations

import time
from typing import Any

import pytest

from engine.plain_text import one_line, path_text, quoted, utf8


@pytest.mark.parametrize(
    "value",
    [
        "two",
        "it's",
        'say "it\'s"',
        "a\\b",
        "",
        7,
        -1,
        2.5,
        None,
        True,
        [1, "a"],
        {"a": [1, {"b": None}]},
        [],
        {},
        "é漢",
    ],
    ids=repr,
)
def test_an_ordinary_value_is_written_as_python_writes_it(value: object) -> None:
    assert quoted(value) == repr(value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a\nb\r\n", r"'a\nb\r\n'"),
        ("\x00\x07\x1b[31m", r"'\x00\x07\x1b[31m'"),
        ("\x9b31m", r"'\x9b31m'"),
        ("\ud800", r"'\ud800'"),
        ("gpj.\u202eexe", r"'gpj.\u202eexe'"),
        ("a\u2028b\u2066c\ufeff", r"'a\u2028b\u2066c\ufeff'"),
        ({"\n": ["\ud800"]}, r"{'\n': ['\ud800']}"),
        (float("nan"), "nan"),
        (b"a\xff\n", r"b'aÿ\n'"),
    ],
    ids=ascii,
)
def test_what_cannot_be_seen_is_escaped(value: object, written: str) -> None:
    assert quoted(value) == written


def test_a_long_text_is_cut_with_an_ellipsis() -> None:
    assert quoted("x" * 198) == "'" + "x" * 198 + "'"
    assert quoted("x" * 199) == "'" + "x" * 198 + "…"
    assert quoted("x" * 10**6, 12) == "'xxxxxxxxxx…"


def test_an_escape_is_never_cut() -> None:
    for most in range(3, 60):
        written = quoted("\ud800\n" * 20, most)
        assert len(written) <= most
        body = written.removeprefix("'").removesuffix("…").removesuffix("'")
        assert body.replace(r"\ud800", "").replace(r"\n", "") == ""


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        10**400, 10**100_000, "x" * 10**7, [0] * 10**6, dict.fromkeys(range(10**6)), nested(50_000),
        {"a" * 10**6: {"b": nested(20_000)}}, ["\n" * 10**6] * 100,
    ],
    ids=["10**400", "10**100000", "text", "list", "object", "deep", "deep object", "texts"],
)  # fmt: skip
def test_a_value_of_any_size_is_at_most_200_characters_at_once(value: object) -> None:
    start = time.process_time()
    written = quoted(value)
    assert time.process_time() - start < 0.5  # these take microseconds; written out some take minutes or fail
    assert len(written) <= 200
    assert written.isprintable()


def test_a_list_in_lists_is_written_as_far_as_it_is_read() -> None:
    assert quoted(nested(8)) == "[[[[[…]]]]]"


def test_a_name_is_written_without_quotation_marks() -> None:
    assert one_line("acme/tiny") == "acme/tiny"
    assert one_line("a\nb\ud800") == r"a\nb\ud800"
    assert one_line("y" * 300) == "y" * 199 + "…"
    assert path_text("/models/" + "n" * 250 + "\n") == "/models/" + "n" * 250 + r"\n"
    assert len(path_text("p" * 5000)) == 1000


def test_a_text_can_always_be_encoded() -> None:
    assert utf8("é漢🙂") == "é漢🙂"
    assert utf8("a\ud800b") == "a\ufffdb"
    assert utf8("a\udcffb").encode().decode() == "a\ufffdb"
