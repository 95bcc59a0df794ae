"""The generated text of the run panel: whose it is, in the numbers that every panel uses."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor, QTextDocument
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.widgets.generated_text import GeneratedText, ends_of
from tests.engine.session.synthetic import PROMPT, synthetic_session


def test_it_names_the_request_as_every_panel_does(qtbot: QtBot) -> None:
    session = synthetic_session(5, requests=3)
    selection = Selection()
    text = GeneratedText(selection)
    qtbot.addWidget(text)
    text.show_session(session)
    selection.change(request=2)
    assert text.facts.text() == "request 2 (3 of 3) · 5 tokens · length reached"
    assert text.facts.toolTip() == text.facts.text()
    text.go(1)
    assert selection.now.request == 0
    assert text.facts.text().startswith("request 0 (1 of 3)")


def test_it_marks_the_selected_token_and_a_click_selects_one(qtbot: QtBot) -> None:
    session = synthetic_session(12)
    selection = Selection()
    selection.reset(session)
    text = GeneratedText(selection)
    qtbot.addWidget(text)
    text.resize(400, 300)
    text.show()
    qtbot.waitExposed(text)
    text.show_session(session)
    assert (text.marked, text.place.isHidden()) == (None, True)
    for row in (0, 6, 7):  # the seventh of the texts below is a line end, and is marked all the same
        selection.change(token=row)
        assert text.marked is not None
        before = "".join(session.requests[0].prompt_token_texts) + "".join(map(str, session.tokens["text"][:row]))
        assert text.marked == (len(before), len(before) + len(str(session.tokens["text"][row])))
        assert text.place.text() == f"request 0 · step {row} · position {PROMPT + row}"
    selection.change(token=4)
    assert text.marked is not None
    cursor = QTextCursor(text.page.document())
    cursor.setPosition(text.marked[0] + 1)
    at = text.page.cursorRect(cursor).center()
    selection.clear()
    qtbot.mouseClick(text.page.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert selection.now.token == 4
    text.pick(len(text.text))  # behind the text
    assert selection.now.token == 4
    text.pick(0)  # of the prompt
    assert (selection.now.token, selection.now.request, selection.now.position) == (None, 0, 0)
    assert text.marked == (0, len(session.requests[0].prompt_token_texts[0]))
    selection.clear()
    assert text.marked is None


@pytest.mark.parametrize(
    ("pieces", "ends"),
    [(["ab", "", "c"], [2, 2, 3]), (["😀", "x"], [2, 3]), (["a\r\n", "b"], [2, 3]), (["a\r", "\nb"], [2, 3])],
)
def test_ends_of_tokens_are_those_of_the_document(qtbot: QtBot, pieces: list[str], ends: list[int]) -> None:
    document = QTextDocument()
    cursor = QTextCursor(document)
    cursor.insertText("".join(pieces))
    assert ends_of(pieces, 0) == ends
    assert cursor.position() == ends[-1]


def test_in_a_chat_the_answer_stands_apart_from_what_the_user_said(qtbot: QtBot) -> None:
    session = synthetic_session(5)
    answer = "".join(str(text) for text in session.tokens["text"][:])
    text = GeneratedText(Selection())
    qtbot.addWidget(text)
    text.show_session(session)
    request = session.requests[0]
    assert text.text == request.prompt + answer
    request.params["chat"] = True
    text.restyle()
    assert text.text == f"User\n{request.prompt}\n\nModel\n{answer}"
