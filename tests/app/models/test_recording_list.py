"""The list of recordings: what is looked for, the order, and what is not read yet."""

from __future__ import annotations

from datetime import datetime

import pytest

from app.core.recent_recordings import RecentRecording
from app.models.recording_list import COLUMNS, RecordingList
from app.models.recording_words import MOST_OF_PROMPT, title_of, when_of

OWN = "/r/2026-01-01_00-00-00_demo.dscope"


def some() -> RecordingList:
    found = RecordingList()
    found.put([("/r/a.dscope", 30, 1), ("/r/b.dscope", 10, 3), ("/r/c.dscope", 20, 2)])
    return found


def paths(found: RecordingList) -> str:
    return "".join(one.path[3] for one in found.shown)


def test_files_are_listed_before_they_are_read() -> None:
    found = some()
    assert paths(found) == "bca"  # the newest first
    assert found.unread == ["/r/b.dscope", "/r/c.dscope", "/r/a.dscope"]
    assert (found.count, found.size_bytes) == (3, 60)


def test_what_is_known_of_an_unchanged_file_stays() -> None:
    found = some()
    found.tell([RecentRecording("/r/a.dscope", "demo", 5, began_s=9.0), RecentRecording("/r/b.dscope", "demo", 6)])
    found.put([("/r/a.dscope", 30, 1), ("/r/b.dscope", 11, 4)])
    assert found.unread == ["/r/b.dscope"]


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_sorts_and_what_is_not_known_comes_last(column: str) -> None:
    found = some()
    found.tell([
        RecentRecording("/r/a.dscope", "one", 5, 30, 1.0, name="x", steps=2, length_s=1.0),
        RecentRecording("/r/b.dscope", "two", 7, 10, 3.0, name="y", steps=3, length_s=2.0),
    ])  # fmt: skip
    found.sort(column, descending=False)
    up = paths(found)
    found.sort(column, descending=True)
    down = paths(found)
    if column in ("name", "size", "date", "file"):
        assert down == up[::-1]
    else:
        assert (up, down) == ("abc", "bac")


@pytest.mark.parametrize(
    ("sought", "expected"),
    [("base", "a"), ("NIGHT", "a"), ("llama", "b"), ("shepherd", "b"), ("a.dscope", "a"), ("base llama", ""),
     ("", "abc"), ("two demo", "c")],
)  # fmt: skip
def test_every_word_is_looked_for_in_names_notes_models_prompts_and_files(sought: str, expected: str) -> None:
    found = some()
    found.tell([
        RecentRecording("/r/a.dscope", "demo", name="Baseline", notes="run at night"),
        RecentRecording("/r/b.dscope", "Llama", prompts=("A Shepherd came",)),
        RecentRecording("/r/c.dscope", "demo", name="the two"),
    ])  # fmt: skip
    found.look_for(sought)
    assert "".join(sorted(paths(found))) == expected


def test_a_recording_is_called_by_its_name_else_its_file_else_its_prompt() -> None:
    assert title_of(RecentRecording("/r/base.dscope", name="Mine", prompts=("p",))) == "Mine"
    assert title_of(RecentRecording("/r/base.dscope", prompts=("p",))) == "base"
    assert title_of(RecentRecording(OWN, prompts=("The cat\nsat",), requests=1)) == "“The cat sat”"
    assert title_of(RecentRecording(OWN, prompts=("a", "b"), requests=1200)) == "“a” +1\u2009199"
    assert len(title_of(RecentRecording(OWN, prompts=("x" * 500,)))) == MOST_OF_PROMPT + 2
    assert title_of(RecentRecording(OWN)) == "2026-01-01_00-00-00_demo"


def test_when_it_was_recorded() -> None:
    now = datetime.now()
    assert when_of(RecentRecording("x", began_s=now.timestamp())) == f"today {now:%H:%M}"
    assert when_of(RecentRecording("x")) == ""
    assert when_of(RecentRecording("x", began_s=1e30)) == ""
