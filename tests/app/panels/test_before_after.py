"""Before and after panel: its cells are the figures of the runs in the session; what cannot run says why."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.look.units import rate, significant
from app.models.before_after import NOT_MEASURED, NOT_YET, RAN, load_text, side_text
from app.panels.base import PanelContext
from app.panels.before_after import BeforeAfterPanel
from engine.client.suite import Suite, WantedSuite
from engine.figures.before_after import LoadFigures, SideFigures, before_after
from engine.figures.improvements import IMPROVEMENTS
from engine.session.joining import Joiner
from engine.session.schema import Mark
from engine.session.store import Session
from tests.app.panels.acting import RecordingControl
from tests.engine.session.synthetic import synthetic_events

OFF, ON, FACTOR, CLAIM, TOKENS = 3, 4, 5, 6, 7
(KV, PAGED, TOGETHER, DRAFT, NGRAM, SDPA, TRITON, TRITON_MEMORY, NATIVE, NATIVE_MEMORY, BATCHING, GRAPHS) = range(12)


class MeasuringControl(RecordingControl):
    """A control that remembers the suites it was asked for."""

    def __init__(self, unavailable: dict[str, str] | None = None) -> None:
        super().__init__()
        self.unavailable = unavailable or {}
        self.suite_progress: tuple[int, int] | None = None
        self.suites: list[Suite] = []
        self.stopped = 0

    def start_suite(self, suite: Suite | WantedSuite) -> None:
        made = suite.make(self.unavailable, self.model_config) if isinstance(suite, WantedSuite) else suite
        self.suites.append(made)

    def stop_run(self) -> None:
        self.stopped += 1


def measured(repeats: int = 3) -> Session:
    session, joiner = Session(), Joiner()
    for repeat in range(1 + repeats):
        for side in ("off", "on"):
            joiner.begin(f"kv {side} {repeat}")
            for batch in synthetic_events(8, kv="none" if side == "off" else "contiguous", seed=repeat):
                session.apply(joiner.rewrite(batch))
    session.apply([joiner.note("graphs unavailable: CUDA graphs need a CUDA device.")])
    return session


def panel_of(
    qtbot: QtBot, session: Session | None, control: MeasuringControl, width: int = 1200, height: int = 640
) -> BeforeAfterPanel:
    panel = BeforeAfterPanel(PanelContext(Selection(), control))
    qtbot.addWidget(panel)
    panel.resize(width, height)
    panel.show_session(session)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


def test_cells_are_the_figures_of_the_runs(qtbot: QtBot) -> None:
    session = measured()
    panel = panel_of(qtbot, session, MeasuringControl())
    kv = before_after(session)[KV]
    assert kv.off is not None
    assert kv.factor is not None
    cell = panel.table.cell
    assert cell(KV, OFF).startswith(f"{rate(kv.off.median, 'tokens/s')}\u2009● (")
    least, most = (rate(value, "tokens/s").partition("\u2009")[0] for value in (kv.off.least, kv.off.most))
    assert cell(KV, OFF).endswith(f"({least}–{most})")
    assert cell(KV, FACTOR) == f"{significant(kv.factor)}×\u2009ƒ"
    assert cell(KV, TOKENS) == "the same"
    assert cell(KV, RAN) == "4 + 8 tokens"
    assert kv.load is not None
    assert (kv.load.requests, kv.load.generated, kv.load.kv_limit_bytes) == (1, (8, 8), None)
    assert cell(KV, CLAIM) == "O(T²) → O(T)\u2009~"
    assert cell(PAGED, CLAIM) == cell(TOGETHER, CLAIM) == "2–4×\u2009~"
    assert cell(NATIVE_MEMORY, CLAIM) == "—"
    assert cell(PAGED, OFF) == NOT_MEASURED
    assert cell(GRAPHS, 0) == "Step launched as one"
    assert cell(GRAPHS, OFF) == "cannot run here: CUDA graphs need a CUDA device."
    assert [one.value for one in panel.chart.factors] == [kv.factor]
    header, rows = panel.rows()
    row = dict(zip(header, rows[KV], strict=True))
    assert (row["off"], row["off_least"], row["off_most"]) == (kv.off.median, kv.off.least, kv.off.most)
    assert row["factor"] == kv.factor
    assert panel.figures() == f"1 measured · most: KV cache {significant(kv.factor)}× ƒ"


def test_before_anything_ran_the_reasons_are_the_engines(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, None, MeasuringControl({"attention=triton": "No GPU."}))
    assert not panel.is_empty
    assert panel.table.cell(TRITON, OFF) == "cannot run here: No GPU."
    assert panel.table.cell(KV, OFF) == NOT_MEASURED


def test_a_reason_takes_two_columns_and_gives_them_back(qtbot: QtBot, qtlog: Any) -> None:
    panel = panel_of(qtbot, None, MeasuringControl())
    assert panel.table.columnSpan(KV, OFF) == 2
    panel.show_session(measured())
    assert panel.table.columnSpan(KV, OFF) == 1
    assert panel.table.columnSpan(GRAPHS, OFF) == 2
    panel.show_session(measured(4))  # other figures, the same reason
    assert panel.table.columnSpan(GRAPHS, OFF) == 2
    panel.restyle()
    assert [record.message for record in qtlog.records if "span" in record.message] == []


def test_measure_all_runs_what_can_run_on_the_sessions_prompt(qtbot: QtBot) -> None:
    control = MeasuringControl({"attention=triton": "No GPU.", "graphs=True": "No GPU.", "speculate=draft": "None."})
    session = measured()
    panel = panel_of(qtbot, session, control)
    qtbot.mouseClick(panel.measure_button, Qt.MouseButton.LeftButton)
    (suite,) = control.suites
    assert suite.total == 2 * (5 * 4 + 1)  # what is only counted runs once
    assert suite.now is not None
    assert suite.now.run.requests[0].prompt == session.requests[0].prompt
    assert panel.progress.isVisible()
    assert not panel.measure_button.isEnabled()


def test_the_number_of_tokens_is_the_persons(qtbot: QtBot) -> None:
    control = MeasuringControl()
    panel = panel_of(qtbot, None, control)
    assert panel.note.text().startswith("Measures 64 greedy tokens after “The cat sits on”")
    panel.tokens.setValue(300)
    assert panel.note.text().startswith("Measures 300 greedy tokens")
    qtbot.mouseClick(panel.measure_button, Qt.MouseButton.LeftButton)
    (suite,) = control.suites
    assert suite.now is not None
    assert suite.now.run.requests[0].max_new_tokens == 300


def test_what_was_measured_is_said_whatever_is_chosen_next(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, measured(), MeasuringControl())
    panel.tokens.setValue(300)
    assert panel.note.text().startswith("Measured: 8 greedy tokens after")


def test_the_note_says_how_often_this_session_repeated(qtbot: QtBot) -> None:
    assert ", timed 2 times after" in panel_of(qtbot, measured(2), MeasuringControl()).note.text()


def test_runs_of_something_else_are_no_measurement_of_improvements(qtbot: QtBot) -> None:
    session = measured()
    session.marks[:] = [Mark(0, "measure", "batch static 1"), Mark(1, "measured", "finished")]
    assert panel_of(qtbot, session, MeasuringControl()).note.text().startswith("Measures 64 greedy tokens")


def test_progress_is_shown_and_can_be_cancelled(qtbot: QtBot) -> None:
    control = MeasuringControl()
    control.suite_progress = (3, 40)
    panel = panel_of(qtbot, measured(), control)
    assert (panel.progress.value(), panel.progress.maximum()) == (3, 40)
    assert panel.table.cell(PAGED, OFF) == NOT_YET
    qtbot.mouseClick(panel.cancel_button, Qt.MouseButton.LeftButton)
    assert control.stopped == 1
    control.suite_progress = None
    panel.refresh()
    assert not panel.cancel_button.isVisible()
    assert panel.measure_button.isEnabled()


@pytest.mark.parametrize(("height", "chart"), [(640, True), (300, False)])
def test_a_low_panel_keeps_the_table(qtbot: QtBot, height: int, chart: bool) -> None:
    panel = panel_of(qtbot, measured(), MeasuringControl(), height=height)
    panel.resize(1200, height + 1)
    assert panel.chart.isVisible() == chart
    assert panel.table.isVisible()


def test_bars_end_where_their_factor_lies(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, measured(), MeasuringControl())
    low, high = panel.chart.limits()
    assert low < min(1.0, panel.chart.factors[0].value)
    assert high > max(1.0, panel.chart.factors[0].value)


def test_a_reference_names_its_source(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, measured(), MeasuringControl())

    def tip(row: int) -> str:
        item = panel.table.item(row, CLAIM)
        assert item is not None
        return item.toolTip()

    assert "section 8, item 1" in tip(KV)
    assert "section 8, item 2" in tip(PAGED)
    assert "section 8, item 3" in tip(DRAFT)
    assert "section 8, item 4" in tip(NATIVE)
    assert "names no factor" in tip(NATIVE_MEMORY)
    head = panel.table.horizontalHeaderItem(CLAIM)
    assert head is not None
    assert head.text() == "Reference ~"


def test_repeats_that_are_alike_are_said_to_be() -> None:
    paged = next(one for one in IMPROVEMENTS if one.key == "paged")
    assert side_text(paged, SideFigures((0.5,))) == "50.0\u2009%\u2009●"
    assert side_text(paged, SideFigures((0.5, 0.5))) == "50.0\u2009%\u2009● (2 alike)"
    assert side_text(paged, SideFigures((0.5, 0.25, 0.75))) == "50.0\u2009%\u2009● (25.0–75.0)"


def test_what_ran_is_said_with_its_limits() -> None:
    load = LoadFigures(24, (3, 8), (6, 96), 96, 2 * 2**20)
    assert load_text(load).replace("\u2009", " ") == "24 requests, 3–8 + 6–96 tokens of at most 96, in 2.00 MiB of KV"
    assert load_text(LoadFigures(1, (742, 742), (16, 16), 16, None)) == "742 + 16 tokens"


def test_a_reason_is_said_once(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, None, MeasuringControl({"attention=triton": "No GPU."}))
    names = [panel.table.cell(row, 0) for row in range(panel.table.rowCount())]
    assert [name for name in names if "triton" in name] == ["FlashAttention (triton): time"]
    assert "FlashAttention (native): memory" in names
