"""The generated text of the run panel: whose it is, in the numbers that every panel uses."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor, QTextDocument
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.models.found import Found
from app.widgets.generated_text import GeneratedText, ends_of
from engine.figures.finding import TextPattern
from engine.session import schema
from engine.session.store import Session
from tests.engine.figures.chunks import chunked
from tests.engine.figures.served import recorded
from tests.engine.figures.test_finding import session_of
from tests.engine.importing import made
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


def text_of(qtbot: QtBot, session: Session) -> tuple[GeneratedText, Selection]:
    selection = Selection()
    selection.reset(session)
    text = GeneratedText(selection)
    qtbot.addWidget(text)
    text.resize(400, 200)
    text.show()
    qtbot.waitExposed(text)
    text.show_session(session)
    return text, selection


def marked_text(text: GeneratedText) -> str:
    assert text.marked is not None
    cursor = QTextCursor(text.page.document())
    cursor.setPosition(text.marked[0])
    cursor.setPosition(text.marked[1], QTextCursor.MoveMode.KeepAnchor)
    return cursor.selectedText()


@pytest.mark.parametrize("chat", [False, True])
def test_positions_of_the_prompt_are_marked_and_clicked(qtbot: QtBot, chat: bool) -> None:
    told = ["<s>", "<|user|>", "The", " cat", "<0xE6>", "<0x97>", "<0xA5>", "🙂", "</s>"]
    session = session_of(told, [" sat", " on"], said="The cat日🙂")
    session.requests[0].params["chat"] = chat
    text, selection = text_of(qtbot, session)
    for position, shown in ((2, "The"), (3, " cat"), (6, "日"), (7, "🙂")):
        selection.change(request=0, position=position)
        assert marked_text(text) == shown
        assert text.marked is not None
        text.pick(text.marked[0])
        assert (selection.now.request, selection.now.position) == (0, position)
    for position in (0, 8):  # the template's, which are not shown
        selection.change(request=0, position=position)
        assert text.marked is None
    selection.change(token=1)
    assert marked_text(text) == " on"


def test_of_a_very_long_prompt_both_ends_are_clicked(qtbot: QtBot) -> None:
    words = [f" w{n}" for n in range(20_000)]
    text, selection = text_of(qtbot, session_of(words, [" end"]))
    assert len(text.text) < 21_000
    for position in (0, 5, 19_990, 19_999):
        selection.change(request=0, position=position)
        assert marked_text(text) == words[position]
    selection.change(request=0, position=10_000)  # left out
    assert text.marked is None
    text.pick(text.text.index("…") + 2)
    assert selection.now.position == 10_000


def test_a_prompt_whose_tokens_are_not_told_is_shown_whole(qtbot: QtBot) -> None:
    text, selection = text_of(qtbot, chunked())
    selection.change(request=1)
    assert text.text == " The cat sat there was a"
    text.pick(2)
    assert selection.now.position is None
    text.pick(len(" The cat sat") + 1)
    assert selection.now.token is not None


def test_the_selected_token_of_a_long_text_comes_into_view(qtbot: QtBot) -> None:
    session = session_of(["Once"], [f" word{n}" for n in range(5000)])
    text, selection = text_of(qtbot, session)
    for token in (2500, 10, 4000):
        selection.change(token=token)
        cursor = QTextCursor(text.page.document())
        assert text.marked is not None
        cursor.setPosition(text.marked[1])
        assert text.page.viewport().rect().contains(text.page.cursorRect(cursor).center())


def test_what_a_search_found_is_marked_where_it_is_in_sight(qtbot: QtBot) -> None:
    session = session_of(["Once 🙂"], [f" w{n}\n" for n in range(3000)])
    text, selection = text_of(qtbot, session)
    found = Found(text)
    text.follow(found)
    selection.change(token=0)
    found.begin(session, TextPattern("w1\n w2"))
    assert text.found_places == []
    found.mark(True)
    at = text.text.index("w1\n w2") + 1  # the smiley is two of Qt's units
    assert text.found_places == [(at, at + 6)]
    selection.change(token=2900)
    assert text.found_places == []
    found.begin(session, TextPattern("w290"))
    assert 0 < len(text.found_places) < 10  # of ten, those in sight
    assert {text.text[first - 1 : end - 1] for first, end in text.found_places} == {"w290"}
    found.mark(False)
    assert text.found_places == []


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


def test_where_there_is_no_text_it_says_why(qtbot: QtBot) -> None:
    waiting, _ = text_of(qtbot, Session())
    assert waiting.page.placeholderText() == "The text appears here token by token."
    untold = Session()
    untold.apply([replace(one, text="") if isinstance(one, schema.Token) else one for one in recorded()])
    untold.requests[0].prompt_token_texts = []  # of the prompt too
    shown, _ = text_of(qtbot, untold)
    assert shown.page.placeholderText() == "The texts of these tokens were not told."
    trace, _ = text_of(qtbot, made.session_of(made.serving_trace(1, layers=1)))
    assert trace.page.placeholderText() == "A profiler's trace tells of no text."
