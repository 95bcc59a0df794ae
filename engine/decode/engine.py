"""The engine: one run of requests through one model. `Engine.step()` is its one verb and reads as the algorithm."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from time import perf_counter_ns
from types import MappingProxyType
from typing import Any

import torch

from engine.core.kv_cache import OutOfKvMemory
from engine.core.request import Queue, Request, in_order
from engine.core.scheduled_chunk import Proposal, ScheduledChunk
from engine.core.settings import Observation, RequestSpec, RunSpec, Switches
from engine.decode.account import Account
from engine.decode.chunks import next_chunks, with_proposals
from engine.decode.emission import Emission, emit_tokens
from engine.decode.new_request import RequestMaker
from engine.decode.not_finite import NotANumberError, not_finite
from engine.decode.preemption import check_idle, give_way
from engine.decode.step_runner import LandedStep, LaunchedStep, PreparedStep, StepRunner
from engine.decode.switcher import Switcher
from engine.decode.teacher import teacher_pass
from engine.graphs.device import GraphDevice
from engine.graphs.in_flight import InFlightStep
from engine.model.device import make_current
from engine.model.loader import LoadedModel
from engine.session.schema import AnyEvent


class Engine:
    """One run: `begin()`, then `step()` until `done`; switches, observation and requests may change between steps.

    `emit` takes events in the order in which they happened. Raises InputError or UnavailableError for a run that
    cannot be: a prompt longer than the context, a switch that is not to be had here.

    The `StepRunner` computes, the `Switcher` says how, the `Account` tells what happened; what stands here is what a
    run does with them. It has more than fifteen methods, as half of them are what a user may ask for between steps.
    """

    def __init__(
        self,
        model: LoadedModel,
        run: RunSpec,
        unavailable: dict[str, str],
        emit: Callable[[list[AnyEvent]], None],
        *,
        draft: LoadedModel | None = None,
        clock: Callable[[], int] = perf_counter_ns,
        graph_device: GraphDevice | None = None,
    ) -> None:
        self._model = model
        self._to_teach: deque[Request] = deque()
        self._teaches = run.teacher_pass
        make_current(model.device)
        self.account = Account(model, emit, clock)
        self.switcher = Switcher(run, unavailable, draft, model.config.vocab, self.account)
        self._maker = RequestMaker(model)
        self.queue = Queue(coming=deque(self._maker.make(run.requests, 0, run.switches)))
        self.runner = StepRunner(model, run.switches, self.account.mark, graph_device)
        self.runner.capture_anew(run.switches, self._maker.longest)
        self.runner.observe(run.observation)
        self.in_flight: InFlightStep | None = None
        """A captured step that was launched while the one before it was still running."""

    # --- what a user asks for, between steps --------------------------------------------------------------------------

    def begin(self, zero_ns: int) -> None:
        """The run's clock starts: event times count from `zero_ns` of the engine's clock."""
        self.account.begin(zero_ns, self.switches)

    def now_ns(self) -> int:
        """ns since the run began."""
        return self.account.now_ns()

    @property
    def done(self) -> bool:
        """Whether every request has finished, and was passed once more where that was asked for."""
        return self.queue.empty and not self._to_teach and self.in_flight is None

    @property
    def next_arrival_s(self) -> float | None:
        """Seconds until a request arrives that the engine must wait for; None where it has work now, or none at all."""
        if self.queue.waiting or self.queue.running or self.in_flight or not self.queue.coming:
            return None
        return max(0.0, (self.queue.coming[0].arrived_ns - self.now_ns()) / 1e9)

    @property
    def switches(self) -> Switches:
        """Those in force."""
        return self.switcher.switches

    def add(self, specs: tuple[RequestSpec, ...]) -> None:
        """Queue requests, their arrival counted from now; raises InputError, and queues none, if one cannot run."""
        requests = self._maker.make(specs, self.now_ns(), self.switches)
        self.queue.coming = deque(in_order((*self.queue.coming, *requests)))

    def set_switches(self, changes: dict[str, Any]) -> None:
        """Flip switches at the next step; raises InputError or UnavailableError and changes nothing."""
        self.switcher.ask(changes)

    def observe(self, observation: Observation) -> None:
        """Observe more or less from the next step on; raises InputError for what there is not (layer, head, GPU)."""
        self.runner.observe(observation)

    def mark(self, kind: str, label: str) -> None:
        """Put a note on the timeline, now."""
        self.account.mark(kind, label)

    def tell_cost(self) -> None:
        """Say what observing the whole run cost, however short it was."""
        self.account.tell_cost()

    def cancel(self) -> None:
        """End every request that has arrived and is not finished; the others never happened."""
        for request in (*self.queue.running, *self.queue.waiting):
            if not request.finished:
                request.finish_reason = "cancelled"
                self.account.cancelled(request)
        if self.in_flight is not None:
            launched, self.in_flight = self.in_flight, None
            self._finish(launched, self.now_ns())
        for request in self.queue.running:
            self.runner.cache.free(request.id)
        self._forget((*self.queue.running, *self.queue.waiting))
        self.account.tell_blocks(self.runner)
        self.queue = Queue()
        self._to_teach.clear()

    # --- the step -----------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def step(self) -> bool:
        """Run one step: schedule, draft, prepare, forward, sample, emit, account; False where nothing is to do now.

        That is where requests are still to arrive, or none is left. Raises DecodeScopeError where requests wait for
        something that cannot come.
        """
        if self.queue.empty and self._to_teach and self.in_flight is None:
            self._teach(self._to_teach.popleft())
            return True
        self.runner.timer.begin()
        start_ns = self.now_ns()
        launched = self.in_flight or self._launch(start_ns)
        if launched is None:
            check_idle(self.queue)
            return False
        self.in_flight = self._launch_next(launched)  # prepared and started while the device works on this one
        self._finish(launched, start_ns)
        return True

    def _launch(self, start_ns: int) -> LaunchedStep | None:
        """Decide what the next step computes, and start it; None where there is nothing to compute."""
        with self.runner.timer("prepare"):
            self.switcher.apply(self.account.steps, self.queue, self.runner, self._maker.longest)
        with self.runner.timer("schedule"):
            self._arrive()
            chunks = self.switcher.scheduler.schedule(self.queue, self.runner.cache)
        if not chunks:
            return None
        prepared = self._prepare(self._propose(chunks))
        self.account.scheduled(prepared.chunks, start_ns)
        return self.runner.launch(prepared)

    def _launch_next(self, launched: LaunchedStep) -> InFlightStep | None:
        """Launch the step after `launched` while that is running; None where anything depends on what it draws.

        That is a plain decode step of the same requests. Which of them end by their length is known beforehand; one
        that turns out to end otherwise was computed once more for nothing, and that position counts as rejected.
        """
        switcher, queue, runner = self.switcher, self.queue, self.runner
        if not runner.overlaps(launched) or switcher.proposer is not None or switcher.due(self.account.steps + 1):
            return None
        with runner.timer("schedule"):
            self._arrive()
            chunks = next_chunks(launched.chunks)
            ids = {chunk.request.id for chunk in launched.chunks if chunk.request is not None}
            enters = queue.waiting and (switcher.scheduler.admits(queue) or len(chunks) < len(ids))
            prompts = any(not request.finished and request.id not in ids for request in queue.running)
        if not chunks or enters or prompts:
            return None
        with runner.timer("prepare"):
            return runner.launch_next(launched, switcher.scheduler.pad(queue, chunks))

    def _finish(self, launched: LaunchedStep, start_ns: int) -> None:
        """Land a step: its tokens become known, the caches are settled, and all of it is told."""
        void = {r.id for chunk in launched.chunks if (r := chunk.request) is not None and r.finished}
        landed = self.runner.land(launched)
        emissions = self._emit(landed)
        kept = self._settle(landed.chunks, emissions, void)
        proposer = self.switcher.proposer
        record = self.account.close(start_ns, landed, emissions, kept, self.queue, self.runner, proposer)
        # Who has ended leaves after the step, so that its bytes and its blocks are those of one moment.
        self._retire([one.request for one in landed.drawn if one.request.finished])
        self.account.tell(record, self.runner, beside=self.in_flight is not None)
        if self.in_flight is not None:
            self.runner.commit(self.in_flight)

    # --- parts of a step ----------------------------------------------------------------------------------------------

    def _arrive(self) -> None:
        for request in self.queue.arrive(self.now_ns()):
            request.tokens = self._model.tokenizer.encode_rendered(request.prompt, request.spec.from_template)
            self.account.arrived(request)

    def _propose(
        self, chunks: list[ScheduledChunk], made: Mapping[int, Proposal] = MappingProxyType({})
    ) -> list[ScheduledChunk]:
        """Let the proposer draft for every request that decodes, never past the end the request may come to.

        Those that have a proposal already keep it: `made` by request.
        """
        proposer, timer = self.switcher.proposer, self.runner.timer
        if proposer is None:
            return chunks
        with timer("draft"):
            requests = [
                request
                for chunk in chunks
                if (request := chunk.request) is not None
                and chunk.complete
                and request.generated
                and request.id not in made
            ]
            counts = [min(self.switches.k, request.limit - request.known - 1) for request in requests]
            proposals = proposer.propose(requests, counts)
        timer.pause()  # neither the host's preparations nor a captured step belong to the draft
        new = zip((request.id for request in requests), proposals, strict=True)
        return with_proposals(chunks, {**made, **dict(new)})

    def _prepare(self, chunks: list[ScheduledChunk]) -> PreparedStep:
        """The step with room for it in the cache: while memory runs out, the newest request gives way."""
        scheduler, runner = self.switcher.scheduler, self.runner
        while True:
            with runner.timer("prepare"):
                try:
                    return runner.prepare(scheduler.pad(self.queue, chunks))
                except OutOfKvMemory:
                    if not give_way(self.queue, runner.cache):
                        raise
            made = {chunk.request.id: chunk.proposal for chunk in chunks if chunk.request is not None and chunk.drafts}
            with runner.timer("schedule"):
                chunks = scheduler.schedule(self.queue, runner.cache, admit=False)
            # Who is computed now and was not before drafts as it would have done alone.
            chunks = self._propose(chunks, made)

    def _emit(self, landed: LandedStep) -> list[Emission]:
        """Make drawn tokens known; raises NotFiniteError where logits were none."""
        drawn, eos = landed.drawn, self._model.tokenizer.eos_token_ids
        try:
            with self.runner.timer("detokenize"):
                return [emission for one in drawn for emission in emit_tokens(one, eos)]
        except NotANumberError as found:
            for one in drawn:  # no token of this step is told, so nobody ended in it
                one.request.finish_reason = None
            fed = next([*c.request.tokens[: c.end], *c.drafts] for c in landed.chunks if c.request is found.request)
            raise not_finite(self._model, fed) from None

    def _settle(self, chunks: list[ScheduledChunk], emissions: list[Emission], void: Collection[int]) -> dict[int, int]:
        """Roll the caches back over drafts that did not become tokens; {request: drafts that did}.

        Requests in `void` had ended before the step, which computed nothing for them.
        """
        live = [chunk for chunk in chunks if chunk.request is not None and chunk.request.id not in void]
        kept = {chunk.request.id: 0 for chunk in live if chunk.request is not None}
        for emission in emissions:
            kept[emission.request.id] += emission.source == "draft"
        for chunk in live:
            if chunk.request is not None and kept[chunk.request.id] < len(chunk.drafts):
                self.runner.cache.truncate(chunk.request.id, chunk.end + kept[chunk.request.id])
        if self.switcher.proposer is not None:
            self.switcher.proposer.settle()
        return kept

    def _retire(self, finished: list[Request]) -> None:
        """Let finished requests leave, and whatever was kept for them."""
        self.switcher.scheduler.retire(self.queue, self.runner.cache)
        self._forget(finished)
        if self._teaches:
            self._to_teach.extend(finished)

    def _forget(self, requests: Collection[Request]) -> None:
        """Let the proposer drop what it keeps for requests that have ended."""
        if self.switcher.proposer is not None:
            for request in requests:
                self.switcher.proposer.forget(request.id)

    def _teach(self, request: Request) -> None:
        """Pass a finished request's text through the model at once, as a step of its own."""
        timer, attention = self.runner.timer, self.runner.attention
        timer.begin()
        start_ns = self.now_ns()
        passed = teacher_pass(self._model, attention, request, timer)
        self.account.taught(start_ns, request, passed, attention.kernel, timer)
