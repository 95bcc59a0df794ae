"""The switches of a session over time: what was in force from which step on, and what each change changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QCoreApplication

from app.look.units import MEASURED, count, cut, memory, seconds
from app.models.info_row import InfoRow
from engine.core.settings import as_typed
from engine.session.store import Session

MOST_SHOWN = 200
"""Changes that are listed; of more the number is said, and "copy as CSV" has them all."""
MOST_OF_VALUE = 80


@dataclass(frozen=True, slots=True)
class Change:
    """The switches from step `step` on: {name: (value before, value from then on)} of those that changed."""

    step: int
    began_s: float | None
    """When that step began, on the session's clock; None where it has not run."""
    changed: dict[str, tuple[Any, Any]]
    first: bool


def changes_of(session: Session, first: int = 0) -> list[Change]:
    """The settings of a session from the `first` one on, each beside the one before it."""
    found, configs = [], session.configs
    steps = len(session.steps)
    for place in range(first, len(configs)):
        now = configs[place]
        before = configs[place - 1].switches if place else {}
        names = [*now.switches, *(name for name in before if name not in now.switches)]
        changed = {
            name: (before.get(name), now.switches.get(name))
            for name in names
            if place == 0 or before.get(name) != now.switches.get(name)
        }
        began_s = int(session.steps["start_ns"][now.step_id]) / 1e9 if now.step_id < steps else None
        found.append(Change(now.step_id, began_s, changed, place == 0))
    return found


def change_row(group: str, change: Change) -> InfoRow:
    """The row of a change: from which step on, when that was, and what it changed."""
    translate = QCoreApplication.translate
    name = translate("SessionInfo", "from step {}").format(count(change.step))
    if change.first:
        words = [f"{name_}={_value(name_, now)}" for name_, (_, now) in change.changed.items()]
    else:
        words = [
            f"{name_}: {_value(name_, before)} → {_value(name_, now)}"
            for name_, (before, now) in change.changed.items()
        ]
    value = " · ".join(words) or (
        translate("SessionInfo", "not recorded") if change.first else translate("SessionInfo", "as before")
    )
    if change.began_s is not None:
        value += (
            f" · {translate('SessionInfo', 'at {time} {mark}').format(time=seconds(change.began_s), mark=MEASURED)}"
        )
    ran = change.began_s is not None
    tip = translate("SessionInfo", "A click selects this step.") if ran else ""
    return InfoRow(group, name, value, tip, step=change.step if ran else None)


def _value(name: str, value: Any) -> str:
    if name == "kv_memory" and isinstance(value, int) and not isinstance(value, bool):
        return memory(value)
    return cut(as_typed(value), MOST_OF_VALUE)
