"""Ends a query of a session file: when another thread gives up, when it works too long, or when a signal arrives.

SQLite runs in C for the whole time of a query, and a file from somebody else may make a query endless. Meanwhile Python
code runs only in SQLite's progress handler. So the handler decides whether the query goes on, and Ctrl-C arrives there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

ASK_EVERY: Final = 50_000
"""Instructions of SQLite's virtual machine between two calls of the progress handler: about a millisecond. The
cost of a call is negligible."""


LEAST_ASKS: Final = 200
"""Handler calls that every query may use, however small its file is: some tenths of a second."""
BYTES_AN_ASK: Final = ASK_EVERY // 4
"""Bytes of the file that allow one further handler call. Reading a row takes one instruction for each column and some
more, and a row has more bytes than a quarter of that number."""


class GivenUpError(Exception):
    """A Patience was given up while the file was read."""


class EndlessError(Exception):
    """A query took more instructions than an undamaged file of this size can need."""


class Patience:
    """Whether to go on reading. After `give_up`, called from any thread, each query ends within a tenth of a second."""

    def __init__(self) -> None:
        self._over = False

    def give_up(self) -> None:
        """End the running query and every later one; safe to call twice and from any thread."""
        self._over = True

    @property
    def over(self) -> bool:
        """Whether `give_up` was called."""
        return self._over


class Watch:
    """Watches the queries of one connection, one query at a time. `patience` holds for all of them."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self.asker: Patience | None = None
        """The Patience of the running query alone, if it has one."""
        self._ended = False
        self._asks_left = LEAST_ASKS
        self._raised: BaseException | None = None
        self._answers = self._answer()
        next(self._answers)

    def over(self, db: sqlite3.Connection) -> None:
        """Watch the queries of this connection from now on."""
        db.set_progress_handler(self._answers.__next__, ASK_EVERY)

    def begin(self, honest_bytes: int) -> None:
        """Begin a new query: allow it the work that a file of `honest_bytes` bytes can need."""
        self._asks_left = LEAST_ASKS + honest_bytes // BYTES_AN_ASK

    def end(self) -> None:
        """End the running query and every later one, as if given up; safe to call twice and from any thread."""
        self._ended = True

    @contextmanager
    def asking(self) -> Iterator[None]:
        """The context of each call of SQLite. Raises GivenUpError, EndlessError, or the error that the handler kept."""
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
        return self._ended or self.patience.over or (self.asker is not None and self.asker.over)

    def _answer(self) -> Iterator[int]:
        """Yields 1 if SQLite is to stop and 0 if not, once for each call of the progress handler.

        The module sqlite3 swallows errors that a handler raises, so they are kept and raised again by `asking`. Python
        handles a signal, which may raise, as soon as Python code runs again. In a function that is before any `try` of
        it is entered; a generator resumes inside its `try`. So the handler is a generator.
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
