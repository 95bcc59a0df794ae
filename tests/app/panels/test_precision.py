"""The panel of precisions: each figure is that of `compare-models --json`; it grows, sorts, copies; others say why."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.look.units import count, memory, percent, rate, significant
from app.panels.precision import PrecisionPanel
from app.panels.precision_words import nats
from app.panels.registry import PANELS, entry
from engine.figures.precision import precision_json
from engine.session.store import Session
from tests.app.panels.acting import RecordingControl, shown
from tests.engine.lens import made
from tests.engine.session.synthetic import synthetic_session


@pytest.fixture
def panel(qtbot: QtBot) -> PrecisionPanel:
    found = shown(PrecisionPanel, made.compared(), 1100, 420)
    assert isinstance(found, PrecisionPanel)
    qtbot.addWidget(found)
    return found


def cells(panel: PrecisionPanel) -> dict[str, list[str]]:
    """The texts of the table of both models, by the name of the row."""
    table = panel.sides
    texts = [[item.text() if (item := table.item(row, column)) else "" for column in range(4)] for row in range(8)]
    return {name: rest for name, *rest in texts}


def test_each_figure_is_that_of_the_command_line(panel: PrecisionPanel) -> None:
    told = precision_json(made.compared())
    assert told is not None
    a, b = told["a"], told["b"]
    assert cells(panel) == {
        "Model": ["tale-f16", "tale-q4_0.gguf", ""],
        "Weights held as": ["float16", "Q4_0", ""],
        "Computed in": ["float32", "float32", ""],
        "Decode step ●": [
            rate(a["decode_tokens_per_s"], "tokens/s"), rate(b["decode_tokens_per_s"], "tokens/s"),
            f"{significant(b['decode_tokens_per_s'] / a['decode_tokens_per_s'])}×",
        ],
        "Prompt ●": [
            rate(a["prompt_tokens_per_s"], "tokens/s"), rate(b["prompt_tokens_per_s"], "tokens/s"),
            f"{significant(b['prompt_tokens_per_s'] / a['prompt_tokens_per_s'])}×",
        ],
        "Weights read a token ƒ": [memory(250_000_000), memory(70_000_000), "0.280×"],
        "Memory of weights ƒ": [memory(270_000_000), memory(80_000_000), "0.296×"],
        "Perplexity ●": [
            significant(a["perplexity"], 4), significant(b["perplexity"], 4),
            f"{significant(b['perplexity'] / a['perplexity'])}×",
        ],
    }  # fmt: skip
    assert panel.figures() == f"KL {nats(told['kl'])} a token ● · top token the same {percent(told['same_top'])} ƒ"
    item = panel.sides.item(1, 1)
    assert item is not None
    assert item.toolTip().endswith(f"float16 {memory(269_000_000)} · F32 {memory(1_000_000)}")
    assert panel.note.text() == (
        "300 of 300 tokens of tale.txt, in windows of 512. 12 of 12 layers judged, on 100 tokens each."
    )


def test_layers_are_ranked_by_damage_or_stand_in_their_order(panel: PrecisionPanel) -> None:
    told = precision_json(made.compared())
    assert told is not None
    ranked = [(f"layer {one['layer']}", f"{nats(one['kl'])} · {percent(one['same_top'])}") for one in told["layers"]]
    assert [(bar.name, bar.number) for bar in panel.bars.bars] == ranked
    assert panel.bars.bars[0].name == "layer 11"
    assert panel.bars.bars[0].share == 1.0
    most = told["layers"][0]
    assert panel.bars.words_for(panel.bars.bars[0]) == (
        f"“layer 11” · KL {nats(most['kl'])} a token · same top token {percent(most['same_top'])} · "
        f"perplexity {significant(most['perplexity'], 4)} · 100 tokens"
    )
    panel.pages.buttons["layers"].click()
    assert [bar.name for bar in panel.bars.bars] == [f"layer {index}" for index in range(12)]
    names, rows = panel.rows()
    assert names == ["layer", "positions", "kl_nats", "same_top", "perplexity"]
    by_layer = sorted(told["layers"], key=lambda one: one["layer"])
    assert rows == [
        tuple(one[name] for name in ("layer", "positions", "kl", "same_top", "perplexity")) for one in by_layer
    ]


def test_the_chart_names_the_token_under_the_pointer(panel: PrecisionPanel) -> None:
    panel.pages.buttons["tokens"].click()
    chart, table = panel.chart, panel.session.precision_positions if panel.session else None
    assert table is not None
    assert chart.describe is not None
    words = chart.describe(11.2).splitlines()
    assert words[0] == f"11: {chr(0x22C5)}w10 after 11 tokens"
    assert words[1] == f"KL {nats(float(table['kl'][10]))} · −log p: A {nats(2.0)}, B {nats(2.75)}"
    assert words[2] == f"likeliest: A {chr(0x22C5)}w10, B {chr(0x22C5)}w11"
    assert chart.describe(12.0).splitlines()[2] == f"likeliest: {chr(0x22C5)}w11"
    assert chart.lines[1].y[-1] == pytest.approx(float(table["kl"][:].mean()))
    assert chart.lines[0].y.max() == table["kl"][:].max()
    chart.pick(11.2)
    assert chart.marker == 11.0
    names, rows = panel.rows()
    assert len(rows) == 300
    assert dict(zip(names, rows[10], strict=True))["top_b"] == f"{chr(0x22C5)}w11"


def test_the_tokens_that_part_are_listed_the_most_divergent_first(panel: PrecisionPanel) -> None:
    panel.pages.buttons["parting"].click()
    shown_rows = panel.table.rows.rowCount()
    assert shown_rows == sum(at % 7 == 3 for at in range(300))
    divergences = [float(panel.session.precision_positions["kl"][at]) for at in panel._parted] if panel.session else []
    assert panel.table.cell(0, 4) == nats(max(divergences))
    panel.table.sortByColumn(0, panel.table.horizontalHeader().sortIndicatorOrder().AscendingOrder)
    assert [panel.table.cell(0, column) for column in range(4)] == [
        "4", f"{chr(0x22C5)}w3", f"{chr(0x22C5)}w3", f"{chr(0x22C5)}w4",
    ]  # fmt: skip
    assert len(panel.rows()[1]) == shown_rows


def test_a_comparison_that_goes_on_grows(qtbot: QtBot) -> None:
    session = Session()
    session.apply(made.started())
    panel = shown(PrecisionPanel, session, 700, 500)
    assert isinstance(panel, PrecisionPanel)
    qtbot.addWidget(panel)
    assert not panel.is_empty
    assert panel.figures() == ""
    assert cells(panel)["Perplexity ●"] == ["—", "—", "—"]
    assert cells(panel)["Decode step ●"][0] != "—"
    assert panel.bars.note == "Layers come after the tokens."
    panel.show_page("parting")
    for end in (100, 300):
        session.apply(made.positions(len(session.precision_positions), end))
        panel.refresh()
        assert panel.table.rows.rowCount() == sum(at % 7 == 3 for at in range(end))
    assert panel.figures().endswith(f" · {percent(300 / 1500)} done")
    panel.show_page("damage")
    session.apply(made.layers(5))
    panel.refresh()
    assert [bar.name for bar in panel.bars.bars] == ["layer 3", "layer 1", "layer 4", "layer 2", "layer 0"]
    assert panel.note.text().endswith("5 of 12 layers judged, on 100 tokens each.")
    assert count(300) in panel.note.text()


def test_a_run_has_none_and_the_panel_says_what_would(qtbot: QtBot) -> None:
    panel = shown(PrecisionPanel, synthetic_session(5))
    qtbot.addWidget(panel)
    assert panel.is_empty
    assert "Compare precision" in panel.empty_text()
    assert panel.figures() == ""
    assert panel.rows()[1] == []


@pytest.mark.parametrize("name", [one.name for one in PANELS])
def test_every_other_panel_says_why_it_shows_nothing_of_a_comparison(qtbot: QtBot, name: str) -> None:
    from app.panels.base import PanelContext
    from app.panels.frame import PanelDock

    dock = PanelDock(entry(name), PanelContext(Selection(), RecordingControl()))  # type: ignore[arg-type]
    qtbot.addWidget(dock)
    dock.resize(900, 600)
    dock.show_session(made.compared())
    dock.show()
    dock.refresh()
    QApplication.processEvents()
    assert dock.panel is not None
    said = dock._empty.sentence.text()
    if name in ("precision", "session"):
        assert not dock.panel.is_empty
    elif name in ("query", "compare", "kernels"):  # they show what they are asked for, or what is imported
        assert said == dock.panel.empty_text()
    elif name in ("before-after", "parallel"):
        assert said in ("", dock.panel.empty_text())  # they offer a measurement, whatever is shown
    else:
        assert dock.panel.is_empty
        assert said.startswith("A comparison of two precisions tells of a text that is given")
        assert not dock._empty.run_button.isVisibleTo(dock)
