"""The button of the timeline that chooses its lanes: order and grouping of the requests, and the layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import get_args

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from app.models.request_lanes import ORDERS, Group, Grouping, LaneChoice, Order
from app.widgets.plain import plain


class LaneMenu(QToolButton):
    """A button with a menu; `chosen` carries the new LaneChoice, `layers_chosen` whether layers are wanted."""

    chosen = Signal(object)
    layers_chosen = Signal(bool)

    def __init__(self, current: Callable[[], LaneChoice], has_layers: Callable[[], bool], parent: QWidget) -> None:
        """`current` returns the choice in force, `has_layers` whether the lane of layers is there."""
        super().__init__(parent)
        self._current = current
        self._has_layers = has_layers
        self.setText(self.tr("lanes ▾"))
        name = self.tr("Order and groups of the requests, and the lane of layers")
        self.setToolTip(plain(name))
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.choices = menu = QMenu(self)
        menu.addSection(self.tr("Order of the requests"))
        orders: dict[Order, str] = {
            "arrival": self.tr("By arrival"),
            "running": self.tr("Running first"),
            "duration": self.tr("Longest time first"),
            "first_token": self.tr("Latest first token first"),
            "tokens": self.tr("Most tokens first"),
        }
        self.orders = {one: self._choice(orders[one], partial(self._order, one)) for one in ORDERS}
        _group(menu, list(self.orders.values()))
        menu.addSection(self.tr("Groups of those that wait or have finished"))
        groupings: dict[Grouping, str] = {
            "auto": self.tr("While they do not fit and some run"),
            "always": self.tr("Always"),
            "never": self.tr("Never"),
        }
        self.groupings = {one: self._choice(groupings[one], partial(self._grouping, one)) for one in get_args(Grouping)}
        _group(menu, list(self.groupings.values()))
        folds: dict[Group, str] = {
            "waiting": self.tr("Fold those that wait"),
            "finished": self.tr("Fold those that have finished"),
        }
        menu.addSeparator()
        self.folds = {one: self._choice(folds[one], partial(self._fold, one)) for one in get_args(Group)}
        menu.addActions(list(self.folds.values()))
        self._rule = menu.addSeparator()
        words = self.tr("Layers in the order in which they run")
        self.layers = self._choice(words, lambda: self.layers_chosen.emit(self.layers.isChecked()))
        menu.addAction(self.layers)
        menu.aboutToShow.connect(self._show_choice)
        # Not Qt's own menu of a button: that waits for the choice in an event loop of its own.
        self.clicked.connect(lambda: menu.popup(self.mapToGlobal(self.rect().bottomLeft())))

    def offer(self, requests: int, layered: bool) -> bool:
        """Offer what a session has to choose: the order of several requests, its layers; returns whether it has any."""
        self.layers.setVisible(layered)
        self._rule.setVisible(layered)
        return requests > 1 or layered

    def _choice(self, words: str, then: Callable[[], None]) -> QAction:
        action = QAction(words, self)
        action.setCheckable(True)
        action.triggered.connect(lambda _: then())
        return action

    def _order(self, order: Order) -> None:
        self.chosen.emit(replace(self._current(), order=order))

    def _grouping(self, grouping: Grouping) -> None:
        self.chosen.emit(replace(self._current(), grouping=grouping, folded={}))

    def _fold(self, group: Group) -> None:
        now = self._current()
        self.chosen.emit(replace(now, folded={**now.folded, group: self.folds[group].isChecked()}))

    def _show_choice(self) -> None:
        now = self._current()
        for group, action in self.folds.items():
            action.setChecked(now.is_folded(group))
        self.layers.setChecked(self._has_layers())
        self.orders[now.order].setChecked(True)
        self.groupings[now.grouping].setChecked(True)


def _group(menu: QMenu, actions: list[QAction]) -> None:
    group = QActionGroup(menu)
    for action in actions:
        group.addAction(action)
        menu.addAction(action)
