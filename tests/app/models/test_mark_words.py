"""What a mark says: the user's own words as they are, the program's in the language of the window."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from app.core.translation import Translation
from app.models.mark_words import mark_words
from engine.session.paced import pace_label
from engine.session.schema import BETWEEN_RUNS, PAUSE, RESUME, Mark


@pytest.fixture
def chinese(qapp: QApplication) -> Iterator[None]:
    translation = Translation()
    translation.use("zh_CN")
    yield
    translation.use("en")


def test_a_mark_says_what_its_user_or_the_engine_called_it(qapp: QApplication) -> None:
    assert mark_words(Mark(0, PAUSE, "")) == "pause"
    assert mark_words(Mark(0, PAUSE, pace_label(8.0))).startswith("paced at 8")
    assert mark_words(Mark(0, "switch", "kv=paged")) == "kv=paged"
    assert mark_words(Mark(0, "fault", "")) == "fault"


@pytest.mark.usefixtures("chinese")
def test_the_program_s_marks_are_translated_and_the_user_s_are_not() -> None:
    assert mark_words(Mark(0, PAUSE, "")) == "暂停"
    assert mark_words(Mark(0, RESUME, BETWEEN_RUNS)) == "两次运行之间"
    assert mark_words(Mark(0, PAUSE, pace_label(8.0))).startswith("限速 8")
    taught = Mark(0, "teacher", "request 0: 127 of 128 tokens agree, not 5")
    assert mark_words(taught) == "请求 0：127/128 个 token 一致，除了位置 5"
    assert mark_words(Mark(0, "fault", "No model is loaded.")) == "尚未加载模型。"
    assert mark_words(Mark(0, "user", "No model is loaded.")) == "No model is loaded."
