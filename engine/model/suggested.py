"""How a checkpoint's makers would have its tokens drawn: what generation_config.json says beside end-of-text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

NAMES: Final = {"temperature": float, "top_k": int, "top_p": float, "min_p": float}
NEUTRAL: Final[dict[str, tuple[float, ...]]] = {"top_k": (0,), "top_p": (1.0,), "min_p": (0.0,)}
"""Values that change nothing."""
MOST: Final = {"temperature": 100.0, "top_k": 2**31 - 1, "top_p": 1.0, "min_p": 1.0}
"""As far as the settings go (`Sampling`): what is above is no suggestion that could be followed."""


def suggested_sampling(generation: Mapping[str, Any]) -> dict[str, float]:
    """Sampling by name as a checkpoint suggests it; empty where it suggests none, or greedy decoding.

    As transformers reads it: without `do_sample` the other values do not count, and a temperature that is not given
    is 1 (transformers' own default of `top_k`, 50, is not the checkpoint's word and does not count). What is no number
    is passed over: it is a suggestion, and no reason to refuse a model.
    """
    if generation.get("do_sample") is not True:
        return {}
    found: dict[str, float] = {"temperature": 1.0}
    for name, kind in NAMES.items():
        value = generation.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST[name]:
            found[name] = kind(value)
    return {name: value for name, value in found.items() if value not in NEUTRAL.get(name, ())}
