"""What the engine process does with commands: load, run, pause, switch, stop; it knows nothing of pipes or threads."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import msgspec
import torch

from engine.core.kv_cache import OutOfKvMemory
from engine.decode.capabilities import unavailable_switches
from engine.decode.draft_model import load_draft
from engine.decode.engine import Engine
from engine.errors import DecodeScopeError, InputError
from engine.host import protocol
from engine.measure.ceilings import Ceilings, ceilings_of
from engine.measure.device import DeviceSampler, open_devices
from engine.measure.load import is_quiet
from engine.model.device import total_bytes
from engine.model.loader import LoadedModel, load_model
from engine.plain_text import one_line, utf8
from engine.session.schema import (
    AnyEvent,
    CeilingsMeasured,
    Loading,
    ModelReady,
    Refused,
    RunEnded,
    SessionStarted,
    StateChanged,
)

FACTS_OF_CEILINGS: Final = ("model_path", "device", "device_name", "dtype", "threads")
"""What must be the same for ceilings to hold for another session."""
MOST_OF_AN_ERROR: Final = 1000
LOOK_AGAIN_S: Final = (5.0, 80.0)
"""How long nothing has gone on before an idle engine looks whether a busy machine has become quiet, at first and at
most; each look in vain doubles it."""


class Service:
    """Carries out one command after the other, and steps the engine in between.

    A command that cannot be carried out is answered by Refused with one sentence; a step that fails ends its run and
    leaves the service able to start another.
    """

    def __init__(self, emit: Callable[[list[AnyEvent]], None], start_run: Callable[[], None] = lambda: None) -> None:
        self._emit = emit
        self._start_run = start_run
        self._model: LoadedModel | None = None
        self._ceilings: Ceilings | None = None
        self._next_look: tuple[float, float] | None = None
        """(When an idle engine looks at the load, `time.monotonic`; how long it waited for that.)"""
        self._draft: LoadedModel | None = None
        self._unavailable: dict[str, str] = {}
        self.engine: Engine | None = None
        self.sampler: DeviceSampler | None = None
        self.paused = False
        self._steps_wanted = 0
        self.ended = False

    def receive(self, message: bytes) -> None:
        """Carry out one encoded command; one that cannot be read is refused."""
        try:
            command = protocol.decode(message)
        except (DecodeScopeError, ValueError, RecursionError) as error:  # MessagePack's own errors are ValueErrors
            self._emit([Refused("", "InputError", sentence_of(error))])
        else:
            self.handle(command)

    def handle(self, command: protocol.AnyCommand) -> None:
        """Carry out one command; every failure is told, none is raised."""
        name = type(command).__name__
        try:
            self._carry_out(command)
        except DecodeScopeError as error:
            self._emit([Refused(name, type(error).__name__, str(error))])
        except BaseException as error:
            # A folder can be wrong in more ways than are foreseen (a panic in Rust is no Exception); the process lives.
            self._emit([Refused(name, "DecodeScopeError", f"{name} failed: {sentence_of(error)}")])

    def work(self) -> float | None:
        """Run one step if there is one to run.

        Returns the seconds until there may be another: 0 at once, None only after a command.
        """
        engine = self.engine
        if engine is None or (self.paused and self._steps_wanted == 0):
            return None
        try:
            stepped = engine.step()
        except BaseException as error:  # a step may fail in any way a model, a library or a device can; the run ends
            self._fail(engine, error)
            return None
        if stepped and self._steps_wanted:
            self._steps_wanted -= 1
        if engine.done:
            self._end("finished")
            return None
        return 0.0 if stepped else engine.next_arrival_s

    def _carry_out(self, command: protocol.AnyCommand) -> None:  # noqa: PLR0912 - one case a command
        match command:
            case protocol.Load():
                self._load(command)
            case protocol.Start():
                self._start(command)
            case protocol.Shutdown():
                self.ended = True
            case protocol.AddMark():
                self._running().account.mark("user", command.label)
            case protocol.AddRequests():
                self._running().add(command.run.requests)
            case protocol.SetSwitches():
                self._running().set_switches(command.changes)
            case protocol.SetObservation():
                self._running().observe(command.observation)
            case protocol.MeasureCeilings():
                self._measure_ceilings()
            case protocol.Stop():
                engine = self._running()
                engine.account.mark("stop", "")
                engine.cancel()
                self._end("stopped")
            case protocol.Pause():
                self._pause(self._running())
            case protocol.StepOnce():
                engine = self._running()
                if not self.paused:
                    self._pause(engine)
                self._steps_wanted += 1
            case protocol.Resume():
                engine = self._running()
                if self.paused:
                    self.paused, self._steps_wanted = False, 0
                    engine.account.mark("resume", "")
                    self._emit([StateChanged("running")])

    def _running(self) -> Engine:
        if self.engine is None:
            raise InputError("There is no run going on.")
        return self.engine

    def _pause(self, engine: Engine) -> None:
        if not self.paused:
            self.paused = True
            engine.account.mark("pause", "")
            self._emit([StateChanged("paused")])

    def _load(self, command: protocol.Load) -> None:
        if self.engine is not None:
            raise InputError("A run is going on; stop it before another model is loaded.")
        self._model = self._draft = self._ceilings = None  # the ones before make room first

        def tell(stage: str, fraction: float) -> None:
            self._emit([Loading(stage, fraction)])

        model = load_model(command.spec, tell)
        self._draft = load_draft(command.spec, model, tell)
        self._unavailable = unavailable_switches(model.device.type, has_draft=self._draft is not None)
        self._model = model
        self._emit([ModelReady(model_meta(model, self._draft), self._unavailable), StateChanged("idle")])

    def _start(self, command: protocol.Start) -> None:
        if self._model is None:
            raise InputError("No model is loaded.")
        if self.engine is not None:
            raise InputError("A run is going on; stop it before another one starts.")
        if not command.run.requests:
            raise InputError("A run needs at least one request.")
        engine = Engine(self._model, command.run, self._unavailable, self._emit, draft=self._draft)
        if self._ceilings is None:  # also a busy machine's stay from run to run: `rest` looks when there is time
            self._ceilings = ceilings_for(self._model)
        self._start_run()
        meta = model_meta(self._model, self._draft)
        meta["ceilings"] = msgspec.json.encode(self._ceilings).decode()
        meta |= {"command": command.command_line, "detail": command.run.observation.detail}
        zero_ns = time.perf_counter_ns()
        meta["epoch_ns"] = str(time.time_ns())
        self._emit([SessionStarted(meta)])
        engine.begin(zero_ns)
        if command.paused:
            engine.account.mark("pause", "")  # what passes until the first step is a pause like any other
        self.engine, self.paused, self._steps_wanted = engine, command.paused, 0
        self.sampler = DeviceSampler(open_devices(self._model.device), self._emit, engine.account.now_ns)
        self.sampler.start()
        self._emit([StateChanged("paused" if command.paused else "running")])

    def _measure_ceilings(self) -> None:
        if self.engine is not None:
            raise InputError("A run is going on; stop it before the ceilings are measured.")
        if self._model is None:
            raise InputError("No model is loaded.")
        self._ceilings = ceilings_for(self._model, anew=True)
        facts = model_meta(self._model)
        told = msgspec.json.encode(self._ceilings).decode()
        self._emit([CeilingsMeasured(told, {name: facts[name] for name in FACTS_OF_CEILINGS})])

    def rest(self) -> float | None:
        """There is nothing to do: where the ceilings are a busy machine's and no run goes on, measure them again once
        it is quiet, for the runs to come. How long until the next look, None where there is nothing to look for.
        """
        if self.engine is not None or self._model is None or self._ceilings is None or self._ceilings.quiet:
            self._next_look = None
            return None
        now = time.monotonic()
        first_s, most_s = LOOK_AGAIN_S
        if self._next_look is None:
            self._next_look = (now + first_s, first_s)
        elif now >= self._next_look[0]:
            with suppress(Exception):  # nobody asked for it, and the ceilings that stand go on to stand
                if is_quiet():
                    self._ceilings = ceilings_for(self._model)
            if self._ceilings.quiet:
                self._next_look = None
                return None
            wait_s = min(2 * self._next_look[1], most_s)
            self._next_look = (time.monotonic() + wait_s, wait_s)
        return max(self._next_look[0] - time.monotonic(), 0.001)

    def _end(self, reason: Any) -> None:
        if self.engine is not None and reason != "failed":
            self.engine.account.tell_cost()
        self.engine, self._next_look = None, None
        if self.sampler is not None:
            self.sampler.stop()
            self.sampler = None
        self._emit([RunEnded(reason), StateChanged("idle")])

    def _fail(self, engine: Engine, error: BaseException) -> None:
        message = f"The step failed: {sentence_of(error)}"
        kind = type(error).__name__ if isinstance(error, DecodeScopeError) else "DecodeScopeError"
        if isinstance(error, OutOfKvMemory):  # of a limit that was changed on the way: at the start it is refused
            kind, message = "InputError", f"The limit of the KV memory is too low to go on: {sentence_of(error)}"
        engine.account.mark("fault", message)
        with suppress(Exception):  # what failed may have left the cache in pieces, and it is dropped anyway
            engine.cancel()
        self._emit([Refused("Step", kind, message)])
        self._end("failed")


def sentence_of(error: BaseException) -> str:
    """The first line of an error's text, as a sentence: of what quotes a file no more than a person reads."""
    lines = str(error).strip().splitlines()
    text = one_line(lines[0], MOST_OF_AN_ERROR).rstrip(".") if lines else type(error).__name__
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return f"not enough memory ({text})."
    return f"{text}."


