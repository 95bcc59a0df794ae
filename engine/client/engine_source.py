"""The engine process of this machine as a source of events."""

from __future__ import annotations

from engine.client.source import Tells
from engine.host import protocol
from engine.host.process import EngineProcess
from engine.session import schema


class EngineSource:
    """A `Source` that starts an engine process and ends it; raises EngineStoppedError where it cannot be started."""

    def __init__(self) -> None:
        self.process = EngineProcess()
        self.tells = Tells()

    @property
    def pid(self) -> int:
        return self.process.pid

    def poll(self, timeout_s: float) -> list[schema.AnyEvent]:
        return self.process.receive(timeout_s)

    def send(self, command: protocol.AnyCommand) -> None:
        self.process.send(command)

    def close(self) -> None:
        self.process.close()

    def kill(self) -> None:
        self.process.kill()
