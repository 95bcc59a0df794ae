"""The nine experiments of the Scenarios menu and of `record --scenario`: what runs, what shows it, what it measures.

A scenario is a file of `assets/scenarios`: TOML with the run's settings, the panels by rows of cells, the effect that
it shows, and its texts in each language of the window. Window and command line read and run the same file. Needs no Qt.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from app.models.scenario_words import ScenarioWords, fields_of, words_of
from engine.client.requests_file import read_requests
from engine.client.suite import Suite
from engine.client.suites import SUITES, SuiteName, make_suite
from engine.core.sampling import Sampling
from engine.core.settings import (
    Detail,
    Observation,
    Probe,
    RequestSpec,
    RunSpec,
    SwitchChange,
    Switches,
)  # fmt: skip
from engine.errors import InputError
from engine.figures.named import FIGURES

FOLDER: Final = Path(__file__).resolve().parents[2] / "assets" / "scenarios"
Row = tuple[tuple[str, ...], ...]
"""A row of cells; a cell holds panels as tabs, the first in front."""
SUITE_SETS: Final = (
    "requests", "ignore_eos", "sampling", "switches", "switch_at", "teacher_pass", "all_heads", "detail",
    "pace_tokens_per_s",
)  # fmt: skip
"""The keys of a run that a suite sets itself."""
Step = Literal["", "middle"]
FIRST_SHARE: Final = 0.52


@dataclass(frozen=True, slots=True)
class Effect:
    """The figure that says how large the effect is, and the least that the scenario claims of it."""

    figure: str
    claims_at_least: float

    def shows(self, value: float | None) -> bool:
        """Whether an effect of this size is the one that is meant: at least half of what is claimed."""
        return value is not None and value >= self.claims_at_least / 2


@dataclass(frozen=True, slots=True)
class Question:
    """What the user is asked to predict: a figure's value, or which of several figures is the largest."""

    figure: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    """(name, figure) of each choice."""

    @property
    def figures(self) -> tuple[str, ...]:
        return (self.figure,) if self.figure else tuple(figure for _, figure in self.choices)

    def answer(self, figures: Mapping[str, float | None]) -> tuple[str, float | None]:
        """(name of the choice, its value), as measured; a question for a figure has no choice."""
        if self.figure:
            return "", figures[self.figure]
        known = [(value, name) for name, figure in self.choices if (value := figures[figure]) is not None]
        return max(known)[::-1] if known else ("", None)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One experiment. Its requests are a prompt, or a request list beside the scenario's file."""

    section: str
    stem: str
    """The file's name without its suffix."""
    panels: tuple[Row, ...]
    words: dict[str, ScenarioWords]
    """By language."""
    effect: Effect
    sampling: Sampling
    question: Question | None = None
    prompt: str = ""
    requests: Path | None = None
    max_new_tokens: int = 64
    ignore_eos: bool = False
    detail: Detail = "phase"
    all_heads: bool = False
    """Record and show the attention of every head of the first layer, not of one head."""
    teacher_pass: bool = False
    suite: SuiteName | None = None
    """What runs in place of one run."""
    switches: Switches = field(default_factory=Switches)
    switch_at: tuple[SwitchChange, ...] = ()
    step: Step = ""
    """The step that is selected once the run is over."""
    pages: tuple[tuple[str, str], ...] = ()
    """(panel, its page)."""
    first_share: float = FIRST_SHARE
    """Share of the height for the first row, which holds the main panels."""
    pace_tokens_per_s: float = 0.0
    """The pace at which it can be watched in a window; 0 is full speed."""

    def run_spec(self, paced: bool = False) -> RunSpec:
        """The run, if it is no suite, at full speed or `paced`; raises InputError for a list that cannot be read."""
        probe = Probe(0, None if self.all_heads else 0)
        return RunSpec(
            self._requests(), self.switches, Observation(self.detail, probe), self.switch_at, self.teacher_pass,
            self.pace_tokens_per_s if paced else 0.0,
        )  # fmt: skip

    def suite_of_runs(self, unavailable: Mapping[str, str], model: Mapping[str, Any]) -> Suite:
        """The suite that runs with this model, without what cannot run here; only where the scenario has a `suite`."""
        assert self.suite is not None
        return make_suite(self.suite, unavailable, model, self.prompt, self.max_new_tokens)

    def unavailable(self, reasons: Mapping[str, str]) -> str:
        """Why the scenario cannot run here (`ModelReady.unavailable`); empty where it can."""
        wanted = [vars_of(self.switches), *(change.changes for change in self.switch_at)]
        for values in wanted:
            for name, value in values.items():
                if f"{name}={value}" in reasons:
                    return reasons[f"{name}={value}"]
        return ""

    def figures(self) -> tuple[str, ...]:
        """The names of all figures that its texts and its question use."""
        names = [self.effect.figure, *(self.question.figures if self.question else ())]
        for words in self.words.values():
            names += [name for one in words.found for name in fields_of(one)]
        return tuple(dict.fromkeys(names))

    def _requests(self) -> tuple[RequestSpec, ...]:
        if self.requests is not None:
            return read_requests(str(self.requests), self.max_new_tokens, self.ignore_eos, self.sampling)
        return (RequestSpec(self.prompt, self.max_new_tokens, 0.0, self.ignore_eos, (), self.sampling),)


