"""How long a question to a session file may take: until somebody gives up, or a signal arrives.

SQLite works in C for as long as a query takes, and a file from somebody else may make that for ever. Its progress
handler is the one place in between where Python runs, so this is where it is asked whether to go on, and where Ctrl-C
arrives.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

ASK_EVERY: Final = 50_000
"""Instructions of SQLite's machine between two questions whether to go on: about a millisecond, and no cost."""


LEAST_ASKS: Final = 200
"""Questions after which no query is ended, however small its file: some tenths of a second."""
BYTES_AN_ASK: Final = ASK_EVERY // 4
"""What a file must have at least for each further question: reading a row takes an instruction a column and some, and
has more bytes than that has quarters."""


class GivenUpError(Exception):
    """Somebody gave up while the file was read."""


class EndlessError(Exception):
    """A query took more work than a file of this size can give it."""


class Patience:
    """Whether to go on reading: `give_up` from any thread, and every query ends within a tenth of a second."""

    def __init__(self) -> None:
        self._over = False

    def give_up(self) -> None:
        """End what is being read, and whatever is asked afterwards; safe to call twice and from any thread."""
        self._over = True

    @property
    def over(self) -> bool:
        """Whether somebody gave up."""
        return self._over


class Watch:
    """Watches the queries of one connection with somebody's patience; one query at a time."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self.asker: Patience | None = None
        """Whoever asked the query that runs, if he may give up that query alone."""
        self._asks_left = LEAST_ASKS
        self._raised: BaseException | None = None
        self._answers = self._answer()
        next(self._answers)

    def over(self, db: sqlite3.Connection) -> None:
        """Watch the queries of a connection from now on."""
        db.set_progress_handler(self._answers.__next__, ASK_EVERY)

    def begin(self, honest_bytes: int) -> None:
        """A new query is asked, of a file of so many bytes."""
        self._asks_left = LEAST_ASKS + honest_bytes // BYTES_AN_ASK

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Around whatever SQLite does. Raises GivenUpError, EndlessError, or again what was raised meanwhile."""
        if self._given_up():
            raise GivenUpError
        try:
            yield
        except sqlite3.OperationalError:
            raised, self._raised = self._raised, None
            if raised is not None:
                raise raised from None
            if self._given_up():
                raise GivenUpError from None
            if self._asks_left < 0:
                raise EndlessError("reading it takes more work than a file of its size can give") from None
            raise

    def _given_up(self) -> bool:
        return self.patience.over or (self.asker is not None and self.asker.over)

    def _answer(self) -> Iterator[int]:
        """Whether SQLite is to stop: 1 or 0, each time it asks.

        sqlite3 swallows what a handler raises. A signal is handled, and raises, where Python goes on running, which is
        the very first moment of a function and so before any `try` in it; a generator goes on within its own.
        """
        stop = 0
        while True:
            try:
                yield stop
                self._asks_left -= 1
                stop = int(self._given_up() or self._asks_left < 0)
            except GeneratorExit:
                raise
            except BaseException as error:
                self._raised, stop = error, 1
