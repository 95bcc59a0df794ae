"""`record --scenario`: every scenario runs without a window, and its sentence says what its session holds."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from app.models.scenario_words import fields_of
from app.models.scenarios import Scenario, load_scenarios
from tests.app.cli.conftest import Run
from tests.app.cli.scenario_sql import FIGURES

UNITS = {
    "ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "%": 0.01, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30,
    "tokens/s": 1.0, "ktokens/s": 1e3, "Mtokens/s": 1e6, "": 1.0,
}  # fmt: skip
SCENARIOS = load_scenarios()


def value_of(text: str) -> float:
    """The value of a figure as it is written: `11.2× ƒ`, `12 880 ●`, `79.8 ms ●`."""
    found = re.fullmatch(r"([\d.\u2009]*\d)(?:×|\u2009([^\d●ƒ~]+?))?\u2009[●ƒ~]", text)
    assert found, text
    return float(found[1].replace("\u2009", "")) * UNITS[found[2] or ""]


def figures_in(template: str, sentence: str) -> dict[str, float]:
    """The figures that stand in a sentence where the template has their names."""
    pattern = "".join(
        re.escape(text) + (f"(?P<{name}>.+?)" if name else "") for text, name, *_ in Formatter().parse(template)
    )
    found = re.fullmatch(pattern, sentence)
    assert found, sentence
    return {name: value_of(text) for name, text in found.groupdict().items()}


RUNS = 3
"""How often a scenario may run: an effect in time can drown in what else the machine does; one run has to show it."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.section)
def test_its_sentence_is_true_of_its_session_and_its_effect_shows(
    prepared: Run, decodescope: Run, environment: dict[str, str], tmp_path: Path, scenario: Scenario
) -> None:
    # Triton's interpreter, by which the suite tests kernels without a GPU, takes minutes for the runs of `triton`. What
    # is prepared has it; a process of its own measures what a user's would.
    environment.pop("TRITON_INTERPRET", None)
    run = decodescope if scenario.suite == "switches" else prepared
    effects = []
    for number in range(RUNS):
        file = tmp_path / f"{number}.dscope"
        done = run("record", "--scenario", scenario.section, "--json", "-o", str(file))
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        check_sentence(scenario, told["scenario"], file)
        assert {"requests", "steps", "tokens", "positions"} <= told.keys()  # and all else that `record --json` prints
        effects.append(told["scenario"]["effect"]["value"])
        if effects[-1] >= scenario.effect.claims_at_least / 2:
            assert told["scenario"]["effect"]["shows"]
            break
    assert max(effects) >= scenario.effect.claims_at_least / 2, effects


def check_sentence(scenario: Scenario, found: dict[str, Any], file: Path) -> None:
    """Each figure of the sentence is the one that SQL gives for the session, and is written as it is."""
    with closing(sqlite3.connect(file)) as db:
        for name, value in found["figures"].items():
            assert value is None or value == pytest.approx(FIGURES[name](db), rel=1e-6), name
    measured = [
        one for one in scenario.words["en"].found
        if all(found["figures"][name] is not None for name in fields_of(one))
    ]  # fmt: skip
    template = " ".join(measured)
    written = figures_in(template, found["sentence"])
    assert list(written) == fields_of(template)
    for name, value in written.items():
        assert value == pytest.approx(found["figures"][name], rel=6e-3), name


def test_the_text_is_the_same_each_time(prepared: Run) -> None:
    texts = [
        [one["text"] for one in json.loads(prepared("record", "--scenario", "2.2", "--json").stdout)["requests"]]
        for _ in range(2)
    ]
    assert texts[0] == texts[1]


def test_without_json_the_sentence_stands_below_the_figures(prepared: Run) -> None:
    done = prepared("record", "--scenario", "3-serial-dependence")
    assert done.returncode == 0, done.stderr
    assert "\n3  Serial dependence\n64" in done.stdout
    assert "Recorded to " in done.stdout


def test_which_there_are_is_listed_and_an_unknown_one_refused(prepared: Run) -> None:
    listed = prepared("record", "--scenario", "list")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == [one.section for one in SCENARIOS]
    refused = prepared("record", "--scenario", "9")
    assert refused.returncode == 2
    assert "There is no scenario '9'; there are 1 (Generation, token by token), 2.1" in refused.stderr


@pytest.mark.parametrize("option", [("--prompt", "x"), ("--kv", "none"), ("--seed", "4"), ("--detail", "off")])
def test_what_it_sets_itself_cannot_be_set_beside_it(prepared: Run, option: tuple[str, str]) -> None:
    refused = prepared("record", "--scenario", "1", *option)
    assert refused.returncode == 2
    assert f"A scenario sets {option[0]} itself" in refused.stderr
