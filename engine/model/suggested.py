"""The sampling settings that a checkpoint suggests in generation_config.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.core.sampling import FILTERS, KINDS, Sampling
from engine.errors import InputError

NAMES: Final = tuple(name for name in KINDS if name != "seed")


def suggested_sampling(generation: Mapping[str, Any]) -> dict[str, float]:
    """Sampling settings by name as a checkpoint suggests them; empty where it suggests none, or greedy decoding.

    As in transformers: without `do_sample` the other values do not count, and a missing temperature is 1. The default
    of `top_k` in transformers, 50, does not count, as the checkpoint does not suggest it. A value that is not a number,
    or that `Sampling` refuses, is ignored: a wrong suggestion is no reason to refuse a model. Filters at their neutral
    value are left out.
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
    """A value as `Sampling` takes it; None where it is not a number or `Sampling` refuses it."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        converted = KINDS[name](value)
        given: dict[str, Any] = {name: converted}
        Sampling(**given)
    except (InputError, OverflowError, ValueError):  # infinity and NaN have no `int`
        return None
    return converted
