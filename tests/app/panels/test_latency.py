"""Latency panel: its cells are what `summarise` computes, for the run and for the selected steps."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.look import theme
from app.look.theme import GRID
from app.look.units import percent, rate, seconds
from app.panels.latency import LatencyPanel
from app.widgets.latency_table import COLUMNS
from engine.figures.latency import LatencySeries
from engine.figures.metrics import summarise
from engine.session import schema
from engine.session.schema import GROUPS, PHASES
from engine.session.store import Session
from tests.app.figures.shown import listening
from tests.app.panels.acting import shown
from tests.app.panels.sessions import decode_run
from tests.engine.figures.test_latency import small_session
from tests.engine.session.synthetic import synthetic_session


def latency_panel(qtbot: QtBot, session: Session, width: int = 900, height: int = 700) -> LatencyPanel:
    panel = shown(LatencyPanel, session, width, height)
    qtbot.addWidget(panel)
    assert isinstance(panel, LatencyPanel)
    return panel


@pytest.mark.parametrize("steps", [None, (10, 20)])
def test_the_table_shows_what_summarise_computes(qtbot: QtBot, steps: tuple[int, int] | None) -> None:
    session = synthetic_session(64)
    panel = latency_panel(qtbot, session)
    panel.context.selection.change(steps=steps)
    summary = summarise(session, steps)
    decode = summarise(session, steps or (1, 63))  # step 0 computes the prompt, and is no time of a token
    wall = sum(decode.phases_s.values())
    for group in GROUPS:
        assert panel.table.cell(group, "mean") == seconds(decode.groups_s[group] / decode.tokens)
        assert panel.table.cell(group, "share") == percent(decode.groups_s[group] / wall)
    assert panel.table.cell("total", "mean") == seconds(wall / decode.tokens)
    prefill = (session.steps["end_ns"] - session.steps["start_ns"])[0] / 1e9
    assert panel.table.cell("prefill", "mean") == seconds(prefill)
    assert panel.figures().endswith(f"{rate(summary.tokens_per_s, 'tokens/s')} ●")
    for name in ("p50", "p90", "p99"):
        assert panel.table.cell("itl", name) == seconds(summary.itl_s[name])
    first, last = steps or (1, 63)
    walls = (session.steps["end_ns"] - session.steps["start_ns"])[first : last + 1] / 1e9
    assert panel.table.cell("total", "p99") == seconds(np.percentile(walls, 99))
    where = "steps 10–20: 11 steps" if steps else "all 64 steps"
    assert where in panel.range_line.text()


def test_the_reference_column(qtbot: QtBot) -> None:
    panel = latency_panel(qtbot, synthetic_session(6))
    cells = [panel.table.cell(part, "reference") for part in (*GROUPS, "total")]
    assert cells == [seconds(v) for v in (1e-4, 30e-3, 15e-3, 5e-3, 5e-4, None, 50.6e-3)]
    head = [panel.table.horizontalHeaderItem(i).text() for i in range(len(COLUMNS))]
    assert [text[-1] for text in head[1:]] == ["~", "●", "●", "●", "●", "ƒ"]


@pytest.mark.parametrize("width", [330, 420, 470, 560, 700, 1000, 1100])
def test_no_head_of_the_table_is_cut(qtbot: QtBot, width: int) -> None:
    panel = latency_panel(qtbot, synthetic_session(60), width, 560)
    panel.show()
    QApplication.processEvents()
    panel.refresh()
    header = panel.table.horizontalHeader()
    for column in range(len(COLUMNS)):
        head = panel.table.horizontalHeaderItem(column)
        assert head is not None
        text = header.fontMetrics().horizontalAdvance(head.text()) + 2 * GRID  # its padding
        assert header.isSectionHidden(column) or text <= header.sectionSize(column), head.text()


def test_projection_to_n_tokens(qtbot: QtBot) -> None:
    panel = latency_panel(qtbot, small_session())  # 900 µs for 4 tokens
    assert panel.projection.text().startswith(f"tokens = {seconds(22.5e-3)} ƒ")
    assert f"reference: {seconds(5.06)} ~" in panel.projection.text()
    panel.tokens_field.setValue(1000)
    assert panel.projection.text().startswith(f"tokens = {seconds(0.225)} ƒ")


def test_the_gap_between_steps_and_the_devices_silence(qtbot: QtBot) -> None:
    panel = latency_panel(qtbot, small_session())  # gaps of 50 and 150 µs in 1100 µs
    assert f"between steps {seconds(200e-6)} ({percent(200 / 1100)}) ƒ" in panel.range_line.text()
    assert "device time not reported" in panel.range_line.text()


def test_a_bar_a_step_and_the_slowest_where_they_share_a_column(qtbot: QtBot) -> None:
    session = synthetic_session(5000)
    panel = latency_panel(qtbot, session, 700, 500)
    panel.show()
    qtbot.waitExposed(panel)
    steps, edges = panel.chart.bars()
    assert panel.chart.stride > 1
    assert len(steps) <= panel.chart.plot_box().width()
    assert len(edges) == len(steps) + 1
    walls = session.steps["end_ns"] - session.steps["start_ns"]
    stride = panel.chart.stride
    for column in (0, 7, len(steps) - 1):
        assert walls[steps[column]] == walls[column * stride : (column + 1) * stride].max()
    panel.context.selection.change(steps=(100, 109))
    steps, _ = panel.chart.bars()
    assert steps.tolist() == list(range(100, 110))


def test_a_click_on_a_bar_selects_its_step(qtbot: QtBot) -> None:
    panel = latency_panel(qtbot, synthetic_session(20))
    panel.show()
    qtbot.waitExposed(panel)
    steps, edges = panel.chart.bars()
    at = QPoint(round((edges[7] + edges[8]) / 2), panel.chart.height() // 2)
    qtbot.mouseClick(panel.chart, Qt.MouseButton.LeftButton, pos=at)
    assert panel.context.selection.now.step == int(steps[7]) == 7
    qtbot.keyClick(panel.chart, Qt.Key.Key_Right)
    assert panel.context.selection.now.step == 8
    assert seconds(float(panel.session.steps["end_ns"][8] - panel.session.steps["start_ns"][8]) / 1e9) in (  # type: ignore[union-attr]
        panel.describe_step(8)
    )


def test_bars_stack_to_their_colours(qtbot: QtBot) -> None:
    theme.apply("dark")
    panel = latency_panel(qtbot, small_session(), 900, 700)
    panel.show()
    qtbot.waitExposed(panel)
    chart = panel.chart
    picture = chart.grab().toImage()
    _, edges = chart.bars()
    box = chart.plot_box()
    x = round((edges[2] + edges[3]) / 2)
    top = chart.scale.top

    def colour_at(us: float) -> str:
        return picture.pixelColor(x, round(box.bottom() - us / top * box.height())).name()

    # step 2: prepare 100, ffn 300, other 200, from the bottom in the order of GROUPS
    assert colour_at(50) == theme.DARK.groups["prepare"]
    assert colour_at(250) == theme.DARK.groups["ffn"]
    assert colour_at(500) == theme.DARK.groups["other"]
    assert colour_at(630) == theme.DARK.panel


def test_one_far_outlier_is_cut_and_said(qtbot: QtBot) -> None:
    session = synthetic_session(40)
    last = int(session.steps["end_ns"][-1])
    slow = schema.Step(
        40, 0, "decode", last, last + 500_000_000, -1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0, "sdpa",
        np.zeros((1, len(PHASES)), np.float32).tobytes(), b"",
    )  # fmt: skip
    session.apply([slow])
    panel = latency_panel(qtbot, session)
    panel.grab()
    assert (panel.chart.scale.cut, panel.chart.scale.highest) == (1, pytest.approx(500_000))
    assert panel.chart.scale.top < 10_000
    for width, said in ((600, "▲ 1 cut, up to 500\u2009ms"), (150, "▲ 1 cut")):
        panel.chart.resize(width, 200)
        with listening() as heard:
            panel.chart.grab()
        [note] = [one.text for one in heard.painted if "▲" in one.text]
        assert note == said or note.startswith(said + " ·")
    panel.chart.log_button.click()
    panel.grab()
    assert panel.chart.scale.cut == 0
    assert panel.chart.scale.top >= 500_000


def test_layer_by_phase_of_the_selected_step(qtbot: QtBot) -> None:
    session = synthetic_session(20)
    panel = latency_panel(qtbot, session, 1200, 700)
    panel.context.selection.change(step=5)
    detail = session.details.step(5)
    assert detail is not None
    np.testing.assert_array_equal(panel.strip.us, detail[0][:-1])
    assert [PHASES[i] for i in panel.strip.phases] == [
        "norm", "qkv", "rope", "kv_write", "attention", "attn_out", "ffn",
    ]  # fmt: skip
    ffn = PHASES.index("ffn")
    assert seconds(float(detail[0][3, ffn]) / 1e6) in panel.strip.describe(3, ffn)
    panel.context.selection.change(step=None)
    last = session.details.step(19)
    assert last is not None
    np.testing.assert_array_equal(panel.strip.us, last[0][:-1])


def test_without_layer_detail_it_says_what_would_bring_it(qtbot: QtBot) -> None:
    panel = latency_panel(qtbot, small_session(), 1200, 700)
    assert "detail “layer”" in panel.strip.message


@pytest.mark.parametrize(
    ("width", "height", "strip"), [(500, 260, False), (1600, 900, True), (600, 900, True), (600, 500, False)]
)
def test_it_arranges_itself_to_its_size(qtbot: QtBot, width: int, height: int, strip: bool) -> None:
    panel = latency_panel(qtbot, synthetic_session(30), width, height)
    panel.show()
    qtbot.waitExposed(panel)
    assert (panel.width(), panel.height()) == (width, height)
    assert panel.strip.isVisible() == strip
    for widget in (panel.table, panel.chart, panel.projection, panel.range_line):
        assert widget.isVisible()
        corner = widget.mapTo(panel, widget.rect().bottomRight())
        assert corner.x() <= width
        assert corner.y() <= height


def test_figures_and_rows(qtbot: QtBot) -> None:
    panel = latency_panel(qtbot, small_session())
    assert panel.figures().startswith(f"{seconds(225e-6)} a token ●")
    header, rows = panel.rows()
    assert header[2] == "mean_s"
    assert rows[2][:3] == ("ffn", 15e-3, pytest.approx(120e-6))
    panel.show_session(None)
    assert panel.is_empty
    assert panel.figures() == ""


@pytest.mark.parametrize("head", ["A token's time", "A token's time, by part"])
@pytest.mark.parametrize("width", [320, 420, 450, 560, 900])
@pytest.mark.parametrize("height", [220, 290, 700])
def test_no_number_of_the_table_is_cut(qtbot: QtBot, width: int, height: int, head: str) -> None:
    """Nor where the head of the names is wider than they are, as in Chinese."""
    panel = latency_panel(qtbot, synthetic_session(64), 1100, 640)
    names = panel.table.horizontalHeaderItem(0)
    assert names is not None
    names.setText(head)
    panel.show()
    qtbot.waitExposed(panel)
    panel.resize(width, height)
    QApplication.processEvents()
    table = panel.table
    room = 4 * GRID
    for column in range(1, len(COLUMNS)):
        if table.isColumnHidden(column):
            continue
        for row in range(table.rowCount()):
            item = table.item(row, column)
            assert item is not None
            needed = QFontMetrics(item.font()).horizontalAdvance(item.text())
            assert needed + room // 2 <= table.columnWidth(column), item.text()
    assert not table.isColumnHidden(COLUMNS.index("mean"))
    assert table.horizontalHeader().length() <= table.viewport().width()
    shown = [one for one in (panel.chart, panel.histogram, panel.strip) if one.isVisible()]
    assert not any(one.geometry().intersects(table.geometry()) for one in shown)


def test_the_dashed_lines_are_of_the_steps_that_the_bars_show() -> None:
    """Steps that emit eight tokens each take eight times what a token of theirs takes."""
    session = synthetic_session(60, requests=8)
    series = LatencySeries(session)
    series.update()
    walls = (session.steps["end_ns"] - session.steps["start_ns"]) / 1e3
    assert series.step_percentiles_us() == pytest.approx(tuple(np.percentile(walls, (50, 99))))
    assert series.step_percentiles_us((5, 9)) == pytest.approx(tuple(np.percentile(walls[5:10], (50, 99))))
    assert series.step_percentiles_us((70, 80)) is None


def test_a_run_whose_phases_were_not_timed_says_so(qtbot: QtBot) -> None:
    session = decode_run(8, "contiguous").session  # no phases
    assert "phases not timed" in latency_panel(qtbot, session).range_line.text()
    assert "phases not timed" not in latency_panel(qtbot, synthetic_session(6)).range_line.text()


def test_the_reference_stands_beside_what_was_measured_also_beside_a_picture(qtbot: QtBot) -> None:
    panel = latency_panel(qtbot, synthetic_session(64), 938, 330)
    panel.show()
    qtbot.waitExposed(panel)
    QApplication.processEvents()
    assert panel.chart.isVisible()
    assert not panel.table.isColumnHidden(COLUMNS.index("reference"))
