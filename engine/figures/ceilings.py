"""The ceilings of a session: the bytes its device reads a second from each level of memory, its FLOPs a second, and the
load under which they were measured.

The level of a step depends on its `held_bytes`. A step reads all weights and the KV cache of its requests once, and the
next step begins with the first of them again. Whether these are still in a processor's cache then depends on all that
the step reads, not on what one matrix product reads. A step is judged by the smallest level that holds all these bytes,
or by memory.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.session.store import Session

MEMORY = "memory"
"""The name of the last level, which holds everything."""


@dataclass(frozen=True, slots=True)
class Level:
    """A level of memory: bytes read a second from data of at most `size_bytes`, which is infinite for memory."""

    name: str
    size_bytes: float
    read_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class CeilingFacts:
    """The measured ceilings of a session; `levels` are the caches, smallest first, then memory."""

    read_bytes_per_s: float
    flops_per_s: float
    levels: tuple[Level, ...]
    reader: str
    conditions: dict[str, Any] | None
    """The load meanwhile (`others_cores`, `stolen_cores`, `waiting_threads`, `spread`, `cpus`); None: not recorded."""

    @property
    def busy(self) -> bool:
        """Whether the ceilings were measured on a busy machine; False also where that was not recorded."""
        return bool((self.conditions or {}).get("busy"))

    def levels_of(self, held_bytes: NDArray[np.float64]) -> NDArray[np.int64]:
        """The index of the level by which each step is judged, int64 [steps]."""
        sizes = np.array([level.size_bytes for level in self.levels])
        index: NDArray[np.int64] = np.searchsorted(sizes, held_bytes, "left")
        return index

    @property
    def rates(self) -> NDArray[np.float64]:
        """Bytes read a second, by level."""
        return np.array([level.read_bytes_per_s for level in self.levels], np.float64)


def ceiling_facts(session: Session) -> CeilingFacts | None:
    """The ceilings of a session; None where they were not measured."""
    facts: dict[str, Any] = json.loads(session.meta.get("ceilings") or "{}")
    read, flops = facts.get("read_bytes_per_s"), facts.get("flops_per_s")
    if not read or not flops:
        return None
    caches = [Level(one["name"], one["size_bytes"], one["read_bytes_per_s"]) for one in facts.get("levels", ())]
    levels = (*sorted(caches, key=lambda one: one.size_bytes), Level(MEMORY, float("inf"), read))
    return CeilingFacts(read, flops, levels, facts.get("reader", ""), facts.get("conditions"))


def measured_when_busy(session: Session | None) -> bool:
    """Whether the ceilings of a session were measured on a busy machine."""
    facts = ceiling_facts(session) if session is not None else None
    return facts is not None and facts.busy


def held_bytes(session: Session, rows: slice | NDArray[np.int64]) -> NDArray[np.float64]:
    """The different bytes that each step reads, float64 [steps]: at most the weights and the used KV cache, once each.

    A draft model that proposes several tokens moves its weights several times; here they count once. If the size of the
    weights is not known: all bytes that the step moved.
    """
    moved = session.steps["bytes_moved"][rows].astype(np.float64)
    weights = session.model_config.get("weight_bytes", 0)
    if not weights:
        return moved
    once = weights + session.draft_config.get("weight_bytes", 0) + session.steps["kv_used_bytes"][rows]
    held: NDArray[np.float64] = np.minimum(moved, once.astype(np.float64))
    return held


def least_read_s(session: Session, rows: slice | NDArray[np.int64]) -> NDArray[np.float64] | None:
    """The least time in which the bytes that each step moved can be read, seconds [steps]; None without ceilings."""
    facts = ceiling_facts(session)
    if facts is None:
        return None
    rates = facts.rates[facts.levels_of(held_bytes(session, rows))]
    least: NDArray[np.float64] = session.steps["bytes_moved"][rows] / rates
    return least
