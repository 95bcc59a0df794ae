"""The improvements as pairs of settings, off and on, and the runs that measure them. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from engine.core.settings import Observation, RequestSpec, RunSpec, Switches
from engine.figures import loads

Measure = Literal["rate", "memory", "together", "attention", "attention_memory"]
"""Tokens a second; bytes of KV used over bytes reserved; requests in a step; seconds of the attention phase; bytes that
attention takes for itself.
"""
LESS_IS_BETTER: Final[frozenset[Measure]] = frozenset({"attention", "attention_memory"})
COUNTED: Final[frozenset[Measure]] = frozenset({"memory", "together", "attention_memory"})
"""What is counted and not timed: every repeat gives the same, so one is enough."""
Load = Literal["one", "batch", "mixed", "long"]
"""What is run: one request; a batch of four of known lengths; more requests than fit, of unknown lengths, in limited
memory; one request with a long prompt.
"""
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
    """The factor that the reference claims, from and to; None where it gives none."""
    load: Load = "one"
    runs: str = ""
    """The improvement whose runs are read, where this one has none of its own: the same runs, measured otherwise."""

    @property
    def run_key(self) -> str:
        """The key of the runs that measure it."""
        return self.runs or self.key

    def switches(self, side: Side) -> Switches:
        """The settings of one side; all other switches have their defaults, some of which the engine chooses.

        What it chooses may depend on what a side changes, so such a pair fixes it.
        """
        return Switches().changed(**(self.off if side == "off" else self.on))


def _kernel(attention: str) -> Improvement:
    """An attention kernel against the reference: both operation by operation, because only `native` is compiled."""
    off, on = ({"attention": one, "graphs": False} for one in ("reference", attention))
    return Improvement(attention, "attention", off, on, claim=(2.0, 4.0), load="long")


def _memory_of(kernel: Improvement) -> Improvement:
    return Improvement(
        f"{kernel.key}_memory", "attention_memory", kernel.off, kernel.on, load=kernel.load, runs=kernel.key
    )


TRITON, NATIVE = _kernel("triton"), _kernel("native")
PAGED: Final = Improvement(
    # Operation by operation, because captured steps take the memory of a whole batch at once, whatever the cache.
    "paged", "memory", off={"batching": "continuous", "max_batch": loads.MOST_TOGETHER, "graphs": False},
    on={"batching": "continuous", "max_batch": loads.MOST_TOGETHER, "graphs": False, "kv": "paged"},
    claim=(2.0, 4.0), load="mixed",
)  # fmt: skip
IMPROVEMENTS: Final = (
    Improvement("kv", "rate", off={"kv": "none"}),
    PAGED,
    Improvement("paged_together", "together", PAGED.off, PAGED.on, claim=PAGED.claim, load="mixed", runs="paged"),
    Improvement("draft", "rate", on={"speculate": "draft"}, claim=(2.0, 3.0)),
    Improvement("ngram", "rate", on={"speculate": "ngram"}, claim=(2.0, 3.0)),
    _kernel("sdpa"),
    TRITON,
    _memory_of(TRITON),
    NATIVE,
    _memory_of(NATIVE),
    Improvement("batching", "rate", off={"batching": "single"}, on={"batching": "continuous"}, load="batch"),
    Improvement("graphs", "rate", off={"graphs": False}, on={"graphs": True}),
)


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """One run of one side; repeat 0 warms up. No time of it counts; the memory of attention is counted in it alone."""

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
    prompt: str, unavailable: Mapping[str, str], model: Mapping[str, Any], tokens: int = TOKENS, repeats: int = REPEATS
) -> list[SuiteRun]:
    """Every run of the suite. Each repeat runs all pairs in turn, so that a slow moment affects all of them.

    `model` is the loaded model's config, as a session keeps it.
    """
    found = []
    for repeat in range(repeats + 1):
        for one in IMPROVEMENTS:
            if one.runs or reason(one, unavailable):
                continue
            if one.measure in COUNTED and repeat != min(1, repeats):
                continue
            sides = SIDES if repeat % 2 else SIDES[::-1]  # so that no side always runs second, on a warm machine
            found += [
                SuiteRun(one.key, side, repeat, _run_of(one, side, prompt, model, tokens, repeat)) for side in sides
            ]
    return found


def _run_of(
    improvement: Improvement, side: Side, prompt: str, model: Mapping[str, Any], tokens: int, repeat: int
) -> RunSpec:
    """One side's run: the requests of its load under its switches."""
    switches, counts = improvement.switches(side), False
    match improvement.load:
        case "one" | "batch":
            shares = SHARES if improvement.load == "batch" else (1.0,)
            requests = tuple(RequestSpec(prompt, max(1, round(one * tokens)), ignore_eos=True) for one in shares)
        case "mixed":
            requests = loads.mixed_load()
            switches = switches.changed(kv_memory=loads.mixed_budget(model))
        case "long":
            requests = (RequestSpec(loads.long_prompt(model), loads.LONG_TOKENS, ignore_eos=True),)
            counts = repeat == 0 and improvement.key in {one.runs for one in IMPROVEMENTS}
    return RunSpec(requests, switches, Observation("phase", attention_memory=counts))


def unavailable_label(key: str, why: str) -> str:
    """The label of the mark that says why an improvement was not measured."""
    return f"{key} unavailable: {why}"
