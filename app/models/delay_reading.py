"""The delays of a session for a panel: computed beside the window, and again as a live session grows."""

from __future__ import annotations

import time
from typing import Final

from PySide6.QtCore import QTimer

from app.core.reading import Reading
from engine.figures.delays import Delays, delays_of
from engine.session.store import Session

REST: Final = 30.0
"""A live session is read again after this many times what reading it took."""
LEAST_REST_S: Final = 1.0
SHORT_S: Final = 0.02
"""A panel without jobs may wait so long for each answer; after a longer one the session rests too."""

Seen = tuple[int, int, tuple[int, int]]


class DelayReading:
    """The newest delays that are known; `reading.changed` says that there are newer ones, or that it is time to ask.

    Without jobs, as for a picture, the first answer is of the whole session, and so are later ones of a short session.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._session: Session | None = None
        self._delays: Delays | None = None
        self._seen: Seen = (0, 0, (0, 0))
        self._asked: Seen | None = None
        self._rests_until = self._began = 0.0
        self._again = QTimer(reading)
        self._again.setSingleShot(True)
        self._again.timeout.connect(reading.changed)

    def of(self, session: Session) -> Delays | None:
        """What is known of the session's delays now; None before the first answer."""
        if session is not self._session:
            self._session, self._delays, self._asked, self._rests_until = session, None, None, 0.0
            self._again.stop()
        now = (len(session.steps), len(session.tokens), session.marks_state)
        if self._asked is not None:
            self._take(session)
        if self._asked is None and (self._delays is None or now != self._seen):
            rest_s = self._rests_until - time.monotonic()
            if rest_s > 0:
                self._again.start(round(1e3 * rest_s))
            else:
                self._asked, self._began = now, time.monotonic()
                self._take(session)
        return self._delays

    def _take(self, session: Session) -> None:
        """Take the answer to what was asked, if it is there; then the session rests for a while."""
        assert self._asked is not None
        found = self._reading.answer(session, self._asked, lambda patience: delays_of(session))
        if found is not None:
            self._delays, self._seen, self._asked = found.value, self._asked, None
            ended = time.monotonic()
            took_s = ended - self._began
            if self._reading.in_background:
                self._rests_until = ended + max(LEAST_REST_S, REST * took_s)
            elif took_s > SHORT_S:
                self._rests_until = ended + REST * took_s
