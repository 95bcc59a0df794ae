"""The improvements as pairs of settings, off and on, and the runs that measure them. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from engine.core.settings import Observation, RequestSpec, RunSpec, Switches

Measure = Literal["rate", "memory", "attention"]
"""Tokens a second; bytes of KV used over bytes reserved; time of the attention phase a token."""
Side = Literal["off", "on"]
SIDES: Final[tuple[Side, ...]] = ("off", "on")
SHARES: Final = (1.0, 0.5, 1.2, 0.35)
"""The tokens of each request of the example batch, as multiples of `tokens`: of 20 tokens they are 20, 10, 24 and 7."""
TOKENS: Final = 64
REPEATS: Final = 3


@dataclass(frozen=True, slots=True)
class Improvement:
    """One improvement: what is changed in the settings to switch it off and on, and what is expected of it."""

    key: str
    measure: Measure
    off: Mapping[str, Any] = field(default_factory=dict)
    on: Mapping[str, Any] = field(default_factory=dict)
    claim: tuple[float, float] | None = None
    """The factor that textbooks claim, from and to; None where they give none."""
    batch: bool = False
    """Whether several requests of different lengths run together."""

    def switches(self, side: Side) -> Switches:
        """The settings of one side; all other switches have their defaults, some of which the engine chooses.

        What it chooses may depend on what a side changes, so such a pair fixes it.
        """
        return Switches().changed(**(self.off if side == "off" else self.on))


def _kernel(attention: str) -> Improvement:
    """An attention kernel against the reference: both operation by operation, because only `native` is compiled."""
    off, on = ({"attention": one, "graphs": False} for one in ("reference", attention))
    return Improvement(attention, "attention", off, on, claim=(2.0, 4.0))


IMPROVEMENTS: Final = (
    Improvement("kv", "rate", off={"kv": "none"}),
    Improvement(
        "paged", "memory", off={"batching": "continuous"}, on={"batching": "continuous", "kv": "paged"},
        claim=(2.0, 4.0), batch=True,
    ),
    Improvement("draft", "rate", on={"speculate": "draft"}, claim=(2.0, 3.0)),
    Improvement("ngram", "rate", on={"speculate": "ngram"}, claim=(2.0, 3.0)),
    _kernel("sdpa"),
    _kernel("triton"),
    _kernel("native"),
    Improvement("batching", "rate", off={"batching": "single"}, on={"batching": "continuous"}, batch=True),
    Improvement("graphs", "rate", off={"graphs": False}, on={"graphs": True}),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """One run of one side; repeat 0 warms up and does not count."""

    key: str
    side: Side
    repeat: int
    run: RunSpec

    @property
    def label(self) -> str:
        """The label of the mark with which it begins in the session."""
        return f"{self.key} {self.side} {self.repeat}"


def reason(improvement: Improvement, unavailable: Mapping[str, str]) -> str:
    """Why an improvement cannot be measured here; empty where it can."""
    for side in SIDES:
        for name, value in asdict(improvement.switches(side)).items():
            if f"{name}={value}" in unavailable:
                return unavailable[f"{name}={value}"]
    return ""


def suite_runs(
    prompt: str, unavailable: Mapping[str, str], tokens: int = TOKENS, repeats: int = REPEATS
) -> list[SuiteRun]:
    """Every run of the suite. Each repeat runs all pairs in turn, so that a slow moment affects all of them."""
    found = []
    for repeat in range(repeats + 1):
        for one in IMPROVEMENTS:
            if reason(one, unavailable):
                continue
            for side in SIDES if repeat % 2 else SIDES[::-1]:  # so that no side always runs second, on a warm machine
                shares = SHARES if one.batch else (1.0,)
                requests = tuple(
                    RequestSpec(prompt, max(1, round(share * tokens)), ignore_eos=True) for share in shares
                )
                run = RunSpec(requests, one.switches(side), Observation("phase"))
                found.append(SuiteRun(one.key, side, repeat, run))
    return found


def unavailable_label(key: str, why: str) -> str:
    """The label of the mark that says why an improvement was not measured."""
    return f"{key} unavailable: {why}"
