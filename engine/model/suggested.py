"""How a checkpoint's makers would have its tokens drawn: what generation_config.json says beside end-of-text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.core.sampling import FILTERS, KINDS, Sampling
from engine.errors import InputError

NAMES: Final = tuple(name for name in KINDS if name != "seed")


def suggested_sampling(generation: Mapping[str, Any]) -> dict[str, float]:
    """Sampling by name as a checkpoint suggests it; empty where it suggests none, or greedy decoding.

    As transformers reads it: without `do_sample` the other values do not count, and a temperature that is not given
    is 1 (transformers' own default of `top_k`, 50, is not the checkpoint's word and does not count). A value that is no
    number, or that `Sampling` refuses, is passed over: it is a suggestion, and no reason to refuse a model.
    """
    if generation.get("do_sample") is not True:
        return {}
    found: dict[str, float] = {"temperature": 1.0}
    for name in NAMES:
        value = _followed(name, generation.get(name))
        if value is not None:
            found[name] = value
    for one in FILTERS:
        if found.get(one.name) == one.neutral:
            del found[one.name]
    return found


def _followed(name: str, value: Any) -> float | None:
    """A value as `Sampling` takes it; None where it cannot be followed."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        converted = KINDS[name](value)
        given: dict[str, Any] = {name: converted}
        Sampling(**given)
    except (InputError, OverflowError, ValueError):  # a number that is infinite, or none, has no `int`
        return None
    return converted
