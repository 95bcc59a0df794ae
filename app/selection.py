"""What is selected, once for the whole window: every panel reads it, any panel may change it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal


@dataclass(frozen=True, slots=True)
class Selected:
    """The selection: a range of steps [first, last] (None: all), and one of each of what can be inspected."""

    steps: tuple[int, int] | None = None
    step: int | None = None
    token: int | None = None
    """A row of Session.tokens."""
    request: int | None = None
    layer: int = 0
    head: int | None = 0
    """None stands for the mean of the heads."""
    all_heads: bool = False
    """Whether every head of the layer is recorded and shown, not only the one above."""


class Selection(QObject):
    """Holds one `Selected` value, with back and forward; `changed` carries the new value."""

    changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._past: list[Selected] = []
        self._future: list[Selected] = []
        self._now = Selected()

    @property
    def now(self) -> Selected:
        return self._now

    def change(self, **fields: object) -> None:
        """Select other things; what is not named stays."""
        new = replace(self._now, **fields)  # type: ignore[arg-type]
        if new == self._now:
            return
        self._past.append(self._now)
        del self._past[:-200]
        self._future.clear()
        self._set(new)

    def reset(self) -> None:
        """Another session: nothing is selected and there is no way back; what is recorded of the next one stays."""
        self._past.clear()
        self._future.clear()
        self._set(Selected(all_heads=self._now.all_heads))

    def back(self) -> None:
        if self._past:
            self._future.append(self._now)
            self._set(self._past.pop())

    def forward(self) -> None:
        if self._future:
            self._past.append(self._now)
            self._set(self._future.pop())

    def _set(self, new: Selected) -> None:
        self._now = new
        self.changed.emit(new)
