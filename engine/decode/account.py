"""A run's account: its clock, the numbers of its steps and tokens, and the events that tell all that happened."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import msgspec

from engine.core.positions import padding_of, work_of
from engine.core.request import Queue, Request
from engine.core.scheduled_chunk import ScheduledChunk
from engine.core.settings import Switches
from engine.core.timing import StepTimer
from engine.decode.chunks import kind_of
from engine.decode.emission import Emission, token_event
from engine.decode.proposer import Proposer
from engine.decode.step_runner import LandedStep, StepRunner
from engine.decode.teacher import TeacherPass
from engine.graphs.in_flight import InFlightTimes
from engine.measure.cost import CostModel
from engine.measure.overhead import OverheadMeter
from engine.measure.step_record import StepFacts, record_step
from engine.model.loader import LoadedModel
from engine.session import schema
from engine.session.schema import AnyEvent


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step that is over, with the events that tell it."""

    step: schema.Step
    work: list[schema.Work]
    tokens: list[schema.Token]
    speculation: list[schema.Speculation]
    blocks: list[schema.KvBlock]
    rows: list[schema.AttentionRow]
    finished: list[schema.RequestFinished]
    landed: LandedStep
    emitted_ns: int
    read_before_ns: int
    """What reading the step's times had taken when its tokens were known."""


