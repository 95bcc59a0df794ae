"""What each step was for: prompts (prefill), tokens of requests that had begun (decode), or both (mixed).

The rule uses the rows of `work`, so it holds under every scheduler, for a prompt in pieces and beside drafts: a step
computes a prompt if it computes a position of it for the first time for that request. The time of such a step is
prefill, the time to a request's first token. It does not count as time of a token, even if the step also made tokens
for other requests (a mixed step cannot be taken apart). Every other generating step is decode, also one that computes a
prompt again, without a cache or after a preemption.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.figures.step_range import TEACHER, step_slice
from engine.session.columns import Columns
from engine.session.store import Session

DECODE: Final = 0
PREFILL: Final = 1
MIXED: Final = 2
TAUGHT: Final = 3
"""A teacher-forced pass, which generates nothing."""


class StepRoles:
    """The role of every step of a growing Session and how many requests it carried; `update` reads only what is new."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._table = Columns({"role": np.uint8, "requests": np.int64})
        self.prefill_ns: dict[int, int] = {}
        """By request: the wall time of the steps that computed its prompt, so far."""

    def __len__(self) -> int:
        return len(self._table)

    @property
    def role(self) -> NDArray[np.uint8]:
        """DECODE, PREFILL, MIXED or TAUGHT of each step, uint8 [steps]."""
        return self._table["role"]

    @property
    def requests(self) -> NDArray[np.int64]:
        """How many requests each step computed anything for, at least 1; each of them waited for the whole step."""
        return self._table["requests"]

    def prefill_s(self, requests: Iterable[int]) -> NDArray[np.float64]:
        """Seconds of prefill of these requests, sorted; without requests whose prompt no step computed."""
        known = self.prefill_ns
        return np.sort(np.array([known[one] for one in requests if one in known], np.float64) / 1e9)

    def update(self) -> bool:
        """Take the steps that are new; returns whether there were any."""
        first, end = len(self._table), step_slice(self.session).stop
        if end <= first:
            return False
        steps, work = self.session.steps, self.session.work
        part = slice(*np.searchsorted(work["step_id"], (first, end)).tolist())
        step, request, new_from, until = (work[name][part] for name in ("step_id", "request_id", "new_from", "end"))
        real = request >= 0
        step, request, new_from, until = step[real] - first, request[real], new_from[real], until[real]
        known = np.unique(request)
        which = np.searchsorted(known, request)
        lengths = np.array([self.session.requests[one].prompt_tokens for one in known.tolist()], np.int64)
        of_prompt = new_from < np.minimum(until, lengths[which] if len(known) else until)
        apart = max(1, len(known))
        keys = step * apart + which
        pairs, prompts = keys, of_prompt  # a step and a request of it; nearly always each comes once, in this order
        if not (keys[1:] > keys[:-1]).all():
            pairs, index = np.unique(keys, return_inverse=True)
            prompts = np.zeros(len(pairs), bool)
            np.logical_or.at(prompts, index.ravel(), of_prompt)
        of_step, of_request = pairs // apart, pairs % apart
        carried = np.bincount(of_step, minlength=end - first)
        begun = np.bincount(of_step[prompts], minlength=end - first)
        role = np.where(begun == 0, DECODE, np.where(begun == carried, PREFILL, MIXED))
        role[steps["kind"][first:end] == TEACHER] = TAUGHT
        walls_ns = steps["end_ns"][first:end] - steps["start_ns"][first:end]
        counted = prompts & (role[of_step] != TAUGHT)
        for at, one in zip(of_step[counted].tolist(), known[of_request[counted]].tolist(), strict=True):
            self.prefill_ns[one] = self.prefill_ns.get(one, 0) + int(walls_ns[at])
        self._table.extend_columns({"role": role.astype(np.uint8), "requests": np.maximum(carried, 1)})
        return True
