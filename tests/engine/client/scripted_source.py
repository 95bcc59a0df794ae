"""A source whose events are a list of batches: what an engine would answer, without one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from engine.client.source import Tells
from engine.errors import EngineStoppedError
from engine.host import protocol
from engine.session import schema

Batch = list[schema.AnyEvent]


class ScriptedSource:
    """Gives one batch a `poll`; the batches after a command are given once it was sent.

    `answers` holds, for the name of a command, what each of its kind is answered with, in order.
    """

    pid = None

    def __init__(self, answers: dict[str, list[list[Batch]]], tells: Tells | None = None) -> None:
        self.tells = tells or Tells()
        self.sent: list[protocol.AnyCommand] = []
        self.closed = 0
        self.killed = False
        self.dead = ""
        self._answers = {name: deque(batches) for name, batches in answers.items()}
        self._batches: deque[Batch] = deque()

    def send(self, command: protocol.AnyCommand) -> None:
        protocol.encode(command)  # raises for what cannot be sent
        self.sent.append(command)
        answers = self._answers.get(type(command).__name__)
        if answers:
            self.say(*answers.popleft())

    def say(self, *batches: Iterable[schema.AnyEvent]) -> None:
        """Give out these batches at the next polls."""
        self._batches.extend(list(batch) for batch in batches)

    def poll(self, timeout_s: float) -> Batch:
        if self._batches:
            return self._batches.popleft()
        if self.dead:
            raise EngineStoppedError(self.dead)
        return []

    def close(self) -> None:
        self.closed += 1

    def kill(self) -> None:
        self.killed = True

    @property
    def names(self) -> list[str]:
        """The commands that were sent, by name."""
        return [type(command).__name__ for command in self.sent]
