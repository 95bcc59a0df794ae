"""Starts steps: requests arrive, the scheduler chooses chunks, the proposer drafts, the cache makes room."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from engine.core.kv_cache import OutOfKvMemory
from engine.core.request import Queue
from engine.core.scheduled_chunk import Proposal, ScheduledChunk
from engine.decode.account import Account
from engine.decode.chunks import next_chunks, with_proposals
from engine.decode.preemption import give_way
from engine.decode.step_runner import LaunchedStep, PreparedStep, StepRunner
from engine.decode.switcher import Switcher
from engine.graphs.in_flight import InFlightStep
from engine.model.loader import LoadedModel


class Launcher:
    """Decides what a step computes and starts it: `launch`, or `launch_next` behind a step that is in flight."""

    def __init__(
        self, model: LoadedModel, queue: Queue, switcher: Switcher, runner: StepRunner, account: Account
    ) -> None:
        self._model = model
        self._queue = queue
        self._switcher = switcher
        self._runner = runner
        self._account = account

    def launch(self, start_ns: int) -> LaunchedStep | None:
        """Start the next step, which began at `start_ns`; None where there is nothing to compute."""
        with self._runner.timer("schedule"):
            self._arrive()
            chunks = self._switcher.scheduler.schedule(self._queue, self._runner.cache)
        if not chunks:
            return None
        prepared = self._prepare(self._propose(chunks))
        self._account.scheduled(prepared.chunks, start_ns)
        return self._runner.launch(prepared)

    def launch_next(self, launched: LaunchedStep) -> InFlightStep | None:
        """Start the step after `launched` while `launched` is running; None where this is not possible.

        It is possible for a plain decode step of the same requests, where nothing but its input tokens depends on what
        `launched` draws. Which requests end by their length is known beforehand. A request that ends for another reason
        is computed once more for nothing, and this position counts as rejected.
        """
        switcher, queue, runner = self._switcher, self._queue, self._runner
        if not runner.overlaps(launched) or switcher.proposer is not None or switcher.due(self._account.steps + 1):
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

    def _arrive(self) -> None:
        for request in self._queue.arrive(self._account.now_ns()):
            request.tokens = self._model.tokenizer.encode_rendered(request.prompt, request.spec.from_template)
            self._account.arrived(request)

    def _propose(
        self, chunks: list[ScheduledChunk], made: Mapping[int, Proposal] = MappingProxyType({})
    ) -> list[ScheduledChunk]:
        """Let the proposer draft for every request that decodes, never past the request's limit.

        Requests that already have a proposal (`made`, by request) keep it.
        """
        proposer, timer = self._switcher.proposer, self._runner.timer
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
            k = self._switcher.switches.k
            counts = [min(k, request.limit - request.known - 1) for request in requests]
            proposals = proposer.propose(requests, counts)
        timer.pause()  # neither the host's preparations nor a captured step belong to the draft
        new = zip((request.id for request in requests), proposals, strict=True)
        return with_proposals(chunks, {**made, **dict(new)})

    def _prepare(self, chunks: list[ScheduledChunk]) -> PreparedStep:
        """The step with room for it in the cache; while there is too little, requests leave the batch (`give_way`)."""
        scheduler, runner = self._switcher.scheduler, self._runner
        while True:
            with runner.timer("prepare"):
                try:
                    return runner.prepare(scheduler.pad(self._queue, chunks))
                except OutOfKvMemory:
                    if not give_way(self._queue, runner.cache):
                        raise
            made = {chunk.request.id: chunk.proposal for chunk in chunks if chunk.request is not None and chunk.drafts}
            with runner.timer("schedule"):
                chunks = scheduler.schedule(self._queue, runner.cache, admit=False)
            # A request that is among the chunks only now gets drafts, as it would alone.
            chunks = self._propose(chunks, made)
