"""Lands a step: its tokens become known, rejected drafts leave the caches, ended requests leave the batch."""

from __future__ import annotations

from engine.core.request import Queue, Request
from engine.decode.account import Account
from engine.decode.emission import emit, settle
from engine.decode.step_runner import LaunchedStep, StepRunner
from engine.decode.switcher import Switcher
from engine.graphs.in_flight import InFlightStep
from engine.model.loader import LoadedModel


class Lander:
    """Does the work that follows a step's computation, and gives the step to the account."""

    def __init__(
        self, model: LoadedModel, queue: Queue, switcher: Switcher, runner: StepRunner, account: Account
    ) -> None:
        self._model = model
        self._queue = queue
        self._switcher = switcher
        self._runner = runner
        self._account = account

    def land(self, launched: LaunchedStep, start_ns: int, behind: InFlightStep | None) -> list[Request]:
        """Land a step that began at `start_ns`, and return the requests that ended in it.

        `behind` is the step that was launched while this one was running. It is committed here, because this step's
        tokens are then known.
        """
        runner, switcher = self._runner, self._switcher
        void = {r.id for chunk in launched.chunks if (r := chunk.request) is not None and r.finished}
        landed = runner.land(launched)
        emissions = emit(landed, self._model, runner.timer)
        kept = settle(landed.chunks, emissions, void, runner.cache, switcher.proposer)
        record = self._account.close(start_ns, landed, emissions, kept, self._queue, runner, switcher.proposer)
        # Ended requests leave after `close`, so that the step's KV bytes and its blocks are of the same moment.
        finished = [one.request for one in landed.drawn if one.request.finished]
        switcher.retire(finished, self._queue, runner)
        self._account.tell(record, runner, beside=behind is not None)
        if behind is not None:
            runner.commit(behind)
        return finished
