"""Translates the messages of a recorder into the events of a session.

A step begins when it was scheduled, but not before the step before it had ended, and ends when its tokens had been
taken into account. With asynchronous scheduling a server schedules step n+1 while step n runs: step n+1 then begins at
the end of step n, so steps do not overlap; its members and blocks are those of its scheduling. A request's block events
carry the number of the newest step that had been scheduled, so that these numbers never fall; those of a request that
ends in a step come after the step's end. The first position of a chunk that was scheduled before the drafts of the step
before it had been rejected is set right once they are.

What is told of a step before its outputs is held back until they come. Requests of every client of the server appear.
Nothing here reads a clock or a socket.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from engine.core.positions import count_positions, work_of
from engine.plain_text import one_line
from engine.serving.recorder.recorded_blocks import BlockChange, RecordedBlocks
from engine.serving.recorder.recorded_ids import client_id
from engine.serving.recorder.recorded_requests import TOLD_BY, Lanes, ServedRequest, arrival, finish_reason
from engine.serving.recorder.recorder_wire import (
    AnyMessage,
    Ended,
    Facts,
    Freed,
    Known,
    Output,
    Preempted,
    RecorderError,
    RequestAdded,
    RequestFacts,
    Reset,
    Samples,
    Scheduled,
    Snapshot,
    SwitchedOff,
)
from engine.session import schema
from engine.session.schema import AnyEvent, StepKind, TokenSource

NAN: Final = math.nan
DEFAULT_BLOCK_SIZE: Final = 16
MOST_FIGURES: Final = 4096
"""Figures of the front end whose last values are kept."""


@dataclass(slots=True)
class _Member:
    name: str
    request: ServedRequest
    first: int
    count: int
    drafts: int
    slot: int


@dataclass(slots=True, eq=False)
class _Pending:
    """A step that was scheduled and whose outputs have not come."""

    message: Scheduled
    members: list[_Member]
    held: int = -1
    """Blocks that requests held in this step, and blocks kept for reuse, once a newer step was scheduled."""
    kept: int = -1


class RecordedSteps:
    """The events of one recorder's messages, in order; `feed` takes one message at a time.

    Ids of steps and tokens count from 0. `blocks` are the server's block tables as of the newest message.
    """

    def __init__(self, facts: Facts, zero_ns: int, number_of: Callable[[str], int], offset_ns: int = 0) -> None:
        """`zero_ns` is the session's zero on this machine's CLOCK_MONOTONIC; `offset_ns` is added to the recorder's
        times to get that clock. `number_of` gives the session's number of a request by the id that its client knows
        (`recorded_ids.client_id`). Each call is another request, also where the id is the same: several prompts or
        samples of one call have one id.
        """
        self._zero_ns = zero_ns - offset_ns
        self._number_of = number_of
        group = facts.block_group
        kinds = facts.groups[group] if 0 <= group < len(facts.groups) else None
        self._group = group if kinds is not None else -1
        self.blocks = RecordedBlocks(max(1, kinds[1]) if kinds is not None else DEFAULT_BLOCK_SIZE)
        self._block_bytes = facts.block_bytes or 0
        self._pool_bytes = (facts.blocks or 0) * self._block_bytes
        self._requests: dict[str, ServedRequest] = {}
        self._before: dict[str, ServedRequest] = {}
        """Those that were known when the newest snapshot came."""
        self._pending: deque[_Pending] = deque()
        self._held_back: deque[schema.KvBlock] = deque()
        self._block_step = 0
        """The newest step that a block event was noted for."""
        self._snapshot_ns = 0
        self._positions = 0
        """The sum of the requests' lengths."""
        self._lanes = Lanes()
        self._steps = 0
        self._tokens = 0
        self._end_ns = 0
        """When the newest step ended."""
        self._figures: dict[tuple[int, str], float] = {}
        self.lost_steps = 0
        """Steps that the recorder dropped."""

    def feed(self, message: AnyMessage) -> list[AnyEvent]:
        """The events that this message completes; raises RecorderError for one that cannot follow those before."""
        events: list[AnyEvent] = []
        match message:
            case Snapshot():
                events = self._begin_again(message)
            case Known():
                events = self._take_known(message)
            case RequestAdded():
                events = [self._arrival(message, message.t_ns, begun_before=False)]
            case Scheduled():
                events = self._schedule(message)
            case Output():
                events = self._put_out(message)
            case Ended() | Freed() | Preempted():
                events = self._leave([message], self._at(message.t_ns))
            case Reset():
                self.blocks.evict_all()
                self._log_blocks(self._at(message.t_ns))
            case SwitchedOff():
                what = f"The recorder in the server switched itself off: {one_line(message.reason)}."
                events = [schema.Mark(self._end_ns, "server", what)]
            case Samples():
                events = self._samples(message)
        return [*events, *self._due()]

    # --- requests -----------------------------------------------------------------------------------------------------

    def _arrival(self, facts: RequestAdded | RequestFacts, now_ns: int, begun_before: bool) -> schema.RequestArrived:
        """A request that is new here; the text of its prompt is not told."""
        number = self._number_of(client_id(facts.id))
        request = self._requests[facts.id] = ServedRequest(number, facts.prompt_tokens, facts.prompt_tokens)
        return arrival(facts, request, now_ns - facts.age_ns - self._zero_ns, begun_before)

    def _request(self, name: str) -> ServedRequest:
        request = self._requests.get(name)
        if request is None:
            raise RecorderError(f"The recorder names the request {one_line(name)} and has not told of it.")
        return request

    def _stop_running(self, name: str, request: ServedRequest, uncached: int) -> None:
        """Take a request's lane and blocks."""
        self.blocks.release(name, request.id, request.length, uncached)
        self._set_length(request, 0)
        self._lanes.leave(request)

    def _set_length(self, request: ServedRequest, length: int) -> None:
        self._positions += length - request.length
        request.length = length

    def _leave(self, changes: Iterable[Ended | Freed | Preempted], t_ns: int) -> list[AnyEvent]:
        """Requests that ended or were preempted; their block events are logged at `t_ns`."""
        events: list[AnyEvent] = []
        for change in changes:
            request = self._requests.get(change.id)
            if request is None:  # it ended before the recording began
                continue
            if isinstance(change, Ended):
                request.finished = change.reason or "abort"
                events.append(schema.RequestFinished(request.id, max(t_ns, 0), finish_reason(change)))
                continue
            self._stop_running(change.id, request, change.uncached)
            if isinstance(change, Freed):
                del self._requests[change.id]
        self._log_blocks(t_ns)
        return events

    # --- snapshots ----------------------------------------------------------------------------------------------------

    def _begin_again(self, message: Snapshot) -> list[AnyEvent]:
        """Forget what a loss made void. Requests that the snapshot does not name ended in between; nobody told how."""
        t_ns = self._at(message.t_ns)
        for name, request in self._requests.items():
            self._stop_running(name, request, uncached=0)
        self._before, self._requests = self._requests, {}
        self._pending.clear()
        if message.cached is not None:
            self.blocks.keep_only(message.cached)
        self._log_blocks(t_ns)
        for index, event in enumerate(self._held_back):  # of steps that will not come: they are the next one's
            self._held_back[index] = msgspec.structs.replace(event, step_id=min(event.step_id, self._steps))
        self._block_step = min(self._block_step, self._steps)
        events: list[AnyEvent] = []
        if message.lost_steps:
            self.lost_steps += message.lost_steps
            what = f"{message.lost_steps} steps were lost, because this program read the recorder too slowly."
            events.append(schema.Mark(t_ns, "server", what))
        self._snapshot_ns = message.t_ns
        return events

    def _take_known(self, message: Known) -> list[AnyEvent]:
        """A request that the server had already when the recording began."""
        now_ns = self._snapshot_ns
        name = message.request.id
        begun = message.running or message.generated > 0 or message.preemptions > 0
        events: list[AnyEvent] = []
        if name in self._before:
            request = self._requests[name] = self._before[name]
        else:
            events.append(self._arrival(message.request, now_ns, begun))
            request = self._requests[name]
        request.known = message.request.prompt_tokens + message.generated
        done = message.computed if not message.preemptions else max(message.computed, request.known - 1)
        if done:
            request.computed.add(0, done)
        if not request.scheduled and begun:
            request.scheduled = True
            events.append(schema.RequestScheduled(request.id, self._at(now_ns)))
        if message.running:
            self._lanes.enter(request)
        self._set_length(request, message.computed)
        if self._group >= 0:
            self.blocks.start(name, request.id, self._of_group(message.tables), reused=0)
        self._log_blocks(self._at(now_ns))
        return events

    # --- steps --------------------------------------------------------------------------------------------------------

    def _schedule(self, message: Scheduled) -> list[AnyEvent]:
        if self._pending and self._pending[-1].held < 0:
            self._pending[-1].held, self._pending[-1].kept = self.blocks.held, len(self.blocks.kept)
        start_ns, end_ns = self._at(message.start_ns), self._at(message.end_ns)
        self._leave(message.inside, end_ns)
        events: list[AnyEvent] = []
        firsts = dict(zip(message.ids, message.firsts, strict=False))
        resumed = set(message.resumed)
        for one in message.started:
            firsts[one.id] = one.first
            self._start(one.id, one.first, one.tables)
        for name, added in zip(message.ids, message.added, strict=False):
            if added is None or self._group < 0:
                continue
            if name in resumed:
                self._start(name, firsts[name], added)
            else:
                self.blocks.extend(name, self._request(name).id, self._of_group(added))
        members = []
        for name, count in message.counts.items():
            request = self._request(name)
            if name not in firsts or message.drafts.get(name, 0) > count:
                raise RecorderError(f"The recorder does not tell what a step computed for {one_line(name)}.")
            if not request.scheduled:
                request.scheduled = True
                events.append(schema.RequestScheduled(request.id, start_ns))
            self._lanes.enter(request)
            members.append(_Member(name, request, firsts[name], count, message.drafts.get(name, 0), request.lane))
        self._pending.append(_Pending(message, members))
        self._log_blocks(end_ns)
        return events

    def _start(self, name: str, first: int, tables: list[list[int]]) -> None:
        """A request's whole table, of which the blocks before its first position came from the prefix cache."""
        request = self._request(name)
        self._set_length(request, first)
        if self._group >= 0:
            self.blocks.start(name, request.id, self._of_group(tables), first // self.blocks.block_size)

    def _of_group(self, tables: list[list[int]]) -> list[int]:
        if self._group >= len(tables):
            raise RecorderError("The recorder tells no blocks of the KV group that it follows.")
        return tables[self._group]

    def _put_out(self, message: Output) -> list[AnyEvent]:
        while self._pending and self._pending[0].message.number < message.number:
            self._pending.popleft()
        known = bool(self._pending) and self._pending[0].message.number == message.number
        tokens = dict(message.tokens)
        if not known:  # a step from before the snapshot: its tokens belong to no step that is told
            for name, ids in tokens.items():
                if name in self._requests:
                    self._requests[name].known += len(ids)
            return self._leave(message.inside, self._at(message.end_ns))
        step = self._pending.popleft()
        events: list[AnyEvent] = []
        if step.members:
            events = self._step(step, message, tokens)
        # One past the step's end, because the step itself still had what is let go of here.
        return [*events, *self._leave(message.inside, self._at(message.end_ns) + 1)]

    def _step(self, step: _Pending, output: Output, tokens: dict[str, list[int]]) -> list[AnyEvent]:
        """A step's rows of work, itself, its tokens and its verified drafts."""
        emitted_ns = self._at(output.start_ns)
        work: list[schema.Work] = []
        emitted: list[schema.Token] = []
        drafts: list[schema.Speculation] = []
        for member in step.members:
            given = tokens.get(member.name, [])
            sampled = max(output.sampled.get(member.name, len(given)), len(given))
            kept = min(len(given), max(0, sampled - 1), member.drafts)
            if member.drafts and given:
                drafts.append(schema.Speculation(self._steps, member.request.id, member.drafts, kept))
            work += self._work(member, kept)
            self._set_right(member, member.drafts - min(max(0, sampled - 1), member.drafts))
            for index, token in enumerate(given):
                source: TokenSource = "target"
                if index < kept:
                    source = "draft"
                elif member.drafts and kept == member.drafts:
                    source = "bonus"
                emitted.append(schema.Token(
                    self._tokens, member.request.id, self._steps, member.request.known, token, "", NAN, NAN, source,
                    emitted_ns, b"", told_by=TOLD_BY,
                ))  # fmt: skip
                self._tokens += 1
                member.request.known += 1
        row = self._row(step, output, work, len(emitted))
        self._steps += 1
        self._end_ns = row.end_ns
        return [*work, row, *emitted, *drafts]

    def _work(self, member: _Member, kept_drafts: int) -> list[schema.Work]:
        request = member.request
        rejected = member.drafts - kept_drafts
        if request.dropped:
            rejected = member.count  # it had ended in the step before, and this one was scheduled already
        first, end = member.first, member.first + member.count
        if request.lane >= 0:
            self._set_length(request, end - rejected)
        return work_of(self._steps, request.id, member.slot, (first, end), request.computed, rejected=rejected)

    def _set_right(self, member: _Member, rejected: int) -> None:
        """Move the chunks that were scheduled before these drafts were rejected."""
        if rejected:
            for later in self._pending:
                for one in later.members:
                    if one.request is member.request:
                        one.first = max(0, one.first - rejected)

    def _row(self, step: _Pending, output: Output, work: list[schema.Work], tokens_out: int) -> schema.Step:
        counted = count_positions(work)
        blocks = self.blocks
        held, kept = (step.held, step.kept) if step.held >= 0 else (blocks.held, len(blocks.kept))
        positions = max(0, self._positions - blocks.shared * blocks.block_size)
        held_bytes = held * self._block_bytes
        start_ns = max(self._at(step.message.start_ns), self._end_ns)
        return schema.Step(
            id=self._steps,
            config_id=0,
            kind=_kind(step.members),
            start_ns=start_ns,
            end_ns=max(self._at(output.end_ns), start_ns),
            device_ns=-1,
            positions_computed=counted.computed,
            positions_new=counted.new,
            positions_recomputed=counted.recomputed,
            positions_padding=0,
            positions_rejected=counted.rejected,
            positions_reused=counted.reused,
            tokens_out=tokens_out,
            flops=0,
            bytes_moved=0,
            kv_used_bytes=min(positions * self._block_bytes // blocks.block_size, held_bytes),
            kv_reserved_bytes=self._pool_bytes,
            kv_evictable_bytes=kept * self._block_bytes,
            running=step.message.running,
            waiting=step.message.waiting,
            attention_kernel="",
            phases=b"",
            kv_layers=b"",
            kv_held_bytes=held_bytes,
            kv_kept_bytes=0,
            told_by=TOLD_BY,
        )

    # --- blocks -------------------------------------------------------------------------------------------------------

    def _log_blocks(self, t_ns: int) -> None:
        """Note the changes of block tables, for the newest scheduled step."""
        changes: list[BlockChange] = self.blocks.changes
        if not changes:
            return
        self._block_step = max(self._block_step, self._steps + self._scheduled - 1)
        self._held_back += [
            schema.KvBlock(self._block_step, t_ns, one.block, one.event, one.request, told_by=TOLD_BY)
            for one in changes
        ]
        changes.clear()

    @property
    def _scheduled(self) -> int:
        """Steps that are scheduled and not told yet."""
        return sum(bool(step.members) for step in self._pending)

    def _due(self) -> list[AnyEvent]:
        """The block events that may be told: those of the steps that were told, all where no step is scheduled."""
        due: list[AnyEvent] = []
        while self._held_back and (self._held_back[0].step_id < self._steps or not self._scheduled):
            due.append(self._held_back.popleft())
        return due

    # --- the rest -----------------------------------------------------------------------------------------------------

    def _samples(self, message: Samples) -> list[AnyEvent]:
        """The figures that differ from those before."""
        labels = msgspec.json.encode({"engine": str(message.engine)}).decode()
        events: list[AnyEvent] = []
        for name, value in message.values:
            if math.isfinite(value) and self._figures.get((message.engine, name)) != value:
                if len(self._figures) < MOST_FIGURES:
                    self._figures[message.engine, name] = value
                events.append(schema.MetricSample(self._at(message.t_ns), TOLD_BY, one_line(name), labels, value))
        return events

    def _at(self, monotonic_ns: int) -> int:
        """A time of the session; what was before its zero is at 0."""
        return max(0, monotonic_ns - self._zero_ns)


def _kind(members: list[_Member]) -> StepKind:
    """The rule of the engine's own steps: `verify` where there are drafts, else by what the chunks are."""
    if any(member.drafts for member in members):
        return "verify"
    prefill = {member.first + member.count <= member.request.prompt_tokens for member in members}
    return "mixed" if len(prefill) > 1 else "prefill" if prefill == {True} else "decode"
