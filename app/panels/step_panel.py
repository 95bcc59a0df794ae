"""The base class of panels that take the keyboard focus themselves and whose keys walk through the steps."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from app.panels.base import Panel, PanelContext
from app.widgets.focus import STEP_KEYS, claims_key, draw_focus, walk_steps


class StepPanel(Panel):
    """A panel that draws a frame while it has the focus; its keys select steps or do what `own_key` defines."""

    own_keys: ClassVar[frozenset[Qt.Key]] = frozenset()
    """Keys that the panel handles itself before any menu, in addition to those that select steps."""

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def own_key(self, key: Qt.Key) -> bool:
        """Handle one of the panel's own keys; returns whether it did something."""
        return False

    def arrange(self) -> None:
        """Arrange the panel's widgets for its current size."""

    def event(self, event: QEvent) -> bool:
        return claims_key(event, self.own_keys.union(STEP_KEYS)) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = len(self.session.steps) if self.session is not None else 0
        if not self.own_key(Qt.Key(event.key())) and not walk_steps(self.context.selection, steps, event.key()):
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        draw_focus(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.arrange()
