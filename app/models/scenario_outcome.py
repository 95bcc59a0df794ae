"""What a scenario measured: its figures, whether its effect showed, and its sentences. Needs no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.models.scenario_words import sentences
from app.models.scenarios import Scenario
from engine.figures.named import figures_by_name
from engine.session.store import Session


@dataclass(frozen=True, slots=True)
class Outcome:
    """The figures of a scenario, read from the session that it recorded."""

    scenario: Scenario
    figures: dict[str, float | None]

    @property
    def effect(self) -> float | None:
        """The size of the effect."""
        return self.figures[self.scenario.effect.figure]

    @property
    def shows(self) -> bool:
        """Whether the effect showed."""
        return self.scenario.effect.shows(self.effect)

    @property
    def answer(self) -> tuple[str, float | None]:
        """(name of the choice, value) that the question's answer is, as measured."""
        question = self.scenario.question
        return ("", None) if question is None else question.answer(self.figures)

    def sentence(self, language: str) -> str:
        """What was measured, in words."""
        return sentences(self.scenario.words[language].found, self.figures, language)

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `record --scenario NAME --json` prints them."""
        scenario, words = self.scenario, self.scenario.words["en"]
        found: dict[str, Any] = {
            "section": scenario.section,
            "title": words.title,
            "sentence": self.sentence("en"),
            "figures": self.figures,
            "effect": {
                "figure": scenario.effect.figure,
                "value": self.effect,
                "claims_at_least": scenario.effect.claims_at_least,
                "shows": self.shows,
            },
            "question": None,
        }
        if scenario.question is not None:
            choice, value = self.answer
            found["question"] = {"text": words.question, "answer": words.choices.get(choice) or None, "value": value}
        return found


def outcome_of(scenario: Scenario, session: Session) -> Outcome:
    """What a scenario measured in the session that it recorded."""
    return Outcome(scenario, figures_by_name(session, scenario.figures()))
