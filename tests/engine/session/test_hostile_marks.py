"""Marks are texts of anybody: none makes figures take long, or stands for a run or a pass that was not there."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.errors import SessionFileError
from engine.figures.json_figures import json_figures
from engine.figures.pauses import pauses_of
from engine.session.file import SessionFile, open_session
from tests.engine.session.editing import edited, written
from tests.engine.session.synthetic import synthetic_events

Marks = Sequence[tuple[int, str, str]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(
        tmp_path_factory.mktemp("whole") / "run.dscope",
        synthetic_events(400, layers=1, requests=2, attention_rows=0, alternatives=1),
    )


def with_marks(whole: Path, folder: Path, marks: Marks, *statements: str) -> Path:
    return edited(whole, folder, *(("INSERT INTO marks VALUES (?, ?, ?)", *mark) for mark in marks), *statements)


def figures(path: Path) -> dict[str, Any]:
    session = open_session(path)
    assert isinstance(session.source, SessionFile)
    try:
        return json_figures(session)
    finally:
        session.source.close()


@pytest.mark.parametrize(
    "label", ["", "x", "kv on", "kv on twice", "kv on 1.5", "kv on ٣", "a b " + "9" * 5000, " unavailable: ", "\n\n\n"]
)
def test_a_mark_of_a_run_that_is_none_is_passed_over(whole: Path, tmp_path: Path, label: str) -> None:
    found = figures(with_marks(whole, tmp_path, [(0, "measure", label)]))
    assert all(pair["off"] is None and pair["on"] is None for pair in found["before_after"].values())


@pytest.mark.parametrize(
    "label",
    [
        "request 0: 1 of 999999999 tokens agree, not 0–999999998",
        "request 0: 1 of 9 tokens agree, not " + "9" * 5000,
        "request " + "9" * 5000 + ": 1 of 2 tokens agree",
        "request 0: 1 of 9 tokens agree, not " + " ".join(["0–999999998"] * 100),
    ],
)
def test_a_mark_of_a_pass_names_no_more_positions_than_there_are_tokens(
    whole: Path, tmp_path: Path, label: str
) -> None:
    taught = "UPDATE steps SET kind = 'teacher' WHERE id = 399"
    (found,) = figures(with_marks(whole, tmp_path, [(0, "teacher", label)], taught))["teacher"]
    assert not found["differing"]


def test_pauses_that_overlap_are_one_after_the_other(whole: Path, tmp_path: Path) -> None:
    """Each could otherwise be cut by every step: as many pieces as pauses times steps."""
    marks = [((place % 2) * 2**40, ("pause", "resume")[place % 2], "") for place in range(4000)]
    path = with_marks(whole, tmp_path, marks)
    session = open_session(path)
    assert isinstance(session.source, SessionFile)
    began = time.process_time()
    pauses = pauses_of(session)
    json.dumps(json_figures(session))
    assert len(pauses) <= len(marks) // 2 + len(session.steps)
    assert (pauses.since_ns[1:] >= pauses.until_ns[:-1]).all()
    assert time.process_time() - began < 30  # it took minutes
    session.source.close()


@pytest.mark.parametrize("mark", [(-1, "user", ""), ("soon", "user", ""), (0, b"user", ""), (0, "user", 7.5)])
def test_a_mark_without_a_time_or_a_text_is_refused(whole: Path, tmp_path: Path, mark: tuple[Any, Any, Any]) -> None:
    path = with_marks(whole, tmp_path, [mark])
    if isinstance(mark[2], float):  # a column of texts makes a text of it
        assert figures(path)["tokens"] == 800
        return
    with pytest.raises(SessionFileError, match="a mark"):
        open_session(path)
