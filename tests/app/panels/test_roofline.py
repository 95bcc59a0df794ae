"""Roofline panel: points, ceilings and words are those of the session's counts; what lacks is said."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from pytestqt.qtbot import QtBot

from app.look.units import rate, seconds, significant
from app.panels.roofline import RooflinePanel
from app.widgets.roofline_chart import boxes_along
from engine.figures.data_sheets import data_sheet
from engine.figures.metrics import summarise
from engine.figures.phase_cost import phase_costs
from engine.figures.roofline import Roof
from engine.session import schema
from engine.session.schema import PHASES
from engine.session.store import Session
from tests.app.panels.acting import shown
from tests.engine.session.synthetic import synthetic_events, synthetic_session


def roofline_panel(qtbot: QtBot, session: Session, width: int = 1200, height: int = 700) -> RooflinePanel:
    panel = shown(RooflinePanel, session, width, height)
    qtbot.addWidget(panel)
    assert isinstance(panel, RooflinePanel)
    return panel


def named(panel: RooflinePanel, name: str) -> dict[str, object]:
    header, rows = panel.rows()
    return next(dict(zip(header, row, strict=True)) for row in rows if row[0] == name)


@pytest.mark.parametrize("steps", [None, (10, 19)])
def test_decode_is_what_the_steps_counted(qtbot: QtBot, steps: tuple[int, int] | None) -> None:
    session = synthetic_session(40)
    panel = roofline_panel(qtbot, session)
    panel.context.selection.change(steps=steps)
    first, end = (1, 40) if steps is None else (10, 20)  # step 0 is the prefill
    table = session.steps
    flops, moved = int(table["flops"][first:end].sum()), int(table["bytes_moved"][first:end].sum())
    wall_s = float((table["end_ns"] - table["start_ns"])[first:end].sum()) / 1e9
    decode = named(panel, "decode")
    assert decode["flop_per_byte"] == pytest.approx(flops / moved)
    assert decode["flops_per_s"] == pytest.approx(flops / wall_s)
    assert decode["bound"] == "memory"
    assert decode["roof_over_rate"] == pytest.approx(flops / moved * 3e10 / (flops / wall_s))
    row = panel.table.row_of("decode")
    assert panel.table.cell(row, 1) == significant(flops / moved)
    assert panel.table.cell(row, 4) == rate(flops / wall_s, "FLOP/s")
    assert panel.table.cell(row, 6) == seconds(wall_s)
    names = [name for name in ("prefill", "decode") if panel.table.row_of(name) >= 0]
    assert names == (["prefill", "decode"] if steps is None else ["decode"])


def test_a_phase_has_its_own_operations_and_its_own_time(qtbot: QtBot) -> None:
    session = synthetic_session(30)
    panel = roofline_panel(qtbot, session)
    costs = phase_costs(session, (1, 29))
    assert costs is not None
    ffn = PHASES.index("ffn")
    point = named(panel, "ffn")
    assert point["flops"] == costs[0][:, ffn].sum() == 29 * 2 * 8 * 3 * 256 * 688
    assert point["bytes"] == 29 * 8 * 3 * 256 * 688 * 4
    assert point["seconds"] == pytest.approx(float(session.phases["us"][1:30, ffn].sum()) / 1e6)
    assert "norm" not in [row[0] for row in panel.rows()[1]]  # multiplies no matrices


def test_mbu_and_mfu_are_the_same_story(qtbot: QtBot) -> None:
    session = synthetic_session(30)
    panel = roofline_panel(qtbot, session)
    panel.context.selection.change(steps=(1, 29))
    summary = summarise(session, (1, 29))
    decode = named(panel, "decode")
    assert decode["roof_over_rate"] == pytest.approx(1 / summary.mbu)  # memory-bound: MBU is the share of the roof
    assert summary.mfu == pytest.approx(decode["flops_per_s"] / 2e11)  # type: ignore[operator]


def test_the_verdict_in_words(qtbot: QtBot) -> None:
    panel = roofline_panel(qtbot, synthetic_session(30))
    factor = significant(named(panel, "decode")["roof_over_rate"])  # type: ignore[arg-type]
    assert panel.verdict.text().startswith("decode is memory-bound: 0.")
    assert f"under the ridge at {rate(2e11 / 3e10, 'FLOP/byte')}; {factor}× to the memory ceiling" in (
        panel.verdict.text()
    )


def test_compute_bound_and_over_the_roof(qtbot: QtBot) -> None:
    session = synthetic_session(30)
    ceilings = {"read_bytes_per_s": 1e12, "flops_per_s": 1e11}  # ridge 0.1
    session.meta["ceilings"] = json.dumps(ceilings)
    panel = roofline_panel(qtbot, session)
    assert panel.verdict.text().startswith("decode is compute-bound")
    session.meta["ceilings"] = json.dumps({"read_bytes_per_s": 1e9, "flops_per_s": 1e11})
    panel.show_session(session)
    assert panel.verdict.text().startswith("decode is over the roof")


def test_without_ceilings_it_says_what_to_do(qtbot: QtBot) -> None:
    session = synthetic_session(5)
    session.meta["ceilings"] = ""
    panel = roofline_panel(qtbot, session)
    assert panel.chart.ceilings == []
    assert "record it anew" in panel.note.text()
    assert panel.figures() == "ceilings: not measured"


def test_without_phases_the_steps_are_still_there(qtbot: QtBot) -> None:
    session = Session()
    source = synthetic_session(3)
    session.apply([schema.SessionStarted(source.meta), schema.ConfigChanged(0, 0, "{}")])
    session.apply([schema.Step(0, 0, "decode", 0, 1_000_000, -1, 1, 1, 0, 0, 0, 0, 1, 1_000_000, 2_000_000, 0, 0, 0, 1,
                               0, "sdpa", np.zeros((1, len(PHASES)), np.float32).tobytes(), b"")])  # fmt: skip
    panel = roofline_panel(qtbot, session)
    assert [dot.key for dot in panel.chart.dots] == ["decode"]
    assert "detail “phase”" in panel.note.text()


def test_the_data_sheet_stands_beside_what_was_measured(qtbot: QtBot) -> None:
    session = synthetic_session(10)
    session.meta |= {"device_name": "NVIDIA H200", "dtype": "bfloat16"}
    panel = roofline_panel(qtbot, session)
    measured, stated = panel.chart.ceilings
    assert (measured.bytes_per_s, stated.bytes_per_s, stated.flops_per_s) == (3e10, 4.8e12, 989e12)
    assert stated.dashed
    assert stated.bytes_label == f"data sheet: {rate(4.8e12, 'B/s')} ~"
    assert data_sheet("NVIDIA H100 80GB HBM3 MIG 1g.10gb") is None
    assert data_sheet("a CPU") is None


def test_a_click_and_the_arrow_keys_choose_a_point(qtbot: QtBot) -> None:
    panel = roofline_panel(qtbot, synthetic_session(30))
    panel.show()
    qtbot.waitExposed(panel)
    dot = next(dot for dot in panel.chart.dots if dot.key == "prefill")
    spot = panel.chart.place(dot.intensity, dot.flops_per_s)
    qtbot.mouseClick(panel.chart, Qt.MouseButton.LeftButton, pos=QPoint(round(spot.x()), round(spot.y())))
    assert panel.picker.currentData() == "prefill"
    assert panel.table.currentRow() == panel.table.row_of("prefill")
    order = sorted(panel.chart.dots, key=lambda one: one.intensity)
    qtbot.keyClick(panel.chart, Qt.Key.Key_Home)
    assert panel.chart.current == order[0].key
    order = sorted(panel.chart.dots, key=lambda one: one.intensity)
    qtbot.keyClick(panel.chart, Qt.Key.Key_End)
    assert panel.chart.current == order[-1].key


def test_points_lie_where_their_logarithms_say(qtbot: QtBot) -> None:
    panel = roofline_panel(qtbot, synthetic_session(30))
    box, (x, y) = panel.chart.plot_box(), (panel.chart.x_decades, panel.chart.y_decades)
    assert panel.chart.place(10.0 ** x[0], 10.0 ** y[1]).toPoint() == box.topLeft().toPoint()
    middle = panel.chart.place(10.0 ** ((x[0] + x[1]) / 2), 10.0 ** ((y[0] + y[1]) / 2))
    assert (middle - box.center()).manhattanLength() < 1e-6
    for dot in panel.chart.dots:
        assert box.contains(panel.chart.place(dot.intensity, dot.flops_per_s))


def test_the_roof_bends_at_the_ridge() -> None:
    roof = Roof(bytes_per_s=2.0, flops_per_s=10.0, dtype="float32")
    assert roof.ridge == 5.0
    assert [roof.limit(i) for i in (1.0, 5.0, 50.0)] == [2.0, 10.0, 10.0]
    assert [roof.bound(i) for i in (4.9, 5.0)] == ["memory", "compute"]


def test_growing_costs_only_what_is_new(qtbot: QtBot) -> None:
    session = synthetic_session(60)
    panel = roofline_panel(qtbot, session)
    whole = panel.rows()[1]
    other = Session()
    other.apply([schema.SessionStarted(session.meta)])
    grown = roofline_panel(qtbot, other)

    for batch in synthetic_events(60):
        for event in batch:
            other.apply([event])
        grown.refresh()
    for mine, its in zip(grown.rows()[1], whole, strict=True):
        assert mine[0] == its[0]
        assert mine[1:6] == pytest.approx(its[1:6])


def test_nothing_to_show(qtbot: QtBot) -> None:
    panel = roofline_panel(qtbot, Session())
    assert panel.is_empty
    assert "Run a prompt" in panel.empty_text()


def test_the_words_along_the_slope_and_the_names_cover_nothing(qtbot: QtBot) -> None:
    """With points about the memory ceiling, as a model that stays in a cache gives them."""
    start, knee = QPointF(100, 300), QPointF(400, 100)
    boxes = boxes_along(start, knee, 12.0, 50.0, 150.0, lift=10.0)
    for box in boxes:
        x, y = box.center().x() - start.x(), start.y() - box.center().y()
        length = math.dist(start.toTuple(), knee.toTuple())
        assert (300 * x + 200 * y) / length == pytest.approx(min(max((300 * x + 200 * y) / length, 50), 150))
        assert (300 * y - 200 * x) / length == pytest.approx(10)  # above the line
    assert all(one.intersects(other) for one, other in pairwise(boxes))


@pytest.mark.parametrize(("width", "wraps"), [(460, True), (1200, False)])
def test_the_sentence_is_never_cut(qtbot: QtBot, width: int, wraps: bool) -> None:
    panel = roofline_panel(qtbot, synthetic_session(40), width, 380)
    panel.show()
    qtbot.waitExposed(panel)
    lines = panel.verdict.heightForWidth(panel.verdict.width())
    assert panel.verdict.height() >= lines
    assert (lines > panel.verdict.sizeHint().height()) == wraps


def test_in_a_narrow_panel_the_tools_stand_under_the_sentence(qtbot: QtBot) -> None:
    panel = roofline_panel(qtbot, synthetic_session(40), 420, 300)
    panel.show()
    qtbot.waitExposed(panel)
    qtbot.waitUntil(lambda: panel.verdict.width() > 380)
    assert panel.measure.mapTo(panel, QPoint()).y() > panel.verdict.geometry().bottom()
    panel.resize(700, 300)
    qtbot.waitUntil(lambda: panel.measure.mapTo(panel, QPoint()).y() < panel.verdict.geometry().bottom())


def with_levels(session: Session, l3_bytes: int, busy: bool = False) -> Session:
    levels = [
        {"name": "L2", "size_bytes": 2**20, "read_bytes_per_s": 9e10},
        {"name": "L3", "size_bytes": l3_bytes, "read_bytes_per_s": 6e10},
        {"name": "L3 and memory", "size_bytes": 4 * l3_bytes, "read_bytes_per_s": 4e10},
    ]
    facts = {"read_bytes_per_s": 3e10, "flops_per_s": 2e11, "levels": levels, "conditions": {"busy": busy}}
    session.meta["ceilings"] = json.dumps(facts)
    return session


def test_a_model_that_lies_in_a_cache_is_judged_by_the_cache(qtbot: QtBot) -> None:
    session = with_levels(synthetic_session(30), 2**26)
    panel = roofline_panel(qtbot, session)
    decode = named(panel, "decode")
    assert decode["level"] == "L3"
    assert decode["roof_over_rate"] == pytest.approx(decode["flop_per_byte"] * 6e10 / decode["flops_per_s"])  # type: ignore[operator]
    row = panel.table.row_of("decode")
    assert panel.table.cell(row, 3) == "memory-bound (L3)"
    assert panel.table.cell(row, 5) == rate(decode["flop_per_byte"] * 6e10, "FLOP/s")  # type: ignore[operator]
    assert f"under the ridge at {rate(2e11 / 6e10, 'FLOP/byte')}" in panel.verdict.text()
    assert "to the ceiling of L3, which holds all a step reads" in panel.verdict.text()


def test_the_chart_draws_the_roofs_of_the_caches(qtbot: QtBot) -> None:
    panel = roofline_panel(qtbot, with_levels(synthetic_session(30), 2**26))
    memory, *caches = panel.chart.ceilings
    assert (memory.bytes_per_s, memory.cache) == (3e10, False)
    assert [(one.bytes_per_s, one.cache) for one in caches] == [(9e10, True), (6e10, True)]
    assert caches[1].bytes_label == f"L3, up to 64.0\u2009MiB: {rate(6e10, 'B/s')} ●"
    panel.show_session(with_levels(synthetic_session(30), 2**24))  # what a step walks fits a part of it only
    assert [one.bytes_per_s for one in panel.chart.ceilings[1:]] == [9e10, 6e10, 4e10]
    assert panel.table.cell(panel.table.row_of("decode"), 3) == "memory-bound (L3 and memory)"


def test_a_slope_too_short_for_its_label_has_a_short_one(qtbot: QtBot) -> None:
    panel = roofline_panel(qtbot, with_levels(synthetic_session(30), 2**26))
    panel.chart.resize(900, 500)
    panel.chart.grab()
    assert f"L2, up to 1.00\u2009MiB: {rate(9e10, 'B/s')} ●" in panel.chart.slope_labels
    panel.chart.resize(380, 220)
    panel.chart.grab()
    assert f"L2 {rate(9e10, 'B/s')} ●" in panel.chart.slope_labels


def test_ceilings_of_a_busy_machine_are_marked_and_the_button_asks_for_others(qtbot: QtBot) -> None:
    session = with_levels(synthetic_session(30), 2**10, busy=True)
    panel = roofline_panel(qtbot, session)
    assert panel.figures().endswith(" · measured on a busy machine")
    assert "measured on a busy machine" in panel.note.text()
    facts = json.loads(session.meta["ceilings"])
    session.meta["ceilings"] = json.dumps({**facts, "read_bytes_per_s": 1e9, "levels": []})
    panel.refresh()
    assert panel.verdict.text().startswith("decode is over the roof")
    assert "measure again" in panel.verdict.text()
    panel.measure.click()
    assert panel.context.control.measured == 1  # type: ignore[attr-defined]
    session.meta["ceilings"] = json.dumps({**facts, "conditions": {"busy": False}})
    panel.refresh()  # no step came: what was measured again is news enough
    assert "busy" not in panel.figures() + panel.note.text()
    assert panel.verdict.text().startswith("decode is memory-bound")
