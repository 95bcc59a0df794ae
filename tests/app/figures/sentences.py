"""Sentences as panels show them, with the place in the command line's answer where each of their figures stands.

A sentence is written as it is shown, with fields in braces: `{expression|unit}` is the value of an expression, written
by `app.look.units` (`{info.tokens|count} tokens`); `{=name}` reads a number that says what the rest is about (a step, a
layer), to be used by the fields after it; `{~}` is words without a figure, such as the text of a token. Texts of
several lines, or of parts joined by " · ", are matched part by part, and a name that was read holds to their end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from app.look import units
from app.models.step_words import kind_name

FIELD: Final = re.compile(r"\{([^{}]+)\}")
SEPARATORS: Final = (" · ", ", ")
NUMBER: Final = rf"\d[\d{units.THIN_SPACE}]*"
Env = dict[str, Any]


OTHERS: Final[dict[str, Callable[[Any], str]]] = {
    "plain": str,
    "kind": kind_name,
    "short": lambda value: f"{units.significant(100 * value, 2)}{units.THIN_SPACE}%",
    "signed": lambda value: f"{'−' if value < 0 else ''}{units.significant(abs(value))}",
    "delta": lambda value: f"{'−' if value < 0 else '+'}{units.seconds(abs(value))}",
    "number": lambda value: units.NOT_APPLICABLE if value is None else units.significant(value),
    "amount": lambda value: units.count(int(value)) if value == int(value) else units.significant(value),
    "prefixed": lambda value: units.rate(value, "").rstrip(units.THIN_SPACE),
    "celsius": lambda value: f"{units.significant(value)}{units.THIN_SPACE}°C",
    "watts": lambda value: f"{units.significant(value)}{units.THIN_SPACE}W",
    "mhz": lambda value: f"{units.significant(value)}{units.THIN_SPACE}MHz",
    "joules": lambda value: (
        f"{units.significant(1000 * value)}{units.THIN_SPACE}mJ" if abs(value) < 1 else units.rate(value, "J")
    ),
}
"""Ways in which panels write what `app.look.units` has no function for."""


def written(value: Any, unit: str) -> str:
    """A value in a unit: a function of `app.look.units`, `rate UNIT`, or one of OTHERS."""
    name, _, word = unit.partition(" ")
    if name == "rate":
        return units.rate(value, word)
    if name in OTHERS:
        return OTHERS[name](value)
    shown: str = getattr(units, name)(value)
    return shown


@dataclass(slots=True)
class Sentence:
    """One sentence, and how often it was found to hold."""

    text: str
    held: int = 0
    optional: bool = False
    """Whether it depends on the hour that it is shown at all; written as `?` before the sentence."""
    pattern: re.Pattern[str] = field(init=False)
    fields: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.optional, self.text = self.text.startswith("?"), self.text.removeprefix("?")
        self.fields = FIELD.findall(self.text)
        parts = FIELD.split(self.text)
        regex = ""
        for index, part in enumerate(parts):
            if index % 2 == 0:
                regex += re.escape(part)
            elif part == "~":  # the text of a token may be a figure itself
                regex += "(.*?)" if parts[index - 1].endswith("“") else r"(\D*?)"
            elif part.startswith("="):
                regex += f"({NUMBER})"
            elif part.startswith("@"):
                regex += "([^|/]+?)"
            else:
                regex += "(.+?)"
        self.pattern = re.compile(regex, re.DOTALL)

    def tell(self, shown: str, env: Env) -> tuple[Env, list[str]] | None:
        """(names that were read, what differs) for a shown text of this form; None where it has another form."""
        match = self.pattern.fullmatch(shown)
        if match is None:
            return None
        found, wrong = dict(env), []
        for name, text in zip(self.fields, match.groups(), strict=True):
            if name.startswith("="):
                found[name[1:]] = int(text.replace(units.THIN_SPACE, ""))
            elif name.startswith("@"):
                found[name[1:]] = text
            elif name == "~":
                continue
            else:
                wrong += _differs(name, text, found)
        return found, wrong


def _differs(name: str, text: str, env: Env) -> list[str]:
    expression, _, unit = name.partition("|")
    try:
        value = eval(expression, {"__builtins__": SAFE, **env})
    except (LookupError, NameError, StopIteration, TypeError, AttributeError, ZeroDivisionError) as error:
        return [f"{expression}: {type(error).__name__} {error}"]
    many = list(value) if isinstance(value, list | set | tuple) else [value]
    told = []
    for one in many:
        try:
            told += dict.fromkeys(written(near, unit) for near in _as_counted(one, unit))
        except (TypeError, ValueError) as error:
            told.append(f"({error})")
    if text in told:
        return []
    return [f"{expression} is {', '.join(told[:8]) or 'nothing'}, shown as {text}"]


def _as_counted(value: Any, unit: str) -> tuple[Any, ...]:
    """A value, and for a time what it is a nanosecond earlier and later.

    A session keeps phases as float32 µs, and some panels add them as whole ns: between two last digits a sum falls
    either way.
    """
    return (
        (value, value - 1e-9, value + 1e-9) if unit in ("seconds", "delta") and isinstance(value, float) else (value,)
    )


SAFE: Final = {
    "len": len, "sum": sum, "max": max, "min": min, "int": int, "round": round, "any": any, "range": range, "str": str,
    "abs": abs, "set": set,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wrong:
    """A shown text that no sentence explains, and what the nearest one says."""

    place: str
    text: str
    why: tuple[str, ...]
    of: str = ""
    """The line that the text is a part of."""

    def __str__(self) -> str:
        of = f" of {self.of!r}" if self.of != self.text else ""
        return f"{self.place}: {self.text!r}{of}\n      " + "\n      ".join(self.why or ("no sentence has this form",))


def explain(place: str, text: str, sentences: Iterable[Sentence], env: Env) -> list[Wrong]:
    """What of a text is not as the sentences say; names that were read hold from part to part."""
    found, wrong = list(sentences), list[Wrong]()
    names = dict(env)
    for mark in (units.MEASURED, units.DERIVED, units.PREDICTED):
        text = text.replace(units.THIN_SPACE + mark, f" {mark}")
    for line in text.split("\n"):
        names = _explain(place, line, found, names, SEPARATORS, wrong, line)
    return wrong


def _explain(
    place: str, text: str, sentences: list[Sentence], names: Env, separators: tuple[str, ...], wrong: list[Wrong],
    whole: str,
) -> Env:  # fmt: skip
    """The names after a text: explained as a whole, or else part by part as the separators say."""
    if not has_figure(text):
        return names
    told, found = _explain_part(text, sentences, names)
    if found is not None:
        return found
    separator = next((one for one in separators if one in text), None)
    if separator is None:
        wrong.append(Wrong(place, text, told, whole))
        return names
    known = len(wrong)
    for part in text.split(separator):
        names = _explain(place, part, sentences, names, separators[separators.index(separator) + 1 :], wrong, whole)
    if len(wrong) > known and told:  # what the whole would have to be tells more than that its parts have no sentence
        parts = tuple(why for one in wrong[known:] for why in one.why)
        wrong[known:] = [Wrong(place, text, (*told, *parts), whole)]
    return names


def _explain_part(text: str, sentences: list[Sentence], env: Env) -> tuple[tuple[str, ...], Env | None]:
    told: list[str] = []
    for sentence in sentences:
        result = sentence.tell(text, env)
        if result is None:
            continue
        found, wrong = result
        if not wrong:
            sentence.held += 1
            return (), found
        told.append(f"{sentence.text!r}: " + "; ".join(wrong))
    return tuple(told), None


def has_figure(text: str) -> bool:
    return any(character.isdigit() for character in text)


def sentences(*texts: str) -> list[Sentence]:
    """Sentences from their texts."""
    return [Sentence(text) for text in texts]
