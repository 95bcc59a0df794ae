"""Finds the steps of a trace: the ranges whose names say that they are one pass of a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.importing.collected import RANGE_KINDS
from engine.importing.links import steps_at
from engine.importing.nesting import Column, Ranges
from engine.session.schema import StepKind

PROFILER_STEP: Final = re.compile(r"ProfilerStep#\d+")
VLLM_STEP: Final = re.compile(r"execute_(?:context|new)_(\d+)(?:\(\d+\))?_(?:generation|cached)_(\d+)(?:\(\d+\))?")
"""What vLLM calls a pass: how many requests it computes prompts for, and how many one token for."""
STEP: Final = re.compile(
    r"(?:^|[^a-z])(?:execute_model|(?:model|engine|decode|prefill|generate|generation|inference|scheduler)?[_ ]?step"
    r"|forward_pass|run_batch)(?:$|[^a-z])",
    re.IGNORECASE,
)
KINDS: Final[tuple[tuple[StepKind, re.Pattern[str]], ...]] = (
    ("mixed", re.compile(r"(?:^|[^a-z])mixed(?:$|[^a-z])", re.IGNORECASE)),
    ("verify", re.compile(r"(?:^|[^a-z])verify(?:$|[^a-z])", re.IGNORECASE)),
    ("prefill", re.compile(r"(?:^|[^a-z])(?:prefill|prompt)(?:$|[^a-z])", re.IGNORECASE)),
    ("decode", re.compile(r"(?:^|[^a-z])(?:decode|generate|generation)(?:$|[^a-z])", re.IGNORECASE)),
)
UNKNOWN: Final[StepKind] = "decode"
"""What a step is written as whose kind nothing tells; the session then says that kinds are not told."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps in order of their time; they do not overlap. `rows` are the ranges that they were made of."""

    rows: Column
    start: Column
    end: Column
    kinds: tuple[StepKind, ...]
    kinds_told: bool
    made_of: str
    """What the ranges are called, for a person; "" without any."""

    def __len__(self) -> int:
        return len(self.rows)


def kind_of(name: str) -> StepKind | None:
    """Which kind of step a name tells; None where it tells none."""
    if found := VLLM_STEP.search(name):
        prompts, tokens = int(found[1]), int(found[2])
        return "mixed" if prompts and tokens else "prefill" if prompts else "decode" if tokens else None
    return next((kind for kind, pattern in KINDS if pattern.search(name)), None)


def find_steps(ranges: Ranges, names: Sequence[str]) -> Steps:
    """The steps that the annotations name: the profiler's own, else vLLM's, else what is called a step or its kind."""
    rows = np.flatnonzero(ranges.kind == RANGE_KINDS.index("annotation"))
    texts = [names[number][:200] for number in ranges.name[rows].tolist()]
    kinds: dict[str, StepKind | None] = {text: kind_of(text) for text in set(texts)}
    for made_of, is_step in (
        ("ProfilerStep", PROFILER_STEP.fullmatch),
        ("execute_context", VLLM_STEP.search),
        ("step", STEP.search),
        ("", lambda text: kinds[text] is not None),
    ):
        named = {text: bool(is_step(text)) for text in kinds}
        chosen = _apart(ranges, rows[[named[text] for text in texts]] if texts else rows)
        if len(chosen):
            return _with_kinds(ranges, names, rows, chosen, made_of or "prefill, decode")
    nothing = np.empty(0, np.int64)
    return Steps(nothing, nothing, nothing, (), False, "")


def _apart(ranges: Ranges, rows: Column) -> Column:
    """Those of one thread, the one with most of them, that begin after the one before has ended."""
    if not len(rows):
        return rows
    threads, counts = np.unique(ranges.thread[rows], return_counts=True)
    rows = rows[ranges.thread[rows] == threads[int(counts.argmax())]]
    kept: list[int] = []
    ends, starts = ranges.end[rows].tolist(), ranges.start[rows].tolist()
    last = -1
    for row, start, end in zip(rows.tolist(), starts, ends, strict=True):
        if start >= last and end > start:
            kept.append(row)
            last = end
    return np.array(kept, np.int64)


def _with_kinds(ranges: Ranges, names: Sequence[str], annotations: Column, chosen: Column, made_of: str) -> Steps:
    """The steps with the kinds that their own names or those of annotations inside them tell."""
    start, end = ranges.start[chosen], ranges.end[chosen]
    inside = annotations[ranges.thread[annotations] == ranges.thread[chosen[0]]]
    told: list[set[StepKind]] = [set() for _ in range(len(chosen))]
    cached: dict[int, StepKind | None] = {}
    for row, step in zip(inside.tolist(), steps_at(ranges.start[inside], start, end).tolist(), strict=True):
        number = int(ranges.name[row])
        if number not in cached:
            cached[number] = kind_of(names[number][:200])
        kind = cached[number]
        if step >= 0 and kind is not None:
            told[step].add(kind)
    kinds = tuple(_one_of(each) for each in told)
    return Steps(chosen, start, end, tuple(kind or UNKNOWN for kind in kinds), None not in kinds, made_of)


def _one_of(kinds: set[StepKind]) -> StepKind | None:
    if len(kinds) > 1:
        return "verify" if "verify" in kinds else "mixed"
    return next(iter(kinds), None)
