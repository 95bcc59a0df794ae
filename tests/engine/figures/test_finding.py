"""Text is found across tokens as `str.find` finds it in the joined text; steps, requests and marks by their names."""

from __future__ import annotations

import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.figures.finding import Hit, TextPattern, asked_for, found_in, marked, numbered, spans_in
from engine.figures.text_pieces import TextPieces, whole_characters
from engine.session import schema
from engine.session.store import Session
from tests.app.panels.sessions import busy_run

LETTERS = "aAbB é́日本🙂\n"


def session_of(prompt: list[str], tokens: list[str], said: str | None = None) -> Session:
    """One request with these texts of its tokens."""
    session = Session()
    asked = "".join(prompt) if said is None else said
    session.apply([schema.RequestArrived(0, asked, list(range(len(prompt))), prompt, json.dumps({}), 0)])
    session.apply(
        [schema.Token(n, 0, n, len(prompt) + n, 5, text, -1.0, 1.0, "target", n, b"") for n, text in enumerate(tokens)]
    )
    return session


def places(session: Session, typed: str, chunk: int = 4096) -> list[tuple[int, ...]]:
    pieces = TextPieces(session, session.requests[0])
    return [tuple(one) for part in spans_in(pieces, TextPattern(typed), chunk) for one in part.tolist()]


def by_find(text: str, typed: str) -> list[int]:
    """Where `typed` stands in a text, without overlaps."""
    found, at = [], text.find(typed)
    while at >= 0:
        found.append(at)
        at = text.find(typed, at + len(typed))
    return found


def test_text_is_found_over_several_tokens() -> None:
    session = session_of(["Once", " the"], [" c", "at", " and", " the", " c", "at", "s"])
    assert places(session, "the cat") == [(1, 3, 1, 7), (5, 7, 1, 7)]
    assert places(session, "THE cat") == []
    assert places(session, "Once") == [(0, 0, 0, 4)]
    assert places(session, "cats") == [(6, 8, 1, 4)]


def test_small_letters_find_capitals_and_a_capital_only_itself() -> None:
    session = session_of(["The"], [" THE", " the"])
    assert [one[0] for one in places(session, "the")] == [0, 1, 2]
    assert [one[0] for one in places(session, "The")] == [0]


def test_a_character_that_tokens_share_is_found_where_it_ends() -> None:
    session = session_of(["<0xE6>", "<0x97>", "<0xA5>", "本"], ["", "", "🙂", "!"], said="日本")
    assert places(session, "日本") == [(2, 3, 0, 2)]
    assert places(session, "🙂!") == [(6, 7, 0, 2)]
    assert places(session, "本🙂") == [(3, 6, 0, 2)]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_an_accent_is_found_composed_and_decomposed(form: str) -> None:
    composed = unicodedata.normalize("NFC", "café")
    session = session_of(["x"], [" caf", "e", "\u0301", " ", composed])
    assert len(places(session, unicodedata.normalize(form, "café"))) == 2


def test_bytes_that_make_no_character_stay() -> None:
    assert whole_characters(["<0xE6>", "a", "<0x41>", "<0xFF>"]) == ["<0xE6>", "a", "A", "<0xFF>"]
    assert whole_characters(["<0xE6>", "<0x97>", "<0xA5>"]) == ["", "", "日"]
    assert whole_characters([]) == []


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.text(LETTERS, max_size=4), max_size=12),
    st.lists(st.text(LETTERS, max_size=4), max_size=40),
    st.text(LETTERS, min_size=1, max_size=5).filter(lambda one: any(letter.isupper() for letter in one)),
    st.integers(1, 9),
)
def test_it_finds_what_find_finds_in_the_joined_text(
    prompt: list[str], tokens: list[str], typed: str, chunk: int
) -> None:
    pattern = TextPattern(typed)
    pieces = [*prompt, *tokens]
    text, starts = "".join(pieces), np.cumsum([0, *map(len, pieces)])
    found = places(session_of(prompt, tokens), typed, chunk)
    characters = [int(starts[first]) + offset for first, _, offset, _ in found]
    if pattern.forms == [typed]:
        assert characters == by_find(text, typed)
    for (first, last, offset, length), at in zip(found, characters, strict=True):
        assert text[at : at + length] in pattern.forms
        assert 0 <= offset < len(pieces[first])
        assert starts[last] < at + length <= starts[last + 1]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text("aAbB ", max_size=3), max_size=30), st.text("ab ", min_size=1, max_size=4), st.integers(1, 7))
def test_small_letters_find_what_find_finds_in_small_letters(tokens: list[str], typed: str, chunk: int) -> None:
    starts = np.cumsum([0, *map(len, tokens)])
    found = places(session_of([], tokens), typed, chunk)
    assert [int(starts[first]) + offset for first, _, offset, _ in found] == by_find("".join(tokens).lower(), typed)


def test_prompts_without_tokens_are_searched_too() -> None:
    session = Session()
    session.apply([schema.RequestArrived(7, "The cat sat", [-1, -1, -1], [], "{}", 0, "probe")])
    [part] = [part for part in found_in(session, TextPattern("cat")) if len(part)]
    assert part.tolist() == [[7, -1, -1, 4, 3]]


def test_all_requests_are_searched_in_order() -> None:
    session = busy_run().session
    found = np.concatenate(list(found_in(session, TextPattern("a"))))
    assert found[:, 0].tolist() == sorted(found[:, 0].tolist())
    assert set(found[:, 0].tolist()) == {0, 1, 2}


WORDS = {"step": "step", "request": "request", "步": "step"}


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("step 2", [Hit("step", step=2)]), ("#2", [Hit("step", step=2)]), ("# 0", [Hit("step", step=0)]),
        ("request 2", [Hit("request", request=2)]), ("Request 1", [Hit("request", request=1)]),
        ("2", [Hit("step", step=2), Hit("request", request=2)]), ("step 900", []), ("cat 2", []), ("step", []),
        ("12345678901234567890", []), ("第 2 步", [Hit("step", step=2)]), ("2步", [Hit("step", step=2)]),
        ("step 2 步", []), ("2 cats", []),
    ],
)  # fmt: skip
def test_steps_and_requests_are_found_by_their_number(typed: str, found: list[Hit]) -> None:
    assert numbered(busy_run().session, typed, WORDS) == found  # type: ignore[arg-type]


def test_marks_are_found_by_their_label_and_requests_by_words_of_their_prompt() -> None:
    session = busy_run().session
    marks = [(mark.t_ns, mark.label) for mark in session.marks]
    assert marked(marks, TextPattern("SDPA")) == []
    assert marked(marks, TextPattern("sdpa")) == [Hit("mark", t_ns=marks[0][0], label=marks[0][1])]
    assert asked_for(session, "sat dogs") == [Hit("request", request=2)]
    assert asked_for(session, "dogs sat") == []  # found as text
    assert asked_for(session, "dogs") == []
