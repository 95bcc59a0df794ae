"""All heads of a layer side by side, each as a small map with its entropy; a click picks a head."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QPainter,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QSplitter, QWidget

from app.look.theme import CAPTION_SCALE, GRID, theme, ui_font
from app.look.units import DERIVED, NOT_APPLICABLE, count, significant
from app.models.head_maps import HeadMaps
from app.widgets.focus import claims_key, frame_focus
from app.widgets.heatmap import lookup_table, shade
from app.widgets.hover import HoverWidget
from app.widgets.painted import caption_height

SHARE: Final = 0.36
"""Share of the width or height that the small maps take."""
LEAST_SIDE: Final = 14 * GRID
"""Least side of a small map in pixels; where more of them do not fit, they scroll."""
LEAST_LARGE: Final = 48 * GRID
"""Least height of the large map beside or below them, in pixels, axes included."""
LEAST_HEADS: Final = 30 * GRID
"""Least height of the part of the small maps that is seen: the title and one row of them."""
LEAST_BESIDE: Final = 110 * GRID
"""Least width of both side by side; in a narrower widget they are one above the other."""
TITLE_FLAGS: Final = Qt.TextFlag.TextWordWrap.value | Qt.AlignmentFlag.AlignLeft.value
KEYS: Final = frozenset({Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down})


class HeadGrid(HoverWidget[int]):
    """Draws HeadMaps; `clicked` carries a head. The arrow keys go from head to head.

    `revealed` carries the rectangle of a map that a key has chosen, so that it can be scrolled into view.
    """

    clicked = Signal(int)
    revealed = Signal(QRect)
    draws_hover = True
    fills_ground = False

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.maps: HeadMaps | None = None
        self.selected: int | None = None
        self.query: int | None = None
        """The query whose entropy is shown for each head; None: the mean over the head's rows."""
        self.steps: tuple[int, int] | None = None
        """The selected range of steps: the mean is over the rows that these steps computed; None: over all rows."""
        self._images: dict[int, QImage] = {}
        self._scale: tuple[bool, float] = (False, 1.0)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumWidth(2 * (LEAST_SIDE + 2 * GRID))
        self.setAccessibleName(self.tr("All heads of the layer"))

    def sizeHint(self) -> QSize:
        return QSize(280, 280)

    def show_maps(self, maps: HeadMaps | None, changed: set[int], log: bool, top: float) -> None:
        """Draw these heads; shade only the changed ones again, or all where the maps or the colour scale changed."""
        if maps is not self.maps or (log, top) != self._scale:
            self._images.clear()
            changed = set(maps.heads) if maps is not None else set()
        self.maps, self._scale = maps, (log, top)
        for head in changed:
            if maps is not None and maps.heads[head].grid.positions:
                self._images[head] = self._picture(head, log, top)
        self._take_height()
        self.update()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self._images.clear()
        self.show_maps(self.maps, set(self.maps.heads) if self.maps is not None else set(), *self._scale)

    def _picture(self, head: int, log: bool, top: float) -> QImage:
        assert self.maps is not None
        shades = np.ascontiguousarray(shade(self.maps.heads[head].grid.cells, log, top))
        side = len(shades)
        picture = QImage(shades.tobytes(), side, side, side, QImage.Format.Format_Indexed8).copy()
        picture.setColorTable([QColor(*(int(c) for c in one)).rgb() for one in lookup_table(top)])
        return picture

    # --- geometry ---------------------------------------------------------------------------------------------------

    @property
    def heads(self) -> list[int]:
        """The heads that are shown, in order."""
        return sorted(self.maps.heads) if self.maps is not None else []

    def least_height(self, width: int) -> int:
        """The height that maps of LEAST_SIDE need, in as many columns as the width has room for."""
        columns = max(1, width // (LEAST_SIDE + 2 * GRID))
        rows = -(-max(1, len(self.heads)) // columns)
        return math.ceil(self.title_box().bottom() + rows * (LEAST_SIDE + caption_height() + 2 * GRID))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._take_height()

    def _take_height(self) -> None:
        """Ask the scroll area around the maps for the height that they need."""
        self.setMinimumHeight(self.least_height(self.width()))

    def title_box(self) -> QRectF:
        """The rectangle of the title, as many lines high as the title needs."""
        room = QRectF(GRID, GRID / 2, self.width() - 2 * GRID, self.height())
        box = QFontMetricsF(ui_font(CAPTION_SCALE)).boundingRect(room, TITLE_FLAGS, self.title())
        return box.adjusted(0, 0, GRID, GRID)

    def columns(self) -> int:
        """The number of heads in a row that gives the largest maps."""
        n, top = max(1, len(self.heads)), self.title_box().bottom()
        line = caption_height()
        return max(range(1, n + 1), key=lambda c: self._side(c, -(-n // c), top, line))

    def _side(self, columns: int, rows: int, top: float, line: float) -> float:
        return min(self.width() / columns - 2 * GRID, (self.height() - top) / rows - line - 2 * GRID)

    def map_box(self, head: int) -> QRectF:
        """Where a head's map is drawn."""
        return self._boxes()[head]

    def _boxes(self) -> dict[int, QRectF]:
        """Where the map of every head is drawn."""
        heads, columns, line, top = self.heads, self.columns(), caption_height(), self.title_box().bottom()
        side = max(8.0, self._side(columns, -(-max(1, len(heads)) // columns), top, line))
        boxes = {}
        for place, head in enumerate(heads):
            row, column = divmod(place, columns)
            left, upper = column * (side + 2 * GRID) + GRID, top + row * (side + line + 2 * GRID) + line
            boxes[head] = QRectF(left, upper, side, side)
        return boxes

    def head_at(self, x: float, y: float) -> int | None:
        """The head at a point of the widget; None outside all maps."""
        line = caption_height()
        for head, box in self._boxes().items():
            if box.left() - GRID <= x <= box.right() + GRID and box.top() - line <= y <= box.bottom() + GRID:
                return head
        return None

    # --- drawing ----------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter) -> None:
        colours, line = theme(), caption_height()
        painter.setPen(QColor(colours.muted))
        if self.maps is None or not self.heads:
            words = self.tr("The heads of the layer appear here as they are recorded.")
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, words)
            return
        painter.drawText(self.title_box(), TITLE_FLAGS, self.title())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        for head, box in self._boxes().items():
            if head in self._images:
                painter.drawImage(box, self._images[head])
            else:
                painter.setPen(QColor(colours.muted))
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self.tr("reading…"))
            chosen = head == self.selected
            painter.setPen(QPen(QColor(colours.accent if chosen else colours.line), 2 if chosen else 1))
            painter.drawRect(box.adjusted(-1, -1, 0, 0))
            if head == self.hovered and not chosen:
                painter.setPen(QPen(QColor(colours.muted), 1))
                painter.drawRect(box.adjusted(-1, -1, 0, 0))
            painter.setPen(QColor(colours.text if chosen else colours.muted))
            area = QRectF(box.left(), box.top() - line, box.width(), line)
            painter.drawText(area, Qt.AlignmentFlag.AlignLeft, str(head))
            painter.drawText(area, Qt.AlignmentFlag.AlignRight, self.entropy_text(head, box.width()))
        frame_focus(self, painter)

    def title(self) -> str:
        """The title: what the numbers are, whether the pictures are pooled, and how many heads are left out."""
        what = self.tr("mean entropy, nats {}")
        if self.query is not None:
            what = self.tr("entropy of the row, nats {}")
        elif self.steps is not None:
            what = self.tr("mean entropy of the selected steps, nats {}")
        parts = [self.tr("head · {}").format(what.format(DERIVED))]
        factor = max((one.grid.factor for one in self.maps.heads.values()), default=1) if self.maps is not None else 1
        if factor > 1:
            parts.append(self.tr("pooled {n} × {n}").format(n=factor))
        if self.maps is not None and self.maps.left_out:
            parts.append(self.tr("and {} more heads").format(count(self.maps.left_out)))
        return " · ".join(parts)

    def entropy(self, head: int) -> float | None:
        """The entropy of a head in nats: of the selected query's row, or the mean over the head's rows."""
        if self.maps is None:
            return None
        if self.query is not None:
            return self.maps.entropy(head, self.query)
        return self.maps.heads[head].mean_entropy_of(self.steps)

    def entropy_text(self, head: int, room: float) -> str:
        """The entropy above a head's picture, with as many digits as fit beside the head's number; "" if none fit."""
        entropy, metrics = self.entropy(head), QFontMetricsF(ui_font(CAPTION_SCALE))
        if entropy is not None and not math.isfinite(entropy):
            return NOT_APPLICABLE
        texts = [] if entropy is None else [significant(entropy), significant(entropy, 2), f"{entropy:.1f}"]
        number = metrics.horizontalAdvance(f"{head} ")
        return next((text for text in texts if number + metrics.horizontalAdvance(text) <= room), "")

    def describe(self, head: int) -> str:
        """The tool tip of a small map."""
        maps = self.maps
        if maps is None or head not in maps.heads:
            return ""
        one, steps = maps.heads[head], self.steps
        mean = one.mean_entropy_of(steps)
        text = self.tr("layer {layer}, head {head}: {rows} rows, mean entropy {nats} nats ƒ").format(
            layer=maps.layer,
            head=head,
            rows=count(len(one.entropies_of(steps))),
            nats=NOT_APPLICABLE if mean is None else significant(mean),
        )
        here = None if self.query is None else maps.entropy(head, self.query)
        return text if here is None else f"{text}\n" + self.tr("this row {nats} nats ƒ").format(nats=significant(here))

    # --- pointer and keys -------------------------------------------------------------------------------------------

    def place_at(self, at: QPointF) -> int | None:
        return self.head_at(at.x(), at.y())

    def words_for(self, place: int) -> str:
        return self.describe(place)

    def pick(self, place: int) -> None:
        self.clicked.emit(place)

    def event(self, event: QEvent) -> bool:
        return claims_key(event, KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        by = {
            Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -self.columns(), Qt.Key.Key_Down: self.columns(),
        }.get(Qt.Key(event.key()))  # fmt: skip
        heads = self.heads
        if by is None or not heads:
            super().keyPressEvent(event)
            return
        now = heads.index(self.selected) if self.selected in heads else 0
        head = heads[min(max(now + by, 0), len(heads) - 1)]
        self.setAccessibleDescription(self.describe(head))
        self.clicked.emit(head)
        self.revealed.emit(self.map_box(head).toRect())


class HeadsBesideMap(QSplitter):
    """The small maps beside the large one, or above it where the widget is higher than wide; `heads` starts hidden.

    Until the user moves the divider, the small maps get SHARE of the width or height. They scroll where there is no
    room for all of them, and the large map keeps a useful height.
    """

    def __init__(self, heads: HeadGrid, large: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._large = large
        self._moved = False
        self.setChildrenCollapsible(False)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setMinimumSize(heads.minimumWidth() + self.area.verticalScrollBar().sizeHint().width(), LEAST_HEADS)
        self.area.setWidget(heads)
        self.area.viewport().setAutoFillBackground(False)
        heads.setAutoFillBackground(False)  # setWidget has switched it on
        heads.revealed.connect(lambda box: self.area.ensureVisible(box.center().x(), box.center().y(), 0, box.height()))
        self.addWidget(self.area)
        self.addWidget(large)
        self.splitterMoved.connect(self._by_hand)
        heads.installEventFilter(self)
        heads.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The area around the small maps is shown and hidden with them."""
        if event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent):
            shown = event.type() == QEvent.Type.ShowToParent
            self.area.setVisible(shown)
            self._large.setMinimumHeight(LEAST_LARGE if shown else 0)
            self._share()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share()

    def _by_hand(self) -> None:
        self._moved = True

    def _share(self) -> None:
        beside = self.width() >= max(self.height(), LEAST_BESIDE)
        self.setOrientation(Qt.Orientation.Horizontal if beside else Qt.Orientation.Vertical)
        if not self._moved:
            room = self.width() if beside else self.height()
            self.setSizes([round(SHARE * room), round((1 - SHARE) * room)])
