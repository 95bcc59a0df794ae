"""The generated text of the run panel: whose it is, in the numbers that every panel uses."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.widgets.generated_text import GeneratedText
from tests.engine.session.synthetic import synthetic_session


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
