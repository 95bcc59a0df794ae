"""Summary panel: its cells are the comparison's figures with units and marks; what is missing says what to do."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.look.units import memory, percent, rate
from app.models.summary import NO_CEILING, NO_PASS, markdown, summary_lines
from app.panels.summary import SummaryPanel
from app.widgets.claim_table import UnbrokenFigures
from engine.figures.metrics import summarise
from engine.session.store import Session
from tests.app.panels.acting import shown
from tests.engine.figures.test_comparison import taught
from tests.engine.session.synthetic import synthetic_session

TRAINING, INFERENCE, GAP, CLAIM = 1, 3, 5, 6
COMPUTATION, MEMORY, UTILISATION, BUSY, THROUGHPUT, PARALLELISM = range(6)


def summary_panel(qtbot: QtBot, session: Session, width: int = 1200, height: int = 500) -> SummaryPanel:
    panel = shown(SummaryPanel, session, width, height)
    qtbot.addWidget(panel)
    assert isinstance(panel, SummaryPanel)
    return panel


def test_cells_are_figures_with_units_and_marks(qtbot: QtBot) -> None:
    session = taught()
    summary = summarise(session)
    cell = summary_panel(qtbot, session).table.cell
    assert cell(COMPUTATION, TRAINING) == f"23 positions\u2009● · {rate(4e9, 'FLOP')}\u2009ƒ"
    assert (
        cell(MEMORY, INFERENCE) == f"{memory(summary.kv['used_peak_bytes'])}\u2009● · 8.00\u2009KiB a position\u2009ƒ"
    )
    assert cell(MEMORY, GAP) == "8.00×\u2009ƒ"
    assert cell(MEMORY, CLAIM) == "2N× (16×)"
    assert cell(COMPUTATION, CLAIM) == "T× (20.0×)"
    assert cell(UTILISATION, TRAINING) == f"{percent(4e9 / 10e-3 / 2e11)}\u2009ƒ"
    assert cell(THROUGHPUT, TRAINING) == f"{rate(2000, 'tokens/s')}\u2009●"
    assert cell(THROUGHPUT, INFERENCE) == f"{rate(summary.tokens_per_s, 'tokens/s')}\u2009●"
    assert cell(PARALLELISM, TRAINING) == "1 pass\u2009● · 20.0 tokens a pass\u2009ƒ"
    assert cell(BUSY, TRAINING).startswith("not reported")


def test_what_was_not_measured_says_what_to_do(qtbot: QtBot) -> None:
    session = synthetic_session(8)
    panel = summary_panel(qtbot, session)
    cell = panel.table.cell
    assert cell(THROUGHPUT, TRAINING) == NO_PASS
    assert panel.run_button.isVisibleTo(panel)
    assert cell(THROUGHPUT, GAP) == "—"
    session.meta["ceilings"] = ""
    assert summary_panel(qtbot, session).table.cell(UTILISATION, INFERENCE) == NO_CEILING


def test_a_selected_range_limits_it_and_is_named(qtbot: QtBot) -> None:
    session = taught()
    panel = summary_panel(qtbot, session)
    assert panel.range_line.text() == "all 20 steps · 1 teacher-forced pass"
    panel.context.selection.change(steps=(5, 9))
    assert panel.range_line.text() == "steps 5–9"
    assert panel.table.cell(PARALLELISM, INFERENCE) == "5 passes\u2009● · 1.00 tokens a pass\u2009ƒ"


def test_copy_as_markdown_and_as_rows(qtbot: QtBot) -> None:
    session = taught()
    panel = summary_panel(qtbot, session)
    panel.show()
    qtbot.waitExposed(panel)
    qtbot.mouseClick(panel.copy_button, Qt.MouseButton.LeftButton)
    text = QGuiApplication.clipboard().text()
    assert text == markdown(summary_lines(session))
    assert text.splitlines()[0].startswith("| Metric | Training (parallel) | Reference ~ |")
    assert len(text.splitlines()) == 2 + 6
    header, rows = panel.rows()
    assert header == ["metric", "side", "value", "unit", "provenance", "reference"]
    assert ("throughput", "training", pytest.approx(2000.0), "tokens/s", "measured", "1000+ tokens/s") in rows


def test_every_head_defines_its_term(qtbot: QtBot) -> None:
    panel = summary_panel(qtbot, taught())
    for column in range(panel.table.columnCount()):
        head = panel.table.horizontalHeaderItem(column)
        assert head is not None
        assert head.toolTip().endswith(".")
    assert "89" not in panel.figures()
    assert panel.figures().startswith("one parallel pass gives tokens ")


@pytest.mark.parametrize("width", [500, 900, 1600])
def test_no_cell_is_cut(qtbot: QtBot, width: int) -> None:
    panel = summary_panel(qtbot, taught(), width, 700)
    panel.show()
    qtbot.waitExposed(panel)
    table = panel.table
    assert sum(table.columnWidth(i) for i in range(table.columnCount())) <= table.viewport().width() + 1


def test_nothing_to_show(qtbot: QtBot) -> None:
    panel = summary_panel(qtbot, Session())
    assert panel.is_empty
    assert "Run a prompt" in panel.empty_text()


def test_a_number_is_never_parted_from_its_unit_by_a_line(qtbot: QtBot) -> None:
    panel = summary_panel(qtbot, taught())
    text = panel.table.cell(COMPUTATION, TRAINING)
    delegate = panel.table.itemDelegate()
    assert isinstance(delegate, UnbrokenFigures)
    drawn = delegate.displayText(text, panel.locale())
    assert "\u2009" in text
    assert "\u2009" not in drawn
    assert drawn.replace("\u202f", "\u2009") == text
