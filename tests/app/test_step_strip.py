"""The step strip's arithmetic: marks, image, view, and its cost with very many steps."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.look.theme import theme
from app.look.units import rate, seconds
from app.models.bar_scale import bar_scale
from app.widgets.step_columns import StepColumns, StepLatencies, bars_image
from app.window.step_strip import StepStrip
from app.window.strip_pauses import SEAM, draw_pauses, pause_texts
from app.window.strip_text import cut_text, switch_marks
from engine.session import schema
from engine.session.store import Session
from tests.engine.figures.test_pauses import held
from tests.engine.session.synthetic import synthetic_session


@pytest.fixture(scope="module")
def session() -> Session:
    return synthetic_session(2000, attention_rows=0)


@pytest.fixture
def selection() -> Selection:
    return Selection()


@pytest.fixture
def strip(qtbot: QtBot, selection: Selection, session: Session) -> StepStrip:
    strip = StepStrip(selection)
    qtbot.addWidget(strip)
    strip.resize(1000, strip.sizeHint().height())
    strip.show_session(session)
    return strip


def columns_of(strip: StepStrip) -> StepColumns:
    scene = strip.scene()
    assert scene is not None
    return scene.columns


def test_few_steps_have_a_bar_each(session: Session) -> None:
    latencies = StepLatencies()
    latencies.update(session)
    columns = latencies.columns(10, 20, 100)
    assert columns.first_step.tolist() == list(range(10, 20))
    assert columns.left.tolist() == [10.0 * i for i in range(10)]
    wall = (session.steps["end_ns"] - session.steps["start_ns"])[10:20]
    assert columns.latency_ns.tolist() == wall.tolist()


def test_a_wider_strip_is_filled(strip: StepStrip) -> None:
    strip.show()
    before = columns_of(strip)
    strip.resize(1600, strip.height())
    after = columns_of(strip)
    assert len(after.first_step) > len(before.first_step)
    assert after.left[-1] >= strip.plot_box().width() - 2


def test_many_steps_share_columns_and_the_slowest_is_shown(session: Session) -> None:
    latencies = StepLatencies()
    latencies.update(session)
    columns = latencies.columns(0, 2000, 100)
    assert len(columns.first_step) == 100
    wall = session.steps["end_ns"] - session.steps["start_ns"]
    assert columns.latency_ns.tolist() == wall.reshape(100, 20).max(axis=1).tolist()


def test_an_outlier_does_not_flatten_the_rest() -> None:
    outlier = synthetic_session(2000, attention_rows=0)
    outlier.steps["end_ns"][5] = outlier.steps["start_ns"][5] + 10**12
    latencies = StepLatencies()
    latencies.update(outlier)
    columns = latencies.columns(0, 100, 100)
    assert columns.latency_ns.max() == 10**12
    scale = bar_scale(columns.latency_ns, log=False)
    assert scale.top < 2 * int(np.median(columns.latency_ns))
    assert (scale.cut, scale.highest) == (1, 1e12)
    assert cut_text(scale) == f"▲ 1 cut, up to {seconds(1000.0)}"


def test_the_image_has_each_bar_at_its_place_and_height(session: Session) -> None:
    latencies = StepLatencies()
    latencies.update(session)
    columns = latencies.columns(0, 4, 40)
    heights = np.array([1.0, 0.5, 0.25, 0.0])
    image = bars_image(columns, heights, 9.0, 40, 20, 1.0, [0xFF112233] * 5)
    filled = [[image.pixel(x, y) == 0xFF112233 for y in range(20)] for x in range(40)]
    assert [sum(column) for column in filled] == [20] * 9 + [0] + [10] * 9 + [0] + [5] * 9 + [0] + [1] * 9 + [0]
    assert filled[10][10:] == [True] * 10  # bars stand on the ground


def test_zooming_out_follows_and_panning_back_stops_following(qtbot: QtBot, strip: StepStrip) -> None:
    assert strip.view == (0.0, 2000.0)
    strip.zoom(0.1, strip.x_of(1000))
    assert not strip.following
    first, last = strip.view
    assert last - first == pytest.approx(200)
    assert (first + last) / 2 == pytest.approx(1000, abs=1)
    qtbot.keyClick(strip, Qt.Key.Key_D)
    assert strip.view[0] == pytest.approx(first + 20)
    strip.set_following(True)
    assert strip.view[1] == pytest.approx(2000)
    strip.zoom(100, strip.x_of(1000))
    assert strip.view == (0.0, 2000.0)


def test_framing_shows_the_selected_range_then_all(strip: StepStrip, selection: Selection) -> None:
    selection.change(steps=(100, 299))
    strip.frame()
    assert strip.view == (100.0, 300.0)
    strip.frame()
    assert strip.view == (0.0, 2000.0)


def test_switch_changes_are_marked_with_what_changed() -> None:
    session = Session()
    session.apply([schema.ConfigChanged(0, 0, '{"kv": "none", "k": 4}')])
    session.apply([schema.ConfigChanged(1, 7, '{"kv": "contiguous", "k": 4}')])
    assert switch_marks(session) == [(7, "kv=contiguous")]


def test_marks_say_a_switch_as_it_is_typed() -> None:
    session = Session()
    values = ({"graphs": False, "kv_memory": 1000}, {"graphs": True, "kv_memory": None})
    session.apply([schema.ConfigChanged(i, i, json.dumps(one)) for i, one in enumerate(values)])
    assert switch_marks(session) == [(1, "graphs=on, kv_memory=no limit")]


def test_no_line_of_a_switch_crosses_the_text_of_another(strip: StepStrip) -> None:
    session = synthetic_session(100, attention_rows=0)
    values = ({"kv": "contiguous"}, {"kv": "none"}, {"kv": "contiguous"}, {"kv": "none"})
    session.apply([schema.ConfigChanged(i, (0, 20, 23, 60)[i], json.dumps(one)) for i, one in enumerate(values)])
    strip.show_session(session)
    picture, top = strip.grab().toImage(), round(strip.plot_box().top())
    crossed = [
        QColor(theme().warn).name() in {picture.pixelColor(round(strip.x_of(step)) + dx, top).name() for dx in (-1, 0)}
        for step in (20, 23, 60)
    ]
    assert crossed == [True, False, True]


def test_a_hundred_thousand_steps_are_drawn_as_soon_as_as_many_as_fit(qtbot: QtBot) -> None:
    """What is drawn is one bar a column of pixels, however many steps it stands for; both are drawn in turn."""
    strips = []
    for steps in (100_000, 2000):
        strip = StepStrip(Selection())
        qtbot.addWidget(strip)
        strip.resize(1600, strip.sizeHint().height())
        strip.show_session(synthetic_session(steps, layers=1, attention_rows=0, alternatives=0))
        strip.grab()
        strips.append(strip)
    costs: list[list[float]] = [[], []]
    for _ in range(15):
        for cost, strip in zip(costs, strips, strict=True):
            start = time.thread_time()
            strip.refresh()
            strip.grab()
            cost.append(time.thread_time() - start)
    many, few = map(np.median, costs)
    assert many < 4 * few  # 50 times as many steps; 1.5 on an AMD EPYC


def test_bars_outside_the_selected_range_fade(strip: StepStrip, selection: Selection) -> None:
    plot = strip.plot_box()

    def colour(step: int) -> str:
        return strip.grab().toImage().pixelColor(round(strip.x_of(step)), round(plot.bottom()) - 2).name()

    before = colour(200)
    selection.change(steps=(500, 1000))
    assert colour(750) == before
    assert colour(200) != before
    assert colour(200) == colour(1500)


def test_one_step_and_one_token_are_said_as_one(qtbot: QtBot) -> None:
    strip = StepStrip(Selection())
    qtbot.addWidget(strip)
    strip.show_session(synthetic_session(1))
    assert strip.range_text().startswith("1 step · ")
    assert " · 1 token · " in strip.range_text()


def test_pauses_are_seams_and_no_part_of_the_range(qtbot: QtBot) -> None:
    session = held()
    strip = StepStrip(Selection())
    qtbot.addWidget(strip)
    strip.resize(1000, strip.sizeHint().height())
    strip.show_session(session)
    wall_s = 27e-3  # 40 s of which 20 s less two steps were paused
    assert strip.range_text() == f"3 steps · {seconds(wall_s)} · 3 tokens · {rate(3 / wall_s, 'tokens/s')}"
    assert pause_texts(session) == [(1, f"paused {seconds(9.989)}"), (2, f"paused {seconds(9.992)}")]
    assert "before it" not in strip.tip(0)
    assert strip.tip(2).endswith(f"paused {seconds(9.992)} before it")
    plot = strip.plot_box()
    x, y = round(strip.x_of(2)), round(plot.top()) + 2
    assert strip.grab().toImage().pixelColor(x, y).name() == QColor(theme().warn).name()
    assert pause_texts(held(resumed=False))[-1] == (2, "paused")


@pytest.mark.parametrize("taken", [(), ((100.0, 160.0),)])
def test_a_pause_is_not_written_over_the_text_of_a_switch(qtbot: QtBot, taken: tuple[tuple[float, float], ...]) -> None:
    image = QImage(600, 40, QImage.Format.Format_RGB32)
    image.fill(QColor("black"))
    painter = QPainter(image)
    draw_pauses(painter, held(), QRectF(0, 0, 600, 40), lambda step: 100 * step, taken)
    painter.end()
    beside = image.copy(100 + SEAM, 0, 90 - SEAM, 40)
    blank = QImage(beside.size(), beside.format())
    blank.fill(QColor("black"))
    assert (beside == blank) == bool(taken)
