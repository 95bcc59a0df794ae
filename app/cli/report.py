"""The content of a session's report: figures, tables beside reference values, generated texts, pictures of panels."""

from __future__ import annotations

from collections.abc import Sequence

from app.cli.table import figures, untold
from app.look.units import count, cut, name_of
from app.models import before_after, summary
from app.models.before_after import english
from app.models.references import source
from engine.export.report import Picture, Report, Table
from engine.figures.before_after import before_after as pairs_of
from engine.figures.metrics import summarise
from engine.session.store import Session

TEXT_LIMIT = 4000
"""Limit of the characters of each request's text: a report is for reading, not for searching."""
TEXTS = 16
"""Limit of the requests whose texts are in the report."""


def make_report(session: Session, pictures: Sequence[Picture]) -> Report:
    """Put the report of a session together; `pictures` are those of its panels."""
    found = summarise(session)
    lines = summary.summary_lines(session)
    tables = [
        Table(
            "Training against inference",
            [name for name, _ in summary.HEADS],
            [[cell.text for cell in line.cells] for line in lines],
            f"What the reference claims beside what this session measured. {source('comparison', english)}",
        )
    ]
    pairs = pairs_of(session)
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
    texts = []
    for request in found.requests[:TEXTS]:
        prompt = session.requests[request.id].prompt
        text = request.text if len(request.text) <= TEXT_LIMIT else request.text[:TEXT_LIMIT] + " …"
        texts.append((f"Request {request.id}: {cut(prompt)}", text))
    if len(found.requests) > TEXTS:
        texts.append(("And more", f"{count(len(found.requests) - TEXTS)} more requests are in the session."))
    return Report(f"DecodeScope report: {name_of(found.model) or 'session'}", figures(found), tables, texts, pictures)
