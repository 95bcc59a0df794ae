"""Logits that are no numbers: found by what is read of a step anyway, and where they come from by one more pass."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from engine.attention.build import make_attention
from engine.cache.build import make_cache
from engine.decode.decide import Drawn
from engine.decode.settings import Switches
from engine.errors import NotFiniteError
from engine.measure.timers import NoTimer
from engine.model.batch import Batch
from engine.model.loader import LoadedModel

LOOKED_AT = 512
"""Tokens from the text's beginning that the search runs over."""


def check_finite(drawn: Iterable[Drawn], model: LoadedModel) -> None:
    """Raise NotFiniteError where a drawn token's logprob is no number: then the logits of its row were none.

    The logprob of a token is NaN where any logit of its row is NaN or +inf, so the logits need not be looked at.
    """
    for one in drawn:
        if any(math.isnan(choice.logprob) for choice in one.choices):
            raise not_finite(model, one.request.tokens)


def not_finite(model: LoadedModel, tokens: list[int], whose: str = "The logits") -> NotFiniteError:
    """The error that says since which part of the model values are not finite, for a text it happened with."""
    where = first_not_finite(model, tokens[:LOOKED_AT])
    return NotFiniteError(f"{whose} are not finite (NaN or infinite): {where}.")


@torch.inference_mode()
def first_not_finite(model: LoadedModel, tokens: list[int]) -> str:
    """Where values of a pass over `tokens`, without a cache and with plain attention, first are not finite."""
    found: list[str] = []

    def watch(part: str, *values: Tensor | None) -> None:
        if not found and not all(value is None or bool(torch.isfinite(value).all()) for value in values):
            found.append(part)

    batch = Batch.of([(0, 0, tokens)], None, str(model.device))
    cache = make_cache(Switches(kv="none"), model.config, model.device, model.dtype)
    cache.begin(batch)
    logits = model.decoder.forward(
        batch, cache, make_attention("reference", model.config), NoTimer(), watch=watch
    )  # [R, vocab]
    watch("the LM head's", logits)
    if not found:
        return "a pass over the same text without a cache gives finite ones, so they come from this cache or attention"
    return f"{found[0]} output is the first that is not"
