"""The switches in force, the planned changes, and what they decide: scheduler, proposer, and the runner's parts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from engine.core.request import Queue, Request
from engine.core.settings import RunSpec, Switches, as_typed
from engine.decode.account import Account
from engine.decode.capabilities import check_available
from engine.decode.policies import make_scheduler
from engine.decode.preemption import readmit
from engine.decode.proposer import make_proposer
from engine.decode.scheduler import retire_finished
from engine.decode.step_runner import StepRunner
from engine.model.loader import LoadedModel


class Switcher:
    """Applies changes of switches between two steps, and reports them to the account.

    Raises UnavailableError or InputError at once for a run whose first or planned switches cannot run here.
    """

    def __init__(
        self, run: RunSpec, unavailable: dict[str, str], draft: LoadedModel | None, vocab: int, account: Account
    ) -> None:
        self.switches = run.switches
        self._unavailable = unavailable
        self._draft = draft
        self._vocab = vocab
        self._account = account
        self._asked: list[dict[str, Any]] = []
        self._planned = sorted(run.switch_at, key=lambda change: change.step)
        self._check([change.changes for change in self._planned])
        self.scheduler = make_scheduler(run.switches)
        self.proposer = make_proposer(run.switches, draft, vocab)

    def ask(self, changes: dict[str, Any]) -> None:
        """Flip switches before the next step; raises InputError or UnavailableError and changes nothing."""
        self._check([*self._asked, changes])
        self._asked.append(changes)

    def due(self, step_id: int) -> bool:
        """Whether a change of switches is due before this step."""
        return bool(self._asked or (self._planned and self._planned[0].step <= step_id))

    def apply(self, step_id: int, queue: Queue, runner: StepRunner, longest: int) -> None:
        """Apply the changes that are due before this step. `longest` is the most tokens that a request may have."""
        if not self.due(step_id) and not outgrown(runner, longest):
            return
        with runner.timer("prepare"):
            while self._planned and self._planned[0].step <= step_id:
                self._asked.append(self._planned.pop(0).changes)
            for changes in self._asked:
                self._switch(self.switches.changed(**changes).settled(self._unavailable), queue, runner, longest)
            self._asked.clear()
            if outgrown(runner, longest):
                runner.capture_anew(self.switches, longest)

    def retire(self, finished: Collection[Request], queue: Queue, runner: StepRunner) -> None:
        """Remove finished requests as soon as the policy allows, and drop the proposer's state for them."""
        self.scheduler.retire(queue, runner.cache)
        self.forget(finished)

    def forget(self, requests: Collection[Request]) -> None:
        """Let the proposer drop its state for requests that have ended."""
        if self.proposer is not None:
            for request in requests:
                self.proposer.forget(request.id)

    def _check(self, coming: list[dict[str, Any]]) -> None:
        wanted = self.switches
        check_available(wanted, self._unavailable)
        for changes in coming:
            wanted = wanted.changed(**changes)
            check_available(wanted, self._unavailable)

    def _switch(self, wanted: Switches, queue: Queue, runner: StepRunner, longest: int) -> None:
        """Apply other switches. A new cache holds nothing, so the known tokens are computed again."""
        before, after = asdict(self.switches), asdict(wanted)
        changed = [name for name in after if before[name] != after[name]]
        if not changed:
            return
        sized = {"kv", "block_size", "kv_memory"}
        if runner.captures:  # captured steps need memory that never moves, for a whole batch
            sized |= {"graphs"} | ({"batching", "max_batch"} if wanted.graphs else set())
        if sized & set(changed):
            for request in queue.running:
                runner.cache.free(request.id)
            runner.replace_cache(wanted)
            readmit(queue, runner.cache)
        if "attention" in changed:
            runner.replace_attention(wanted)
        if {"batching", "max_batch"} & set(changed):
            retire_finished(queue, runner.cache)  # only a static batch keeps them; other policies do not expect them
            self.scheduler = make_scheduler(wanted)
        if "speculate" in changed:
            self.proposer = make_proposer(wanted, self._draft, self._vocab)
        elif self.proposer is not None:
            self.proposer.follow(wanted)
        runner.capture_anew(wanted, longest)
        self.switches = wanted
        self._account.switched(wanted, [f"{n}: {as_typed(before[n])} → {as_typed(after[n])}" for n in changed])


def outgrown(runner: StepRunner, longest: int) -> bool:
    """Whether a request was added that is longer than those that steps were captured for."""
    return runner.graphs is not None and runner.graphs.longest < longest
