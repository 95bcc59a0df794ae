"""The redundancy panel: its figures, its pixels, its curves."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QFontMetricsF
from pytestqt.qtbot import QtBot

from app.core.subject import subject_of
from app.look.theme import CAPTION_SCALE, GRID, theme, ui_font
from app.models.redundancy import BIT
from app.panels.redundancy import RedundancyPanel
from app.widgets.textures import borders, texture_pixels
from engine.session import schema
from engine.session.store import Session
from tests.app.panels.helpers import click, show
from tests.app.panels.sessions import busy_run, decode_run
from tests.engine.session.synthetic import synthetic_session


def shown(qtbot: QtBot, session: Session, width: int = 1000, height: int = 500) -> RedundancyPanel:
    return cast(RedundancyPanel, show(qtbot, RedundancyPanel, session, width, height))


def last_values(panel: RedundancyPanel) -> list[float]:
    return [float(line.y[-1]) for line in panel.positions.lines]


def cell_place(panel: RedundancyPanel, step: int, position: int) -> QPointF:
    shown_map = panel.map.map
    assert shown_map is not None
    box = panel.map.plot_box()
    steps = shown_map.end_step - shown_map.first_step
    x = box.left() + (step - shown_map.first_step + 0.5) / steps * box.width()
    return QPointF(x, box.bottom() - (position + 0.5) / shown_map.positions * box.height())


def test_64_tokens_without_a_cache(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(64, "none").session)
    text = panel.figures().replace("\u2009", " ")
    assert text == "2 080 computed · 64 new · 2 016 recomputed (96.9 %) ●"
    assert last_values(panel) == [2080, 2080, 64]  # computed, T(T+1)/2, T
    assert [line.dashed for line in panel.positions.lines] == [False, True, True]
    assert panel.positions.lines[1].label.replace("\u2009", " ") == "no cache, T(T+1)/2: 2 080 ~"
    assert float(panel.flops.lines[0].y[-1]) == 1000 * 2080


def test_64_tokens_with_a_cache(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(64, "contiguous").session)
    assert panel.figures().replace("\u2009", " ") == "64 computed · 64 new · 0 recomputed (0 %) ●"
    assert last_values(panel) == [64, 2080, 64]


def test_every_pixel_has_the_class_of_its_cell(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(8, "none").session)
    flags, columns, rows = panel.map.pixel_flags(160, 80)
    for y in range(80):
        for x in range(160):
            step, position = x // 20, (79 - y) // 10
            wanted = 0 if position > step else BIT["new"] if position == step else BIT["recomputed"]
            assert flags[y, x] == wanted, (step, position)
    assert columns[::20].tolist() == list(range(8))
    assert rows[::10].tolist() == list(reversed(range(8)))


def test_classes_differ_by_texture_and_not_by_colour_alone() -> None:
    pictures = []
    for bit in BIT.values():
        flags = np.full((48, 48), bit, np.uint8)
        outline, gaps = borders(flags, np.arange(48), np.arange(48), 8)
        picture = texture_pixels(flags, theme(), outline, 1.0, gaps)
        pixels = [[picture.pixelColor(x, y).rgba() for x in range(48)] for y in range(48)]
        pictures.append(np.array([[pixel != pixels[24][24] for pixel in row] for row in pixels]))
    shapes = {tuple(np.logical_xor(picture, picture[24, 24]).ravel().tolist()) for picture in pictures}
    assert len(shapes) == len(BIT)


def test_a_switch_of_kv_can_be_seen(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(30, "none", switch_at=20).session)
    assert [(note.x, note.label) for note in panel.map.notes] == [(20.0, "kv none → contiguous")]
    flags = panel.map.map.cells  # type: ignore[union-attr]
    assert flags[20].tolist() == [BIT["recomputed"]] * 20 + [BIT["new"]] + [0] * 9
    assert flags[21].tolist() == [BIT["reused"]] * 21 + [BIT["new"]] + [0] * 8
    assert last_values(panel)[0] == 21 * 22 // 2 + 9


def test_a_range_limits_map_and_figures(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(64, "none").session)
    panel.context.selection.change(steps=(10, 19))
    assert panel.figures().replace("\u2009", " ") == "155 computed · 10 new · 145 recomputed (93.5 %) ●"
    assert panel.map.map is not None
    assert (panel.map.map.first_step, panel.map.map.end_step) == (10, 20)
    assert panel.positions.x_range == panel.flops.x_range == (10.0, 20.0)
    computed, without, cached = panel.positions.lines
    assert [line.y[0] for line in panel.positions.lines] == [0, 0, 0]
    assert (computed.y[-1], without.y[-1], cached.y[-1]) == (155, 155, 10)
    assert computed.label == "computed: 155 ●"
    assert "steps 10–12: 36 positions computed" in panel.totals_text(12.5)
    assert [row[0] for row in panel.rows()[1]] == list(range(10, 20))
    panel.context.selection.change(steps=(64, 80))  # steps that are not there yet
    assert panel.counts()["computed"] == 0
    assert panel.totals_text(64.0) == ""
    panel.context.selection.change(steps=None)
    assert panel.counts()["computed"] == 2080
    assert panel.positions.lines[0].y[-1] == 2080


def test_the_tooltip_names_the_class_and_a_click_selects_the_step_and_its_token(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(8, "none").session)
    assert "request 0: recomputed" in panel.cell_text(6, 3)
    assert "request 0: new" in panel.cell_text(6, 6)
    assert "this step: 7 computed, 1 new, 6 recomputed, 0 reused ●" in panel.cell_text(6, 3)
    place = cell_place(panel, 6, 3)
    assert panel.map.cell_at(place) == (6, 3)
    click(panel.map, place.x(), place.y())
    now = panel.context.selection.now
    assert (now.step, now.request, now.token) == (6, 0, None)
    assert panel.session is not None
    subject = subject_of(panel.session, now)  # the token that step 6 gave, also where it computed position 3 again
    assert subject is not None
    assert (subject.step, subject.row, subject.position) == (6, 6, 7)
    assert panel.map.step == 6
    assert panel.totals_text(6.2).startswith("after step 6: 28 positions computed ●")


def test_with_several_requests_the_selected_one_is_shown(qtbot: QtBot) -> None:
    panel = shown(qtbot, busy_run().session)
    assert [name for name, _ in panel.map.legend] == ["new", "reused", "padding", "rejected"]
    assert "padding: belongs to no request" in panel.cell_text(0, 1)
    assert panel.map.names == []
    panel.context.selection.change(request=2)
    assert panel.map.map is not None
    assert panel.map.map.request == 2
    assert panel.map.names == [" Dogs", " sat"]


def test_tokens_are_written_on_the_axis_of_a_short_run(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(5, "none").session)
    assert panel.map.names == ["<s>", " t0", " t1", " t2", " t3"]


def test_arrow_keys_walk_the_steps(qtbot: QtBot) -> None:
    panel = shown(qtbot, decode_run(8, "none").session)
    panel.setFocus()
    seen = []
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Home, Qt.Key.Key_Right):
        qtbot.keyClick(panel, key)
        seen.append(panel.context.selection.now.step)
    assert seen == [7, 6, 0, 1]


@pytest.fixture(scope="module")
def long_session() -> Session:
    return synthetic_session(20_000, layers=2, attention_rows=0, alternatives=1)


def test_a_long_run_is_pooled_and_says_so(qtbot: QtBot, long_session: Session) -> None:
    panel = shown(qtbot, long_session)
    assert "pooled: a cell is 16 × 32 (steps × positions)" in panel.figures()
    flags, _, _ = panel.map.pixel_flags(400, 200)
    present = np.bitwise_or.reduce(flags, axis=0)
    assert ((present & BIT["new"]) != 0).all()  # no column of pixels lost the one new position of its steps
    assert last_values(panel)[0] == long_session.steps["positions_computed"].sum()
    assert len(panel.positions.lines[0].x) < 2000


def test_a_map_of_one_request_of_several_says_so(qtbot: QtBot) -> None:
    panel = shown(qtbot, busy_run().session)
    assert panel.map.caption == ""
    panel.context.selection.change(request=1)
    assert panel.map.caption == "only request 1; figures of all"
    panel.context.selection.change(request=None)
    assert panel.map.caption == ""


def test_a_map_of_a_request_that_nothing_was_computed_for_says_so(qtbot: QtBot) -> None:
    """In a replay, for example: the request that was selected at its end has not begun."""
    session = synthetic_session(4)
    session.apply([schema.RequestArrived(9, "later", [1, 2], ["la", "ter"], "{}", 10**12)])
    panel = shown(qtbot, session)
    panel.context.selection.change(request=9)
    assert panel.map.nothing == "No step has computed request 9 so far."
    assert panel.map.map is not None
    assert panel.map.map.positions == 0
    drawn = panel.map.grab().toImage()
    ground = QColor(theme().panel).rgb()
    assert any(drawn.pixel(x, y) != ground for x in range(drawn.width()) for y in range(drawn.height()))


def test_the_selected_step_does_not_cross_the_caption(qtbot: QtBot) -> None:
    panel = shown(qtbot, synthetic_session(60, requests=3))
    panel.context.selection.change(request=1, step=2)
    box, picture = panel.map.plot_box(), panel.map.grab().toImage()
    left, middle = round(box.left()), round(box.center().y())
    right = next(x for x in range(left + 2, round(box.right())) if is_accent(picture.pixelColor(x, middle)))
    assert right < left + 2 * GRID + QFontMetricsF(ui_font(CAPTION_SCALE)).horizontalAdvance(panel.map.caption)
    assert not any(is_accent(picture.pixelColor(right, round(box.top()) + y)) for y in range(2, 10))


def is_accent(colour: QColor) -> bool:
    return colour.name() == QColor(theme().accent).name()
