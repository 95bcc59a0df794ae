"""The suites by name, as the panels, the scenarios and `bench` start them. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from engine.client.suite import Suite
from engine.core.settings import Observation, RunSpec, Switches
from engine.figures.batch_comparison import POLICIES, Policy
from engine.figures.improvements import TOKENS
from engine.figures.loads import SLOTS, refilling_batch

SuiteName = Literal["switches", "batching"]
SUITES: Final[tuple[SuiteName, ...]] = get_args(SuiteName)
PROMPT: Final = "The cat sits on"


@dataclass(frozen=True, slots=True)
class BatchRun:
    """The batch that refills under one policy, as a run of a suite."""

    key: str
    policy: Policy
    run: RunSpec

    @property
    def label(self) -> str:
        """The label of the mark that stands before the run in a session."""
        return f"batch {self.policy} 1"


def batch_runs() -> list[BatchRun]:
    """The same requests, more than there are slots, static and then continuous."""
    return [
        BatchRun("batch", one, RunSpec(refilling_batch(), Switches(batching=one, max_batch=SLOTS), Observation()))
        for one in POLICIES
    ]


def make_suite(
    name: SuiteName, unavailable: Mapping[str, str], model: Mapping[str, Any], prompt: str = PROMPT,
    tokens: int = TOKENS,
) -> Suite:  # fmt: skip
    """The suite of this name: `switches` measures every improvement, `batching` static and continuous batching.

    `unavailable` says what cannot run here, `model` is the model's config as a session keeps it (`model_config`); both
    are known once a model is loaded (`RunState`). `prompt` and `tokens` are those of the improvements.
    """
    if name == "batching":
        return Suite(batch_runs(), {})
    return Suite.of_improvements(prompt, unavailable, model, tokens)
