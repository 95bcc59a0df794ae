"""What a check finds: a kind, so that findings can be counted, and a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

TIE: Final = "tie"
"""Not a fault: two tokens were as likely as each other, within rounding."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    kind: str
    text: str


Findings = Iterator[Finding]


def unequal(kind: str, what: str, found: Any, right: Any) -> Findings:
    """A finding where a value is not the right one."""
    if found != right:
        yield Finding(kind, f"{what}: {found!r}, should be {right!r}")


def unless(holds: bool, kind: str, text: str) -> Findings:
    """A finding where something does not hold."""
    if not holds:
        yield Finding(kind, text)
