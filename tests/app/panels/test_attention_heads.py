"""All heads of a layer side by side: their maps, their entropies, and what the engine is asked to record for them."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.jobs import Jobs
from app.look import theme
from app.look.units import significant
from app.models.attention_rows import AttentionRows
from app.models.head_maps import CELLS, HeadMaps
from app.panels import attention
from app.panels.attention import AttentionPanel
from app.panels.attention_heads import LEAST_SIDE, HeadGrid
from app.widgets.heatmap import CLIPPED, clamp_at, lookup_table, shade
from engine.core.settings import Probe
from engine.figures.metrics import attention_entropy, widest_tokens
from engine.session import schema
from engine.session.store import Session
from tests.app.panels.acting import RecordingControl, shown
from tests.app.panels.helpers import colour_at
from tests.app.panels.sessions import Recorder

HEADS = 4
LENGTH = 12


def row_of(head: int, position: int) -> np.ndarray:
    """Head 0 looks at itself, head 1 at all alike, head 2 at the first, head 3 half at the first and half at itself."""
    row = np.zeros(position + 1, np.float16)
    match head:
        case 0:
            row[position] = 1
        case 1:
            row[:] = 1 / (position + 1)
        case 2:
            row[0] = 1
        case _:
            row[0] += 0.5
            row[position] += 0.5
    return row


def heads_session(length: int = LENGTH, heads: int = HEADS) -> Session:
    recorder = Recorder(heads=max(heads, HEADS))
    recorder.request(0, ["<s>"])
    for step in range(length):
        recorder.step([(0, step, step, step + 1, 0, step)], [(0, f" t{step}", "target")])
        recorder.session.apply(
            [schema.AttentionRow(step, 0, 0, head, step, row_of(head, step).tobytes()) for head in range(heads)]
        )
    return recorder.session


def attention_panel(qtbot: QtBot, session: Session, width: int = 900, height: int = 600) -> AttentionPanel:
    panel = shown(AttentionPanel, session, width, height)
    qtbot.addWidget(panel)
    assert isinstance(panel, AttentionPanel)
    return panel


def test_entropy_of_known_rows() -> None:
    assert attention_entropy(np.array([0, 0, 1], np.float32)) == 0
    assert attention_entropy(np.full(8, 1 / 8, np.float32)) == pytest.approx(math.log(8))
    assert [widest_tokens(np.full(10, 0.1, np.float32), share) for share in (0.1, 0.9, 1.0)] == [1, 9, 10]
    assert widest_tokens(np.array([0.04, 0.92, 0.04], np.float32), 0.9) == 1
    assert widest_tokens(np.empty(0, np.float32), 0.9) == 0


def test_the_model_holds_every_head_and_its_entropies() -> None:
    maps = HeadMaps(AttentionRows(heads_session()), 0, 0)
    assert maps.update() == {0, 1, 2, 3}
    assert maps.update() == set()
    for head, one in maps.heads.items():
        for position in range(LENGTH):
            np.testing.assert_array_equal(one.grid.cells[position, : position + 1], row_of(head, position))
    assert maps.entropy(0, 11) == 0
    assert maps.entropy(1, 11) == pytest.approx(math.log(12), abs=1e-3)
    assert maps.entropy(3, 11) == pytest.approx(math.log(2), abs=1e-3)
    assert maps.heads[1].mean_entropy_of(None) == pytest.approx(np.mean([math.log(n) for n in range(1, 13)]), abs=1e-3)


def test_a_long_recording_is_read_in_pieces_to_the_same_end() -> None:
    session = heads_session(300, 2)
    pieces, whole = HeadMaps(AttentionRows(session), 0, 0), HeadMaps(AttentionRows(session), 0, 0)
    whole.update()
    assert not whole.behind
    pieces.update(0.0)
    assert pieces.behind
    while pieces.behind:
        pieces.update(0.001)
    for head in (0, 1):
        assert pieces.heads[head].grid.factor == math.ceil(300 / CELLS)
        np.testing.assert_array_equal(pieces.heads[head].grid.cells, whole.heads[head].grid.cells)
        assert pieces.heads[head].entropies == whole.heads[head].entropies


def test_a_recording_of_several_heads_opens_with_all_of_them(qtbot: QtBot) -> None:
    panel = attention_panel(qtbot, heads_session())
    assert panel.heads_box.isChecked()
    assert panel.heads.heads == [0, 1, 2, 3]
    assert panel.heads.title() == "head · mean entropy, nats ƒ"
    assert panel.heads.entropy(2) == 0
    one = attention_panel(qtbot, heads_session(heads=1))
    assert not one.heads_box.isChecked()
    assert one.heads.isHidden()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_each_map_is_drawn_in_the_heat_maps_colours(qtbot: QtBot, scheme: theme.Scheme) -> None:
    theme.apply(scheme)
    panel = attention_panel(qtbot, heads_session())
    panel.show()
    qtbot.waitExposed(panel)
    panel.refresh()
    table = lookup_table()

    def colour(head: int, query: int, key: int) -> str:
        box = panel.heads.map_box(head)
        cell = box.width() / LENGTH
        return colour_at(panel.heads, box.left() + (key + 0.5) * cell, box.top() + (query + 0.5) * cell)

    def shown_as(probability: float) -> str:
        value = int(shade(np.array([probability], np.float32), log=False)[0])
        return "#{:02x}{:02x}{:02x}".format(*table[value])

    assert colour(0, 11, 11) == shown_as(1.0)
    assert colour(0, 11, 5) == shown_as(0.0)
    assert colour(2, 11, 0) == shown_as(1.0)
    assert colour(3, 11, 11) == shown_as(0.5)


def test_a_click_and_the_arrow_keys_pick_a_head(qtbot: QtBot) -> None:
    panel = attention_panel(qtbot, heads_session())
    panel.show()
    qtbot.waitExposed(panel)
    control = panel.context.control
    assert isinstance(control, RecordingControl)
    box = panel.heads.map_box(2)
    qtbot.mouseClick(
        panel.heads, Qt.MouseButton.LeftButton, pos=QPoint(round(box.center().x()), round(box.center().y()))
    )
    assert panel.context.selection.now.head == 2
    assert control.probes[-1] == Probe(0, None)  # all heads go on being recorded
    assert panel.heads.selected == 2
    qtbot.keyClick(panel.heads, Qt.Key.Key_Right)
    assert panel.context.selection.now.head == 3
    assert panel.heads.accessibleDescription().startswith("layer 0, head 3: 12 rows")


def test_the_selected_row_has_its_own_entropies(qtbot: QtBot) -> None:
    panel = attention_panel(qtbot, heads_session())
    panel.choose_query(7)
    assert panel.heads.query == 7
    assert panel.heads.title() == "head · entropy of the row, nats ƒ"
    assert panel.heads.entropy(1) == pytest.approx(math.log(8), abs=1e-3)
    assert "this row 2.08 nats" in panel.heads.describe(1)


def test_asking_for_all_heads_and_for_one_again(qtbot: QtBot) -> None:
    panel = attention_panel(qtbot, heads_session(heads=1))
    control = panel.context.control
    assert isinstance(control, RecordingControl)
    panel.heads_box.setChecked(True)
    assert control.probes == [Probe(0, None)]
    assert panel.context.selection.now.all_heads
    assert not panel.heads.isHidden()
    panel.layer_picker.setValue(1)
    assert control.probes[-1] == Probe(1, None)
    panel.heads_box.setChecked(False)
    assert control.probes[-1] == Probe(1, 0)
    assert panel.heads.isHidden()


def test_the_colours_end_at_a_percentile_and_larger_values_have_one_of_their_own(qtbot: QtBot) -> None:
    panel = attention_panel(qtbot, heads_session())
    assert panel.clamp.currentData() == 95
    panel.context.selection.change(head=1)
    cells = np.concatenate([row_of(1, position) for position in range(LENGTH)]).astype(np.float32)
    panel.clamp.setCurrentIndex(panel.clamp.findData(90.0))
    top = float(np.percentile(cells, 90))
    assert clamp_at(cells, 90) == pytest.approx(top)
    expected = shade(row_of(1, 11).astype(np.float32), False, top)
    np.testing.assert_array_equal(panel.map.shades[11], expected)
    assert shade(np.array([top, 1.01 * top], np.float32), False, top).tolist() == [CLIPPED - 1, CLIPPED]
    assert panel.map.shades[0, 0] == CLIPPED
    bar = panel.map.colour_bar
    assert (bar.clipped_text(), bar.ticks()[-1][1]) == ("> p90", significant(top, 2))
    assert significant(top, 2) in bar.toolTip()
    table = panel.map.image.lut
    np.testing.assert_array_equal(table, lookup_table(top))
    assert not (table[1:CLIPPED] == table[CLIPPED]).all(axis=1).any()
    panel.log_box.setChecked(True)
    assert panel.map.colour_bar.ticks()[0][1] == "≤0.00010"
    panel.clamp.setCurrentIndex(0)
    panel.log_box.setChecked(False)
    assert panel.map.colour_bar.ticks()[-1] == (1.0, "1")
    assert not panel.map.colour_bar.clips


def test_the_row_says_on_how_few_tokens_it_rests(qtbot: QtBot) -> None:
    panel = attention_panel(qtbot, heads_session())
    panel.context.selection.change(head=3)
    panel.choose_query(9)
    assert "90 % of it on 2 of the 10 tokens up to it" in panel.row_label.text()
    panel.context.selection.change(head=1)
    panel.choose_query(9)
    assert "90 % of it on 9 of the 10 tokens up to it" in panel.row_label.text()


def test_the_small_maps_have_their_share_when_they_appear(qtbot: QtBot) -> None:
    panel = attention_panel(qtbot, heads_session(heads=1), 1200, 600)
    panel.show()
    qtbot.waitExposed(panel)
    panel.heads_box.setChecked(True)
    assert panel.heads.width() == pytest.approx(0.36 * panel.width(), abs=0.03 * panel.width())
    panel.resize(400, 900)
    assert panel.heads.geometry().bottom() < panel.map.geometry().top()  # above where it is high


def test_a_selected_range_limits_the_entropies_and_frames_its_rows(qtbot: QtBot) -> None:
    panel = attention_panel(qtbot, heads_session())
    panel.context.selection.change(steps=(2, 5))
    assert panel.heads.title() == "head · mean entropy of the selected steps, nats ƒ"
    assert panel.heads.entropy(1) == pytest.approx(np.mean([math.log(n) for n in (3, 4, 5, 6)]), abs=1e-3)
    assert panel.figures().startswith("request 0 · step 11 · position 12 · 4 of 12 rows ●")
    box = panel.map.range_box
    assert box is not None
    assert (box.top(), box.bottom()) == (2, 6)
    assert ": 4 rows, mean entropy" in panel.heads.describe(1)
    panel.context.selection.change(steps=(100, 200))
    assert panel.heads.entropy(1) is None
    assert ": 0 rows, mean entropy — nats" in panel.heads.describe(1)
    assert panel.map.range_box is None
    panel.context.selection.change(steps=None)
    assert panel.heads.entropy(1) == pytest.approx(np.mean([math.log(n) for n in range(1, 13)]), abs=1e-3)


def test_a_panel_that_still_reads_heads_says_so(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture waits for it."""
    with monkeypatch.context() as no_time:
        no_time.setattr(attention, "HEADS_AT_ONCE_S", 0.0)
        panel = shown(AttentionPanel, heads_session(300, 2), jobs=Jobs(lambda failure: None))
        qtbot.addWidget(panel)
        assert isinstance(panel, AttentionPanel)
        panel.show()
        qtbot.waitExposed(panel)
        panel.refresh()
        assert panel.is_behind
    panel.refresh()
    qtbot.waitUntil(lambda: not panel.is_behind)
    assert panel.heads.maps is not None
    assert len(panel.heads.maps.heads[1].entropies) == 300


