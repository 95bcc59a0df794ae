"""The window under test: settings and recordings in a temporary folder, an engine played by a script or real."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, QSettings, Qt, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.preferences import Preferences
from app.window.feed import Feed
from app.window.gui import make_window
from app.window.main_window import MainWindow
from engine.client.engine_source import EngineSource
from engine.client.recordings import Recordings
from engine.client.source import Tells
from engine.errors import EngineStoppedError
from engine.host import protocol
from engine.session import schema
from engine.session.writer import SessionWriter
from tests.engine.lens import made
from tests.engine.session.synthetic import synthetic_events

READY = schema.ModelReady(
    {"model": "scripted", "model_config": json.dumps({"layers": 8, "parameters": 1_000_000}), "dtype": "float32",
     "device": "cpu"},
    {"attention=triton": "Triton needs a CUDA device."},
)  # fmt: skip


NEVER = 2**20
"""With so many tokens to compare on, a comparison's other model is loaded for ever."""
LONGEST_WAIT_S = 0.01
"""How long an engine waits for what nobody sends it: each window that is closed waits for the end of it."""


class ScriptedEngine:
    """An engine process whose answers are synthetic: a run is given out batch by batch while it is not paused."""

    pid = 0

    def __init__(self, steps: int = 60, tells: Tells | None = None, facts: dict[str, str] | None = None) -> None:
        """`facts` are added to those of each session."""
        self.tells = tells or Tells()
        self._facts = facts or {}
        self.sent: list[protocol.AnyCommand] = []
        self.closed = False
        self.dead = ""
        self.ceilings: dict[str, object] = {"read_bytes_per_s": 7e9, "flops_per_s": 3e10}
        self.of: dict[str, str] = {}
        self._answers: deque[list[schema.AnyEvent]] = deque()
        self._bell = threading.Event()
        self.steps = steps
        self._run: Iterator[list[schema.AnyEvent]] | None = None
        self._paused = False
        self._wanted = 0

    def send(self, command: protocol.AnyCommand) -> None:  # noqa: PLR0912 - one case a command
        if self.dead:
            raise EngineStoppedError(self.dead)
        protocol.encode(command)  # raises for what cannot be sent
        self.sent.append(command)
        match command:
            case protocol.Load():
                if command.spec.model == "refused":
                    self.answer(schema.Refused("Load", "CheckpointError", "This folder has no config.json."))
                else:
                    self.answer(schema.Loading("Loading weights", 0.5), READY, schema.StateChanged("idle"))
            case protocol.Start():
                self._run = (self._with_facts(batch) for batch in synthetic_events(self.steps, attention_rows=8))
                self._paused, self._wanted = command.paused, 0
                self.answer(schema.StateChanged("paused" if command.paused else "running"))
            case protocol.CompareModels(spec) if spec.model == "demo":
                self.answer(schema.Refused("CompareModels", "InputError", "demo is no other precision of it."))
            case protocol.CompareModels(spec):
                self.answer(schema.Loading("Loading weights (B)", 0.5))
                if spec.most_tokens == NEVER:
                    return
                self._run = iter([made.started(), made.positions(0, 200), made.positions(200, 300), made.layers()])
                self._paused = False
                self.answer(schema.StateChanged("running"))
            case protocol.Pause():
                self._paused = True
                self.answer(schema.StateChanged("paused"))
            case protocol.Resume():
                self._paused = False
                self.answer(schema.StateChanged("running"))
            case protocol.StepOnce():
                self._wanted += 1
            case protocol.Stop():
                self._end("stopped")
            case protocol.MeasureCeilings():
                facts = {"model_path": "", "device": "cpu", "device_name": "a CPU", "dtype": "float32", "threads": "2"}
                self.answer(schema.CeilingsMeasured(json.dumps(self.ceilings), {**facts, **self.of}))
            case protocol.SetSwitches(changes) if changes.get("kv") == "paged":
                self.answer(schema.Refused("SetSwitches", "UnavailableError", "kv=paged cannot run here."))
        self._bell.set()

    def poll(self, timeout_s: float) -> list[schema.AnyEvent]:
        if not self._answers and self._run is not None and (not self._paused or self._wanted):
            self._wanted = 0
            batch = next(self._run, None)
            if batch is None:
                self._end("finished")
            else:
                return batch
        if not self._answers:
            self._bell.clear()
            self._bell.wait(min(timeout_s, LONGEST_WAIT_S))
        if self._answers:
            return self._answers.popleft()
        if self.dead:
            raise EngineStoppedError(self.dead)
        return []

    def close(self) -> None:
        self.closed = True

    def kill(self) -> None:
        self.die("The engine process was killed (signal 9).")

    def die(self, sentence: str) -> None:
        self.dead = sentence
        self._run = None
        self._bell.set()

    def answer(self, *events: schema.AnyEvent) -> None:
        self._answers.append(list(events))

    def _with_facts(self, batch: list[schema.AnyEvent]) -> list[schema.AnyEvent]:
        return [
            schema.SessionStarted({**event.meta, **self._facts}) if isinstance(event, schema.SessionStarted) else event
            for event in batch
        ]

    def _end(self, reason: str) -> None:
        self._run = None
        self.answer(schema.RunEnded(reason), schema.StateChanged("idle"))  # type: ignore[arg-type]


