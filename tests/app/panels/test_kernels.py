"""The panel of kernels: each figure is that of `info --json`, it sorts, follows the selection and goes to a call."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.look.units import count, percent, seconds
from app.panels.kernels import KernelsPanel
from app.panels.kernels_words import short_name
from app.panels.registry import PANELS, entry
from engine.figures.json_figures import json_figures
from engine.session.store import Session
from tests.app.panels.acting import shown
from tests.engine.importing.made import MadeTrace, serving_trace, session_of
from tests.engine.session.synthetic import synthetic_session


@pytest.fixture(scope="module")
def traced() -> Session:
    return session_of(serving_trace(12, layers=3, prefill_every=5))


@pytest.fixture
def panel(qtbot: QtBot, traced: Session) -> KernelsPanel:
    made = shown(KernelsPanel, traced, 1000, 500)
    assert isinstance(made, KernelsPanel)
    qtbot.addWidget(made)
    return made


def cells(panel: KernelsPanel) -> list[list[str]]:
    rows, columns = panel.table.rows.rowCount(), panel.table.rows.columnCount()
    return [[panel.table.cell(row, column) for column in range(columns)] for row in range(rows)]


@pytest.mark.parametrize("steps", [None, (5, 7)])
@pytest.mark.parametrize("side", ["device", "host"])
def test_every_figure_is_that_of_the_command_line(
    panel: KernelsPanel, traced: Session, side: str, steps: tuple[int, int] | None
) -> None:
    panel.side.buttons[side].click()
    panel.context.selection.change(steps=steps)
    told = json_figures(traced, steps)["trace"]["kernels" if side == "device" else "ranges"]
    third = "mean_s" if side == "device" else "self_s"
    by_total = sorted(told, key=lambda one: -one["total_s"])
    assert len(told) >= 13
    assert sorted(cells(panel)) == sorted(
        [
            short_name(one["name"]), row[1], count(one["calls"]), seconds(one["total_s"]), seconds(one[third]),
            percent(one["share"]), count(one["in_no_step"]),
        ]
        for one, row in zip(by_total, cells(panel), strict=True)
    )  # fmt: skip
    assert [row[0] for row in cells(panel)][:3] == [short_name(one["name"]) for one in by_total[:3]]
    names, rows = panel.rows()
    assert rows == [tuple(one[name] for name in names) for one in told]
    calls, lost = sum(one["calls"] for one in told), sum(one["in_no_step"] for one in told)
    assert panel.figures().startswith(f"{count(calls)} {'kernels' if side == 'device' else 'ranges'} · ")
    assert ("in no step" in panel.figures()) == (lost > 0)


def test_what_belongs_to_no_step_is_shown_and_said(panel: KernelsPanel) -> None:
    (lost,) = [row for row in cells(panel) if row[-1] != "0"]
    assert lost[0].startswith("ncclDevKernel_AllReduce")
    assert panel.figures().endswith("1 in no step")
    panel.context.selection.change(steps=(0, 3))
    assert not any(row[0].startswith("nccl") for row in cells(panel))


def test_a_click_on_a_head_sorts_and_enter_goes_to_the_step_of_the_longest_call(
    qtbot: QtBot, panel: KernelsPanel, traced: Session
) -> None:
    panel.show()
    panel.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert [row[0] for row in cells(panel)] == [short_name(name) for name in sorted({one.name for one in panel.sums})]
    panel.table.selectRow(next(at for at, row in enumerate(cells(panel)) if row[0].startswith("nvjet_tst_256x128")))
    qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    kernels = traced.kernels
    number = traced.trace_names.index("nvjet_tst_256x128_64x4_1x2_h_bz_coopA_TNT")
    took = (kernels["end_ns"] - kernels["start_ns"]) * (kernels["name_id"] == number)
    assert panel.context.selection.now.step == int(kernels["step_id"][int(took.argmax())])


def test_a_trace_without_kernels_shows_the_host_and_one_that_was_cut_short_says_so(qtbot: QtBot) -> None:
    made = MadeTrace()
    made.range("cpu_op", "aten::add", 0.0, 5.0)
    made.events.append({"ph": "B", "cat": "cpu_op", "name": "aten::mul", "pid": 41, "tid": 41, "ts": 6.0})
    made.events.append({"ph": "X", "cat": "python_function", "name": "f", "ts": 1.0, "dur": 2.0})
    panel = shown(KernelsPanel, session_of(made))
    assert isinstance(panel, KernelsPanel)
    qtbot.addWidget(panel)
    assert panel.side.value == "host"
    assert not panel.side.buttons["device"].isEnabled()
    assert [row[0] for row in cells(panel)] == ["aten::add", "aten::mul"]
    assert panel.notes.text() == (
        "1 began and did not end: their ends are not told. "
        "Not kept, as they are neither kernels nor ranges: 1 python_function."
    )


def test_other_sessions_have_none_and_the_panel_says_what_would(qtbot: QtBot) -> None:
    panel = shown(KernelsPanel, synthetic_session(5))
    qtbot.addWidget(panel)
    assert panel.is_empty
    assert "trace of PyTorch's profiler" in panel.empty_text()
    assert panel.figures() == ""
    assert panel.rows() == (["name", "kind", "phase", "calls", "total_s", "self_s", "share", "in_no_step"], [])


def test_a_name_is_short_without_what_says_little() -> None:
    assert short_name("void k<int (*)(float)>(float*, int)") == "k<int (*)(float)>"
    assert short_name("void at::native::(anonymous namespace)::f(int)") == "at::native::(anonymous namespace)::f"
    assert short_name("Memcpy HtoD (Pinned -> Device)") == "Memcpy HtoD (Pinned -> Device)"
    assert short_name("nn.Module: Linear_0") == "Linear_0"
    assert short_name("(odd)") == "(odd)"


@pytest.mark.parametrize("name", [one.name for one in PANELS])
def test_no_panel_shows_zeros_of_what_a_trace_does_not_tell(qtbot: QtBot, traced: Session, name: str) -> None:
    from app.panels.base import PanelContext
    from app.panels.frame import PanelDock
    from tests.app.panels.acting import RecordingControl

    dock = PanelDock(entry(name), PanelContext(Selection(), RecordingControl()))  # type: ignore[arg-type]
    qtbot.addWidget(dock)
    dock.resize(900, 600)
    dock.show_session(traced)
    dock.show()
    dock.refresh()
    QApplication.processEvents()
    assert dock.panel is not None
    if name in ("timeline", "kernels", "session"):
        assert not dock.panel.is_empty
        assert "token" not in dock.header.figures.text()
    elif name in ("query", "compare", "precision"):  # they show what they are asked for
        assert dock._empty.sentence.text() == dock.panel.empty_text()
    else:
        assert dock.panel.is_empty
        assert dock._empty.sentence.text().startswith("A profiler's trace tells of kernels and ranges")
        assert not dock._empty.run_button.isVisibleTo(dock)
