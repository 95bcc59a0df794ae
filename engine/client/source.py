"""Where events come from: the interface of an engine, of any kind and on any machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from engine.host import protocol
from engine.session import schema


@dataclass(frozen=True, slots=True)
class Tells:
    """Which commands a source takes, and what it can tell; other commands are refused without sending them."""

    loads_models: bool = True
    """Takes `Load` and `CountPrompts`. One that does not has its model already and sends `ModelReady` by itself."""
    starts_runs: bool = True
    """Takes `Start`. A source that does not begins its runs by itself, each with a `SessionStarted`."""
    pauses: bool = True
    """Takes `Pause`, `Resume`, `StepOnce` and `SetPace`."""
    flips_switches: bool = True
    adds_requests: bool = True
    measures_ceilings: bool = True
    observes: bool = True
    """Takes `SetObservation`: detail and attention probe can be changed while a run goes on."""
    step_times: bool = True
    """Steps have the times of their phases."""
    kv: bool = True
    """Steps have the memory of the KV cache."""
    attention: bool = True
    """Rows of attention can be recorded."""

    def takes(self, command: protocol.AnyCommand) -> bool:
        """Whether the source carries out commands of this kind."""
        needed = _NEEDS.get(type(command))
        return needed is None or bool(getattr(self, needed))


_NEEDS: Final[dict[type, str]] = {
    protocol.Load: "loads_models",
    protocol.Start: "starts_runs",
    protocol.Pause: "pauses",
    protocol.Resume: "pauses",
    protocol.StepOnce: "pauses",
    protocol.SetPace: "pauses",
    protocol.SetSwitches: "flips_switches",
    protocol.AddRequests: "adds_requests",
    protocol.CountPrompts: "loads_models",
    protocol.MeasureCeilings: "measures_ceilings",
    protocol.CompareModels: "loads_models",
    protocol.SetObservation: "observes",
}


class Source(Protocol):
    """One connection to something that runs a model, or has run one, and reports it as events of the schema.

    A new source is already connected. It answers commands by events, as `engine.host.protocol` says of each. A run is
    `SessionStarted`, the events that a session stores, `RunEnded`; its ids and times count from 0. `poll` and `close`
    are called by one thread, `kill` by any.

    - The engine process (`engine_source.EngineSource`) takes all commands and tells everything.
    - A serving engine (`engine.serving.source`) has its own model and clients: no `loads_models`, no `pauses`, no
      switches. It sends `ModelReady` once it is connected, or `Refused` for `Attach`, and is then closed. `Start`
      begins a recording of what is served from then on, and `Stop` ends it with `RunEnded`; the requests of the
      `Start` are sent to the server. What it does not tell is False in `tells`, named in the fact `serving` of the
      session, and zero in its rows.
    - A remote engine is the engine process at the other end of a network connection: the same commands and events
      over a socket. It has no `pid`; `kill` closes the socket, and a lost connection raises EngineStoppedError.
    - An imported trace takes no command but `Stop`. It sends `ModelReady` and `SessionStarted` by itself, then its
      events, at most some thousands a `poll`, then `RunEnded("finished")`.
    """

    @property
    def tells(self) -> Tells:
        """What the source takes and can tell; the same as long as it is connected."""

    @property
    def pid(self) -> int | None:
        """The id of the process that runs the model, if the source started it on this machine; else None."""

    def poll(self, timeout_s: float) -> list[schema.AnyEvent]:
        """Every event that has arrived, waiting up to `timeout_s` for the first; an empty list when none came.

        Raises EngineStoppedError, with a sentence, when the other end is gone and all its events have been returned.
        """

    def send(self, command: protocol.AnyCommand) -> None:
        """Send a command; the answer comes as events.

        Raises EngineStoppedError where the other end is gone, InputError for a command that cannot be sent.
        """

    def close(self) -> None:
        """End the connection, and the engine where the source started it; returns when it is gone."""

    def kill(self) -> None:
        """End everything at once, also a `poll` or `send` of another thread; `close` is still called afterwards."""
