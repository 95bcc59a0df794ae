"""Servers for the window under test: sources that are scripted, and the dialog that attaches to a fake server."""

from __future__ import annotations

import json

from app.dialogs.attach import AttachDialog
from app.window.main_window import MainWindow
from engine.core.settings import AttachSpec
from engine.serving.source import TELLS
from engine.session import schema
from engine.session.serving import Level, Serving, as_fact
from tests.app.conftest import ScriptedEngine

RECORDED: tuple[Level, ...] = ("probe", "metrics", "recorder")


def fact(url: str = "http://127.0.0.1:1", levels: tuple[Level, ...] = (), recorder: bool = True) -> str:
    """The fact `serving` of a server."""
    not_told = {} if recorder else {"steps": "It needs the recorder."}
    return as_fact(Serving("vLLM", "0.32.0", url, levels, not_told))  # type: ignore[arg-type]


class Servers:
    """Connects scripted servers as the feed asks, and keeps what it was asked with."""

    def __init__(self) -> None:
        self.attached: list[ScriptedEngine] = []
        self.asked: list[tuple[AttachSpec, str]] = []
        self.refusal = ""
        """The sentence with which every server refuses from now on; "": none does."""
        self.recorder = True
        self.levels = RECORDED
        """At which a run of this server is attached; without probe it only watches."""
        self.steps = 60
        self.tells = TELLS

    def __call__(self, spec: AttachSpec, key: str) -> ScriptedEngine:
        self.asked.append((spec, key))
        url = f"http://{spec.url.removeprefix('http://')}"
        told = {"model": "demo", "serving": fact(url, self.levels, self.recorder), "device": "", "device_name": ""}
        server = ScriptedEngine(self.steps, self.tells, told)
        if self.refusal:
            server.answer(schema.Refused("Attach", "UnavailableError", self.refusal))
        else:
            ready = {"model": "demo", "serving": fact(url, recorder=self.recorder), "model_config": json.dumps({})}
            server.answer(schema.Loading(f"asking {url}", 0.0))
            server.answer(schema.ModelReady(ready, {}), schema.StateChanged("idle"))
        self.attached.append(server)
        return server

    @property
    def now(self) -> ScriptedEngine:
        return self.attached[-1]


def dialog_of(window: MainWindow) -> AttachDialog:
    """The dialog, which is opened by its menu entry if it is not open."""
    found = window.findChild(AttachDialog)
    if found is None:
        window.menus.actions["attach"].trigger()
        found = window.findChild(AttachDialog)
    assert isinstance(found, AttachDialog)
    return found