class Engines:
    """Starts scripted engines and remembers them."""

    def __init__(self) -> None:
        self.started: list[ScriptedEngine] = []
        self.steps = 60
        self.dead_on_arrival = ""
        """What every engine that is started from now on dies of, at once."""

    def __call__(self) -> ScriptedEngine:
        self.started.append(ScriptedEngine(self.steps))
        self.now.dead = self.dead_on_arrival
        return self.started[-1]

    @property
    def now(self) -> ScriptedEngine:
        return self.started[-1]

    def commands(self, kind: type[protocol.Command]) -> list[protocol.AnyCommand]:
        return [command for engine in self.started for command in engine.sent if isinstance(command, kind)]


@pytest.fixture
def preferences(tmp_path: Path) -> Preferences:
    kept = Preferences(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    kept.scheme = "dark"
    kept.language = "en"
    return kept


@pytest.fixture
def recordings(tmp_path: Path) -> Recordings:
    return Recordings(tmp_path / "recordings")


@pytest.fixture
def engines() -> Engines:
    return Engines()


@pytest.fixture(autouse=True)
def no_widget_left_behind() -> Iterator[None]:
    """Delete the widgets that a test leaves: a change of theme or font would go to all of them in every later test.

    Those of our own classes only: Qt deletes a menu or a tip itself, and to delete such a one twice crashes.
    """
    yield
    if QApplication.instance() is None:
        return
    for widget in QApplication.topLevelWidgets():
        if widget.parent() is None and type(widget).__module__.startswith("app."):
            widget.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert QApplication.mouseButtons() == Qt.MouseButton.NoButton, "a later test would find a button pressed"


WindowMaker = Callable[[Feed], MainWindow]


@pytest.fixture
def make(qtbot: QtBot, preferences: Preferences) -> Iterator[WindowMaker]:
    """Makes windows that are shown, started, and closed after the test with nothing left behind."""
    made: list[MainWindow] = []

    def make_one(feed: Feed) -> MainWindow:
        window = make_window(preferences, feed)
        made.append(window)
        window.resize(1280, 800)
        with qtbot.waitSignal(window.first_painted):
            window.show()
        return window

    yield make_one
    for window in made:
        window.close()
        window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert not [timer for timer in _timers() if timer.isActive()], "a timer was left running"


@pytest.fixture
def window(qtbot: QtBot, make: WindowMaker, engines: Engines, recordings: Recordings) -> MainWindow:
    """A window whose scripted engine has loaded the demo model."""
    feed = Feed(engines, SessionWriter, recordings)
    shown = make(feed)
    with qtbot.waitSignal(feed.model_ready):
        shown.control.start("demo")
    qtbot.waitUntil(lambda: shown.control.state == "idle")
    return shown


@pytest.fixture
def real_feed(recordings: Recordings) -> Feed:
    """A feed of the real engine process."""
    return Feed(EngineSource, SessionWriter, recordings)


def switches_sent(engines: Engines) -> list[dict[str, object]]:
    return [command.changes for command in engines.commands(protocol.SetSwitches)]  # type: ignore[attr-defined]


def loads_sent(engines: Engines) -> list[str]:
    return [asdict(command.spec)["model"] for command in engines.commands(protocol.Load)]  # type: ignore[attr-defined]


def _timers() -> list[QTimer]:
    app = QApplication.instance()
    assert isinstance(app, QObject)
    tops = QApplication.topLevelWidgets()
    return [timer for top in (app, *tops) for timer in top.findChildren(QTimer)]