class Account:
    """Tells a run as events, in the order in which they happened.

    Times count from `begin`. A step is told in two parts, as those who end in it leave in between: `close` ends its
    wall time and reads what it was, `tell` sends it.
    """

    def __init__(self, model: LoadedModel, emit: Callable[[list[AnyEvent]], None], clock: Callable[[], int]) -> None:
        """`emit` takes events; `clock` gives ns."""
        self.steps = 0
        """Steps told so far, and so the id of the next one."""
        self._model = model
        self._emit = emit
        self._clock = clock
        self._zero_ns = 0
        self._tokens = 0
        self._config_id = -1
        self._cost = CostModel(model.config, model.decoder.reads)
        self.overhead = OverheadMeter()

    def begin(self, zero_ns: int, switches: Switches) -> None:
        """The run's clock starts at `zero_ns` of `clock`."""
        self._zero_ns = zero_ns
        self.switched(switches, [])

    def now_ns(self) -> int:
        """ns since the run began."""
        return self._clock() - self._zero_ns

    def mark(self, kind: str, label: str) -> None:
        """Put a note on the timeline, now."""
        self._emit([schema.Mark(self.now_ns(), kind, label)])

    def switched(self, switches: Switches, labels: Sequence[str]) -> None:
        """These switches are in force from the next step on; `labels` say what changed."""
        self._config_id += 1
        self._emit([schema.ConfigChanged(self._config_id, self.steps, msgspec.json.encode(switches).decode())])
        for label in labels:
            self.mark("switch", label)

    # --- requests -----------------------------------------------------------------------------------------------------

    def arrived(self, request: Request) -> None:
        """A request's time has come, and its prompt is encoded."""
        texts = [self._model.tokenizer.token_text(token) for token in request.tokens]
        params = msgspec.json.encode(request.spec).decode()
        self._emit([
            schema.RequestArrived(
                request.id, request.spec.prompt, list(request.tokens), texts, params, request.arrived_ns
            )
        ])  # fmt: skip

    def scheduled(self, chunks: Sequence[ScheduledChunk], now_ns: int) -> None:
        """These chunks are about to be computed; for some requests they are the first."""
        for chunk in chunks:
            request = chunk.request
            if request is not None and not request.scheduled:
                request.scheduled = True
                self._emit([schema.RequestScheduled(request.id, max(now_ns, request.arrived_ns))])

    def cancelled(self, request: Request) -> None:
        """A request was ended from outside."""
        self._emit([schema.RequestFinished(request.id, self.now_ns(), "cancelled")])

    # --- steps --------------------------------------------------------------------------------------------------------

    def close(
        self, start_ns: int, landed: LandedStep, emissions: Sequence[Emission], kept: dict[int, int],
        queue: Queue, runner: StepRunner, proposer: Proposer | None,
    ) -> StepRecord:  # fmt: skip
        """End a step's wall time and collect what is recorded of it.

        `kept` says for each request how many of its drafts became tokens. What was computed for a request that is not
        in it is void: it had ended before.
        """
        emitted_ns, read_before_ns = self.now_ns(), landed.times.reading_ns
        work = [row for chunk in landed.chunks for row in self._work(chunk, kept)]
        tokens = [token_event(one, self._tokens + i, self.steps, emitted_ns) for i, one in enumerate(emissions)]
        self._tokens += len(tokens)
        drawn = landed.drawn
        speculation = [
            schema.Speculation(self.steps, one.request.id, one.proposed, kept[one.request.id])
            for one in drawn
            if one.proposed
        ]
        finished = [
            schema.RequestFinished(one.request.id, emitted_ns, one.request.finish_reason)
            for one in drawn
            if one.request.finish_reason is not None
        ]
        facts = StepFacts(
            id=self.steps,
            config_id=self._config_id,
            kind=kind_of(landed.chunks),
            start_ns=start_ns,
            batch=landed.batch,
            work=work,
            kv=runner.kv_state(ended_before(queue, emissions)),
            tokens_out=len(tokens),
            running=len(queue.running),
            waiting=len(queue.waiting),
            attention_kernel=landed.kernel,
            launch=landed.launch,
            drafting=(0, 0) if proposer is None else proposer.take_cost(),
            draft_kv=(0, 0) if proposer is None else proposer.kv_bytes(),
        )
        rows = runner.attention_rows(self.steps)
        blocks = self._blocks(runner)
        step = record_step(facts, self._cost, landed.times, self.now_ns)
        return StepRecord(step, work, tokens, speculation, blocks, rows, finished, landed, emitted_ns, read_before_ns)

    def tell(self, record: StepRecord, runner: StepRunner, beside: bool) -> None:
        """Send a step whose ended requests have left, and what observing it cost.

        `beside` says that the next step is running already, so that the host's work for this one costs no time.
        """
        blocks = [*record.blocks, *self._blocks(runner)]
        self.steps += 1
        self._emit([
            *record.work, record.step, *record.tokens, *record.speculation, *blocks, *record.rows, *record.finished
        ])  # fmt: skip
        times = record.landed.times
        records_ns = self.now_ns() - record.emitted_ns - (times.reading_ns - record.read_before_ns)
        watching_ns = times.cost_ns + (0 if runner.probe is None else runner.probe.observing_ns)
        watching_ns += runner.price_of(sum(len(one.choices) for one in record.landed.drawn))
        overhead = self.overhead.add(
            self.now_ns() - record.step.start_ns, watching_ns, times.reading_ns, records_ns,
            beside=beside, late=times.late if isinstance(times, InFlightTimes) else True,
        )  # fmt: skip
        if overhead is not None:
            self._emit([overhead])

    def taught(self, start_ns: int, request: Request, passed: TeacherPass, kernel: str, timer: StepTimer) -> None:
        """A teacher-forced pass over a finished request is over; it is a step of its own."""
        work = work_of(self.steps, request.id, request.slot, (0, request.known - 1), request.computed)
        facts = StepFacts(
            id=self.steps,
            config_id=self._config_id,
            kind="teacher",
            start_ns=start_ns,
            batch=passed.batch,
            work=work,
            kv=passed.kv,
            tokens_out=0,
            running=1,
            waiting=0,
            attention_kernel=kernel,
        )
        step = record_step(facts, self._cost, timer, self.now_ns)
        self.steps += 1
        self._emit([*work, step])
        self.mark("teacher", f"request {request.id}: {passed.sentence}")

    def tell_blocks(self, runner: StepRunner) -> None:
        """Send what happened to blocks outside of a step."""
        self._emit(list(self._blocks(runner)))

    def tell_cost(self) -> None:
        """Say what observing the whole run cost, however short it was."""
        overhead = self.overhead.whole()
        if overhead is not None:
            self._emit([overhead])

    def _work(self, chunk: ScheduledChunk, kept: dict[int, int]) -> list[schema.Work]:
        request = chunk.request
        if request is None:
            return [padding_of(self.steps, chunk.slot, chunk.length)]
        rejected = len(chunk.drafts) - kept[request.id] if request.id in kept else chunk.length
        indices = (chunk.first, chunk.first + chunk.length)
        return work_of(self.steps, request.id, chunk.slot, indices, request.computed, rejected=rejected)

    def _blocks(self, runner: StepRunner) -> list[schema.KvBlock]:
        now_ns = self.now_ns()
        return [schema.KvBlock(self.steps, now_ns, e.block, e.event, e.request_id) for e in runner.drain_events()]


def ended_before(queue: Queue, emissions: Sequence[Emission]) -> Collection[int]:
    """Requests that had ended before this step and wait for the rest of their static batch."""
    now = {emission.request.id for emission in emissions}
    return {request.id for request in queue.running if request.finished and request.id not in now}
