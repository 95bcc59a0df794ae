"""The KV memory panel: measured beside the formula, layer by layer."""

from __future__ import annotations

import json
from typing import cast

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.look.theme import theme
from app.panels.kv_memory import KvMemoryPanel
from app.panels.kv_memory_bars import LayerKv
from engine.session import schema
from engine.session.store import Session
from tests.app.figures.shown import listening
from tests.app.panels.helpers import click, colour_at, show
from tests.app.panels.sessions import Recorder, busy_run, decode_run

A_POSITION = 2 * 2 * 16 * 2
"""Bytes of one position in one layer of the recorder's model: K and V, 2 heads of 16 numbers of 2 bytes."""


def shown(qtbot: QtBot, session: Session, width: int = 1000, height: int = 420) -> KvMemoryPanel:
    return cast(KvMemoryPanel, show(qtbot, KvMemoryPanel, session, width, height))


def test_every_layer_shows_what_was_measured_beside_the_formula(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(20, "contiguous").session)
    of_one = LayerKv(20 * A_POSITION, 40 * A_POSITION, 20 * A_POSITION, 40 * A_POSITION, 0, 0)
    assert panel.bars.layers == [of_one] * 2
    assert panel.figures().replace("\u2009", " ") == (
        "after step 19, the last · 5.00 KiB used ● · 10.0 KiB held ● · 10.0 KiB reserved ● · fragmentation 50.0 % ƒ "
        "· formula 5.00 KiB ~"
    )
    assert panel.rows()[1] == [(19, layer, 2560, 5120, 2560, 5120, 0, 0) for layer in range(2)]
    text = panel.layer_text(1).replace("\u2009", " ")
    assert "used 2 560 B ●, reserved 5 120 B ●" in text
    assert "formula 2 · 20 · 2 · 16 · 2 = 2 560 B ~" in text


def test_bars_are_as_long_as_their_bytes(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(20, "contiguous").session)
    bars = panel.bars
    left, right = 64.0, bars.columns()[0][1] - 4
    y = bars.rows_top() + bars.row_height() / 2
    used = theme().positions["new"]
    assert colour_at(bars, left + 0.48 * (right - left), y) == used
    assert colour_at(bars, left + 0.52 * (right - left), y) != used
    middle = round(left + 0.5 * (right - left))
    assert theme().text in {colour_at(bars, x, y) for x in (middle - 1, middle, middle + 1)}  # the formula's marker


def test_the_selected_step_is_shown(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(20, "contiguous").session)
    panel.context.selection.change(step=4)
    assert panel.bars.layers[0].used == 5 * A_POSITION
    assert panel.chart.marker == 4.5
    panel.context.selection.change(step=None, steps=(3, 9))
    assert panel.bars.layers[0].used == 10 * A_POSITION
    assert panel.chart.region == (3, 10)


def test_without_a_cache_it_says_so_and_what_one_would_hold(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(16, "none").session)
    assert panel.bars.hypothetical
    sentence = panel.bars.sentence.replace("\u2009", " ")
    assert sentence.startswith("Nothing is cached")
    assert "for these 16 positions a cache would hold 4.00 KiB ~" in sentence
    assert panel.bars.layers[0] == LayerKv(0, 0, 16 * A_POSITION, 0, 0, 0)
    assert panel.figures().replace("\u2009", " ") == (
        "after step 15, the last · nothing cached · a cache would hold 4.00 KiB ~"
    )


def test_curves_end_at_the_last_step_and_a_switch_is_noted(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(20, "none", switch_at=10).session)
    ends = {line.label.split()[0]: float(line.y[-1]) for line in panel.chart.lines}
    used = 2 * 20 * A_POSITION
    assert ends == {"reserved": 2 * used, "used": used, "formula": used}
    formula = panel.chart.lines[-1]
    assert formula.dashed
    assert formula.y.tolist() == [2 * (step + 1) * A_POSITION for step in range(20)]  # also while nothing was cached
    assert [(note.x, note.label) for note in panel.chart.notes] == [(10.0, "kv none → contiguous")]
    assert not panel.bars.hypothetical
    assert "fragmentation 50.0" in panel.step_text(19.5)


def batch_run() -> Session:
    """Two requests of a static batch, one of which ends: 8 positions each, of which 3 and 2 are filled."""
    recorder = Recorder()
    recorder.switches(kv="contiguous", batching="static")
    recorder.request(0, ["a", "b"])
    recorder.request(1, ["c"])
    tokens = [(0, "x", "target"), (1, "y", "target")]
    recorder.step([(0, 0, 0, 2, 0, 0), (1, 0, 0, 1, 0, 0)], tokens, kv=3, reserved=18, held=16)
    recorder.finish(1)
    recorder.step([(0, 2, 2, 3, 0, 2)], tokens[:1], kv=3, reserved=18, held=8, kept=8)
    return recorder.session