def test_entropies_of_small_pictures_have_fewer_figures(qtbot: QtBot) -> None:
    heads = attention_panel(qtbot, heads_session()).heads
    assert heads.entropy_text(1, 200) == significant(heads.entropy(1) or 0.0)
    texts = [heads.entropy_text(1, room) for room in range(200, 0, -1)]
    assert list(dict.fromkeys(texts)) == ["1.67", "1.7", ""]


def test_a_selected_step_shows_the_row_that_it_computed(qtbot: QtBot) -> None:
    panel = attention_panel(qtbot, heads_session())
    panel.context.selection.change(step=6, token=None)
    assert panel.query_shown == 6
    panel.context.selection.change(step=9)
    assert panel.query_shown == 9


def test_a_session_without_attention_says_how_to_get_some(qtbot: QtBot) -> None:
    recorder = Recorder()
    recorder.request(0, ["<s>"])
    recorder.step([(0, 0, 0, 1, 0, 0)], [(0, " a", "target")])
    panel = attention_panel(qtbot, recorder.session)
    assert "next steps" in panel.map.message.text()
    recorder.session.apply([schema.RequestFinished(0, 10**9, "length")])
    panel.refresh()
    assert "run the prompt again" in panel.map.message.text()
    assert not panel.map.cell_names


