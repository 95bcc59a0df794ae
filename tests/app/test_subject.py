"""One selection, one meaning: a token or a step selected anywhere is the same request, step and position everywhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.selection import Selected, Selection
from app.core.subject import Subject, is_in_step, requests_of_step, subject_of
from app.models.subject_words import subject_words
from app.panels.attention import AttentionPanel
from app.panels.base import Panel, PanelContext
from app.panels.batch import BatchPanel
from app.panels.inspector import InspectorPanel
from app.panels.redundancy import RedundancyPanel
from app.widgets.generated_text import GeneratedText
from app.window.navigation import walk_requests, walk_steps
from engine.session import schema
from engine.session.store import Session
from tests.app.panels.acting import RecordingControl
from tests.app.panels.sessions import Recorder

PROMPT = ["The", " cat", " sits"]
CHUNK = 6
"""The step that computes only a part of a prompt, and so gives no token."""


def batch_session() -> Session:
    """Requests 0 and 1 in steps 0 to 3, request 0 alone in steps 4 and 5, request 2 from step 6 on, first in part.

    All rows of layer 0, head 0 are recorded.
    """
    recorder = Recorder()
    recorder.switches(batching="continuous")
    for request in range(3):
        recorder.request(request, PROMPT)
    held = dict.fromkeys(range(3), 0)
    for step in range(11):
        members = (1, 0) if step < 4 else (0,) if step < CHUNK else (2,)
        work, rows = [], []
        for request in members:
            first = held[request]
            end = 2 if step == CHUNK else max(first + 1, len(PROMPT))
            work.append((request, first, first, end, 0, first))
            for position in range(first, end):
                probs = np.full(position + 1, 1 / (position + 1), np.float16)
                rows.append(schema.AttentionRow(step, request, 0, 0, position, probs.tobytes()))
            held[request] = end
        recorder.session.apply(rows)
        recorder.step(work, [] if step == CHUNK else [(request, f" t{step}", "target") for request in members])
    for request in range(3):
        recorder.finish(request)
    return recorder.session


class Desk:
    """The panels that show one token, with one selection, as the window has them."""

    def __init__(self, qtbot: QtBot) -> None:
        self.session = batch_session()
        self.selection = Selection()
        self.selection.reset(self.session)
        context = PanelContext(self.selection, RecordingControl())
        self.inspector, self.attention = InspectorPanel(context), AttentionPanel(context)
        self.batch, self.redundancy = BatchPanel(context), RedundancyPanel(context)
        self.text = GeneratedText(self.selection)
        for panel in (self.inspector, self.attention, self.batch, self.redundancy):
            self._add(qtbot, panel)
        qtbot.addWidget(self.text)
        self.text.show_session(self.session)
        QApplication.processEvents()

    def _add(self, qtbot: QtBot, panel: Panel) -> None:
        qtbot.addWidget(panel)
        self.selection.changed.connect(panel.select)
        panel.resize(900, 500)
        panel.show_session(self.session)
        panel.refresh()

    def subject(self) -> Subject:
        found = subject_of(self.session, self.selection.now)
        assert found is not None
        return found

    def check(self, request: int, step: int | None, position: int | None) -> None:
        """Every panel shows this request, step and position, and says so."""
        subject = self.subject()
        assert (subject.request, subject.step, subject.position) == (request, step, position)
        words = subject_words(subject)
        for panel in (self.attention, self.batch):
            assert panel.figures().startswith(words), panel.name
        assert self.text.place.text() == words
        assert f"request {request} " in self.text.facts.text()
        assert self.selection.now.request in (None, request)
        facts = self.inspector.facts
        if subject.row is None:
            assert self.inspector.is_empty
            assert facts is None
            assert f"{'step' if position is None else 'position'} " in self.inspector.empty_text().lower()
        else:
            assert facts is not None
            assert (facts.request.id, facts.step, facts.position) == (request, step, position)
            assert self.inspector.figures().startswith(words)
            assert f"({position - 1})" in self.inspector.row_label.text()
            np.testing.assert_array_equal(self.inspector.flow.weights, self.attention.flow.weights)
            assert self.inspector.flow.query == self.attention.flow.query == position
        assert self.attention.query_shown == subject.query
        assert f"({subject.query})" in self.attention.row_label.text()
        assert self.attention.flow.texts == self.inspector.flow.texts or subject.row is None


@pytest.fixture
def desk(qtbot: QtBot) -> Desk:
    return Desk(qtbot)


TOKEN_OF_STEP_2: dict[str, tuple[dict[str, int], Callable[[Desk], None]]] = {
    "a cell of Batch": ({}, lambda desk: desk.batch.charts[0].clicked.emit(2, 1)),
    "a row of Attention": ({"request": 0}, lambda desk: desk.attention.map.clicked.emit(4)),
    "a chip of Attention": ({"request": 0}, lambda desk: desk.attention.flow.clicked.emit(5)),
    "a chip of the Inspector": ({"request": 0}, lambda desk: desk.inspector.flow.clicked.emit(5)),
    "a token of the text": ({"request": 0}, lambda desk: desk.text.pick(len("The cat sits t0 t1 "))),
    "a cell of Redundancy": ({"request": 0}, lambda desk: desk.redundancy.map.clicked.emit(2, 4)),
    "the next step": ({"step": 1, "request": 0}, lambda desk: walk_steps(desk.selection, desk.session, 1)),
}
"""By place, what is selected before, and the choice there."""


@pytest.mark.parametrize("how", TOKEN_OF_STEP_2)
def test_a_token_chosen_anywhere_is_the_same_everywhere(desk: Desk, how: str) -> None:
    before, choose = TOKEN_OF_STEP_2[how]
    desk.selection.change(**before)
    choose(desk)
    desk.check(request=0, step=2, position=5)


def test_a_step_of_many_requests_is_that_of_one_of_them_everywhere(desk: Desk) -> None:
    desk.selection.change(step=3)
    desk.check(request=1, step=3, position=6)  # the first token of the step is that of request 1
    desk.selection.change(request=0)
    desk.check(request=0, step=3, position=6)
    desk.selection.change(step=1)  # the selected request stays where it was in the step
    desk.check(request=0, step=1, position=4)
    desk.selection.change(step=8)  # and gives way where it was not
    desk.check(request=2, step=8, position=4)
    assert desk.selection.now.request == 2


def test_a_request_that_was_not_in_the_step_is_shown_without_it(desk: Desk) -> None:
    desk.selection.change(step=2)
    desk.selection.change(request=1)
    walk_requests(desk.selection, desk.session, 1)
    assert (desk.selection.now.request, desk.selection.now.step) == (2, None)
    assert desk.subject() == Subject(2, 10, 13, 6, 5, followed=True)  # its newest token
    assert desk.inspector.facts is not None
    assert desk.inspector.facts.request.id == 2
    assert desk.text.facts.text().startswith("request 2 (3 of 3)")
    assert desk.attention.figures().startswith("request 2 · step 10 · position 6")


def test_a_step_without_a_token_says_so_everywhere(desk: Desk) -> None:
    desk.selection.change(step=CHUNK)
    desk.check(request=2, step=CHUNK, position=None)
    assert desk.inspector.empty_text().startswith("Step 6 gave request 2 no token.")
    assert "no token" in desk.attention.figures()


def test_a_position_of_the_prompt_is_the_same_everywhere(desk: Desk) -> None:
    desk.selection.change(step=3)
    desk.attention.choose_token(1)
    desk.check(request=1, step=None, position=1)
    assert desk.selection.now.position == 1
    desk.selection.change(step=3)
    desk.check(request=1, step=3, position=6)
    desk.attention.choose_token(1)
    assert desk.selection.clear()
    assert desk.subject().followed


def test_without_a_selection_the_oldest_running_request_is_followed() -> None:
    session = batch_session()
    running = Recorder()
    for request in range(3):
        running.request(request, PROMPT)
    assert subject_of(running.session, Selected()) == Subject(0, followed=True)
    running.step([(0, 0, 0, 3, 0, 0), (1, 0, 0, 3, 0, 0)], [(0, " a", "target"), (1, " b", "target")])
    assert subject_of(running.session, Selected()) == Subject(0, 0, 0, 3, 2, followed=True)
    running.finish(0)
    assert subject_of(running.session, Selected()) == Subject(1, 0, 1, 3, 2, followed=True)
    running.finish(2)
    running.finish(1)
    assert subject_of(running.session, Selected()) == Subject(1, 0, 1, 3, 2, followed=True)  # of the newest token
    assert subject_of(session, Selected()) == Subject(2, 10, 13, 6, 5, followed=True)
    assert subject_of(Session(), Selected()) is None


def test_who_was_in_a_step() -> None:
    session = batch_session()
    assert requests_of_step(session, 2) == [1, 0]  # in the order of their tokens
    assert requests_of_step(session, CHUNK) == [2]
    assert requests_of_step(session, 99) == []
    assert is_in_step(session, 0, 5)
    assert not is_in_step(session, 1, 5)
    assert is_in_step(session, 2, CHUNK)