def test_every_class_of_memory_has_its_figures(qtbot: QtBot) -> None:
    panel = shown(qtbot, batch_run())
    figures = panel.figures().replace("\u2009", " ")
    assert "768 B used ● · 2.00 KiB held ● · 4.50 KiB reserved ● · fragmentation 62.5 % ƒ" in figures
    text = panel.step_text(1.5).replace("\u2009", " ")
    assert "held 2.00 KiB ●, kept for a batch that goes on 2.00 KiB ●, evictable 0 B ●, nobody's 512 B ƒ" in text
    text = panel.layer_text(0).replace("\u2009", " ")
    assert "held 1.00 KiB ●, kept for a batch that goes on 1.00 KiB ●, evictable 0 B ●, nobody's 256 B ƒ" in text
    position = 2 * 2 * 16 * 2
    classes = [("used", 3 * position), ("unfilled", 5 * position), ("kept", 8 * position), ("free", 2 * position)]
    assert panel.bars.layers[0].classes() == classes
    assert "62.5 %" in panel.blocks.step_text(1.5).replace("\u2009", " ")


@pytest.mark.parametrize("width", [260, 370, 520, 900])
def test_the_legend_of_the_layers_wraps_instead_of_losing_classes(qtbot: QtBot, width: int) -> None:
    panel = shown(qtbot, batch_run())
    bars = panel.bars
    bars.resize(width, bars.height())
    with listening() as heard:
        bars.grab()
    legend = [one for one in heard.painted if one.place.endswith("_draw_legend")]
    assert [one.text for one in legend] == [
        "used", "held, not yet filled", "kept for a batch that goes on", "nobody's",
    ]  # fmt: skip
    assert max(one.y for one in legend) < bars.rows_top()
    assert all(x < width for _, x, _ in bars.legend_places())


def test_what_an_older_file_lacks_is_not_recorded(qtbot: QtBot) -> None:
    session = batch_run()
    session.steps["kv_held_bytes"][:] = -1
    session.steps["kv_kept_bytes"][:] = -1
    panel = shown(qtbot, session)
    assert "not recorded held" in panel.figures()
    assert "fragmentation — ƒ" in panel.figures()
    assert "held not recorded ●, kept for a batch that goes on not recorded" in panel.step_text(1.5)
    assert [name for name, _ in panel.bars.layers[0].classes()] == ["used"]
    assert not {line.label.split()[0] for line in panel.chart.lines} & {"held", "kept"}
    panel.show_page("all")
    told = {path: size for path, size, _ in panel.rows()[1]}
    assert (told["total/kv/unfilled"], told["total/kv/kept"], told["total/kv/free"]) == (None, None, None)
    item = panel.memory.tree.topLevelItem(0)
    assert item is not None
    assert "not recorded" in [item.child(1).child(index).text(1) for index in range(5)]


def test_header_and_tree_say_of_which_moment_they_are(qtbot: QtBot) -> None:
    """The peak is not the last step: each page names its own, and the header shows the figures of the page."""
    recorder = Recorder()
    recorder.switches(kv="contiguous")
    recorder.request(0, ["a"])
    for step in range(10):
        recorder.step([(0, 0, 0, 1 + step, 0, 0)], kv=1 + step, reserved=90 if step == 4 else 20)
    panel = shown(qtbot, recorder.session)
    selection = panel.context.selection
    for page in ("layers", "blocks"):
        panel.show_page(page)
        assert panel.figures().startswith("after step 9, the last · ")
    selection.change(steps=(0, 7))
    assert panel.figures().startswith("after step 7, the last of the selection · ")
    panel.show_page("all")
    figures = panel.figures().replace("\u2009", " ")
    assert figures.startswith("at the peak, step 4 · ")
    told = {path: size for path, size, _ in panel.rows()[1]}
    assert (told["total/kv"], told["total/kv/used"]) == (2 * 90 * A_POSITION, 2 * 5 * A_POSITION)
    assert "1.25 KiB used" in figures
    assert "22.5 KiB reserved" in figures
    assert panel.memory.moment.text() == (
        "Caches at their peak, step 4; all of it, activations and the allocator at their largest of the steps 0–7."
    )
    root = panel.memory.tree.topLevelItem(0)
    assert root is not None
    assert panel.memory.moment.text() in root.child(1).toolTip(1)
    assert panel.memory.moment.text() in panel.memory.bar.toolTip()
    selection.change(step=6, steps=None)
    assert panel.figures().startswith("after step 6 · ")
    assert panel.memory.moment.text() == "Everything at step 6."
    assert panel.memory.moment.text() in root.child(1).toolTip(1)