def test_a_grid_without_heads_has_none_under_the_pointer(qtbot: QtBot) -> None:
    grid = HeadGrid()
    qtbot.addWidget(grid)
    grid.resize(200, 100)
    assert grid.head_at(5.0, 5.0) is None


@pytest.mark.parametrize("size", [(280, 240), (290, 430), (1200, 260)])
@pytest.mark.parametrize("heads", [4, 32])
def test_all_heads_and_the_large_map_are_of_use_in_a_small_panel(
    qtbot: QtBot, size: tuple[int, int], heads: int
) -> None:
    panel = attention_panel(qtbot, heads_session(heads=heads), *size)
    panel.show()
    qtbot.waitExposed(panel)
    QApplication.processEvents()
    boxes = [panel.heads.map_box(head) for head in range(heads)]
    for box in boxes:
        assert box.width() >= LEAST_SIDE
        assert panel.heads.rect().toRectF().contains(box)
    assert not any(one.intersects(other) for one, other in pairwise(boxes))
    assert panel.map.view.width() >= 80
    assert panel.map.view.height() >= 80
    seen = panel.heads.parentWidget()
    assert seen is not None
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right) * 4:
        qtbot.keyClick(panel.heads, key)
        assert panel.heads.selected is not None
        middle = panel.heads.map_box(panel.heads.selected).center().toPoint()
        assert seen.rect().contains(panel.heads.mapTo(seen, middle))  # scrolled to
