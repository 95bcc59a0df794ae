"""Carries out the commands of the engine process: load, run, pause, switch, stop. Independent of pipes and threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import msgspec
import torch

from engine.core.kv_cache import OutOfKvMemory
from engine.core.settings import check_pace
from engine.decode.capabilities import unavailable_for
from engine.decode.draft_model import load_draft
from engine.decode.engine import Engine
from engine.decode.new_request import prompt_tokens
from engine.errors import DecodeScopeError, InputError
from engine.host import protocol
from engine.host.comparing import Comparing, LoadingStopped, load_other
from engine.host.kept_ceilings import KeptCeilings
from engine.host.model_facts import model_meta
from engine.host.pacing import Pacing
from engine.lens.compare import Comparison
from engine.measure.device import DeviceSampler, open_devices
from engine.model.loader import LoadedModel, load_model
from engine.plain_text import one_line
from engine.session.precision_fact import as_fact
from engine.session.schema import (
    AnyEvent,
    CeilingsMeasured,
    Loading,
    ModelReady,
    PromptsCounted,
    Refused,
    RunEnded,
    SessionStarted,
    StateChanged,
    StepProgress,
)

FACTS_OF_CEILINGS: Final = ("model_path", "device", "device_name", "dtype", "threads")
"""The facts that must be equal for ceilings to hold for another session."""
MOST_OF_AN_ERROR: Final = 1000
BETWEEN_RUNS: Final = (
    protocol.Load, protocol.Start, protocol.Shutdown, protocol.CountPrompts, protocol.MeasureCeilings,
    protocol.CompareModels,
)  # fmt: skip
"""Commands that are not to the run or the comparison that goes on."""


class Service:
    """Carries out one command after the other, and steps the engine in between.

    A command that cannot be carried out is answered by Refused with one sentence; a step that fails ends its run and
    leaves the service able to start another.
    """

    def __init__(
        self, emit: Callable[[list[AnyEvent]], None], start_run: Callable[[], None] = lambda: None,
        asks_to_stop: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        """`asks_to_stop` says whether a Stop command waits while another command is carried out."""
        self._asks_to_stop = asks_to_stop
        self._emit = emit
        self._start_run = start_run
        self._model: LoadedModel | None = None
        self._ceilings = KeptCeilings()
        self._draft: LoadedModel | None = None
        self._unavailable: dict[str, str] = {}
        self.engine: Engine | None = None
        self._comparing: Comparing | None = None
        self.sampler: DeviceSampler | None = None
        """Samples the devices while a run goes on."""
        self._pacing: Pacing | None = None
        self.ended = False

    @property
    def running(self) -> bool:
        """Whether a run goes on."""
        return self.engine is not None or self._comparing is not None

    @property
    def paused(self) -> bool:
        """Whether a run waits for a command."""
        if self._comparing is not None:
            return self._comparing.paused
        return self._pacing is not None and self._pacing.paused

    def receive(self, message: bytes) -> None:
        """Carry out one encoded command; one that cannot be read is refused."""
        try:
            command = protocol.decode(message)
        except (DecodeScopeError, ValueError, RecursionError) as error:  # MessagePack's own errors are ValueErrors
            self._emit([Refused("", "InputError", sentence_of(error))])
        else:
            self.handle(command)

    def handle(self, command: protocol.AnyCommand) -> None:
        """Carry out one command; every failure is answered by Refused, none is raised."""
        name = type(command).__name__
        try:
            self._carry_out(command)
        except DecodeScopeError as error:
            self._emit([Refused(name, type(error).__name__, str(error))])
        except BaseException as error:
            # Also unforeseen errors, such as a panic in Rust, which is no Exception: the process goes on.
            self._emit([Refused(name, "DecodeScopeError", f"{name} failed: {sentence_of(error)}")])

    def work(self) -> float | None:
        """Run one step if a run goes on, is not paused, and its pace allows it.

        Returns the seconds until the next step may run: 0 at once, None only after a command.
        """
        if self._comparing is not None:
            return self._compare_on(self._comparing)
        engine, pacing = self.engine, self._pacing
        if engine is None or pacing is None:
            return None
        rest_s = pacing.rest_s
        if rest_s is None or rest_s:
            return rest_s
        began_ns = engine.account.now_ns()
        try:
            stepped = engine.step()
        except BaseException as error:  # any failure of a model, a library or a device ends the run
            self._fail(engine, error)
            return None
        if stepped:
            pacing.stepped(began_ns)
        if engine.done:
            self._end("finished")
            return None
        return (pacing.rest_s or 0.0) if stepped else engine.next_arrival_s

    def _carry_out(self, command: protocol.AnyCommand) -> None:  # noqa: PLR0912 - one case a command
        match command:
            case protocol.Load():
                self._load(command)
            case protocol.Start():
                self._start(command)
            case protocol.Shutdown():
                self.ended = True
            case protocol.AddRequests():
                self._running().add(command.run.requests)
            case protocol.SetSwitches():
                self._running().set_switches(command.changes)
            case protocol.SetObservation():
                self._running().observe(command.observation)
            case protocol.CountPrompts():
                self._count(command)
            case protocol.MeasureCeilings():
                self._measure_ceilings()
            case protocol.CompareModels():
                self._compare(command)
            case _ if self._comparing is not None and not isinstance(command, BETWEEN_RUNS):
                self._steer(self._comparing, command)
            case protocol.Stop():
                engine = self._running()
                engine.account.mark("stop", "")
                engine.cancel()
                self._end("stopped")
            case protocol.Pause():
                self._change(Pacing.pause)
            case protocol.StepOnce():
                self._change(Pacing.want_step)
            case protocol.Resume():
                self._change(Pacing.resume)
            case protocol.SetPace():
                check_pace(command.tokens_per_s)
                self._change(lambda pacing: pacing.set_pace(command.tokens_per_s))

    def _running(self) -> Engine:
        if self.engine is None:
            raise InputError("There is no run going on.")
        return self.engine

    def _change(self, change: Callable[[Pacing], None]) -> None:
        """Change when the steps of the run follow each other, and tell where this pauses it or lets it go on."""
        self._running()
        assert self._pacing is not None
        before = self.paused
        change(self._pacing)
        if self.paused != before:
            self._emit([StateChanged("paused" if self.paused else "running")])

    def _load(self, command: protocol.Load) -> None:
        if self.running:
            raise InputError("A run is going on; stop it before another model is loaded.")
        self._model = self._draft = None  # first free the memory of the previous ones
        self._ceilings.forget()

        def tell(stage: str, fraction: float) -> None:
            self._emit([Loading(stage, fraction)])

        model = load_model(command.spec, tell)
        self._draft = load_draft(command.spec, model, tell)
        self._unavailable = unavailable_for(model, has_draft=self._draft is not None)
        self._model = model
        self._emit([ModelReady(model_meta(model, self._draft), self._unavailable), StateChanged("idle")])

    def _start(self, command: protocol.Start) -> None:
        if self._model is None:
            raise InputError("No model is loaded.")
        if self.running:
            raise InputError("A run is going on; stop it before another one starts.")
        if not command.run.requests:
            raise InputError("A run needs at least one request.")
        engine = Engine(self._model, command.run, self._unavailable, self._emit, draft=self._draft)
        ceilings = self._ceilings.of(self._model)
        self._start_run()
        meta = model_meta(self._model, self._draft)
        meta["ceilings"] = msgspec.json.encode(ceilings).decode()
        meta |= {"command": command.command_line, "detail": command.run.observation.detail}
        zero_ns = time.perf_counter_ns()
        meta["epoch_ns"] = str(time.time_ns())
        self._emit([SessionStarted(meta)])
        engine.begin(zero_ns)
        # Started paused, or with a pace, the time until the first step counts as a pause.
        self.engine, self._pacing = engine, Pacing(engine, command.run.pace_tokens_per_s, command.paused)
        self.sampler = DeviceSampler(open_devices(self._model.device), self._emit, engine.account.now_ns)
        self.sampler.start()
        self._emit([StateChanged("paused" if command.paused else "running")])

    def _compare(self, command: protocol.CompareModels) -> None:
        if self.running:
            raise InputError("A run is going on; stop it before models are compared.")
        if self._model is None:
            raise InputError("No model is loaded.")

        def tell(stage: str, fraction: float) -> None:
            self._emit([Loading(stage, fraction)])
            if self._asks_to_stop():
                raise LoadingStopped

        try:
            other = load_other(command.spec, self._model, tell)
        except LoadingStopped:
            self._end("stopped")
            return
        comparison = Comparison(self._model, other, command.spec)
        self._start_run()
        meta = model_meta(self._model) | {"command": command.command_line, "precision": as_fact(comparison.fact)}
        meta["epoch_ns"] = str(time.time_ns())
        self._emit([SessionStarted(meta), StateChanged("running")])
        self._comparing = Comparing(comparison, self._emit)

    def _steer(self, comparing: Comparing, command: protocol.AnyCommand) -> None:
        """Carry out a command to the comparison that goes on; what only a generation has (switches, pace) changes
        nothing.
        """
        match command:
            case protocol.Stop():
                comparing.mark("stop", "")
                self._end("stopped")
            case protocol.Pause() | protocol.Resume():
                comparing.paused = isinstance(command, protocol.Pause)
                self._emit([StateChanged("paused" if comparing.paused else "running")])
            case protocol.StepOnce():
                comparing.paused = False
                self._compare_on(comparing)
                comparing.paused = True
                if self._comparing is not None:
                    self._emit([StateChanged("paused")])

    def _compare_on(self, comparing: Comparing) -> float | None:
        """Compute the next part of a comparison; as `work`."""
        if comparing.paused:
            return None
        try:
            if comparing.work():
                return 0.0
        except BaseException as error:  # any failure of a model, a library or a device ends the comparison
            kind = type(error).__name__ if isinstance(error, DecodeScopeError) else "DecodeScopeError"
            message = f"The comparison failed: {sentence_of(error)}"
            comparing.mark("fault", message)
            self._emit([Refused("Step", kind, message)])
            self._end("failed")
        else:
            self._end("finished")
        return None

    def _count(self, command: protocol.CountPrompts) -> None:
        """Tell how many tokens the prompts have; not within a run, whose time this would take."""
        if self.running:
            raise InputError("A run is going on; prompts are counted before or after it.")
        if self._model is None:
            raise InputError("No model is loaded.")
        counts = [prompt_tokens(request, self._model) for request in command.requests]
        self._emit([PromptsCounted(counts, self._model.config.max_positions, command.ask)])

    def progress(self) -> StepProgress | None:
        """How far the step is that runs, if it takes long; from any thread."""
        engine = self.engine
        return None if engine is None else engine.watch.progress()

    def _measure_ceilings(self) -> None:
        if self.running:
            raise InputError("A run is going on; stop it before the ceilings are measured.")
        if self._model is None:
            raise InputError("No model is loaded.")
        told = msgspec.json.encode(self._ceilings.measure(self._model)).decode()
        facts = model_meta(self._model)
        self._emit([CeilingsMeasured(told, {name: facts[name] for name in FACTS_OF_CEILINGS})])

    def rest(self) -> float | None:
        """Called when there is no step to run and no command to carry out.

        Where no run goes on and the ceilings are from a busy machine, measures them again once it is quiet, for later
        runs. Returns the seconds until the next check, None where nothing is to be checked.
        """
        if self.running or self._model is None:
            self._ceilings.wait_anew()
            return None
        return self._ceilings.look_again(self._model)

    def _end(self, reason: Any) -> None:
        if self._pacing is not None:
            self._pacing.end()
        if self.engine is not None and reason != "failed":
            self.engine.account.tell_cost()
        self.engine = self._pacing = self._comparing = None
        self._ceilings.wait_anew()
        if self.sampler is not None:
            self.sampler.stop()
            self.sampler = None
        self._emit([RunEnded(reason), StateChanged("idle")])

    def _fail(self, engine: Engine, error: BaseException) -> None:
        message = f"The step failed: {sentence_of(error)}"
        kind = type(error).__name__ if isinstance(error, DecodeScopeError) else "DecodeScopeError"
        if isinstance(error, OutOfKvMemory):  # a limit that was changed during the run; at the start it is refused
            kind, message = "InputError", f"The limit of the KV memory is too low to go on: {sentence_of(error)}"
        engine.account.mark("fault", message)
        with suppress(Exception):  # the cache may be inconsistent now, and it is dropped anyway
            engine.cancel()
        self._emit([Refused("Step", kind, message)])
        self._end("failed")


def sentence_of(error: BaseException) -> str:
    """The first line of an error's text as a sentence, at most MOST_OF_AN_ERROR characters, as it may quote a file."""
    lines = str(error).strip().splitlines()
    text = one_line(lines[0], MOST_OF_AN_ERROR).rstrip(".") if lines else type(error).__name__
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return f"not enough memory ({text})."
    return f"{text}."
