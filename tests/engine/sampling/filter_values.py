"""Values of every filter that random tests draw from: those of a filter with a new name must be added here."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from engine.core.sampling import FILTERS, Sampling

VALUES: dict[str, tuple[float, ...]] = {
    "min_p": (0.0, 0.0, 0.05, 0.5),
    "top_k": (0, 0, 1, 3, 5, 40, 1000, 10_000),
    "top_p": (1.0, 1.0, 0.95, 0.9, 0.7, 0.4, 0.1),
}
"""By name: some that rule nothing out, some that rule out almost all."""


def samplings(**others: st.SearchStrategy[Any]) -> st.SearchStrategy[Sampling]:
    """Settings with any mixture of filters; `others` gives further fields."""
    filters = {one.name: st.sampled_from(VALUES[one.name]) for one in FILTERS}
    return st.builds(Sampling, temperature=st.sampled_from([0.0, 0.3, 0.8, 1.0, 2.5]), **filters, **others)
