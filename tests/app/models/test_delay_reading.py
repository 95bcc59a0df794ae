"""How often the delays of a growing session are read: at once the first time, then after a rest."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QObject, Signal

from app.models import delay_reading
from app.models.delay_reading import LEAST_REST_S, DelayReading
from engine.figures.delays import Delays
from engine.session.store import Session
from tests.app.panels.sessions import MS, Recorder


class Answered:
    def __init__(self, value: Delays) -> None:
        self.value = value


class SlowReading(QObject):
    """A reading whose answers come when the test says so."""

    changed = Signal()
    in_background = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[object] = []
        self.ready = False

    def answer(self, session: Session, question: object, read: Callable[[object], Delays]) -> Answered | None:
        if question not in self.asked:
            self.asked.append(question)
        if not self.ready:
            return None
        self.ready = False
        return Answered(read(None))


def growing() -> Recorder:
    run = Recorder()
    run.request(0, ["a", "b"])
    grow(run)
    return run


def grow(run: Recorder) -> None:
    for _ in range(3):
        end = 2 + len(run.session.tokens)
        run.step([(0, end - 1, end - 1, end, 0, 0)], [(0, "x", "target")], ns=(10 + len(run.session.steps)) * MS)


def test_a_growing_session_is_read_again_after_a_rest(qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(delay_reading.time, "monotonic", lambda: now[0])
    run, reading = growing(), SlowReading()
    delays = DelayReading(reading)  # type: ignore[arg-type]
    assert delays.of(run.session) is None
    assert len(reading.asked) == 1
    reading.ready = True
    first = delays.of(run.session)
    assert first is not None
    assert first.tokens == 3
    grow(run)
    assert delays.of(run.session) is first
    assert len(reading.asked) == 1  # it rests
    now[0] += LEAST_REST_S + 0.01
    assert delays.of(run.session) is first
    assert len(reading.asked) == 2
    grow(run)  # while it is read
    reading.ready = True
    second = delays.of(run.session)
    assert second is not None
    assert second.tokens == 9
    other = growing()
    other.mark("user", "another session")
    assert delays.of(other.session) is None  # of another session nothing is known, and it is read at once
    assert len(reading.asked) == 3


def test_what_has_been_read_is_not_asked_again(qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    run, reading = growing(), SlowReading()
    delays = DelayReading(reading)  # type: ignore[arg-type]
    reading.ready = True
    first = delays.of(run.session)
    monkeypatch.setattr(delay_reading.time, "monotonic", lambda: 1e9)
    assert delays.of(run.session) is first
    assert len(reading.asked) == 1
