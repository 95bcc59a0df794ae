"""A scenario's texts in one language, and its sentences with the figures of a session. Needs no Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any, Final

from app.look.units import (
    DERIVED,
    MEASURED,
    NOT_APPLICABLE,
    PREDICTED,
    THIN_SPACE,
    count,
    memory,
    percent,
    rate,
    seconds,
    significant,
)  # fmt: skip
from engine.errors import InputError
from engine.figures.named import FIGURES

LANGUAGES: Final = ("en", "zh_CN")
MOST_OF_CARD: Final = 90
"""Characters of the sentence on a scenario's card."""
TIMES: Final = {"en": "×", "zh_CN": f"{THIN_SPACE}倍"}
BETWEEN: Final = {"en": " ", "zh_CN": ""}
"""What stands between two sentences."""
MARKS: Final = {"measured": MEASURED, "derived": DERIVED, "predicted": PREDICTED}


@dataclass(frozen=True, slots=True)
class ScenarioWords:
    """The texts of a scenario in one language."""

    title: str
    card: str
    """One short sentence for the scenario's card."""
    look: str
    """What it is about, and what to look at while it runs."""
    found: tuple[str, ...]
    """What was measured, sentence by sentence; `{name}` stands for a figure of `FIGURES`."""
    question: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    """What the choices of the question are called, by their names."""


def words_of(facts: dict[str, Any], choices: Mapping[str, str] | None) -> dict[str, ScenarioWords]:
    """The texts of a scenario's file by language; raises KeyError for a missing one and InputError for a wrong one.

    `choices` are those of its question, None where it asks nothing.
    """
    found = {}
    for language in LANGUAGES:
        own = facts[language]
        texts = {name: str(own[name]).strip() for name in ("title", "card", "look")}
        told = own["found"] if isinstance(own["found"], list) else [own["found"]]
        if len(texts["card"]) > MOST_OF_CARD:
            raise InputError(f"the card of {language} has more than {MOST_OF_CARD} characters")
        question = str(own["question"]).strip() if choices is not None else ""
        names = {name: str(own["choices"][name]) for name in choices or {}}
        sentences = tuple(str(one).strip() for one in told)
        for one in sentences:
            fields_of(one)
        found[language] = ScenarioWords(**texts, found=sentences, question=question, choices=names)
    return found


def fields_of(template: str) -> list[str]:
    """The names of the figures in a sentence; raises InputError for anything but `{name}`."""
    names = []
    for _, name, spec, conversion in Formatter().parse(template):
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise InputError(f"{{{name}}} is not the name of a figure")
        names.append(name)
    return names


def sentences(templates: tuple[str, ...], figures: Mapping[str, float | None], language: str) -> str:
    """Sentences with their figures written in.

    One whose figures were not all measured here is left out, if another can be said.
    """
    whole = [one for one in templates if all(figures[name] is not None for name in fields_of(one))]
    return BETWEEN[language].join(
        one.format_map({name: figure_text(name, figures[name], language) for name in fields_of(one)})
        for one in whole or templates[:1]
    )


def figure_text(name: str, value: float | None, language: str, marked: bool = True) -> str:
    """A figure as a text, with its unit and, if `marked`, its mark of provenance: `11.2× ƒ`."""
    if value is None:
        return NOT_APPLICABLE
    figure = FIGURES[name]
    match figure.kind:
        case "count":
            text = count(round(value))
        case "mean":
            text = significant(value)
        case "times":
            text = f"{significant(value)}{TIMES[language]}"
        case "seconds":
            text = seconds(value)
        case "bytes":
            text = memory(value)
        case "rate":
            text = rate(value, "tokens/s")
        case "share":
            text = percent(value)
    return f"{text}{THIN_SPACE}{MARKS[figure.provenance]}" if marked else text
