"""Numbers as texts: three significant figures, a thin space before the unit, "—" for not applicable."""

from __future__ import annotations

import math
import re
from typing import Final

from engine.export.readable import xml_text
from engine.plain_text import TURNING

THIN_SPACE = "\u2009"
SPACE_MARK = "⋅"
"""The dot operator: the middle dot of Latin text is as wide as an ideograph in Chinese fonts."""
NOT_APPLICABLE = "—"

MEASURED, DERIVED, PREDICTED = "●", "ƒ", "~"
"""The provenance marks: measured by a clock or counter, derived from measured counts and shapes, or a formula."""

MOST_SHOWN: Final = 1000
"""Most characters of a text in a label. A longer text is not readable there and takes seconds to measure and draw."""
MOST_OF_NAME: Final = 80
"""Most characters of a name beside other texts: of a device, a kernel or a level of memory."""
MOST_OF_TOKEN: Final = 200
_TURNING: Final = re.compile(f"[{TURNING}]")

_TIME_STEPS = ((1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms"), (1.0, "s"))
_MEMORY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_SI_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def significant(value: float, digits: int = 3) -> str:
    """A number with `digits` significant figures, never in exponent form: 0.0512, 5.12, 51.2, 512, 5120.

    "—" for NaN and infinity: a session holds such logprobs where a model computed NaN logits.
    """
    if not math.isfinite(value):
        return NOT_APPLICABLE
    if value == 0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, decimals)
    return f"{rounded:.{max(0, digits - 1 - math.floor(math.log10(abs(rounded))))}f}"


def seconds(value: float | None) -> str:
    """A duration given in seconds: `3.21 ms`."""
    if value is None or not math.isfinite(value):
        return NOT_APPLICABLE
    if value == 0:
        return f"0{THIN_SPACE}s"
    scale, unit = next((pair for pair in reversed(_TIME_STEPS) if abs(value) >= 0.9995 * pair[0]), _TIME_STEPS[0])
    return f"{significant(value / scale)}{THIN_SPACE}{unit}"


def memory(value: float | None) -> str:
    """A size given in bytes, in IEC units: `1.50 MiB`."""
    if value is None or not math.isfinite(value):
        return NOT_APPLICABLE
    index = 0
    while abs(value) >= 1023.5 and index < len(_MEMORY_UNITS) - 1:
        value /= 1024
        index += 1
    text = f"{value:.0f}" if index == 0 else significant(value)
    return f"{text}{THIN_SPACE}{_MEMORY_UNITS[index]}"


def rate(value: float | None, unit: str) -> str:
    """A rate or a count with an SI prefix: `412 tokens/s`, `1.20 GFLOP`."""
    if value is None or not math.isfinite(value):
        return NOT_APPLICABLE
    index = 0
    while abs(value) >= 999.5 and index < len(_SI_PREFIXES) - 1:
        value /= 1000
        index += 1
    return f"{significant(value)}{THIN_SPACE}{_SI_PREFIXES[index]}{unit}"


def pace(tokens_per_s: float) -> str:
    """A pace that was chosen, with no more digits than it was chosen with: `4 tokens/s`."""
    return f"{tokens_per_s:g}{THIN_SPACE}tokens/s"


def parameters(value: int) -> str:
    """A number of parameters in the usual form: `6.85 M`, `7.24 B` (billions)."""
    return rate(value, "").replace("G", "B")


def percent(share: float | None) -> str:
    """A share of 1 as a percentage: `12.3 %`."""
    return NOT_APPLICABLE if share is None or not math.isfinite(share) else f"{significant(100 * share)}{THIN_SPACE}%"


def count(value: int | None) -> str:
    """A whole number with thin spaces between thousands: `12 345`."""
    return NOT_APPLICABLE if value is None else f"{value:,}".replace(",", THIN_SPACE)


def visible_token(text: str) -> str:
    """A token with visible white space: ⋅ for a space, ↵ for a newline, → for a tab, and a
    picture such as ␛ for another control character. `cut` shortens the text and makes it `straight`.
    """
    return xml_text(cut(text, MOST_OF_TOKEN).replace(" ", SPACE_MARK).replace("\n", "↵").replace("\t", "→"))


def cut(text: str, most: int = MOST_SHOWN) -> str:
    """At most `most` characters of a text, with an ellipsis where it is cut; `info --json` and CSV hold the whole text.

    Every text from a file passes through this function before it is measured or drawn. So no text makes drawing slow or
    reverses the text beside it (`straight`).
    """
    return straight(text if len(text) <= most else text[: most - 1] + "…")


def straight(text: str) -> str:
    """The text with characters that change the direction of writing escaped (`\\u202e`). They would reverse figures and
    disguise the suffix of a file name.
    """
    return _TURNING.sub(lambda match: ascii(match.group())[1:-1], text)


def name_of(text: str) -> str:
    """A name from a file, cut to one short line, for use beside figures."""
    return xml_text(" ".join(cut(text, MOST_OF_NAME).split("\n")))
