"""Which panels the walk looks at in which sessions."""

from __future__ import annotations

from typing import Final

from app.panels.registry import PANELS

PANELS_OF: Final = {
    "batched": ("kv-memory",),
    "measured": ("before-after", "batch", "timeline"),
    "both": ("batch", "before-after", "summary"),
    "served": ("redundancy", "kv-memory", "batch", "utilisation", "summary", "requests"),
    "gpu": ("timeline", "latency", "utilisation", "kv-memory", "roofline", "summary", "parallel"),
}
"""Panels that show something of these sessions that they do not show of the others."""
OF_TRACES: Final = frozenset({"kernels"})
"""Panels that show something of imported traces alone, which have no token: their own tests hold their figures."""
OF_COMPARISONS: Final = frozenset({"precision"})
"""Panels that show something of comparisons of precisions alone, which have no step: their own tests hold them too."""
OF_A_TOKEN: Final = frozenset({"attention", "inspector"})
"""Panels that say something else to the pointer with every token."""
OF_TWO: Final = frozenset({"compare"})
"""Panels of two sessions: `tests/app/test_compare.py` holds all they show against the answer of `compare`."""


def every_panel() -> list[str]:
    """Names of all panels that show figures of one session of an engine or a server."""
    return [one.name for one in PANELS if one.name not in OF_TRACES | OF_COMPARISONS | OF_TWO]
