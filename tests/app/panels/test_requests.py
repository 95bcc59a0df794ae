"""The Requests panel: a row a request, sorted and filtered; percentiles of what is shown; the window's selection."""

from __future__ import annotations

from typing import cast

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.models.request_rows import COLUMNS
from app.panels.base import PanelContext
from app.panels.requests import RequestsPanel
from engine.session import schema
from engine.session.store import Session
from tests.app.panels.acting import RecordingControl
from tests.app.panels.sessions import MS, busy_run, decode_run
from tests.engine.figures.chunks import chunked
from tests.engine.session.synthetic import synthetic_events

UP, DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder


def panel_of(qtbot: QtBot, session: Session, width: int = 1400) -> RequestsPanel:
    selection = Selection()
    selection.reset(session)
    panel = RequestsPanel(PanelContext(selection, RecordingControl()))
    selection.setParent(panel)
    selection.changed.connect(panel.select)
    qtbot.addWidget(panel)
    panel.resize(width, 500)
    panel.show_session(session)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


def column(panel: RequestsPanel, name: str) -> list[str]:
    at = COLUMNS.index(name)
    return [panel.table.cell(place, at).replace("\u2009", " ") for place in range(panel.table.rows.rowCount())]


def foot(panel: RequestsPanel, name: str) -> list[str]:
    return [panel.foot.cell(row, COLUMNS.index(name)).replace("\u2009", " ") for row in range(panel.foot.rowCount())]


def test_a_row_says_how_a_request_fared(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, busy_run().session)
    assert column(panel, "prompt") == [" The cat", " A", " Dogs sat"]
    assert column(panel, "state") == ["running", "length reached", "running"]
    assert column(panel, "arrived_s") == ["0 s", "0 s", "15.0 ms"]
    assert column(panel, "waited_s") == ["0 s", "0 s", "25.0 ms"]
    assert column(panel, "ttft_s") == ["10.0 ms", "10.0 ms", "36.0 ms"]
    assert column(panel, "tokens") == ["5", "2", "1"]
    assert column(panel, "tpot_s")[1:] == ["30.0 ms", "—"]
    assert column(panel, "acceptance_rate") == ["66.7 %", "0 %", "—"]
    assert column(panel, "acceptance_length") == ["2.00", "1.00", "—"]
    assert foot(panel, "ttft_s") == ["10.0 ms", "30.8 ms", "35.5 ms", "36.0 ms"]
    assert panel.line.text() == "3 requests · 2 running"
    assert not panel.untold.isVisibleTo(panel)


def test_a_head_sorts_and_says_so(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, busy_run().session)
    at = COLUMNS.index("tokens")
    panel.table.sortByColumn(at, UP)
    assert column(panel, "id") == ["2", "1", "0"]
    assert str(panel.table.rows.headerData(at, Qt.Orientation.Horizontal)) == "Generated ● ↑"
    panel.table.sortByColumn(COLUMNS.index("prompt"), DOWN)
    assert column(panel, "prompt") == [" The cat", " Dogs sat", " A"]
    panel.table.sortByColumn(COLUMNS.index("acceptance_rate"), DOWN)
    assert column(panel, "id") == ["0", "1", "2"]  # what is not known comes last
    assert [row[0] for row in panel.rows()[1]] == [0, 1, 2]


def test_a_click_selects_the_request_everywhere_and_enter_its_first_token(qtbot: QtBot) -> None:
    session = busy_run().session
    panel = panel_of(qtbot, session)
    panel.table.sortByColumn(COLUMNS.index("tokens"), UP)
    panel.table.selectRow(0)
    assert panel.context.selection.now.request == 2
    qtbot.keyClick(panel.table, Qt.Key.Key_Down)
    assert panel.context.selection.now.request == 1
    qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    assert panel.context.selection.now.token == session.requests[1].token_rows[0]


def test_a_selection_made_elsewhere_scrolls_to_its_row(qtbot: QtBot) -> None:
    session = Session()
    for events in synthetic_events(3, requests=60, attention_rows=0):
        session.apply(events)
    panel = panel_of(qtbot, session)
    assert panel.table.chosen is None
    panel.context.selection.change(token=session.requests[55].token_rows[1])
    assert panel.table.chosen == 55
    place = panel.table.visualRect(panel.table.currentIndex())
    assert panel.table.viewport().rect().contains(place.center())
    panel.context.selection.change(step=2, token=None)
    assert panel.table.chosen == 55
    panel.context.selection.clear()
    panel.context.selection.change(request=None)
    assert panel.table.chosen is None


