"""A serving engine as a source of events: a process of ours attaches to it, so that our window disturbs no stamp."""

from __future__ import annotations

from typing import Final

from engine.client.source import Tells
from engine.core.settings import AttachSpec
from engine.host import protocol
from engine.host.process import EngineProcess
from engine.session import schema

CHILD: Final = "engine.serving.child"
TELLS: Final = Tells(
    loads_models=False, pauses=False, flips_switches=False, measures_ceilings=False, observes=False, step_times=False,
    attention=False,
)  # fmt: skip


class ServingSource:
    """A `Source` that attaches to one server; raises EngineStoppedError where its process cannot be started.

    `ModelReady` says that the server answered, `Refused` that it did not or that the address is wrong.
    """

    def __init__(self, spec: AttachSpec, key: str = "") -> None:
        """`key` is sent to this server alone; "" takes that of the environment (`api_key.find_key`)."""
        self.process = EngineProcess(CHILD)
        self.tells = TELLS
        self.process.send(protocol.Attach(spec, key))

    @property
    def pid(self) -> None:
        return None

    def poll(self, timeout_s: float) -> list[schema.AnyEvent]:
        return self.process.receive(timeout_s)

    def send(self, command: protocol.AnyCommand) -> None:
        self.process.send(command)

    def close(self) -> None:
        self.process.close()

    def kill(self) -> None:
        self.process.kill()
