"""The rows about what was asked for: the first prompts, and the parameters, counted where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from PySide6.QtCore import QCoreApplication

from app.look.units import count, cut, seconds, significant
from app.models import counted
from app.models.info_row import InfoRow
from app.models.request_tally import RequestTally, Values

MOST_COMMON: Final = 3
"""Different values of a parameter that are named, each with how many requests have it."""
MOST_OF_VALUE: Final = 200
translate = QCoreApplication.translate


def asked_rows(tally: RequestTally) -> Iterator[InfoRow]:
    """The rows of the requests; what no request says is left out."""
    group = translate("SessionInfo", "Requests")
    if not tally.count:
        yield InfoRow(group, group, translate("SessionInfo", "none"))
        return
    for request in tally.first:
        name = translate("SessionInfo", "Prompt of request {}").format(count(request.id)) if tally.count > 1 else ""
        value = request.prompt or translate("SessionInfo", "empty, or not recorded")
        yield InfoRow(group, name or translate("SessionInfo", "Prompt"), value, untold=not request.prompt)
    more = tally.count - len(tally.first)
    if more > 0:
        yield InfoRow(
            group, translate("SessionInfo", "and more"),
            translate("SessionInfo", "{} requests are not listed here").format(count(more)),
        )  # fmt: skip
    yield InfoRow(group, translate("SessionInfo", "Prompts"), _range(tally.prompt_tokens, counted.tokens))
    new = tally.params.get("max_new_tokens")
    if new is not None:
        yield InfoRow(group, translate("SessionInfo", "New tokens"), _range(new, counted.tokens, at_most=True))
    if tally.due_s.most is not None and tally.count > 1:
        span = tally.due_s.most - (tally.due_s.least or 0.0)
        words = translate("SessionInfo", "within {}").format(seconds(span)) if span else ""
        at_once = translate("SessionInfo", "all at once")
        yield InfoRow(group, translate("SessionInfo", "Arrive"), words or at_once)
    if tally.sampling:
        words = " · ".join(f"{name} {_values(values, tally.count)}" for name, values in tally.sampling.items())
        yield InfoRow(group, translate("SessionInfo", "Sampling"), words)
    else:
        unrecorded = translate("SessionInfo", "not recorded")
        yield InfoRow(group, translate("SessionInfo", "Sampling"), unrecorded, untold=True)
    others = {name: values for name, values in tally.params.items() if name != "max_new_tokens"}
    if others:
        words = " · ".join(
            f"{cut(name, MOST_OF_VALUE)} {_values(values, tally.count)}" for name, values in others.items()
        )
        yield InfoRow(group, translate("SessionInfo", "Options"), words)


def _range(values: Values, words: Any, at_most: bool = False) -> str:
    """How many, in `words` where all have the same; else from the least to the most, and how many different."""
    if values.least is None or values.most is None:
        return translate("SessionInfo", "not recorded")
    if values.same:
        told: str = words(int(values.most))
        return translate("SessionInfo", "at most {}").format(told) if at_most else told
    different = len(values.counts) + (1 if values.more else 0)
    return translate("SessionInfo", "{least} to {most} · {n} different").format(
        least=count(int(values.least)), most=words(int(values.most)), n=count(different)
    )


def _values(values: Values, requests: int) -> str:
    """The value that all requests have; else the most common ones, each with its number of requests."""
    given = sum(values.counts.values()) + values.more
    if values.same and given == requests:
        return _value(values.only)
    common = values.common(MOST_COMMON)
    parts = [f"{_value(value)} ({count(number)})" for value, number in common]
    rest = given - sum(number for _, number in common)
    if rest:
        parts.append(translate("SessionInfo", "others ({})").format(count(rest)))
    if given < requests:
        parts.append(translate("SessionInfo", "not given ({})").format(count(requests - given)))
    return ", ".join(parts)


def _value(value: Any) -> str:
    match value:
        case bool():
            return translate("SessionInfo", "yes") if value else translate("SessionInfo", "no")
        case int():
            return str(value)
        case float():
            return significant(value, 6).rstrip("0").rstrip(".") if "." in significant(value, 6) else significant(value)
        case list():
            texts = ", ".join(f"“{one}”" for one in value)
            return cut(texts, MOST_OF_VALUE) or translate("SessionInfo", "none")
        case None:
            return translate("SessionInfo", "none")
    return cut(str(value), MOST_OF_VALUE)