def test_a_range_of_steps_leaves_the_requests_that_it_worked_for(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, busy_run().session)
    panel.context.selection.change(steps=(0, 1))
    assert column(panel, "id") == ["0", "1"]
    assert panel.line.text() == "2 of 3 requests with work in steps 0–1 · 2 running"
    assert foot(panel, "ttft_s")[3] == "10.0 ms"
    assert panel.figures().startswith("2 requests")
    panel.context.selection.change(steps=None)
    assert column(panel, "id") == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("state", "ids"), [("running", ["0", "2"]), ("ended", ["1"]), ("waiting", []), ("all", ["0", "1", "2"])]
)
def test_it_shows_the_requests_of_a_state(qtbot: QtBot, state: str, ids: list[str]) -> None:
    panel = panel_of(qtbot, busy_run().session)
    qtbot.mouseClick(panel.filter.buttons[state], Qt.MouseButton.LeftButton)
    assert column(panel, "id") == ids
    assert len(panel.rows()[1]) == len(ids)


def test_it_grows_and_keeps_what_is_selected_and_seen(qtbot: QtBot) -> None:
    session = Session()
    for events in synthetic_events(3, requests=80, attention_rows=0):
        session.apply(events)
    panel = panel_of(qtbot, session)
    panel.table.sortByColumn(COLUMNS.index("id"), DOWN)
    panel.table.selectRow(30)
    panel.table.verticalScrollBar().setValue(25)
    session.apply([schema.RequestArrived(80 + n, "new", [1], ["new"], "{}", 7 * MS) for n in range(40)])
    panel.refresh()
    assert panel.context.selection.now.request == 49
    assert panel.table.chosen == 49
    assert panel.table.rows.rowCount() == 120
    assert column(panel, "id")[0] == "119"
    assert panel.table.verticalScrollBar().value() == 25
    assert "40 waiting" in panel.line.text()
    session.apply([schema.RequestFinished(80, 9 * MS, "cancelled")])
    panel.refresh()
    assert column(panel, "state")[39] == "stopped"


def test_without_drafts_there_are_no_columns_for_them(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, decode_run(4, "contiguous").session)
    for name in ("acceptance_rate", "acceptance_length"):
        assert panel.table.isColumnHidden(COLUMNS.index(name))
        assert panel.foot.isColumnHidden(COLUMNS.index(name))


def test_the_foot_stands_under_the_columns_and_scrolls_with_them(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, busy_run().session, width=700)
    bar = panel.table.horizontalScrollBar()
    assert bar.maximum() > 0
    bar.setValue(bar.maximum())
    for name in ("ttft_s", "latency_s", "preempted"):
        at = COLUMNS.index(name)
        assert panel.foot.columnViewportPosition(at) == panel.table.columnViewportPosition(at)
        assert panel.foot.columnWidth(at) == panel.table.columnWidth(at)


def test_what_a_server_does_not_tell_is_said(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, chunked())
    assert not panel.is_empty
    assert panel.untold.isVisibleTo(panel)
    assert panel.untold.text().startswith("Queue, cached positions, preemptions and acceptance: Not told")
    assert column(panel, "reused") == ["—", "—", "—"]
    assert column(panel, "ttft_s") == ["38.0 ms", "35.0 ms", "—"]
    assert column(panel, "state") == ["length reached", "end of text", "stopped"]
    head = str(
        panel.table.rows.headerData(COLUMNS.index("reused"), Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
    )
    assert "it needs the recorder" in head


def test_csv_has_base_units_and_whole_prompts(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, busy_run().session)
    names, rows = panel.rows()
    row = dict(zip(names, rows[1], strict=True))
    assert (row["id"], row["prompt"], row["state"], row["ttft_s"], row["tokens"]) == (1, " A", "length", 0.01, 2)
    assert dict(zip(names, rows[2], strict=True))["acceptance_rate"] is None
    assert cast(int, row["reused"]) == 0


def test_an_empty_session_says_what_will_come(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, Session())
    assert panel.is_empty
    assert panel.empty_text()
    assert panel.rows() == (list(COLUMNS), [])
    assert panel.figures() == ""


def test_the_focus_alone_selects_nothing(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, busy_run().session)
    panel.activateWindow()
    panel.setFocus(Qt.FocusReason.ShortcutFocusReason)
    qtbot.waitUntil(panel.table.hasFocus)
    assert panel.context.selection.now.request is None
    assert panel.table.chosen is None