def ceilings_for(model: LoadedModel, anew: bool = False) -> Ceilings:
    """The ceilings of the device, dtype and size of a model (`ceilings_of`)."""
    return ceilings_of(model.device, model.dtype, model.device_name, model.weight_bytes, anew=anew)


def model_meta(model: LoadedModel, draft: LoadedModel | None = None) -> dict[str, str]:
    """What a session keeps about the model, the draft loaded beside it, the machine and the program."""
    return {
        "model": model.name,
        "model_path": utf8(str(model.path)),
        "chat_template": "yes" if model.tokenizer.chat is not None else "",
        "suggested_sampling": json.dumps(model.suggested) if model.suggested else "",
        "model_config": json.dumps(model.config.facts(model.dtype, model.weight_bytes, model.decoder.reads)),
        "draft_config": "" if draft is None else json.dumps(draft_facts(draft)),
        "device": str(model.device),
        "device_name": model.device_name,
        "device_memory_bytes": str(total_bytes(model.device)),
        "dtype": str(model.dtype).removeprefix("torch."),
        "threads": str(torch.get_num_threads()),
        "versions": json.dumps(versions()),
        "ceilings": "",
    }


def draft_facts(draft: LoadedModel) -> dict[str, Any]:
    """What a session keeps about the draft model: it takes memory as long as it is loaded, also with speculate off."""
    return {"name": draft.name, **draft.config.facts(draft.dtype, draft.weight_bytes, draft.decoder.reads)}


def versions() -> dict[str, str]:
    """What runs here, by name."""
    try:
        own = version("decodescope")
    except PackageNotFoundError:
        own = "unknown"
    found = {"decodescope": own, "python": platform.python_version(), "torch": torch.__version__}
    if torch.version.cuda is not None:
        found["cuda"] = torch.version.cuda
    return found
