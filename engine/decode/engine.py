"""The engine: one run of requests through one model. `Engine.step()` reads as the whole algorithm."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter_ns
from typing import Any

from engine.core.request import Queue, Request, in_order
from engine.core.settings import Observation, RequestSpec, RunSpec, Switches
from engine.decode.account import Account
from engine.decode.lander import Lander
from engine.decode.launcher import Launcher
from engine.decode.new_request import RequestMaker
from engine.decode.preemption import check_idle
from engine.decode.step_runner import LaunchedStep, StepRunner
from engine.decode.step_watch import StepWatch
from engine.decode.switcher import Switcher
from engine.decode.teacher import teacher_pass
from engine.graphs.build import graph_device_of
from engine.graphs.device import GraphDevice
from engine.graphs.in_flight import InFlightStep
from engine.model.device import make_current
from engine.model.inference import inferring
from engine.model.loader import LoadedModel
from engine.session.schema import AnyEvent


class Engine:
    """One run: `begin()`, then `step()` until `done`; switches, observation and requests may change between steps.

    The launcher decides what a step computes, the runner computes it, the lander makes its tokens known, the switcher
    applies the switches, the account sends the events. `emit` receives them in the order in which they happened. Raises
    InputError or UnavailableError for a run that cannot start: a prompt longer than the context, a switch value that
    cannot run here.
    """

    def __init__(
        self, model: LoadedModel, run: RunSpec, unavailable: dict[str, str], emit: Callable[[list[AnyEvent]], None], *,
        draft: LoadedModel | None = None, clock: Callable[[], int] = perf_counter_ns,
        graph_device: GraphDevice | None = None,
    ) -> None:  # fmt: skip
        make_current(model.device)
        run = replace(run, switches=run.switches.settled(unavailable))
        self._model = model
        self._teaches = run.teacher_pass
        self._to_teach: deque[Request] = deque()
        device = graph_device if graph_device is not None else graph_device_of(model.device)
        self._maker = RequestMaker(model, captures=device is not None)
        self.account = Account(model, emit, clock)
        self.switcher = Switcher(run, unavailable, draft, model.config.vocab, self.account)
        self.queue = Queue(coming=deque(self._maker.make(run.requests, 0, run.switches)))
        self.runner = StepRunner(model, run.switches, self.account.mark, device)
        self.runner.capture_anew(run.switches, self._maker.longest)
        self.runner.observe(run.observation)
        parts = (model, self.queue, self.switcher, self.runner, self.account)
        self._launcher, self._lander = Launcher(*parts), Lander(*parts)
        self.in_flight: InFlightStep | None = None
        """A captured step that was launched while the one before it was still running."""
        self.watch = StepWatch(self.runner.share_done)
        self.launches_ahead = True
        """Whether that is done at all: not while the caller lets time pass between steps."""

    def begin(self, zero_ns: int) -> None:
        """Start the run's clock: event times count from `zero_ns` of the engine's clock."""
        self.account.begin(zero_ns, self.switches)

    @property
    def done(self) -> bool:
        """Whether every request has finished, and its teacher-forced pass is done where the run has such passes."""
        return self.queue.empty and not self._to_teach and self.in_flight is None

    @property
    def next_arrival_s(self) -> float | None:
        """Seconds until the next request arrives; None where the engine has work now, or no request is to come."""
        if self.queue.waiting or self.queue.running or self.in_flight or not self.queue.coming:
            return None
        return max(0.0, (self.queue.coming[0].arrived_ns - self.account.now_ns()) / 1e9)

    @property
    def switches(self) -> Switches:
        """The switches in force."""
        return self.switcher.switches

    def add(self, specs: tuple[RequestSpec, ...]) -> None:
        """Queue requests; their arrival counts from now. Raises InputError, and queues none, if one cannot run."""
        requests = self._maker.make(specs, self.account.now_ns(), self.switches)
        self.queue.coming = deque(in_order((*self.queue.coming, *requests)))

    def set_switches(self, changes: dict[str, Any]) -> None:
        """Flip switches at the next step; raises InputError or UnavailableError and changes nothing."""
        self.switcher.ask(changes)

    def observe(self, observation: Observation) -> None:
        """Observe more or less from the next step on.

        Raises InputError for a layer or head that the model does not have, and for NVTX without a CUDA device.
        """
        self.runner.observe(observation)

    def cancel(self) -> None:
        """End every request that has arrived and is not finished; requests still to arrive are dropped silently."""
        left = (*self.queue.running, *self.queue.waiting)
        for request in left:
            if not request.finished:
                request.finish_reason = "cancelled"
                self.account.cancelled(request)
        if self.in_flight is not None:
            launched, self.in_flight = self.in_flight, None
            self._lander.land(launched, self.account.now_ns(), behind=None)
        for request in self.queue.running:
            self.runner.cache.free(request.id)
        self.switcher.forget(left)
        self.account.tell_blocks(self.runner)
        self.queue.clear()
        self._to_teach.clear()

    @inferring
    def step(self) -> bool:
        """Run one step: schedule, draft, prepare, forward, sample, emit, account; False where there is no work now.

        There is no work where requests are still to arrive, or none is left. Raises DecodeScopeError where requests are
        in the queue but nothing can be computed, which is a fault of the program.
        """
        if self.queue.empty and self._to_teach and self.in_flight is None:
            self._teach(self._to_teach.popleft())
            return True
        self.watch.begin(self.account.steps)
        self.runner.timer.begin()
        start_ns = self.account.now_ns()
        launched: LaunchedStep | None = self.in_flight
        if launched is None:
            self.switcher.apply(self.account.steps, self.queue, self.runner, self._maker.longest)
            launched = self._launcher.launch(start_ns)
        if launched is None:
            self.watch.end()
            check_idle(self.queue)
            return False
        self.watch.computes(launched.chunks)
        # The next one is prepared and started while the device works on this one.
        self.in_flight = self._launcher.launch_next(launched) if self.launches_ahead else None
        finished = self._lander.land(launched, start_ns, behind=self.in_flight)
        self.watch.end()
        if self._teaches:
            self._to_teach.extend(finished)
        return True

    def _teach(self, request: Request) -> None:
        """Pass a finished request's whole text through the model at once, as a step of its own."""
        self.watch.begin(self.account.steps)
        self.runner.timer.begin()
        start_ns = self.account.now_ns()
        passed = teacher_pass(self._model, self.runner, request)
        self.account.taught(start_ns, request, passed, self.runner.timer)
        self.watch.end()
