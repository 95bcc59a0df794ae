"""The engine: one run of requests through one model. `Engine.step()` is its one verb and reads as the algorithm."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from time import perf_counter_ns
from types import MappingProxyType
from typing import Any

import msgspec
import torch

from engine.attention.build import make_attention
from engine.cache.build import make_cache
from engine.cache.none import NoCache
from engine.core.batch import Batch
from engine.core.kv_cache import BlockEvent, KVCache, OutOfKvMemory
from engine.core.positions import padding_of, work_of
from engine.core.request import Queue, Request, in_order
from engine.core.scheduled_chunk import Proposal, ScheduledChunk
from engine.core.settings import Observation, RequestSpec, RunSpec, Switches, as_typed
from engine.core.timing import StepTimer, StepTimes
from engine.decode.capabilities import check_available
from engine.decode.chunks import kind_of, make_batch, next_chunks, with_proposals
from engine.decode.emission import Emission, emit_tokens, token_event
from engine.decode.new_request import check_room, make_request
from engine.decode.not_finite import NotANumberError, not_finite
from engine.decode.policies import make_scheduler
from engine.decode.preemption import check_idle, give_way, readmit
from engine.decode.proposer import make_proposer
from engine.decode.scheduler import retire_finished
from engine.decode.teacher import teacher_pass
from engine.errors import InputError
from engine.graphs.build import graph_device_of, make_graphed
from engine.graphs.device import GraphDevice
from engine.graphs.in_flight import InFlightStep, InFlightTimes
from engine.graphs.steps import GraphedSteps
from engine.measure.account import StepFacts, kv_state, record_step
from engine.measure.cost import CostModel
from engine.measure.nvtx import NvtxTimer, Ranges
from engine.measure.overhead import OverheadMeter
from engine.measure.probe import make_probe
from engine.measure.timers import make_timer
from engine.model.device import make_current
from engine.model.loader import LoadedModel
from engine.sampling.alternatives_cost import alternatives_ns
from engine.sampling.sample_and_verify import Drawn, sample_and_verify
from engine.sampling.sampler import ALTERNATIVES
from engine.session import schema
from engine.session.schema import AnyEvent


class Engine:
    """One run: `begin()`, then `step()` until `done`; switches, observation and requests may change between steps.

    `emit` takes events in the order in which they happened. Raises InputError or UnavailableError for a run that
    cannot be: a prompt longer than the context, a switch that is not to be had here.
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
        self._draft = draft
        self._unavailable = unavailable
        self._emit = emit
        self._clock = clock
        self._zero_ns = 0
        self._cost = CostModel(model.config, model.decoder.reads)
        self._overhead = OverheadMeter()
        self._queue = Queue()
        self._steps = self._tokens = self._requests = self._longest = 0
        self._config_id = -1
        self._pending: list[dict[str, Any]] = []
        self._left_blocks: list[BlockEvent] = []
        """What happened to the blocks of a cache that was switched away from, until the next step tells it."""
        self._teaches = run.teacher_pass
        self._to_teach: deque[Request] = deque()
        make_current(model.device)
        self._switch_at = sorted(run.switch_at, key=lambda change: change.step)
        self._switches = run.switches
        self._check_switches(run)
        self._queue.coming.extend(in_order(self._make_request(spec, 0) for spec in run.requests))
        self._cache: KVCache = make_cache(run.switches, model.config, model.device, model.dtype)
        self._attention = make_attention(run.switches.attention, model.config)
        self._scheduler = make_scheduler(run.switches)
        self._proposer = make_proposer(run.switches, draft, model.config.vocab)
        self._graph_device = graph_device if graph_device is not None else graph_device_of(model.device)
        self._graphs = self._make_graphs(run.switches)
        self._in_flight: InFlightStep | None = None
        """A captured step that was launched while the one before it was still running."""
        self.observe(run.observation)

    def begin(self, zero_ns: int) -> None:
        """The run's clock starts: event times count from `zero_ns` of the engine's clock."""
        self._zero_ns = zero_ns
        self._log_config()

    def now_ns(self) -> int:
        """ns since the run began."""
        return self._clock() - self._zero_ns

    # --- what a user asks for, between steps --------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        """Whether every request has finished, and was passed once more where that was asked for."""
        return self._queue.empty and not self._to_teach and self._in_flight is None

    @property
    def next_arrival_s(self) -> float | None:
        """Seconds until a request arrives that the engine must wait for; None where it has work now, or none at all."""
        if self._queue.waiting or self._queue.running or self._in_flight or not self._queue.coming:
            return None
        return max(0.0, (self._queue.coming[0].arrived_ns - self.now_ns()) / 1e9)

    @property
    def switches(self) -> Switches:
        return self._switches

    def add(self, specs: tuple[RequestSpec, ...]) -> None:
        """Queue requests, their arrival counted from now; raises InputError, and queues none, if a prompt does not fit.

        Numbers are given to those that are queued only, as what a request draws depends on its own.
        """
        start_ns = self.now_ns()
        before = self._requests, self._longest
        try:
            requests = [self._make_request(spec, start_ns) for spec in specs]
        except Exception:
            self._requests, self._longest = before
            raise
        self._queue.coming = deque(in_order((*self._queue.coming, *requests)))

    def set_switches(self, changes: dict[str, Any]) -> None:
        """Flip switches at the next step; raises InputError or UnavailableError and changes nothing."""
        wanted = self._switches
        for earlier in self._pending:
            wanted = wanted.changed(**earlier)
        check_available(wanted.changed(**changes), self._unavailable)
        self._pending.append(changes)

    def observe(self, observation: Observation) -> None:
        """Observe more or less from the next step on; raises InputError for what there is not (layer, head, GPU)."""
        device_type = self._model.device.type
        if observation.nvtx and device_type != "cuda":
            raise InputError("NVTX ranges need a CUDA device.")
        self._probe = None if observation.probe is None else make_probe(observation.probe, self._model.config)
        self._observation = observation
        self._timer: StepTimer = make_timer(observation.detail, self._model.config.layers, self._model.device)
        # Priced here, once a process, and not in the middle of the first step.
        alternatives_ns(self._model.device, self._model.config.vocab, self._alternatives, 1)
        self._ranges: Ranges | None = torch.cuda.nvtx if observation.nvtx else None
        if self._ranges is not None:
            self._timer = NvtxTimer(self._timer, self._ranges)

    def mark(self, kind: str, label: str) -> None:
        """Put a note on the timeline, now."""
        self._emit([schema.Mark(self.now_ns(), kind, label)])

    def tell_cost(self) -> None:
        """Say what observing the whole run cost, however short it was."""
        overhead = self._overhead.whole()
        if overhead is not None:
            self._emit([overhead])

    def cancel(self) -> None:
        """End every request that has arrived and is not finished; the others never happened."""
        for request in (*self._queue.running, *self._queue.waiting):
            if not request.finished:
                request.finish_reason = "cancelled"
                self._emit([schema.RequestFinished(request.id, self.now_ns(), "cancelled")])
        if self._in_flight is not None:
            self._land(self._in_flight, self.now_ns())
        for request in self._queue.running:
            self._cache.free(request.id)
        self._forget((*self._queue.running, *self._queue.waiting))
        self._emit(list(self._block_events()))
        self._queue = Queue()
        self._to_teach.clear()

    # --- the step -----------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def step(self) -> bool:
        """Run one step: schedule, draft, prepare, forward, decide, emit, account; False where nothing is to do now.

        That is where requests are still to arrive, or none is left. Raises DecodeScopeError where requests wait for
        something that cannot come.
        """
        if self._queue.empty and self._to_teach and self._in_flight is None:
            self._teach(self._to_teach.popleft())
            return True
        timer = self._timer
        timer.begin()
        start_ns = self.now_ns()
        if self._in_flight is not None:
            self._land(self._in_flight, start_ns)
            return True
        with timer("prepare"):
            self._apply_switches()
        with timer("schedule"):
            self._arrive()
            chunks = self._scheduler.schedule(self._queue, self._cache)
        if not chunks:
            check_idle(self._queue)
            return False
        chunks, batch, captured = self._prepare(self._propose(chunks))
        self._log_scheduled(chunks, start_ns)
        if captured:
            self._land(self._launch(chunks, batch), start_ns)
            return True
        if self._probe is not None:
            self._probe.begin({one.request.id: one.request.computed.end for one in chunks if one.request is not None})
        logits = self._model.decoder.forward(batch, self._cache, self._attention, timer, self._probe)  # [R, vocab]
        drawn = sample_and_verify(logits, [chunk for chunk in chunks if chunk.complete], self._alternatives, timer)
        self._account(start_ns, chunks, batch, drawn, self._emissions(chunks, drawn), timer)
        return True

    # --- captured steps: launch and landing apart, so that the next one is launched in between ------------------------

    def _launch(self, chunks: list[ScheduledChunk], batch: Batch) -> InFlightStep:
        """Launch a captured step; what it writes is known now, so the cache takes note of it at once."""
        assert self._graphs is not None
        with self._timer("prepare"):
            variant = self._graphs.variant(chunks, self._alternatives, self._observation.detail)
            if not self._graphs.ready(variant):
                since_ns = self.now_ns()
                captured = self._graphs.capture(variant)
                self.mark("graphs", f"captured {captured} calls in {(self.now_ns() - since_ns) / 1e9:.2f} s")
            in_flight = self._graphs.launch(chunks, batch, variant, ranges=self._ranges)
            self._graphs.commit(in_flight)
        return in_flight

    def _launch_next(self, in_flight: InFlightStep) -> InFlightStep | None:
        """Launch the step after `in_flight` while that is running; None where anything depends on what it draws.

        That is a plain decode step of the same requests. Which of them end by their length is known beforehand; one
        that turns out to end otherwise was computed once more for nothing, and that position counts as rejected.
        """
        graphs, queue = self._graphs, self._queue
        changes = self._pending or (self._switch_at and self._switch_at[0].step <= self._steps + 1)
        if (
            graphs is None
            or in_flight.drawn is None
            or self._proposer is not None
            or self._probe is not None
            or changes
        ):
            return None
        with self._timer("schedule"):
            self._arrive()
            chunks = next_chunks(in_flight.chunks)
            enters = queue.waiting and (self._scheduler.admits(queue) or len(chunks) < len(in_flight.rows))
            prompts = any(not request.finished and request.id not in in_flight.rows for request in queue.running)
            variant = graphs.variant(chunks, self._alternatives, self._observation.detail)
        if not chunks or enters or prompts or not graphs.ready(variant):
            return None
        with self._timer("prepare"):
            try:
                padded, batch = graphs.prepare(self._scheduler.pad(queue, chunks))
            except OutOfKvMemory:
                return None
            return graphs.launch(padded, batch, variant, in_flight, self._ranges)

    def _land(self, in_flight: InFlightStep, start_ns: int) -> None:
        """Launch what can follow, then read an in-flight step's tokens, emit them, and account for its step."""
        assert self._graphs is not None
        self._in_flight = self._launch_next(in_flight)
        thrown = {r.id for chunk in in_flight.chunks if (r := chunk.request) is not None and r.finished}
        drawn, times = self._graphs.land(in_flight, self._alternatives, self._timer)
        emissions = self._emissions(in_flight.chunks, drawn)
        self._account(start_ns, in_flight.chunks, in_flight.batch, drawn, emissions, times, in_flight, thrown)
        if self._in_flight is not None:
            self._graphs.commit(self._in_flight)

    def _make_graphs(self, switches: Switches) -> GraphedSteps | None:
        return make_graphed(self._model, self._cache, switches, self._graph_device, self._longest)

    # --- parts of a step ----------------------------------------------------------------------------------------------

    @property
    def _alternatives(self) -> int:
        return 0 if self._observation.detail == "off" else ALTERNATIVES

    def _emissions(self, chunks: list[ScheduledChunk], drawn: list[Drawn]) -> list[Emission]:
        try:
            with self._timer("detokenize"):
                return [emission for one in drawn for emission in emit_tokens(one, self._model.tokenizer.eos_token_ids)]
        except NotANumberError as found:
            for one in drawn:  # no token of this step is told, so nobody ended in it
                one.request.finish_reason = None
            fed = next([*one.request.tokens[: one.end], *one.drafts] for one in chunks if one.request is found.request)
            raise not_finite(self._model, fed) from None

    def _retire(self, finished: list[Request]) -> None:
        """Let finished requests leave, and whatever was kept for them."""
        self._scheduler.retire(self._queue, self._cache)
        self._forget(finished)
        if self._teaches:
            self._to_teach.extend(finished)

    def _forget(self, requests: Collection[Request]) -> None:
        """Let the proposer drop what it keeps for requests that have ended."""
        if self._proposer is not None:
            for request in requests:
                self._proposer.forget(request.id)

    def _teach(self, request: Request) -> None:
        """Pass a finished request's text through the model at once, as a step of its own."""
        timer = self._timer
        timer.begin()
        start_ns = self.now_ns()
        passed = teacher_pass(self._model, self._attention, request, timer)
        facts = StepFacts(
            id=self._steps,
            config_id=self._config_id,
            kind="teacher",
            start_ns=start_ns,
            batch=passed.batch,
            work=work_of(self._steps, request.id, request.slot, (0, request.known - 1), request.computed),
            kv=passed.kv,
            tokens_out=0,
            running=1,
            waiting=0,
            attention_kernel=self._attention.kernel,
        )
        step = record_step(facts, self._cost, timer, self.now_ns)
        self._steps += 1
        self._emit([*facts.work, step])
        self.mark("teacher", f"request {request.id}: {passed.sentence}")

    def _apply_switches(self) -> None:
        while self._switch_at and self._switch_at[0].step <= self._steps:
            self._pending.append(self._switch_at.pop(0).changes)
        for changes in self._pending:
            self._switch(self._switches.changed(**changes))
        self._pending.clear()
        if self._graphs is not None and self._graphs.longest < self._longest:  # a longer request was added
            self._graphs = self._make_graphs(self._switches)

    def _switch(self, wanted: Switches) -> None:
        """Put other switches in force: a cache that is new holds nothing, so what is known is computed again."""
        before, after = asdict(self._switches), asdict(wanted)
        changed = [name for name in after if before[name] != after[name]]
        if not changed:
            return
        sized = {"kv", "block_size", "kv_memory", "graphs"} | ({"batching", "max_batch"} if wanted.graphs else set())
        if sized & set(changed):
            for request in self._queue.running:
                self._cache.free(request.id)
            self._left_blocks += self._cache.drain_events()
            # The old memory goes before the new one looks for room: nothing may hold it any more.
            self._graphs = None
            self._attention = make_attention(wanted.attention, self._model.config)
            self._cache = NoCache(self._model.config.layers)
            self._cache = make_cache(wanted, self._model.config, self._model.device, self._model.dtype)
            readmit(self._queue, self._cache)
        if "attention" in changed:
            self._attention = make_attention(wanted.attention, self._model.config)
        if {"batching", "max_batch"} & set(changed):
            retire_finished(self._queue, self._cache)  # a static batch keeps them, and no other policy expects them
            self._scheduler = make_scheduler(wanted)
        if "speculate" in changed:
            self._proposer = make_proposer(wanted, self._draft, self._model.config.vocab)
        self._graphs = self._make_graphs(wanted)
        self._switches = wanted
        self._log_config()
        for name in changed:
            self.mark("switch", f"{name}: {as_typed(before[name])} → {as_typed(after[name])}")

    def _arrive(self) -> None:
        for request in self._queue.arrive(self.now_ns()):
            request.tokens = self._model.tokenizer.encode_rendered(request.prompt, request.spec.from_template)
            texts = [self._model.tokenizer.token_text(token) for token in request.tokens]
            params = msgspec.json.encode(request.spec).decode()
            arrived = schema.RequestArrived(
                request.id, request.spec.prompt, list(request.tokens), texts, params, request.arrived_ns
            )
            self._emit([arrived])

    def _propose(
        self, chunks: list[ScheduledChunk], made: Mapping[int, Proposal] = MappingProxyType({})
    ) -> list[ScheduledChunk]:
        """Let the proposer draft for every request that decodes, never past the end the request may come to.

        Those that have a proposal already keep it: `made` by request.
        """
        if self._proposer is None:
            return chunks
        with self._timer("draft"):
            requests = [
                request
                for chunk in chunks
                if (request := chunk.request) is not None
                and chunk.complete
                and request.generated
                and request.id not in made
            ]
            counts = [min(self._switches.k, request.limit - request.known - 1) for request in requests]
            proposals = self._proposer.propose(requests, counts)
        self._timer.pause()  # neither the host's preparations nor a captured step belong to the draft
        new = zip((request.id for request in requests), proposals, strict=True)
        return with_proposals(chunks, {**made, **dict(new)})

    def _prepare(self, chunks: list[ScheduledChunk]) -> tuple[list[ScheduledChunk], Batch, bool]:
        """The batch, and room for it in the cache: while memory runs out, the newest request gives way.

        Last, whether it is the batch of a captured step.
        """
        while True:
            with self._timer("prepare"):
                padded = self._scheduler.pad(self._queue, chunks)
                try:
                    if self._graphs is not None and self._probe is None and self._graphs.fits(padded):
                        return *self._graphs.prepare(padded), True
                    batch = make_batch(padded, self._model.device)
                    self._cache.begin(batch)
                    return padded, batch, False
                except OutOfKvMemory:
                    if not give_way(self._queue, self._cache):
                        raise
            made = {chunk.request.id: chunk.proposal for chunk in chunks if chunk.request is not None and chunk.drafts}
            with self._timer("schedule"):
                chunks = self._scheduler.schedule(self._queue, self._cache, admit=False)
            # Who is computed now and was not before drafts as it would have done alone.
            chunks = self._propose(chunks, made)

    # --- the account of it --------------------------------------------------------------------------------------------

    def _account(
        self, start_ns: int, chunks: list[ScheduledChunk], batch: Batch, drawn: list[Drawn], emissions: list[Emission],
        times: StepTimes, in_flight: InFlightStep | None = None, thrown: Collection[int] = (),
    ) -> None:  # fmt: skip
        """Settle and record a step; requests in `thrown` had ended before, and what it computed for them is void."""
        emitted_ns, read_before_ns = self.now_ns(), times.reading_ns
        kept = self._settle([s for s in chunks if s.request is None or s.request.id not in thrown], emissions)
        work = [row for chunk in chunks for row in self._work(chunk, kept)]
        tokens = [token_event(one, self._tokens + i, self._steps, emitted_ns) for i, one in enumerate(emissions)]
        self._tokens += len(tokens)
        speculation = [
            schema.Speculation(self._steps, one.request.id, one.proposed, kept[one.request.id])
            for one in drawn
            if one.proposed
        ]
        finished = [
            schema.RequestFinished(one.request.id, emitted_ns, one.request.finish_reason)
            for one in drawn
            if one.request.finish_reason is not None
        ]
        facts = StepFacts(
            id=self._steps,
            config_id=self._config_id,
            kind=kind_of(chunks),
            start_ns=start_ns,
            batch=batch,
            work=work,
            kv=kv_state(self._cache, self._ended_before(emissions)),
            tokens_out=len(tokens),
            running=len(self._queue.running),
            waiting=len(self._queue.waiting),
            attention_kernel=self._attention.kernel if in_flight is None else in_flight.kernel,
            launch="eager" if in_flight is None else in_flight.launch,
            drafting=(0, 0) if self._proposer is None else self._proposer.take_cost(),
            draft_kv=(0, 0) if self._proposer is None else self._proposer.kv_bytes(),
        )
        rows = [] if self._probe is None else self._probe.take(self._steps)
        blocks = self._block_events()
        step = record_step(facts, self._cost, times, self.now_ns)
        # Who has ended leaves after the step, so that its bytes and its blocks are those of one moment.
        self._retire([one.request for one in drawn if one.request.finished])
        blocks += self._block_events()
        self._steps += 1
        self._emit([*work, step, *tokens, *speculation, *blocks, *rows, *finished])
        described = sum(len(one.choices) for one in drawn)
        self._tell_overhead(
            step, times, described, records_ns=self.now_ns() - emitted_ns - (times.reading_ns - read_before_ns)
        )

    def _ended_before(self, emissions: list[Emission]) -> set[int]:
        """Requests that had ended before this step and wait for their batch: no position of theirs is alive."""
        now = {emission.request.id for emission in emissions}
        return {request.id for request in self._queue.running if request.finished and request.id not in now}

    def _settle(self, chunks: list[ScheduledChunk], emissions: list[Emission]) -> dict[int, int]:
        """Roll the caches back over drafts that did not become tokens; {request: drafts that did}."""
        kept = {chunk.request.id: 0 for chunk in chunks if chunk.request is not None}
        for emission in emissions:
            kept[emission.request.id] += emission.source == "draft"
        for chunk in chunks:
            if chunk.request is not None and kept[chunk.request.id] < len(chunk.drafts):
                self._cache.truncate(chunk.request.id, chunk.end + kept[chunk.request.id])
        if self._proposer is not None:
            self._proposer.settle()
        return kept

    def _work(self, chunk: ScheduledChunk, kept: dict[int, int]) -> list[schema.Work]:
        request = chunk.request
        if request is None:
            return [padding_of(self._steps, chunk.slot, chunk.length)]
        rejected = len(chunk.drafts) - kept[request.id] if request.id in kept else chunk.length
        indices = (chunk.first, chunk.first + chunk.length)
        return work_of(self._steps, request.id, chunk.slot, indices, request.computed, rejected=rejected)

    def _block_events(self) -> list[schema.KvBlock]:
        now_ns = self.now_ns()
        events = [*self._left_blocks, *self._cache.drain_events()]
        self._left_blocks.clear()
        return [schema.KvBlock(self._steps, now_ns, e.block, e.event, e.request_id) for e in events]

    def _tell_overhead(self, step: schema.Step, times: StepTimes, described: int, records_ns: int) -> None:
        """Add up what observing this step cost, in which `described` tokens came with their alternatives."""
        watching_ns = times.cost_ns + (0 if self._probe is None else self._probe.observing_ns)
        watching_ns += alternatives_ns(self._model.device, self._model.config.vocab, self._alternatives, described)
        overhead = self._overhead.add(
            self.now_ns() - step.start_ns, watching_ns, times.reading_ns, records_ns,
            beside=self._in_flight is not None, late=times.late if isinstance(times, InFlightTimes) else True,
        )  # fmt: skip
        if overhead is not None:
            self._emit([overhead])

    def _log_config(self) -> None:
        self._config_id += 1
        switches = msgspec.json.encode(self._switches).decode()
        self._emit([schema.ConfigChanged(self._config_id, self._steps, switches)])

    def _log_scheduled(self, chunks: list[ScheduledChunk], now_ns: int) -> None:
        for chunk in chunks:
            if chunk.request is not None and not chunk.request.scheduled:
                chunk.request.scheduled = True
                self._emit([schema.RequestScheduled(chunk.request.id, max(now_ns, chunk.request.arrived_ns))])

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _check_switches(self, run: RunSpec) -> None:
        switches = run.switches
        check_available(switches, self._unavailable)
        for change in self._switch_at:
            switches = switches.changed(**change.changes)
            check_available(switches, self._unavailable)

    def _make_request(self, spec: RequestSpec, start_ns: int) -> Request:
        request = make_request(spec, self._requests, start_ns, self._model)
        check_room(request, self._switches, self._model)
        self._requests += 1
        self._longest = max(self._longest, request.limit)
        return request
