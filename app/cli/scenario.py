"""`decodescope record --scenario NAME`: an experiment of the Scenarios menu without a window, and what it measured."""

from __future__ import annotations

import argparse
from typing import Final

from app.cli.model_options import load_spec, output_path, say_not_compiled
from app.cli.one_run import command_line, print_run, record_with
from app.cli.output import say
from app.cli.parser import parse_command
from app.cli.progress import Progress
from app.cli.recording import Recording
from app.cli.table import columns
from app.models.scenario_outcome import Outcome, outcome_of
from app.models.scenario_words import figure_text
from app.models.scenarios import load_scenarios, scenario_named
from engine.client.changes import Change, SuiteRunSent
from engine.errors import InputError, UnavailableError
from engine.session.destination import check_destination
from engine.session.store import Session

LIST: Final = "list"
FREE: Final = frozenset(
    ("scenario", "model", "draft_model", "device", "dtype", "threads", "output", "json")
)  # fmt: skip
"""The options of `record` that a scenario leaves to the user."""


def run_scenario(options: argparse.Namespace) -> int:
    """Run a scenario as the window does, at full pace, and print its sentence; with `list`, which scenarios exist."""
    if options.scenario == LIST:
        print(columns([(one.section, one.stem, one.words["en"].card) for one in load_scenarios()]))
        return 0
    check_options(options)
    scenario = scenario_named(options.scenario)
    load, path, run = load_spec(options), output_path(options), scenario.run_spec()
    if path is not None:
        check_destination(path)
    progress = Progress(sum(request.max_new_tokens for request in run.requests))

    def watch(session: Session, changes: list[Change]) -> None:
        if not scenario.suite:
            progress.watch(session, changes)
        for change in changes:
            if isinstance(change, SuiteRunSent):
                say(f"run {change.number} of {change.total}: {change.label}")

    recording = Recording(load, watch)

    def record() -> Session:
        unavailable = recording.client.now.unavailable
        if reason := scenario.unavailable(unavailable):
            raise UnavailableError(f"The scenario {scenario.section} cannot run here: {reason}")
        if scenario.suite is not None:
            return recording.run_suite(scenario.suite_of_runs(unavailable, recording.client.now.model_config), path)
        return recording.run(run, path, command_line())

    session = record_with(
        recording, progress, record, lambda _: say_not_compiled(recording.client.now.unavailable, run)
    )
    outcome = outcome_of(scenario, session)
    print_run(session, path, options.json, {"scenario": outcome.to_json()}, text_of(outcome))
    return 0


def check_options(options: argparse.Namespace) -> None:
    """Raise InputError for an option that a scenario sets itself."""
    defaults = vars(parse_command(["record"])[1])
    for name, value in vars(options).items():
        if name not in FREE and value != defaults[name]:
            option = name.replace("_", "-")
            raise InputError(f"A scenario sets --{option} itself: leave it out, or leave out --scenario.")


def text_of(outcome: Outcome) -> str:
    """The sentence, below the scenario's title; and a note where its effect did not show."""
    scenario, words = outcome.scenario, outcome.scenario.words["en"]
    lines = [f"{scenario.section}  {words.title}", outcome.sentence("en")]
    if not outcome.shows:
        expected = figure_text(scenario.effect.figure, scenario.effect.claims_at_least, "en", marked=False)
        lines.append(f"At least {expected} is expected of this effect: it did not show in this run.")
    return "\n".join(lines)
