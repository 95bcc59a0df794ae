"""A server's page of metrics (Prometheus' text or OpenMetrics) as readings; the page is not trusted.

Size, lines, labels and lengths are limited. Control characters and turns of direction in texts are escaped, as
`engine/plain_text.py` does it. Formats: https://prometheus.io/docs/instrumenting/exposition_formats, and OpenMetrics'
specification 1.0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as prometheus_families

from engine.errors import DecodeScopeError
from engine.plain_text import one_line

LARGEST_BYTES: Final = 8 * 2**20
MOST_SERIES: Final = 50_000
LONGEST_LINE: Final = 16 * 2**10
"""Characters of a line. vLLM's longest, its cache's settings as labels, has 1200; the parser's time grows faster than
the length of a line.
"""
MOST_ESCAPES: Final = 256
"""Backslashes in a line, which the parser counts again at every quotation mark."""
MOST_LABELS: Final = 64
LONGEST_TEXT: Final = 200
"""Characters of a name, and of a label's name or value; longer ones are cut."""
OPENMETRICS: Final = "application/openmetrics-text"
TOO_LARGE: Final = f"The server's page of metrics is larger than {LARGEST_BYTES // 2**20} MiB, so it is not read."

Kind = Literal["counter", "gauge", "histogram", "summary", "unknown"]
_KINDS: Final[dict[str, Kind]] = {
    "counter": "counter",
    "gauge": "gauge",
    "histogram": "histogram",
    "summary": "summary",
}
_COUNTER: Final = re.compile(r"^#[ \t]+TYPE[ \t]+(\S+)[ \t]+counter[ \t]*$", re.MULTILINE)
_HELP: Final = re.compile(r"^[ \t]*#[ \t]+HELP[ \t].*$", re.MULTILINE)
_TOTAL: Final = "_total"
_labels_text: Final = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class Reading:
    """One series of a page at one moment."""

    name: str
    """As the server writes it: `vllm:num_requests_running`, `vllm:e2e_request_latency_seconds_bucket`."""
    labels: str
    """A JSON object with its keys in order, so that equal labels are equal texts: `{"engine":"0","le":"0.5"}`."""
    value: float
    """Finite; a series whose value is no number is left out of the page."""
    kind: Kind
    """Of the family: the sums, counts and buckets of a histogram are all `histogram`."""


@dataclass(frozen=True, slots=True)
class Page:
    readings: tuple[Reading, ...]
    skipped: int
    """Series left out: those whose value is not finite, and repetitions of a series."""


def page_text(page: bytes) -> str:
    """The page as text with its sizes checked; raises DecodeScopeError, with a sentence, for one that is too large."""
    if len(page) > LARGEST_BYTES:
        raise DecodeScopeError(TOO_LARGE)
    text = page.decode("utf-8", errors="replace")
    series = 0
    for line in text.split("\n"):
        if len(line) > LONGEST_LINE or line.count("\\") > MOST_ESCAPES:
            raise DecodeScopeError(
                "The server's page of metrics has a line that is too long or has too many escapes, so it is not read."
            )
        series += bool(line) and not line.startswith("#")
    if series > MOST_SERIES:
        raise DecodeScopeError(f"The server's page of metrics has more than {MOST_SERIES} series, so it is not read.")
    return text


def is_openmetrics(content_type: str) -> bool:
    """Whether a page of this content type is OpenMetrics, and not Prometheus' older text."""
    return content_type.strip().lower().startswith(OPENMETRICS)


def parsed_page(text: str, openmetrics: bool = False) -> Page:
    """The readings of a page's text; raises DecodeScopeError, with a sentence, where it is no such page."""
    if not openmetrics:
        text = _HELP.sub("", text)  # read character by character by the parser, and used by nobody
    counters = frozenset() if openmetrics else frozenset(_COUNTER.findall(text))
    try:
        families: Iterable[Metric] = (openmetrics_families if openmetrics else prometheus_families)(text)
        return _page(_readings(families, counters))
    except DecodeScopeError:
        raise
    except Exception as error:  # the parser raises whatever a broken line leads to
        said = one_line(error) or "broken text"
        raise DecodeScopeError(f"The server's page of metrics cannot be read: {said}.") from None


def _readings(families: Iterable[Metric], counters: frozenset[str]) -> Iterator[Reading | None]:
    """Every sample of the families; None for one that has no finite value."""
    for family in families:
        kind = _KINDS.get(family.type, "unknown")
        added = kind == "counter" and family.name in counters
        """The parser has appended `_total` to the names of a counter that is declared without it."""
        for sample in family.samples:
            value = _finite(sample.value)
            name = sample.name.removesuffix(_TOTAL) if added else sample.name
            yield None if value is None else Reading(_text(name), _label_text(sample.labels), value, kind)


def _page(readings: Iterable[Reading | None]) -> Page:
    kept: dict[tuple[str, str], Reading] = {}
    seen = 0
    for reading in readings:
        seen += 1
        if reading is not None:
            kept.setdefault((reading.name, reading.labels), reading)
    return Page(tuple(kept.values()), seen - len(kept))


def _finite(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _label_text(labels: dict[str, str]) -> str:
    if len(labels) > MOST_LABELS:
        raise DecodeScopeError(
            f"The server's page of metrics has a series with more than {MOST_LABELS} labels, so it is not read."
        )
    return _labels_text.encode({_text(name): _text(value) for name, value in labels.items()}).decode()


def _text(text: str) -> str:
    """The text itself where it is short and printable, which is nearly always; else cut and escaped."""
    return text if len(text) <= LONGEST_TEXT and text.isprintable() else one_line(text, LONGEST_TEXT)
