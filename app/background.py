"""Runs one function on a thread of its own, so that the window stays alive while files are read and written."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QThread

from engine.errors import DecodeScopeError


class Background(QThread):
    """Calls `work` once. When `finished` is emitted, `result` holds what it returned, or `failure` one sentence."""

    def __init__(
        self, work: Callable[[], object], then: Callable[[object], None], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._work = work
        self.then = then
        """What the owner of the thread calls with `result`, on its own thread."""
        self.result: object = None
        self.failure: str | None = None

    def run(self) -> None:
        """Do the work."""
        try:
            self.result = self._work()
        except (DecodeScopeError, OSError) as error:
            self.failure = str(error)
