"""What all painted widgets share: a painter that ends, a tool tip under the pointer, a drag that pans."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter
from PySide6.QtWidgets import QToolTip, QWidget
from pytestqt.qtbot import QtBot

from app.look.painting import painting
from app.look.theme import GRID, theme
from app.models.axis_view import AxisView
from app.widgets.axis_chart import AxisChart
from app.widgets.bar_list import Bar, BarList
from app.widgets.elided_combo import ElidedCombo
from app.widgets.elided_label import ElidedLabel
from app.widgets.hover import HoverWidget
from app.widgets.line_chart import GUTTER, Line, LineChart
from app.widgets.painted import PaintedWidget, caption_height, draw_turned
from app.widgets.stack_chart import StackChart
from app.widgets.time_split import TimeSplit

APP = Path(__file__).parents[2] / "app"


def painters_of(trace: TracebackType | None) -> list[QPainter]:
    """The painters that a traceback keeps."""
    found = []
    while trace is not None:
        found += [value for value in trace.tb_frame.f_locals.values() if isinstance(value, QPainter)]
        trace = trace.tb_next
    return found


def broken_split() -> QWidget:
    widget = TimeSplit()
    widget.parts = [("no such kind", 1.0)]
    return widget


def broken_chart() -> QWidget:
    widget = StackChart()
    widget.show_steps(np.ones((4, 1)), np.ones(4), 0)
    widget.lines = [("half", "p50")]  # type: ignore[list-item]
    return widget


def broken_bars() -> QWidget:
    widget = BarList("")
    widget.bars = [Bar("one", "half", "1", "#000000")]  # type: ignore[arg-type]
    return widget


class BrokenLabel(ElidedLabel):
    def shown(self) -> str:
        raise ValueError("nothing to show")


@pytest.mark.parametrize("make", [broken_split, broken_chart, broken_bars, BrokenLabel])
def test_a_painter_ends_where_the_drawing_fails(qtbot: QtBot, make: Callable[[], QWidget]) -> None:
    """Qt crashes when a painter outlives its paint event, and a traceback keeps the one it went through."""
    widget = make()
    qtbot.addWidget(widget)
    widget.resize(300, 120)
    with pytest.raises((KeyError, TypeError, ValueError)) as failure:
        widget.grab()
    painters = painters_of(failure.tb)
    assert painters
    assert not any(painter.isActive() for painter in painters)


@pytest.mark.parametrize("path", sorted(APP.rglob("*.py")), ids=lambda path: str(path.relative_to(APP)))
def test_only_one_place_makes_a_painter(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    made = [node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "QPainter"]
    assert len(made) == (1 if path.name == "painting.py" else 0)


class Halves(HoverWidget[str]):
    """Says `left` in its left half and nothing in its right one."""

    draws_hover = True

    def __init__(self) -> None:
        super().__init__()
        self.picked: list[str] = []
        self.drawn = 0

    def place_at(self, at: QPointF) -> str | None:
        return "left" if at.x() < self.width() / 2 else None

    def words_for(self, place: str) -> str:
        return f"the {place} half"

    def pick(self, place: str) -> None:
        self.picked.append(place)

    def paint(self, painter: QPainter) -> None:
        self.drawn += 1


def move(widget: QWidget, x: float, kind: QEvent.Type = QEvent.Type.MouseMove) -> None:
    """Tell a widget that the pointer moved, or that the left button was pressed or released there."""
    at, button = QPointF(x, 10), Qt.MouseButton.LeftButton
    screen = QPointF(widget.mapToGlobal(QPoint(int(x), 10)))
    event = QMouseEvent(kind, at, screen, button, button, Qt.KeyboardModifier.NoModifier)
    widget.event(event)


def test_the_tool_tip_follows_the_pointer_and_a_click_picks(qtbot: QtBot) -> None:
    widget = Halves()
    qtbot.addWidget(widget)
    widget.resize(200, 40)
    widget.show()
    qtbot.waitExposed(widget)
    move(widget, 20)
    assert (widget.hovered, QToolTip.text()) == ("left", "the left half")
    move(widget, 20, QEvent.Type.MouseButtonPress)
    move(widget, 150, QEvent.Type.MouseButtonPress)
    assert widget.picked == ["left"]
    move(widget, 150)
    assert widget.hovered is None
    move(widget, 20)
    widget.event(QEvent(QEvent.Type.Leave))
    assert widget.hovered is None


def test_a_widget_is_filled_in_the_colour_of_panels(qtbot: QtBot) -> None:
    widget = Halves()
    qtbot.addWidget(widget)
    assert widget.grab().toImage().pixelColor(1, 1) == QColor(theme().panel)


class Ruler(AxisChart[float]):
    """An axis of 100 units over 200 pixels."""

    def __init__(self) -> None:
        super().__init__(AxisView(0.0, 100.0, "free", 0.0, 1000.0))
        self.picked: list[float] = []

    def plot_box(self) -> QRectF:
        return QRectF(0, 0, 200, 40)

    def place_at(self, at: QPointF) -> float | None:
        return self.value_at(at.x())

    def words_for(self, place: float) -> str:
        return f"{place:g}"

    def pick(self, place: float) -> None:
        self.picked.append(place)

    def paint(self, painter: QPainter) -> None:
        pass


def test_a_drag_pans_and_what_was_grabbed_stays_under_the_pointer(qtbot: QtBot) -> None:
    ruler = Ruler()
    qtbot.addWidget(ruler)
    move(ruler, 100, QEvent.Type.MouseButtonPress)
    move(ruler, 102)
    assert ruler.view.lo == 0  # a hand that shakes is no drag
    for x in (80, 60, 20):
        move(ruler, x)
        assert ruler.value_at(x) == pytest.approx(50)
    move(ruler, 20, QEvent.Type.MouseButtonRelease)
    assert ruler.picked == []
    move(ruler, 20, QEvent.Type.MouseButtonPress)
    move(ruler, 20, QEvent.Type.MouseButtonRelease)
    assert ruler.picked == [pytest.approx(50)]


@pytest.mark.parametrize(
    ("key", "lo", "hi"),
    [
        (Qt.Key.Key_W, 10, 90), (Qt.Key.Key_S, 0, 125), (Qt.Key.Key_A, 0, 100), (Qt.Key.Key_D, 15, 115),
        (Qt.Key.Key_F, 0, 1020),
    ],
)  # fmt: skip
def test_keys_zoom_and_pan(qtbot: QtBot, key: Qt.Key, lo: float, hi: float) -> None:
    ruler = Ruler()
    qtbot.addWidget(ruler)
    assert ruler.move_by_key(key)
    assert (ruler.view.lo, ruler.view.hi) == pytest.approx((lo, hi))
    assert not ruler.move_by_key(Qt.Key.Key_X)


def test_every_painted_widget_draws_itself() -> None:
    """A class between the base and the charts need not, one that is shown must."""
    shared = {HoverWidget, AxisChart}
    todo, found = [PaintedWidget], set()
    while todo:
        for kind in todo.pop().__subclasses__():
            todo.append(kind)
            found.add(kind)
    assert all("paint" in vars(kind) for kind in found - shared if kind.__module__.startswith("app."))


def drawn(draw: Callable[[QPainter], None]) -> QImage:
    image = QImage(60, 60, QImage.Format.Format_RGB32)
    image.fill(0)
    with painting(image) as painter:
        painter.setPen(QColor("white"))
        draw(painter)
    return image


def test_chinese_beside_an_axis_stands_upright_and_other_words_are_turned() -> None:
    area = QRectF(0, 0, 60, 60)
    middle = Qt.AlignmentFlag.AlignCenter
    assert drawn(lambda painter: draw_turned(painter, area, "位")) == drawn(
        lambda painter: painter.drawText(area, middle, "位")
    )
    assert drawn(lambda painter: draw_turned(painter, area, "step")) != drawn(
        lambda painter: painter.drawText(area, middle, "step")
    )


def test_a_scale_never_reaches_into_the_title(qtbot: QtBot) -> None:
    chart = LineChart(lambda value: f"{value:.0f}")
    qtbot.addWidget(chart)
    chart.resize(300, 160)
    for most in (20.0, 19.0, 18.9):  # the highest tick is right below the upper edge, or at it
        chart.show_lines([Line("", np.array([0.0, 1.0]), np.array([0.0, most]), "#ff0000")], (0.0, 1.0))
        picture = chart.grab(QRect(0, 0, GUTTER, round(chart.plot_box().top()) - GRID)).toImage()
        ground = QColor(theme().panel).rgb()
        assert all(picture.pixel(x, y) == ground for x in range(picture.width()) for y in range(picture.height()))


def test_a_combo_box_ends_a_long_text_in_an_ellipsis(qtbot: QtBot) -> None:
    box = ElidedCombo()
    qtbot.addWidget(box)
    box.addItem("recording.dscope · /a/folder/with/a/long/name")
    box.resize(140, 24)
    box.grab()
    assert box.shown().endswith("…")
    assert box.currentText().startswith(box.shown()[:-1])
    box.resize(800, 24)
    assert box.shown() == box.currentText()


@pytest.mark.parametrize("values", [(0.001, 0.002), (0.9, 0.95), (0.001, 0.9)])
def test_labels_of_lines_cross_neither_each_other_nor_the_numbers_below(
    qtbot: QtBot, values: tuple[float, float]
) -> None:
    chart = StackChart()
    qtbot.addWidget(chart)
    chart.resize(200, 200)
    chart.show_steps(np.full((4, 1), 1e6), np.full(4, 1e6), 0)
    chart.grab()
    chart.lines = [(value * chart.scale.top, name) for value, name in zip(values, ("p50", "p99"), strict=True)]
    box = QRectF(20, 30, 150, 140)
    (upper, _, above), (lower, _, below) = chart.line_labels(box)
    assert (upper, lower) == ("p99", "p50")
    assert below - above >= caption_height()
    assert below + caption_height() / 4 <= box.bottom() + 1
