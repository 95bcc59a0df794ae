"""The run panel's switches as entries of the command palette: each value is one command, which flips its switch."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QObject
from PySide6.QtGui import QAction

from app.widgets.plain import plain
from app.widgets.segments import Segments
from app.window.menus import partial_slot
from app.window.run_panel import RunPanel


def switch_commands(panel: RunPanel, parent: QObject) -> list[tuple[str, QAction]]:
    """(text, action) of each value of each switch; the value in force is checked.

    A text is `Switches: kv: paged · KV cache`: the name on the command line, the value, and the label of the run panel.
    An action that cannot be used now is disabled, and its tool tip gives the reason.
    """
    heading = QCoreApplication.translate("SwitchCommands", "Switches")
    found = []
    for name, (label, segments) in panel.switch_rows().items():
        for value in segments.buttons:
            words = f"{heading}: {name}: {value}"
            if label.casefold() != name:
                words = f"{words} · {label}"
            found.append((words, _action(segments, value, parent)))
    return found


def _action(segments: Segments, value: str, parent: QObject) -> QAction:
    action = QAction(value, parent)
    action.setCheckable(True)
    action.setChecked(segments.value == value)
    action.setEnabled(segments.buttons[value].isEnabled())
    action.setToolTip(plain(segments.reason(value) or segments.buttons[value].toolTip()))
    action.triggered.connect(partial_slot(segments.buttons[value].click))
    return action
