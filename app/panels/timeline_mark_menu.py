"""What can be done with marks on the timeline by pointer: jump to one, rename it, remove it, put one."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPoint, QPointF
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from app.look.units import MOST_OF_TOKEN, cut, name_of
from app.models.mark_words import mark_words
from app.models.marks import is_own
from app.panels.base import MarkKeeper
from app.panels.timeline_canvas import TimelineCanvas
from app.panels.timeline_hits import mark_at
from app.widgets.plain import menu_text


class TimelineMarkMenu(QObject):
    """A click on a mark's label jumps to it, a double click renames it, and a menu offers the rest."""

    def __init__(self, canvas: TimelineCanvas, marks: MarkKeeper) -> None:
        super().__init__(canvas)
        self._canvas, self._marks = canvas, marks
        self.menu = QMenu(canvas)
        canvas.mark_picked.connect(marks.jump)
        canvas.mark_opened.connect(marks.rename_mark)
        canvas.menu_wanted.connect(self.open)

    def open(self, place: QPointF, at: QPoint) -> None:
        """Offer what can be done at a point of the canvas; the menu opens at `at` on the screen."""
        scene = self._canvas.scene()
        if scene is None or scene.model.is_empty:
            return
        self.menu.clear()
        mark = mark_at(scene, self._canvas.lanes(), place)
        if mark is not None:
            self.menu.addSection(menu_text(cut(name_of(mark_words(mark)), MOST_OF_TOKEN)))
            self._offer(self.tr("Go to its step")).triggered.connect(lambda: self._marks.jump(mark))
        if mark is not None and is_own(mark):
            self._offer(self.tr("Rename mark…")).triggered.connect(lambda: self._marks.rename_mark(mark))
            self._offer(self.tr("Remove mark")).triggered.connect(lambda: self._marks.remove_mark(mark))
        self.menu.addSeparator()
        self._offer(self.tr("Put a mark here")).triggered.connect(lambda: self._put(place))
        self.menu.popup(at)

    def _offer(self, words: str) -> QAction:
        return self.menu.addAction(words)

    def _put(self, place: QPointF) -> None:
        """Put a mark at the step or token under the pointer, which is selected by that."""
        self._canvas.pick(place)
        self._marks.put()
