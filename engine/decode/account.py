"""A run's account: its clock, the ids of its steps and tokens, and the events that record the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence

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
from engine.decode.token_texts import TokenTexts
from engine.graphs.in_flight import InFlightTimes
from engine.measure.cost import CostModel
from engine.measure.overhead import OverheadMeter
from engine.measure.step_record import StepFacts, record_step
from engine.model.loader import LoadedModel
from engine.session import schema
from engine.session.schema import AnyEvent


class StepRecord(msgspec.Struct, frozen=True):
    """A step that has ended, with its events."""

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
    """The time spent on reading the step's times until its tokens were known."""


class Account:
    """Sends a run's events, in the order in which they happened.

    Times count from `begin`. A step is recorded in two parts: `close` ends its wall time and collects its record,
    `tell` sends it. In between, the requests that ended in the step leave the batch.
    """

    def __init__(self, model: LoadedModel, emit: Callable[[list[AnyEvent]], None], clock: Callable[[], int]) -> None:
        """`emit` receives the events; `clock` returns ns."""
        self.steps = 0
        """The number of steps sent so far, which is the id of the next one."""
        self._model = model
        self._emit = emit
        self._clock = clock
        self._zero_ns = 0
        self._tokens = 0
        self._emitted: Sequence[schema.Token] = ()
        """The tokens of the last step."""
        self._config_id = -1
        self._texts = TokenTexts(model.tokenizer)
        self._cost = CostModel(model.config, model.decoder.reads)
        self.overhead = OverheadMeter()

    def begin(self, zero_ns: int, switches: Switches) -> None:
        """Start the run's clock at `zero_ns` of `clock`, and record the first switches."""
        self._zero_ns = zero_ns
        self.switched(switches, [])

    @property
    def most_tokens(self) -> int:
        """How many tokens the last step gave to the request that got most of it."""
        return max(Counter(one.request_id for one in self._emitted).values(), default=0)

    def now_ns(self) -> int:
        """ns since the run began."""
        return self._clock() - self._zero_ns

    def mark(self, kind: str, label: str) -> None:
        """Put a mark on the timeline at the current time."""
        self._emit([schema.Mark(self.now_ns(), kind, label)])

    def switched(self, switches: Switches, labels: Sequence[str]) -> None:
        """These switches are in force from the next step on; `labels` say what changed."""
        self._config_id += 1
        self._emit([schema.ConfigChanged(self._config_id, self.steps, msgspec.json.encode(switches).decode())])
        for label in labels:
            self.mark("switch", label)

    # --- requests -----------------------------------------------------------------------------------------------------

    def arrived(self, request: Request) -> None:
        """Record that a request has arrived; its prompt is encoded."""
        new = self._texts.of(request.tokens)
        params = msgspec.json.encode(request.spec).decode()
        self._emit([
            *new,
            schema.RequestArrived(
                request.id, request.spec.prompt, list(request.tokens), self._texts.told(request.tokens), params,
                request.arrived_ns,
            )
        ])  # fmt: skip

    def scheduled(self, chunks: Sequence[ScheduledChunk], now_ns: int) -> None:
        """Record each request whose first chunk is among these, which are about to be computed."""
        for chunk in chunks:
            request = chunk.request
            if request is not None and not request.scheduled:
                request.scheduled = True
                self._emit([schema.RequestScheduled(request.id, max(now_ns, request.arrived_ns))])

    def cancelled(self, request: Request) -> None:
        """Record that a request was cancelled."""
        self._emit([schema.RequestFinished(request.id, self.now_ns(), "cancelled")])

    # --- steps --------------------------------------------------------------------------------------------------------

    def close(
        self, start_ns: int, landed: LandedStep, emissions: Sequence[Emission], kept: dict[int, int],
        queue: Queue, runner: StepRunner, proposer: Proposer | None,
    ) -> StepRecord:  # fmt: skip
        """End a step's wall time and collect its record.

        `kept` is the number of drafts that became tokens, by request. A request that is not in it had ended before:
        all positions that the step computed for it count as rejected.
        """
        emitted_ns, read_before_ns = self.now_ns(), landed.times.reading_ns
        work = [row for chunk in landed.chunks for row in self._work(chunk, kept)]
        tokens = [token_event(one, self._tokens + i, self.steps, emitted_ns) for i, one in enumerate(emissions)]
        self._tokens += len(tokens)
        self._emitted = tokens
        speculation: list[schema.Speculation] = []
        finished: list[schema.RequestFinished] = []
        for one in landed.drawn:
            request = one.request
            if one.proposed:
                speculation.append(schema.Speculation(self.steps, request.id, one.proposed, kept[request.id]))
            if request.finish_reason is not None:
                finished.append(schema.RequestFinished(request.id, emitted_ns, request.finish_reason))
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
            probed=landed.probed,
            drafting=(0, 0) if proposer is None else proposer.take_cost(),
            draft_kv=(0, 0) if proposer is None else proposer.kv_bytes(),
            attention_peak_bytes=landed.attention_peak_bytes,
        )
        rows = runner.attention_rows(self.steps)
        blocks = self._blocks(runner)
        step = record_step(facts, self._cost, landed.times, self.now_ns)
        return StepRecord(step, work, tokens, speculation, blocks, rows, finished, landed, emitted_ns, read_before_ns)

    def tell(self, record: StepRecord, runner: StepRunner, beside: bool) -> None:
        """Send a step after its ended requests have left, and about once a second the cost of observing.

        `beside` says that the next step is running already, so that the host's work for this step costs no time.
        """
        blocks = [*record.blocks, *self._blocks(runner)]
        self.steps += 1
        texts, beside_ns = self._texts.of_tokens(record.tokens), 0
        if runner.alternatives:  # they are recorded where something is watched, and so are their texts
            since_ns = self.now_ns()
            texts += self._texts.of_alternatives(record.tokens)
            beside_ns = self.now_ns() - since_ns
        self._emit([
            *record.work, record.step, *texts, *record.tokens, *record.speculation, *blocks, *record.rows,
            *record.finished,
        ])  # fmt: skip
        times = record.landed.times
        probe = runner.probe
        observed_ns, rows_ns = (0.0, 0) if probe is None else (probe.observing_ns, probe.reading_ns)
        beside_records_ns = (times.reading_ns - record.read_before_ns) + rows_ns + beside_ns
        records_ns = self.now_ns() - record.emitted_ns - beside_records_ns
        watching_ns = times.cost_ns + observed_ns + beside_ns
        watching_ns += runner.price_of(sum(len(one.choices) for one in record.landed.drawn))
        overhead = self.overhead.add(
            self.now_ns() - record.step.start_ns, watching_ns, times.reading_ns + rows_ns, records_ns,
            beside=beside, late=times.late if isinstance(times, InFlightTimes) else True,
        )  # fmt: skip
        if overhead is not None:
            self._emit([overhead])

    def taught(self, start_ns: int, request: Request, passed: TeacherPass, timer: StepTimer) -> None:
        """Record a teacher-forced pass over a finished request: a step of its own, and a mark with its result."""
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
            attention_kernel=passed.attention_kernel,
            launch=passed.launch,
        )
        step = record_step(facts, self._cost, timer, self.now_ns)
        self.steps += 1
        self._emitted = ()
        self._emit([*work, step])
        self.mark("teacher", f"request {request.id}: {passed.sentence}")

    def tell_blocks(self, runner: StepRunner) -> None:
        """Send the block events that happened outside a step."""
        self._emit(list(self._blocks(runner)))

    def tell_cost(self) -> None:
        """Send the cost of observing the whole run, also where the run was short; nothing for a run without steps."""
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
        events = runner.drain_events()
        if not events:
            return []
        now_ns = self.now_ns()
        return [schema.KvBlock(self.steps, now_ns, e.block, e.event, e.request_id) for e in events]


def ended_before(queue: Queue, emissions: Sequence[Emission]) -> Collection[int]:
    """Ids of the requests that had ended before this step and wait for the rest of their static batch."""
    ended = {request.id for request in queue.running if request.finished}
    return ended - {emission.request.id for emission in emissions} if ended else ended
