"""The content of a session's report: figures, settings, prompts, texts, tables beside reference values, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from app.cli.table import figures, untold
from app.look.units import MOST_OF_NAME, NOT_APPLICABLE, count, cut, memory, name_of
from app.models import before_after, summary
from app.models.before_after import english
from app.models.references import source
from engine.export.report import Passage, Picture, Report, Table
from engine.export.span import Span
from engine.figures.before_after import before_after as pairs_of
from engine.figures.metrics import RequestFigures, summarise
from engine.figures.step_range import StepRange
from engine.plain_text import one_line
from engine.session.json_text import json_text
from engine.session.store import Session

TEXT_LIMIT = 4000
"""Limit of the characters of each prompt and text: a report is for reading, not for searching."""
TEXTS = 16
"""Limit of the requests whose texts are in the report."""
MOST_CHANGES: Final = 32
"""Limit of the changes of switches that the settings list."""
FACTS: Final = {
    "model_path": "model folder", "dtype": "dtype", "device": "device", "threads": "threads", "detail": "detail",
    "command": "command",
}  # fmt: skip
"""Facts of a session that are settings of it, by the words for them."""


def make_report(session: Session, pictures: Sequence[Picture], steps: StepRange = None) -> Report:
    """Put the report of a session, or of a range of its steps, together; `pictures` are those of its panels."""
    span = Span(session, steps)
    found = summarise(session, steps)
    lines = summary.summary_lines(session, steps)
    tables = [
        Table("Settings", ["Setting", "Value"], _settings(span)),
        Table(
            "Training against inference",
            [name for name, _ in summary.HEADS],
            [[cell.text for cell in line.cells] for line in lines],
            f"What the reference claims beside what this session measured. {source('comparison', english)}",
        ),
    ]
    pairs = pairs_of(session) if steps is None else []  # the runs that are compared are no range of steps
    if any(pair.factor is not None for pair in pairs):
        tables.append(
            Table(
                "Before and after",
                [name for name, _ in before_after.HEADS],
                [line.cells for line in before_after.lines_of(pairs)],
                f"Each improvement, off and on, on the same requests. {source('improvements', english)}",
            )
        )
    if reasons := untold(found):
        tables.append(Table("What the server did not tell", ["What", "Why"], reasons))
    facts = figures(found)
    title = f"DecodeScope report: {name_of(found.model) or 'session'}"
    if steps is not None:
        facts = [("steps of the session", f"{count(steps[0])}–{count(steps[1])}"), *facts]
        title = f"{title}, steps {count(steps[0])}–{count(steps[1])}"
    return Report(title, facts, tables, _passages(span, found.requests), pictures)


def _passages(span: Span, requests: Sequence[RequestFigures]) -> list[Passage]:
    """Prompt and text of the first requests of the span."""
    by_id = {one.id: one for one in requests}
    chosen = list(span.requests())
    passages = []
    for request in chosen[:TEXTS]:
        generated = by_id[request.id]
        reason = one_line(request.finish_reason or "unfinished", MOST_OF_NAME)
        lengths = f"{count(request.prompt_tokens)} tokens of prompt, {count(len(generated.token_ids))} generated"
        name = f"Request {request.id}: {lengths} ({reason})"
        passages.append(Passage(name, _short(request.prompt), _short(generated.text)))
    if len(chosen) > TEXTS:
        passages.append(Passage("And more", "", f"{count(len(chosen) - TEXTS)} more requests are in the session."))
    return passages


def _short(text: str) -> str:
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]} …"


def _settings(span: Span) -> list[tuple[str, str]]:
    """(setting, value): switches, with what changed later and where, sampling of the first request, machine."""
    rows: list[tuple[str, str]] = []
    configs = span.configs()
    if configs:
        before = configs[0].switches
        rows += [(_words(name), _value(name, value)) for name, value in before.items()]
        for config in configs[1 : MOST_CHANGES + 1]:
            changes = {name: value for name, value in config.switches.items() if before.get(name) != value}
            rows.append((f"from step {count(config.step_id)} on", _listed(changes)))
            before = config.switches
        if len(configs) > MOST_CHANGES + 1:
            rows.append(("later", f"{count(len(configs) - MOST_CHANGES - 1)} more changes"))
    request = next(span.requests(), None)
    if request is not None:
        sampling = request.params.get("sampling") or {}
        rows += [(_words(name), _value(name, value)) for name, value in sampling.items()]
        rows += [
            (_words(name), _value(name, request.params[name]))
            for name in ("max_new_tokens", "ignore_eos", "stop", "chat")
            if request.params.get(name) not in (None, [])
        ]
    rows += [(word, cut(one_line(span.facts[key]))) for key, word in FACTS.items() if span.facts.get(key)]
    if began := _began(span.facts):
        rows.append(("recorded", began))
    return rows


def _began(facts: Mapping[str, str]) -> str:
    """When the session began, in the time of this machine; "" where it does not say."""
    try:
        return f"{datetime.fromtimestamp(int(facts.get('epoch_ns', '')) / 1e9):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return ""


def _listed(changes: Mapping[str, Any]) -> str:
    return ", ".join(f"{_words(name)} {_value(name, value)}" for name, value in changes.items()) or "the same"


def _words(name: str) -> str:
    return one_line(name.replace("_", " "))


def _value(name: str, value: object) -> str:
    match value:
        case None:
            return "no limit" if name == "kv_memory" else NOT_APPLICABLE
        case int() if name == "kv_memory":
            return memory(value)
        case bool():
            return "on" if value else "off"
        case list() | dict():
            return cut(one_line(json_text(value)))
        case _:
            return cut(one_line(str(value)))
