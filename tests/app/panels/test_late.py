"""Why tokens were late, as the Inspector and the Latency panel say it, and the way to the culprit."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.jobs import Jobs
from app.look import theme
from app.look.units import count, seconds
from app.models.delay_words import NAMES
from app.panels.base import Panel
from app.panels.inspector import InspectorPanel
from app.panels.inspector_late import MOST_MEMBERS
from app.panels.latency import LatencyPanel
from engine.figures.culprits import delay_of
from engine.figures.delays import CAUSES, MOST_LATE, delays_of
from engine.session.store import Session
from tests.app.panels.acting import shown
from tests.app.pictures import check_panel
from tests.engine.figures.delaying import Asked, Server
from tests.engine.figures.late_causes import totals_of
from tests.engine.session.synthetic import synthetic_session

MEMBERS = 12


def crowd() -> Session:
    """Twelve requests that decode, and a long prompt that arrives amid them as request 12."""
    asked = [*(Asked(0.0, 20, 60) for _ in range(MEMBERS)), Asked(0.3, 900, 4)]
    return Server(asked, max_batch=32, captures={45: 0.1}).serve()


def token_at(session: Session, request: int, step: int) -> int:
    tokens = session.tokens
    return int(np.flatnonzero((tokens["request_id"] == request) & (tokens["step_id"] == step))[0])


def prefill_step(session: Session) -> int:
    """The step with the first chunk of the long prompt."""
    return int(np.flatnonzero(delays_of(session).loads.prompt > 400)[0])


def inspector(qtbot: QtBot, session: Session, token: int, width: int = 900) -> InspectorPanel:
    panel = shown(InspectorPanel, session, width)
    qtbot.addWidget(panel)
    assert isinstance(panel, InspectorPanel)
    panel.context.selection.change(token=token)
    return panel


def latency(qtbot: QtBot, session: Session, width: int = 1100, height: int = 700) -> LatencyPanel:
    panel = shown(LatencyPanel, session, width, height)
    qtbot.addWidget(panel)
    assert isinstance(panel, LatencyPanel)
    panel.show()
    panel.late_button.click()
    return panel


# --- Inspector ------------------------------------------------------------------------------------------------------


def test_the_sentence_names_the_culprit_and_the_button_goes_there(qtbot: QtBot) -> None:
    session = crowd()
    step = prefill_step(session)
    token = token_at(session, 3, step)
    panel = inspector(qtbot, session, token)
    delay = panel.late.delay
    assert delay is not None
    positions = count(delay.main.culprit.count)
    text = panel.late.late.text()
    assert text.startswith(f"by {seconds(delay.excess_s)} ƒ · {seconds(delay.main.seconds)} a prefill chunk of")
    assert f"request 12 ({positions} positions) in the same step" in text
    assert "request 12" in panel.late.button.accessibleName()
    assert panel.late.button.isEnabled()
    assert panel.late.button.focusPolicy() & Qt.FocusPolicy.TabFocus
    panel.show()
    qtbot.keyClick(panel.late.button, Qt.Key.Key_Space)
    now = panel.context.selection.now
    assert now.request == 12
    assert now.token == session.requests[12].token_rows[0]


def test_a_captured_graph_leads_to_its_step(qtbot: QtBot) -> None:
    session = crowd()
    panel = inspector(qtbot, session, token_at(session, 3, 45))
    assert "“captured 1 call” at step 45" in panel.late.late.text()
    assert panel.late.button.isHidden()  # its own step: there is nowhere to go


def test_it_lists_who_shared_the_step_and_how_many_more(qtbot: QtBot) -> None:
    session = crowd()
    panel = inspector(qtbot, session, token_at(session, 3, prefill_step(session)))
    text = panel.late.members.text()
    assert text.startswith("others, with their positions ● · request 12: ")
    assert "request 3:" not in text
    assert text.endswith(f"and {MEMBERS - MOST_MEMBERS} more")
    alone = inspector(qtbot, synthetic_session(20), 10)
    assert alone.late.members.text() == "no other request"


def test_a_token_that_was_not_late_and_a_first_one_say_so(qtbot: QtBot) -> None:
    session = Server([Asked(0.0, 20, 40), Asked(0.01, 20, 40)], max_batch=1).serve()
    late = set(delays_of(session).row.tolist())
    token = next(row for row in session.requests[0].token_rows[1:] if row not in late)
    panel = inspector(qtbot, session, token)
    assert panel.late.late.text() == "no: its gap is not above the median of its request"
    assert panel.late.button.isHidden()
    panel.context.selection.change(token=session.requests[1].token_rows[0])
    request = session.requests[1]
    assert request.scheduled_ns is not None
    waited = seconds((request.scheduled_ns - request.arrived_ns) / 1e9)
    assert panel.late.late.text().startswith(f"the first token: {waited} of its ")


@pytest.mark.parametrize("width", [280, 420, 900])
def test_both_lines_are_whole_at_every_width(qtbot: QtBot, width: int) -> None:
    session = crowd()
    panel = inspector(qtbot, session, token_at(session, 3, prefill_step(session)), width)
    panel.show()
    QApplication.processEvents()
    for label in (panel.late.late, panel.late.members):
        drawn = " ".join(label.shown_lines()).replace("\u202f", "\u2009")
        assert drawn.split() == label.text().replace("\u202f", "\u2009").split()


def test_beside_the_window_the_answer_arrives_and_a_growing_session_is_read_again(qtbot: QtBot) -> None:
    session = crowd()
    panel = shown(InspectorPanel, session, jobs=Jobs(lambda failure: None))
    qtbot.addWidget(panel)
    assert isinstance(panel, InspectorPanel)
    panel.context.selection.change(token=token_at(session, 3, prefill_step(session)))
    qtbot.waitUntil(lambda: "request 12" in panel.late.late.text())
    later = Server([*(Asked(0.0, 20, 61) for _ in range(2))]).serve()
    panel.show_session(later)
    panel.context.selection.change(token=len(later.tokens) - 1)
    qtbot.waitUntil(lambda: panel.late.late.text().startswith(("by", "no: ")))
    qtbot.waitUntil(lambda: not panel.is_behind)


# --- Latency --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [None, (20, 44)])
def test_the_table_by_cause_is_that_of_the_range(qtbot: QtBot, steps: tuple[int, int] | None) -> None:
    session = crowd()
    panel = latency(qtbot, session)
    panel.context.selection.change(steps=steps)
    totals = totals_of(session, steps)
    for row, cause in enumerate(sorted(CAUSES, key=lambda one: -totals.seconds[one])):
        assert panel.late.causes.cell(row, 0) == NAMES[cause][0]
        time_s = totals.seconds[cause]
        assert panel.late.causes.cell(row, 1) == (seconds(time_s) if time_s else "—")
        assert panel.late.causes.cell(row, 3) == (count(totals.main[cause]) if time_s else "—")


def test_the_most_delayed_tokens_say_why_and_a_click_selects_one(qtbot: QtBot) -> None:
    session = crowd()
    panel = latency(qtbot, session)
    delays = delays_of(session)
    worst = delay_of(session, delays, int(delays.most_delayed(delays.within(session), MOST_LATE)[0]))
    table = panel.late.tokens
    assert table.cell(0, 1) == "“captured 1 call”"
    assert (table.cell(0, 2), table.cell(0, 3)) == (seconds(worst.excess_s), seconds(worst.gap_s))
    assert (table.cell(0, 4), table.cell(0, 5)) == (count(worst.step), count(worst.request))
    row = next(row for row in range(table.rowCount()) if table.cell(row, 1) == "Prefill of request 12")
    table.selectRow(row)
    assert panel.context.selection.now.token == panel.late.late[row].token


def test_a_head_sorts_and_the_selected_token_stays_marked(qtbot: QtBot) -> None:
    session = crowd()
    panel = latency(qtbot, session)
    table = panel.late.tokens
    panel.late.tokens.selectRow(3)
    token = panel.context.selection.now.token
    for column, key in ((4, "step"), (5, "request"), (3, "gap_s")):
        table.horizontalHeader().sectionClicked.emit(column)
        values = [getattr(one, key) for one in panel.late.late]
        assert values == sorted(values, reverse=key == "gap_s")
        table.horizontalHeader().sectionClicked.emit(column)
        values = [getattr(one, key) for one in panel.late.late]
        assert values == sorted(values, reverse=key != "gap_s")
        assert panel.late.late[table.currentRow()].token == token
        assert panel.context.selection.now.token == token


def test_a_picked_band_of_times_shows_only_the_late_tokens_of_its_steps(qtbot: QtBot) -> None:
    session = crowd()
    panel = latency(qtbot, session)
    panel.context.selection.filter((90e3, 1e9))
    assert {one.step for one in panel.late.late} == {45}
    assert panel.late.totals is not None
    assert panel.late.totals.late == MEMBERS
    panel.context.selection.filter(None)
    assert len({one.step for one in panel.late.late}) > 1


def test_what_is_copied_is_what_is_shown(qtbot: QtBot) -> None:
    session = crowd()
    panel = latency(qtbot, session)
    header, rows = panel.rows()
    assert len(rows) == len(CAUSES) + panel.late.tokens.rowCount()
    assert all(len(row) == len(header) for row in rows)
    panel.late_button.click()
    assert panel.rows()[0][0] == "part"
    assert panel.late.isHidden()
    assert panel.chart.isVisible()


@pytest.mark.parametrize(("width", "height"), [(1200, 700), (1000, 300), (420, 640), (420, 300), (700, 400)])
def test_the_late_tokens_have_room_in_every_arrangement(qtbot: QtBot, width: int, height: int) -> None:
    panel = latency(qtbot, crowd(), width, height)
    QApplication.processEvents()
    assert panel.late.isVisible()
    assert panel.late.tokens.viewport().height() >= 3 * panel.late.tokens.rowHeight(0)
    assert panel.late.tokens.viewport().width() >= 0.4 * width
    assert not panel.chart.isVisible()
    assert not panel.histogram.isVisible()
    for head in range(panel.late.tokens.columnCount()):
        wide = panel.late.tokens.sizeHintForColumn(head)
        assert panel.late.tokens.columnWidth(head) >= wide


def late_inspector() -> Panel:
    session = crowd()
    panel = shown(InspectorPanel, session, 900, 640)
    panel.context.selection.change(token=token_at(session, 3, prefill_step(session)))
    return panel


def late_latency() -> Panel:
    panel = shown(LatencyPanel, crowd(), 1100, 640)
    assert isinstance(panel, LatencyPanel)
    panel.late_button.setChecked(True)
    return panel


@pytest.mark.parametrize("name", ["inspector-late", "latency-late"])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_looks_as_it_did(qtbot: QtBot, name: str, scheme: theme.Scheme) -> None:
    check_panel(qtbot, {"inspector-late": late_inspector, "latency-late": late_latency}[name], name, scheme)
