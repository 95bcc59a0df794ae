"""Which requests were preempted: they came back after steps without them, with less in the cache than they had held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Preemption:
    """A request that lost its slot and some or all cached positions after step `step`, and came back in step `back`."""

    request: int
    slot: int
    step: int
    back: int


class PreemptionFinder:
    """Finds them in the rows of `work` of a growing session, which are given once each, in order."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[int, int, int]] = {}
        """By request: its last step, the positions held after it, its slot."""

    def take(self, rows: Mapping[str, Ints]) -> list[Preemption]:
        """Those that end in these rows (columns of `work` without teacher-forced passes), in the order of steps."""
        real = rows["request_id"] >= 0
        rows = {name: values[real] for name, values in rows.items()}
        order = np.argsort(rows["request_id"], kind="stable")
        request, step, slot = (rows[name][order] for name in ("request_id", "step_id", "slot"))
        held, reused = (rows["end"] - rows["rejected"])[order], rows["reused"][order]
        first = np.append(True, np.diff(request) != 0)[: len(request)]
        found = []
        for place in np.flatnonzero(first).tolist():
            last = self._last.get(int(request[place]))
            if last is not None and step[place] > last[0] + 1 and reused[place] < last[1]:
                found.append(Preemption(int(request[place]), last[2], last[0], int(step[place])))
        again = ~first[1:] & (np.diff(step) > 1) & (reused[1:] < held[:-1])
        found += [
            Preemption(int(request[at]), int(slot[at]), int(step[at]), int(step[at + 1]))
            for at in np.flatnonzero(again).tolist()
        ]
        for at in (np.flatnonzero(np.append(first[1:], True)[: len(request)])).tolist():
            self._last[int(request[at])] = (int(step[at]), int(held[at]), int(slot[at]))
        return sorted(found, key=lambda one: one.step)
