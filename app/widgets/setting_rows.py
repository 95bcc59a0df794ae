"""A form of settings for a narrow panel: a name before each field, and below it what is wrong with its value."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QWidget

from app.look.theme import GRID, ROW_GAP
from app.widgets.fault_label import FaultLabel
from app.widgets.plain import PlainLabel, plain
from app.widgets.themed_label import ThemedLabel


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: its name, what edits it, and the sentence about a wrong value."""

    label: PlainLabel
    field: QWidget
    fault: FaultLabel


class SettingRows(QWidget):
    """A heading, and a row for each setting. While it is locked, fields are disabled and their tips give the reason."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heading = ThemedLabel(muted=True)
        self.rows: dict[str, Row] = {}
        self._tips: dict[str, str] = {}
        self._locked: dict[str, str] = {}
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, GRID, 0, 0)
        self._form.setVerticalSpacing(GRID)
        self._form.setHorizontalSpacing(ROW_GAP)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.addRow(self.heading)

    def add(self, name: str, field: QWidget, *beside: QWidget) -> None:
        """Add a setting; what stands `beside` its field is enabled with it."""
        label, fault = PlainLabel(), FaultLabel()
        label.setBuddy(field)
        whole: QWidget = field
        if beside:
            whole = QWidget()
            row = QHBoxLayout(whole)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(GRID)
            row.addWidget(field, 1)
            for one in beside:
                row.addWidget(one, 0, Qt.AlignmentFlag.AlignTop)
        self._form.addRow(label, whole)
        self._form.addRow(fault)
        self.rows[name] = Row(label, field, fault)

    def add_wide(self, widget: QWidget) -> None:
        """Add what takes the whole width."""
        self._form.addRow(widget)

    def describe(self, name: str, label: str, tip: str) -> None:
        """Set the name of a setting, and its tool tip."""
        row = self.rows[name]
        row.label.setText(label)
        row.field.setAccessibleName(label)
        self._tips[name] = tip
        self._show_tip(name)

    def label_width(self) -> int:
        """Width in pixels of the widest name."""
        return max(row.label.fontMetrics().horizontalAdvance(row.label.text()) for row in self.rows.values())

    def align(self, width: int) -> None:
        """Give every name this width; a form takes no smaller least width of a label, but a fixed one."""
        for row in self.rows.values():
            row.label.setFixedWidth(width)

    def lock(self, name: str, reason: str) -> None:
        """Disable a setting for this reason; an empty one enables it again."""
        self._locked[name] = reason
        self.rows[name].field.setEnabled(not reason)
        self.rows[name].label.setEnabled(not reason)
        self._show_tip(name)

    def show_fault(self, name: str, sentence: str) -> None:
        """Say below a setting what is wrong with its value."""
        self.rows[name].fault.show_fault(sentence)
        self.rows[name].field.setAccessibleDescription(sentence or self._tips.get(name, ""))

    @property
    def fault(self) -> str:
        """The first thing that is wrong; empty where nothing is."""
        return next((row.fault.fault for row in self.rows.values() if row.fault.fault), "")

    def _show_tip(self, name: str) -> None:
        tip = "\n".join(filter(None, (self._tips.get(name, ""), self._locked.get(name, ""))))
        for widget in (self.rows[name].field, self.rows[name].label):
            widget.setToolTip(plain(tip))
        self.rows[name].field.setAccessibleDescription(tip)