def vars_of(switches: Switches) -> dict[str, Any]:
    """The switches that differ from their defaults; the defaults can always run."""
    default = Switches()
    names = Switches.__dataclass_fields__
    return {name: getattr(switches, name) for name in names if getattr(switches, name) != getattr(default, name)}


def load_scenarios(folder: Path = FOLDER) -> list[Scenario]:
    """The scenarios of a folder, sorted by file name; raises InputError that names the wrong file."""
    return [load_scenario(path) for path in sorted(folder.glob("*.toml"))]


def scenario_named(name: str, folder: Path = FOLDER) -> Scenario:
    """The scenario of this section (`2.1`) or file (`2.1-recompute`); raises InputError that lists which there are."""
    found = load_scenarios(folder)
    for one in found:
        if name in (one.section, one.stem):
            return one
    listed = ", ".join(f"{one.section} ({one.words['en'].title})" for one in found)
    raise InputError(f"There is no scenario {name!r}; there are {listed}.")


def load_scenario(path: Path) -> Scenario:
    """The scenario of a file; raises InputError that names the file and what is wrong with it."""
    try:
        return _scenario(path, tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"The scenario {path} cannot be read: {error.strerror}.") from error
    except KeyError as error:
        raise InputError(f"The scenario {path} has no {error.args[0]!r}.") from error
    except (ValueError, TypeError, AttributeError, InputError) as error:
        raise InputError(f"The scenario {path} is wrong: {str(error).rstrip('.')}.") from error


def _scenario(path: Path, facts: dict[str, Any]) -> Scenario:
    question = _question(facts["question"]) if "question" in facts else None
    effect = Effect(str(facts["effect"]["figure"]), float(facts["effect"]["claims_at_least"]))
    view = facts.get("view", {})
    suite = _one_of("suite", facts["suite"], SUITES) if "suite" in facts else None
    if suite is not None and (beside := [name for name in SUITE_SETS if name in facts]):
        raise InputError(f"its suite sets {beside[0]} itself")
    made = Scenario(
        section=str(facts["section"]),
        stem=path.stem,
        panels=tuple(tuple(tuple(str(name) for name in cell) for cell in row) for row in facts["panels"]),
        words=words_of(facts, dict(question.choices) if question is not None else None),
        effect=effect,
        sampling=Sampling(**facts["sampling"]) if suite is None else Sampling(),
        question=question,
        prompt=str(facts.get("prompt", "")),
        requests=path.parent / str(facts["requests"]) if "requests" in facts else None,
        max_new_tokens=int(facts.get("max_new_tokens", 64)),
        ignore_eos=bool(facts.get("ignore_eos", False)),
        detail=_one_of("detail", facts.get("detail", "phase"), get_args(Detail)),
        all_heads=bool(facts.get("all_heads", False)),
        teacher_pass=bool(facts.get("teacher_pass", False)),
        suite=suite,
        switches=Switches().changed(**facts.get("switches", {})),
        switch_at=tuple(SwitchChange(int(one["step"]), dict(one["changes"])) for one in facts.get("switch_at", ())),
        step=_one_of("step", view.get("step", ""), get_args(Step)),
        first_share=float(view.get("first_share", FIRST_SHARE)),
        pace_tokens_per_s=float(facts.get("pace_tokens_per_s", 0.0)),
        pages=tuple((str(panel), str(page)) for panel, page in view.get("pages", {}).items()),
    )
    for name in made.figures():
        if name not in FIGURES:
            raise InputError(f"there is no figure {name!r}; the figures are {', '.join(FIGURES)}")
    return made


def _question(facts: dict[str, Any]) -> Question:
    if ("figure" in facts) == ("choices" in facts):
        raise InputError("a question needs either a figure or choices")
    choices = tuple((str(name), str(figure)) for name, figure in facts.get("choices", {}).items())
    return Question(str(facts.get("figure", "")), choices)


def _one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> Any:
    if value not in allowed:
        raise InputError(f"{name} must be one of {', '.join(str(one) for one in allowed if one)}")
    return value
