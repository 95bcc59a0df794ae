"""Every figure that any panel shows is the one that `info --json` tells for the same steps, and that plain SQL gives.

Real sessions of the real engine are opened in every panel, for all their steps, for a range and for single things. Each
text with a figure in it must be one of the sentences of `tests/app/figures/of_*.py`, which say where in the answer of
the command line each figure stands; a text without a sentence fails, and so does a sentence that nothing shows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from pytestqt.qtbot import QtBot

from tests.app.figures.checking import against_sql, walk_through
from tests.app.figures.recorded import Recorded, record_all
from tests.app.figures.sentences import Wrong, explain, sentences
from tests.app.figures.sql import FIGURES, NOT_HELD, QUERIES
from tests.app.figures.told import Asked
from tests.app.figures.walk import SCALES, Book
from tests.app.figures.which_panels import PANELS_OF, every_panel


@dataclass(frozen=True, slots=True)
class Walked:
    """What came of the walk through all panels and sessions."""

    recorded: list[Recorded]
    book: Book
    wrong: list[Wrong]
    asked: dict[str, Asked]
    """By session, every value of the command line's answers that a panel's figure was held against."""


@pytest.fixture(scope="module")
def walked(qapp: object, tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """Record, and walk once for all tests of this file."""
    folder = tmp_path_factory.mktemp("figures")
    recorded = record_all(folder)
    book, wrong, asked = Book(), [], {}
    for one in recorded:
        found, asked[one.name] = walk_through(one, book, PANELS_OF.get(one.name))
        wrong += found
    return Walked(recorded, book, wrong, asked)


def test_every_figure_shown_is_the_one_that_info_json_tells(walked: Walked) -> None:
    lines = list(dict.fromkeys(str(one) for one in walked.wrong))
    assert not lines, f"{len(lines)} texts are not as told:\n" + "\n".join(lines[:40])
    assert set(walked.book.figures) == set(every_panel())
    assert {name for name, rows in walked.book.copied.items() if rows} == {*every_panel()} - {"attention"}
    assert all(count > 20 for count in walked.book.figures.values()), walked.book.figures


def test_every_sentence_is_shown_somewhere(walked: Walked) -> None:
    assert walked.book.unused() == []
    assert walked.book.scales == SCALES


def test_a_figure_without_a_sentence_and_one_that_differs_are_both_found(qtbot: QtBot) -> None:
    known = sentences("{tokens|count} tokens", "step {=step}: {of[step]|seconds} ●")
    names = {"tokens": 12, "of": {3: 0.5}}
    assert explain("header", "12 tokens · step 3: 500\u2009ms\u2009●", known, names) == []
    [wrong] = explain("header", "13 tokens", known, names)
    assert "tokens is 12, shown as 13" in str(wrong)
    [wrong] = explain("header", "12 tokens · 7 others", known, names)
    assert "no sentence has this form" in str(wrong)
    [wrong] = explain("tip", "step 3: 501\u2009ms ●", known, names)
    assert "500\u2009ms" in str(wrong)
    tie = sentences("other {other - draft|seconds}")
    summed = {"other": 50.2505e-6, "draft": 10e-6}  # 40.2505 µs: half a nanosecond less is 40.2
    assert [explain("tip", f"other {shown}\u2009µs", tie, summed) for shown in ("40.2", "40.3")] == [[], []]
    assert explain("tip", "other 40.4\u2009µs", tie, summed)


def test_every_figure_is_what_plain_sql_gives(walked: Walked) -> None:
    wrong: list[str] = []
    used: set[str] = set()
    reasons: set[str] = set()
    for recorded in walked.recorded:
        differing, paths, held_back = against_sql(recorded, walked.asked[recorded.name])
        wrong += differing
        used |= paths
        reasons |= held_back
    assert not wrong, f"{len(wrong)} figures differ:\n" + "\n".join(wrong[:40])
    assert reasons == NOT_HELD.keys()
    assert all(any(re.fullmatch(pattern, path) for path in used) for pattern in FIGURES)
    assert all(names & used for names, _ in QUERIES)
