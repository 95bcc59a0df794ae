"""The label of the pause that a paced run takes between its steps: it names the pace.

A pace is recorded as one pause from when it was set until it was changed: its steps run within this pause, as steps
that are run one by one do, so every wait between them is paused time and none is time of a step.
"""

from __future__ import annotations

from typing import Final

_BEGINS: Final = "paced at "
_ENDS: Final = " tokens/s"


def pace_label(tokens_per_s: float) -> str:
    """The label of the mark `pause` that begins a pace."""
    return f"{_BEGINS}{tokens_per_s:.12g}{_ENDS}"


def pace_of(label: str) -> float | None:
    """The pace that a pause's label names, in tokens a second of each request; None for any other pause."""
    if not (label.startswith(_BEGINS) and label.endswith(_ENDS)):
        return None
    try:
        return float(label[len(_BEGINS) : -len(_ENDS)])
    except ValueError:
        return None