def test_evictable_memory_has_its_own_line(qtbot: QtBot) -> None:
    panel = shown(qtbot, busy_run().session)
    ends = {line.label.split()[0]: float(line.y[-1]) for line in panel.chart.lines}
    assert ends["evictable"] == 512


def test_a_peak_survives_a_long_run(qtbot: QtBot) -> None:
    recorder = Recorder()
    recorder.request(0, ["a"])
    for step in range(3000):
        recorder.step([(0, 0, 0, 1, 0, 0)], kv=900 if step == 1234 else 1)
    panel = shown(qtbot, recorder.session)
    used = next(line for line in panel.chart.lines if line.label.startswith("used"))
    assert used.y.max() == 2 * 900 * A_POSITION
    assert len(used.x) < 1500


def test_the_calculator_begins_with_one_gibibyte_and_follows_its_fields(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(20, "contiguous").session)
    calculator = panel.calculator
    assert calculator.predicted_bytes == 2**30
    assert calculator.result.text().replace("\u2009", " ") == "= 1.00 GiB ~"
    calculator.fields["positions"].setValue(4096)
    assert calculator.predicted_bytes == 2**31
    assert calculator.preset.currentData() == "custom"
    calculator.preset.setCurrentIndex(calculator.preset.findData("current"))
    assert calculator.predicted_bytes == 2 * 20 * A_POSITION
    assert calculator.preset.currentData() == "current"
    calculator.preset.setCurrentIndex(calculator.preset.findData("llama-7b"))
    assert calculator.predicted_bytes == 2**30
    calculator.dtype.setCurrentText("float32")
    assert calculator.predicted_bytes == 2**31


def test_the_current_model_follows_the_run(qtbot: QtBot) -> None:
    recorder = decode_run(20, "contiguous")
    panel = shown(qtbot, recorder.session)
    panel.calculator.preset.setCurrentIndex(panel.calculator.preset.findData("current"))
    recorder.step([(0, 20, 20, 21, 0, 20)], [(0, "x", "target")], kv=21)
    panel.refresh()
    assert panel.calculator.predicted_bytes == 2 * 21 * A_POSITION


def test_clicks_and_keys_select_layer_and_step(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(20, "contiguous").session)
    click(panel.bars, 100, panel.bars.rows_top() + 1.5 * panel.bars.row_height())
    assert panel.context.selection.now.layer == 1
    panel.setFocus()
    qtbot.keyClick(panel, Qt.Key.Key_Up)
    assert panel.context.selection.now.layer == 0
    box = panel.chart.plot_box()
    click(panel.chart, box.left() + 7.5 / 20 * box.width(), box.center().y())
    assert panel.context.selection.now.step == 7


@pytest.mark.parametrize("size", [(500, 260), (1600, 900), (300, 700)])
def test_it_fits_every_size(qtbot: QtBot, size: tuple[int, int]) -> None:
    panel = shown(qtbot, decode_run(20, "contiguous").session, *size)
    for widget in (panel.bars, panel.calculator):
        assert panel.rect().contains(widget.geometry())
    assert panel.calculator.geometry().top() >= panel.bars.geometry().bottom()
    last = panel.calculator.result.geometry()
    assert panel.calculator.rect().contains(last)


def test_the_calculator_leaves_room_for_a_draft_model_too(qtbot: QtBot) -> None:
    """Its weights lie on the device beside the target's, whether it drafts or not."""
    session = decode_run(4, "contiguous").session
    facts = {**session.model_config, "weight_bytes": 3 * 2**30}
    session.apply([schema.SessionStarted({
        "model_config": json.dumps(facts), "draft_config": json.dumps({**facts, "weight_bytes": 2**30}),
        "device_memory_bytes": str(80 * 2**30),
    })])  # fmt: skip
    panel = shown(qtbot, session)
    panel.calculator.preset.setCurrentIndex(panel.calculator.preset.findData("current"))
    assert panel.calculator.weights.value() == 4.0
    fits = (80 - 4) * 2**30 // panel.calculator.predicted_bytes
    assert panel.calculator.requests_fit == fits
