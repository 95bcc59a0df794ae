"""The phase of each range and kernel: what a person or a module called it, else what its own name tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.importing.collected import RANGE_KINDS
from engine.importing.nesting import Column, Ranges
from engine.importing.phase_names import phase_of
from engine.session.schema import PHASES

OTHER = PHASES.index("other")
NAMED = (RANGE_KINDS.index("annotation"), RANGE_KINDS.index("module"))


def names_to_phases(names: Sequence[str]) -> Callable[[Column], Column]:
    """A function from numbers of names to phases, -1 where a name tells none; it looks at each name once, if at all."""
    known: dict[int, int] = {}

    def phases(numbers: Column) -> Column:
        for number in np.unique(numbers).tolist():
            if number not in known:
                found = phase_of(names[number])
                known[number] = -1 if found is None else found
        different, inverse = np.unique(numbers, return_inverse=True)
        return np.array([known[number] for number in different.tolist()], np.int64)[inverse.reshape(-1)]

    return phases


def phases_of_ranges(ranges: Ranges, phases: Callable[[Column], Column]) -> tuple[Column, Column]:
    """(phase, phase by annotations and modules alone) of each range, -1 where nothing tells it.

    The innermost annotation or module that tells a phase decides: a softmax in a sampler belongs to the sampler. Where
    none does, the operation's own name, then that of the operations around it.
    """
    own = phases(ranges.name).tolist() if len(ranges) else []
    parents, kinds = ranges.parent.tolist(), ranges.kind.tolist()
    found, named = [-1] * len(own), [-1] * len(own)
    for row, parent in enumerate(parents):  # a parent is before its children
        if kinds[row] in NAMED and own[row] >= 0:
            named[row] = own[row]
        elif parent >= 0:
            named[row] = named[parent]
        found[row] = named[row] if named[row] >= 0 else own[row]
        if found[row] < 0 and parent >= 0:
            found[row] = found[parent]
    return np.array(found, np.int64), np.array(named, np.int64)


def phases_of_kernels(own: Column, launched_in: Column, found: Column, named: Column) -> Column:
    """The phase of each kernel: by annotations and modules around its launch, by its own name, by the operations."""
    known = launched_in >= 0
    at = np.maximum(launched_in, 0)
    by_person = np.where(known, named[at], -1) if len(named) else np.full(len(own), -1)
    by_operation = np.where(known, found[at], -1) if len(found) else np.full(len(own), -1)
    phase: NDArray[np.int64] = np.where(by_person >= 0, by_person, np.where(own >= 0, own, by_operation))
    return np.where(phase >= 0, phase, OTHER)
