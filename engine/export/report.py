"""A report in one HTML file: facts, tables and pictures, with nothing to load from elsewhere."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, StrictUndefined

from engine.errors import SessionFileError
from engine.export.readable import xml_text
from engine.export.whole import replacing


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts with its title, a head for each column, and a sentence below it."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG picture with its title and the sentence that says what it shows."""

    title: str
    says: str
    png: bytes

    @property
    def data(self) -> str:
        """The picture as the text that HTML takes."""
        return base64.b64encode(self.png).decode("ascii")


@dataclass(frozen=True, slots=True)
class Passage:
    """What one request was given and what it generated."""

    name: str
    prompt: str
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a report says, already written as texts with units."""

    title: str
    facts: Sequence[tuple[str, str]]
    tables: Sequence[Table]
    texts: Sequence[Passage]
    pictures: Sequence[Picture]


TEMPLATE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ report.title }}</title>
<style>
:root { color-scheme: light dark; --window: #f3f4f7; --panel: #ffffff; --line: #c9cfd8; --text: #1b1f26;
  --muted: #5a6472; --accent: #00629b; }
@media (prefers-color-scheme: dark) { :root { --window: #15181d; --panel: #1c2027; --line: #39414d; --text: #e6e9ef;
  --muted: #a3acba; --accent: #56b4e9; } }
body { margin: 0; background: var(--window); color: var(--text); font: 15px/1.5 system-ui, sans-serif;
  font-variant-numeric: tabular-nums; }
main { max-width: 1100px; margin: 0 auto; padding: 32px 16px; }
h1 { font-size: 1.6em; margin: 0 0 8px; } h2 { font-size: 1.15em; margin: 0 0 8px; }
section { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 16px; margin: 16px 0;
  overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; color: var(--muted); font-weight: normal; }
th, td { padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td:first-child { font-weight: 600; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); gap: 4px 16px; margin: 0; }
dl div { display: flex; justify-content: space-between; border-bottom: 1px solid var(--line); padding: 2px 0; }
dt { color: var(--muted); } dd { margin: 0; text-align: right; }
h3 { font-size: 0.85em; font-weight: normal; color: var(--muted); margin: 8px 0 0; }
p, figcaption { color: var(--muted); margin: 8px 0 0; } figure { margin: 0; }
img { max-width: 100%; height: auto; display: block; border-radius: 4px; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, monospace; margin: 0; }
</style>
</head>
<body>
<main>
<h1>{{ report.title }}</h1>
<p>● measured by a clock or a counter &nbsp; ƒ derived from measured counts and shapes &nbsp; ~ predicted or claimed</p>
<section><h2>Figures</h2>
<dl>{% for name, value in report.facts %}<div><dt>{{ name }}</dt><dd>{{ value }}</dd></div>
{% endfor %}</dl></section>
{% for table in report.tables %}<section><h2>{{ table.title }}</h2>
<table><thead><tr>{% for head in table.heads %}<th scope="col">{{ head }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in table.rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table>{% if table.note %}<p>{{ table.note }}</p>{% endif %}</section>
{% endfor %}{% for one in report.texts %}<section><h2>{{ one.name }}</h2>
{% if one.prompt %}<h3>Prompt</h3><pre>{{ one.prompt }}</pre><h3>Generated text</h3>{% endif %}
<pre>{{ one.text }}</pre></section>
{% endfor %}{% for picture in report.pictures %}<section><h2>{{ picture.title }}</h2>
<figure><img alt="{{ picture.title }}: {{ picture.says }}" src="data:image/png;base64,{{ picture.data }}">
<figcaption>{{ picture.says }}</figcaption></figure></section>
{% endfor %}</main>
</body>
</html>
"""


def _readable(value: object) -> object:
    return xml_text(value) if isinstance(value, str) else value


def report_html(report: Report) -> str:
    """The report as one HTML document; every text is escaped, and none holds a control character."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, finalize=_readable)
    return environment.from_string(TEMPLATE).render(report=report)


def write_report(report: Report, path: str | os.PathLike[str]) -> None:
    """Write the report; raises SessionFileError where `path` cannot be written."""
    try:
        with replacing(path) as file:
            file.write(report_html(report).encode())
    except OSError as error:
        raise SessionFileError(f"The report {path} cannot be written: {error.strerror}.") from error
