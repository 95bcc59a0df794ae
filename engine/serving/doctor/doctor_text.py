"""A diagnosis of a server as lines for a terminal, and as JSON."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import Any, Final

from engine.serving.doctor.doctor import Diagnosis, Finding, State

WORDS: Final[dict[State, str]] = {"ok": "ok", "missing": "missing", "unknown": "not known"}
WIDTH: Final = 100
FLAG: Final = "add: "


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """A paragraph for each finding: its state, its topic, its sentence, and below it the flag that adds what lacks."""
    topics = max((len(one.topic) for one in diagnosis.findings), default=0)
    words = max(map(len, WORDS.values()))
    lines = [f"{diagnosis.address}: {diagnosis.kind} {diagnosis.version}".rstrip(), ""]
    for finding in diagnosis.findings:
        lines += _lines(finding, f"{WORDS[finding.state]:{words}}  {finding.topic:{topics}}  ")
    return "\n".join(lines)


def diagnosis_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """The same as one object: address, kind, version, model, and `findings` with topic, state, sentence and flag."""
    return asdict(diagnosis)


def _lines(finding: Finding, first: str) -> list[str]:
    indent = " " * len(first)
    lines = textwrap.wrap(finding.sentence, WIDTH, initial_indent=first, subsequent_indent=indent)
    return [*lines, f"{indent}{FLAG}{finding.flag}"] if finding.flag else lines
